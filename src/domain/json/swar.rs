//! Looking at eight bytes at a time with plain integer arithmetic.
//! Keys and numbers in metric rows are short, where this beats a call into a vectorised search.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// High bit set in each byte of `word` that is zero. Bytes above the first true match may be set wrongly,
/// so only the lowest set bit counts.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[inline(always)]
const fn spread(byte: u8) -> u64 {
    ONES * byte as u64
}

/// Position of the first `"` or `\` at or after `from`, or the length of `bytes`.
#[inline(always)]
pub(super) fn find_quote_or_backslash(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zero_bytes(word ^ spread(b'"')) | zero_bytes(word ^ spread(b'\\'));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// Position of the first byte at or after `from` that is no decimal digit.
#[inline(always)]
pub(super) fn skip_digits(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // A digit is 0x30..=0x39: its high half is 3, and still 3 after adding 6. The carry of a byte above
        // 0xF9 spoils only bytes above it, and that byte is itself no digit.
        let odd_high = (word & spread(0xF0)) ^ spread(0x30);
        let odd_low = (word.wrapping_add(spread(0x06)) & spread(0xF0)) ^ spread(0x30);
        let odd = odd_high | odd_low;
        if odd != 0 {
            return at + (odd.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Whether a byte below 0x20 occurs; written so that the compiler vectorises it.
pub(super) fn has_control(bytes: &[u8]) -> bool {
    bytes.chunks(64).any(|chunk| chunk.iter().fold(false, |found, byte| found | (*byte < 0x20)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_at_a_time_finds_what_one_at_a_time_finds(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'"'), Just(b'\\'), Just(b'#'), Just(b'/'), Just(b':'), b'0'..=b'9', any::<u8>()], 0..40),
            from in 0usize..40,
        ) {
            let from = from.min(bytes.len());
            let quote = bytes[from..].iter().position(|b| matches!(b, b'"' | b'\\')).map_or(bytes.len(), |at| from + at);
            let end = bytes[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |at| from + at);

            prop_assert_eq!(find_quote_or_backslash(&bytes, from), quote);
            prop_assert_eq!(skip_digits(&bytes, from), end);
            prop_assert_eq!(has_control(&bytes), bytes.iter().any(|b| *b < 0x20));
        }
    }
}
