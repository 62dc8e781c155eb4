//! Consecutive lines of one stream, compressed, as the database keeps them until they are sealed.
//! How they are made and read is `history::chunk`.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Number of the first line.
    pub first_line: u64,
    /// Line numbers taken up, rejected lines included.
    pub lines: u32,
    pub min_step: Option<i64>,
    pub max_step: Option<i64>,
    /// Bytes of the text before compression.
    pub text_bytes: u32,
    /// The steps are the server's: this one for the first line, and one more for each line after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_step: Option<i64>,
    #[serde(with = "as_bytes")]
    pub(crate) compressed: Vec<u8>,
}

/// Bytes as bytes: a derived `Vec<u8>` would become a list of numbers, half as large again.
pub(crate) mod as_bytes {
    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = items.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_stored_as_bytes() {
        let chunk = Chunk {
            first_line: 3,
            lines: 1,
            min_step: Some(3),
            max_step: Some(3),
            text_bytes: 9,
            first_step: None,
            compressed: vec![1, 200, 3],
        };

        let packed = rmp_serde::to_vec_named(&chunk).unwrap();

        assert_eq!(rmp_serde::from_slice::<Chunk>(&packed).unwrap(), chunk);
        assert_eq!(packed[packed.len() - 5..], [0xc4, 3, 1, 200, 3]);
    }
}
