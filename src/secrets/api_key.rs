//! API keys: how they are made, which foreign ones are taken over, and how they are kept.
//! A key has the entropy of a key, so a fast keyed hash is enough at rest; a slow one would cost every request.

use super::{MasterKey, Purpose, Secret, prints_nothing, random_bytes};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Old clients accept exactly this length.
const GENERATED_CHARS: usize = 40;
const MAX_IMPORTED_CHARS: usize = 128;

/// How much of a key is kept to be shown later.
const SHOWN_CHARS: usize = 6;

/// An API key in clear: what its owner sees once, and what a request carries.
#[derive(Clone)]
pub struct ApiKey(Secret);

prints_nothing!(ApiKey, KeyHasher);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadApiKey {
    #[error("an API key has 40 to 128 characters, this one has {0}")]
    Length(usize),
    #[error("an API key is made of letters, digits, `_` and `-` only")]
    Characters,
}

impl ApiKey {
    /// A new key: 40 characters of `[0-9a-zA-Z]`, some 238 bits.
    pub fn generate() -> Self {
        let mut key = String::with_capacity(GENERATED_CHARS);
        while key.len() < GENERATED_CHARS {
            let wanted = GENERATED_CHARS - key.len();
            key.extend(random_bytes::<64>().into_iter().filter_map(letter).take(wanted));
        }
        Self(Secret::new(key))
    }

    /// Takes a key that was made elsewhere, if clients can send it and it is long enough to be hard to guess.
    pub fn check_imported(key: &str) -> Result<Self, BadApiKey> {
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Err(BadApiKey::Characters);
        }
        if !(GENERATED_CHARS..=MAX_IMPORTED_CHARS).contains(&key.len()) {
            return Err(BadApiKey::Length(key.len()));
        }
        Ok(Self(Secret::new(key)))
    }

    /// How it begins: enough to know it again, and nothing to guess the rest from.
    pub fn begins_with(&self) -> String {
        self.expose().chars().take(SHOWN_CHARS).collect()
    }

    /// The key itself. Who calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The letter a random byte stands for. The bytes from 248 on would make the first letters likelier: thrown away.
fn letter(byte: u8) -> Option<char> {
    let fair_limit = 256 - 256 % ALPHABET.len();
    let index = usize::from(byte);
    (index < fair_limit).then(|| char::from(ALPHABET[index % ALPHABET.len()]))
}

/// Turns a key, or another random text, into what the database knows it by. Cheap to clone.
#[derive(Clone)]
pub struct KeyHasher(Hmac<Sha256>);

impl KeyHasher {
    /// For API keys.
    pub fn new(master: &MasterKey) -> Self {
        Self::of(master, Purpose::ApiKey)
    }

    /// The same text has another hash for each purpose.
    pub fn of(master: &MasterKey, purpose: Purpose) -> Self {
        Self(master.derive(purpose).mac())
    }

    /// The keyed hash. It is looked up by equality, which gives nothing away without the master key.
    pub fn hash(&self, key: &str) -> [u8; 32] {
        self.0.clone().chain_update(key.as_bytes()).finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_generated_key_has_forty_letters_and_digits_and_is_never_the_same() {
        let keys: HashSet<String> = (0..1000).map(|_| ApiKey::generate().expose().to_owned()).collect();

        assert_eq!(keys.len(), 1000);
        assert!(keys.iter().all(|key| key.len() == 40 && key.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        assert!(keys.iter().all(|key| ApiKey::check_imported(key).is_ok()));
    }

    #[test]
    fn every_letter_stands_for_the_same_number_of_bytes() {
        let mut counts = [0; 128];
        for letter in (0..=255).filter_map(letter) {
            counts[letter as usize] += 1;
        }

        assert!(ALPHABET.iter().all(|letter| counts[usize::from(*letter)] == 4));
        assert_eq!(counts.iter().sum::<i32>(), 248);
    }

    #[test]
    fn an_imported_key_may_have_40_to_128_plain_characters() {
        assert!(ApiKey::check_imported(&"aZ9_-".repeat(8)).is_ok());
        assert!(ApiKey::check_imported(&"a".repeat(128)).is_ok());
        assert_eq!(ApiKey::check_imported(&"a".repeat(39)).unwrap_err(), BadApiKey::Length(39));
        assert_eq!(ApiKey::check_imported(&"a".repeat(129)).unwrap_err(), BadApiKey::Length(129));
        assert_eq!(ApiKey::check_imported("").unwrap_err(), BadApiKey::Length(0));
        for bad in [":", " ", "\n", "é", "/", "="] {
            let key = format!("{}{bad}", "a".repeat(50));
            assert_eq!(ApiKey::check_imported(&key).unwrap_err(), BadApiKey::Characters);
        }
    }

    #[test]
    fn a_hash_depends_on_the_key_and_on_the_master_key_alone() {
        let hasher = KeyHasher::new(&MasterKey::from_text(&"01".repeat(32)).unwrap());
        let other = KeyHasher::new(&MasterKey::from_text(&"02".repeat(32)).unwrap());

        assert_eq!(hasher.hash("key"), hasher.clone().hash("key"));
        assert_ne!(hasher.hash("key"), hasher.hash("kez"));
        assert_ne!(hasher.hash("key"), other.hash("key"));
    }
}
