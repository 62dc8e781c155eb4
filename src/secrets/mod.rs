//! Keys derived from the master key, and hashing of secrets at rest.
//! No type of this module shows what it holds when it is printed; showing it takes a call to `expose`.

mod api_key;
mod licence;
mod master;
mod password;
mod recovery;
mod seal;
mod token;
mod totp;

pub use crate::domain::secret::Secret;
pub use api_key::{ApiKey, BadApiKey, KeyHasher};
pub use licence::{AuthorityKey, open_licence};
pub use master::{DerivedKey, MasterKey, MasterKeyError, Purpose};
pub use password::{BadPassword, check_password, hash_password, verify_password};
pub use recovery::{recovery_code, same_recovery_code};
pub use seal::{Broken, FIRST_SEALING_KEY, Sealer};
pub use token::Token;
pub use totp::TotpSecret;

use std::fmt;

/// Gives the named types `Debug` and `Display` that print `***`.
macro_rules! prints_nothing {
    ($($name:ty),* $(,)?) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("***") }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("***") }
        }
    )*};
}
use prints_nothing;

/// Bytes from the operating system's random source.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // A server without randomness must not go on: every key it would make could be guessed.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Lower-case hexadecimal, for names of files and fingerprints.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All the ways `format!` has of showing a value.
    fn prints<T: fmt::Debug + fmt::Display>(value: &T) -> [String; 3] {
        [format!("{value}"), format!("{value:?}"), format!("{value:#?}")]
    }

    #[test]
    fn no_secret_type_prints_what_it_holds() {
        let master = MasterKey::from_text(&"ab".repeat(32)).unwrap();
        let api_key = ApiKey::generate();

        let printed = [
            prints(&Secret::new("hunter2-hunter2")),
            prints(&master),
            prints(&master.derive(Purpose::Session)),
            prints(&api_key),
            prints(&KeyHasher::new(&master)),
        ];

        for text in printed.iter().flatten() {
            assert_eq!(text, "***");
        }
    }

    #[test]
    fn a_refused_secret_is_not_repeated_in_the_refusal() {
        let text = "a-secret-text-that-is-too-short";
        let refusals = [
            MasterKey::from_text(text).unwrap_err().to_string(),
            ApiKey::check_imported(text).unwrap_err().to_string(),
            check_password("s3cret").unwrap_err().to_string(),
        ];

        for refusal in refusals {
            assert!(!refusal.contains("s3cret") && !refusal.contains(text), "{refusal}");
        }
    }

    #[test]
    fn a_secret_inside_another_type_prints_as_stars() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only printed")]
        struct Settings {
            password: Secret,
        }

        let printed = format!("{:?}", Settings { password: Secret::new("hunter2-hunter2") });

        assert_eq!(printed, "Settings { password: *** }");
    }
}
