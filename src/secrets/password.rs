//! Passwords: which are accepted, and argon2id for keeping them.
//! Hashing and verifying take tens of milliseconds and 19 MiB each: call them on the blocking pool, a few at a time.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};

pub const MIN_CHARS: usize = 10;
pub const MAX_CHARS: usize = 256;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    #[error("the password is too short: it needs at least 10 characters")]
    TooShort,
    #[error("the password is too long: it may have at most 256 characters")]
    TooLong,
}

/// Whether a new password may be used. Length is counted in characters, as people do.
pub fn check_password(password: &str) -> Result<(), BadPassword> {
    match password.chars().take(MAX_CHARS + 1).count() {
        0..MIN_CHARS => Err(BadPassword::TooShort),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(BadPassword::TooLong),
    }
}

/// The text to store for a new password: salt, parameters and hash in one string.
pub fn hash_password(password: &str) -> Result<String, BadPassword> {
    check_password(password)?;
    let hash: phc::PasswordHash =
        argon2id().hash_password(password.as_bytes()).expect("argon2 takes these lengths and a fresh salt");
    Ok(hash.to_string())
}

/// Whether the password is the one that was stored. `None`, for an account that does not exist or has no password,
/// takes as long as a wrong password, so that the answer's delay tells nothing. Stored text that is no hash is never right.
pub fn verify_password(password: &str, stored: Option<&str>) -> bool {
    if check_password(password).is_err() {
        return false;
    }
    let Some(hash) = stored.and_then(|text| phc::PasswordHash::new(text).ok()) else {
        let mut unused = [0; Params::DEFAULT_OUTPUT_LEN];
        let _ = argon2id().hash_password_into(password.as_bytes(), &[0; 16], &mut unused);
        return false;
    };
    argon2id().verify_password(password.as_bytes(), &hash).is_ok()
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_verifies() {
        let stored = hash_password("correct horse battery").unwrap();

        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify_password("correct horse battery", Some(&stored)));
        assert!(!verify_password("correct horse batterz", Some(&stored)));
        assert!(!verify_password("", Some(&stored)));
    }

    #[test]
    fn two_people_with_one_password_have_different_hashes() {
        assert_ne!(hash_password("correct horse battery").unwrap(), hash_password("correct horse battery").unwrap());
    }

    #[test]
    fn nobody_and_nonsense_never_verify() {
        assert!(!verify_password("correct horse battery", None));
        assert!(!verify_password("correct horse battery", Some("")));
        assert!(!verify_password("correct horse battery", Some("correct horse battery")));
    }

    #[test]
    fn a_password_has_10_to_256_characters_whatever_their_bytes() {
        assert_eq!(check_password(&"a".repeat(9)), Err(BadPassword::TooShort));
        assert_eq!(check_password(&"é".repeat(9)), Err(BadPassword::TooShort));
        assert_eq!(check_password(&"é".repeat(10)), Ok(()));
        assert_eq!(check_password(&"é".repeat(256)), Ok(()));
        assert_eq!(check_password(&"a".repeat(257)), Err(BadPassword::TooLong));
        assert_eq!(hash_password("short"), Err(BadPassword::TooShort));
    }
}
