//! Recovery codes: for a person whose authenticator is lost. They are read off paper, so spelling forgives.

use super::{Secret, random_bytes};

/// Without letters and digits that look alike.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz-";
const CHARS: usize = 12;

/// `xxxx-xxxx-xxxx`: 12 of 31 letters and digits, some 59 bits.
pub fn recovery_code() -> Secret {
    let mut code = String::with_capacity(CHARS + 2);
    let mut letters = 0;
    while letters < CHARS {
        for byte in random_bytes::<32>() {
            let letter = ALPHABET[usize::from(byte) % ALPHABET.len()];
            if letter == b'-' || letters == CHARS {
                continue;
            }
            if letters > 0 && letters % 4 == 0 {
                code.push('-');
            }
            code.push(char::from(letter));
            letters += 1;
        }
    }
    Secret::new(code)
}

/// The one spelling of a code by which its hash is kept, whatever case, blanks and dashes it was typed with; `None` for
/// what is none.
pub fn same_recovery_code(typed: &str) -> Option<String> {
    let letters: String =
        typed.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_lowercase()).take(CHARS + 1).collect();
    let fits = letters.bytes().all(|letter| letter != b'-' && ALPHABET.contains(&letter));
    (letters.len() == CHARS && fits).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_differ_and_are_known_again_in_every_spelling() {
        let codes: HashSet<String> = (0..1000).map(|_| recovery_code().expose().to_owned()).collect();

        assert_eq!(codes.len(), 1000);
        for code in &codes {
            let plain = same_recovery_code(code).unwrap();
            assert_eq!((code.len(), plain.len()), (14, 12), "{code}");
            assert_eq!(same_recovery_code(&code.to_uppercase().replace('-', " ")), Some(plain));
        }
    }

    #[test]
    fn what_is_no_code_is_none() {
        for wrong in ["", "123456", "0000-0000-0000", "aaaa-aaaa-aaaaa", "aaaa-aaaa-aaa", &"a".repeat(100_000)] {
            assert_eq!(same_recovery_code(wrong), None);
        }
    }
}
