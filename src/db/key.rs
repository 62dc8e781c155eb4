//! Keys as bytes that sort like their values: numbers big-endian, texts ended by a zero byte.
//! The parent comes first, so that listing its children is a prefix scan.

use crate::domain::clock::Timestamp;
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ConnectorId, Id, ObjectId, SegmentId};
use crate::domain::stream::Stream;

/// Part of a key, or a whole one.
pub trait Key: Sized {
    fn write(&self, out: &mut Vec<u8>);
    /// Reads itself off the front; `None` for bytes that no `write` made.
    fn read(bytes: &mut &[u8]) -> Option<Self>;

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        out
    }
}

/// `N` bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

macro_rules! number_keys {
    ($($number:ty),*) => {$(
        impl Key for $number {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(Self::from_be_bytes)
            }
        }
    )*};
}

number_keys!(u8, u16, u32, u64);

impl<I: Id> Key for I {
    fn write(&self, out: &mut Vec<u8>) {
        self.to_u64().write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(I::from_u64)
    }
}

impl Key for Stream {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u8).write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let number = u8::read(bytes)?;
        Stream::ALL.into_iter().find(|stream| *stream as u8 == number)
    }
}

/// By kind, then by id. The numbers are stored: never reuse one.
impl Key for StoredObject {
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, id) = match self {
            Self::RunFile(object) => (1_u8, object.0),
            Self::Blob(object) => (2, object.0),
            Self::Manifest(object) => (3, object.0),
            Self::Segment(segment) => (4, segment.0),
            Self::Detail(segment) => (5, segment.0),
            Self::Console(segment) => (6, segment.0),
            Self::Image(object) => (7, object.0),
        };
        (kind, id).write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (kind, id) = <(u8, u64)>::read(bytes)?;
        Some(match kind {
            1 => Self::RunFile(ObjectId(id)),
            2 => Self::Blob(ObjectId(id)),
            3 => Self::Manifest(ObjectId(id)),
            4 => Self::Segment(SegmentId(id)),
            5 => Self::Detail(SegmentId(id)),
            6 => Self::Console(SegmentId(id)),
            7 => Self::Image(ObjectId(id)),
            _ => return None,
        })
    }
}

/// No connector has the number 0.
impl Key for StoreId {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Default => 0,
            Self::Connector(id) => id.0,
        }
        .write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(match u64::read(bytes)? {
            0 => Self::Default,
            id => Self::Connector(ConnectorId(id)),
        })
    }
}

/// Sorts before 1970 too: the sign bit is turned over.
impl Key for Timestamp {
    fn write(&self, out: &mut Vec<u8>) {
        (self.0 as u64 ^ (1 << 63)).write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(|bits| Self((bits ^ (1 << 63)) as i64))
    }
}

/// A zero byte inside is written as `00 FF`, the end as `00 00`: no text is another's prefix by accident.
impl Key for String {
    fn write(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(0xFF);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let [byte] = take(bytes)?;
            if byte != 0 {
                text.push(byte);
                continue;
            }
            match take(bytes)? {
                [0] => return String::from_utf8(text).ok(),
                [0xFF] => text.push(0),
                _ => return None,
            }
        }
    }
}

impl<const N: usize> Key for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}

impl Key for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

macro_rules! tuple_keys {
    ($($part:ident)*) => {
        impl<$($part: Key),*> Key for ($($part,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                #[expect(non_snake_case, reason = "the parts are named like their types")]
                let ($($part,)*) = self;
                $($part.write(out);)*
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($part::read(bytes)?,)*))
            }
        }
    };
}

tuple_keys!(A B);
tuple_keys!(A B C);
tuple_keys!(A B C D);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_sort_like_values(a: (String, u64), b: (String, u64)) {
            prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
        }

        #[test]
        fn times_sort_like_times(a: i64, b: i64) {
            prop_assert_eq!(Timestamp(a).to_bytes().cmp(&Timestamp(b).to_bytes()), a.cmp(&b));
        }

        #[test]
        fn what_was_written_is_read_back(key: (u64, String, u32, String)) {
            let bytes = key.to_bytes();
            let mut rest = bytes.as_slice();

            prop_assert_eq!(<(u64, String, u32, String)>::read(&mut rest), Some(key));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_text_is_not_the_prefix_of_a_longer_one() {
        assert!(!"team-2".to_owned().to_bytes().starts_with(&"team".to_owned().to_bytes()));
    }
}
