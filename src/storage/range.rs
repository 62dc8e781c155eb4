//! The `Range` header of a download. Single ranges only; several ranges, other units and nonsense get the whole
//! object, as HTTP allows.

use std::ops::Range;

/// What to answer to a request for a part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeRequest {
    /// 200 with everything.
    Full,
    /// 206 with these bytes: never empty, the end is not included.
    Partial(Range<u64>),
    /// 416 with `Content-Range: bytes */size`.
    Unsatisfiable,
}

impl RangeRequest {
    /// Reads the header, if there is one, for an object of this size. An empty object is always answered in full:
    /// no part of it can be named in an answer.
    pub fn parse(header: Option<&str>, size_bytes: u64) -> Self {
        if size_bytes == 0 {
            return Self::Full;
        }
        match header.and_then(parse_spec) {
            None => Self::Full,
            Some(Spec::Last(0)) => Self::Unsatisfiable,
            Some(Spec::Last(count)) => Self::Partial(size_bytes.saturating_sub(count)..size_bytes),
            Some(Spec::From(first)) if first >= size_bytes => Self::Unsatisfiable,
            Some(Spec::From(first)) => Self::Partial(first..size_bytes),
            Some(Spec::Between(first, _)) if first >= size_bytes => Self::Unsatisfiable,
            Some(Spec::Between(first, last)) => Self::Partial(first..last.saturating_add(1).min(size_bytes)),
        }
    }

    /// The bytes to send; empty for an unsatisfiable request.
    pub fn bytes(&self, size_bytes: u64) -> Range<u64> {
        match self {
            Self::Full => 0..size_bytes,
            Self::Partial(range) => range.clone(),
            Self::Unsatisfiable => 0..0,
        }
    }

    /// The `Content-Range` header of the answer.
    pub fn content_range(&self, size_bytes: u64) -> Option<String> {
        match self {
            Self::Full => None,
            Self::Partial(range) => Some(format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1)),
            Self::Unsatisfiable => Some(format!("bytes */{size_bytes}")),
        }
    }
}

enum Spec {
    Between(u64, u64),
    From(u64),
    Last(u64),
}

fn parse_spec(header: &str) -> Option<Spec> {
    let (unit, spec) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => number(last).map(Spec::Last),
        (first, "") => number(first).map(Spec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Digits only (`parse` alone would take a sign); a number too large for us is beyond every object anyway.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RangeRequest::{Full, Partial, Unsatisfiable};
    use proptest::prelude::*;

    fn parse(header: &str) -> RangeRequest {
        RangeRequest::parse(Some(header), 100)
    }

    #[test]
    fn single_ranges_are_cut_to_the_object() {
        assert_eq!(parse("bytes=0-0"), Partial(0..1));
        assert_eq!(parse("bytes=10-19"), Partial(10..20));
        assert_eq!(parse("bytes=90-1000"), Partial(90..100));
        assert_eq!(parse("bytes=99-99999999999999999999999"), Partial(99..100));
        assert_eq!(parse("bytes=0-18446744073709551615"), Partial(0..100));
        assert_eq!(parse("bytes=50-"), Partial(50..100));
        assert_eq!(parse("bytes=-10"), Partial(90..100));
        assert_eq!(parse("bytes=-1000"), Partial(0..100));
        assert_eq!(parse("Bytes = 1 - 2"), Partial(1..3));
    }

    #[test]
    fn what_lies_beyond_the_end_is_unsatisfiable() {
        assert_eq!(parse("bytes=100-"), Unsatisfiable);
        assert_eq!(parse("bytes=100-200"), Unsatisfiable);
        assert_eq!(parse("bytes=99999999999999999999999-"), Unsatisfiable);
        assert_eq!(parse("bytes=-0"), Unsatisfiable);
    }

    #[test]
    fn nonsense_other_units_and_several_ranges_get_everything() {
        for header in ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=+1-2", "bytes=--5"] {
            assert_eq!(parse(header), Full, "{header}");
        }
        for header in ["lines=0-1", "bytes=0-1,5-6", "bytes=-1,-2", "bytes=0x1-0x2", "bytes=1-2-3", "bytes=1 2-3"] {
            assert_eq!(parse(header), Full, "{header}");
        }
        assert_eq!(RangeRequest::parse(None, 100), Full);
    }

    #[test]
    fn an_empty_object_is_answered_in_full() {
        for header in ["bytes=0-0", "bytes=-1", "bytes=5-"] {
            assert_eq!(RangeRequest::parse(Some(header), 0), Full);
        }
    }

    #[test]
    fn the_answer_names_what_it_holds() {
        assert_eq!(parse("bytes=10-19").content_range(100).unwrap(), "bytes 10-19/100");
        assert_eq!(parse("bytes=500-").content_range(100).unwrap(), "bytes */100");
        assert_eq!(parse("").content_range(100), None);
        assert_eq!(parse("").bytes(100), 0..100);
        assert_eq!(parse("bytes=-5").bytes(100), 95..100);
        assert!(parse("bytes=500-").bytes(100).is_empty());
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_outside(header in "(bytes=)?[0-9a, -]{0,12}", size: u64) {
            if let Partial(range) = RangeRequest::parse(Some(&header), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
