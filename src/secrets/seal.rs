//! Sealing secrets that the server has to read again: XChaCha20-Poly1305, whose nonces are long enough to be drawn.
//! A sealed secret says nothing without the master key, and opens only in the place that it was sealed for. It says by
//! which master key and which sealing key it was made, so that another master key is told from damage, and one sealing
//! key can follow another. The first sealing key is derived from the master key; the others are drawn, and are kept
//! wrapped.

use super::{Hex, MasterKey, Purpose, prints_nothing, random_bytes};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// So that the form can change some day.
const FORM: u8 = 2;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const NAME_BYTES: usize = 4;
/// The form, the name of the master key, and the number of the sealing key.
const HEAD_BYTES: usize = 1 + NAME_BYTES + 4;

/// The number of the sealing key that is derived from the master key.
pub const FIRST_SEALING_KEY: u32 = 0;

/// Cheap to share; not to copy.
pub struct Sealer {
    /// Tells master keys apart, and nothing about them.
    master: [u8; NAME_BYTES],
    wrapping: XChaCha20Poly1305,
    /// The last one seals.
    keys: RwLock<BTreeMap<u32, XChaCha20Poly1305>>,
}

prints_nothing!(Sealer);

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a sealed secret does not open: it is damaged, or was sealed for another place")]
    Damaged,
    #[error(
        "a sealed secret does not open: it was sealed with the master key {}, and this server has the master key {}", Hex(.0), Hex(.1)
    )]
    OtherMaster([u8; NAME_BYTES], [u8; NAME_BYTES]),
    #[error("a sealed secret does not open: its sealing key {0} is not there")]
    UnknownKey(u32),
}

impl Sealer {
    pub fn new(master: &MasterKey) -> Self {
        let name = master.derive(Purpose::MasterName);
        let (name, _) = name.bytes().split_first_chunk().expect("a derived key is longer than a name");
        let first = cipher(master.derive(Purpose::Seal).bytes());
        Self {
            master: *name,
            wrapping: cipher(master.derive(Purpose::SealingKey).bytes()),
            keys: RwLock::new(BTreeMap::from([(FIRST_SEALING_KEY, first)])),
        }
    }

    /// `place` says what the secret is for; the same has to be given to open it.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Vec<u8> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let (number, key) = keys.last_key_value().expect("the first key is never taken out");
        self.with_head(*number, &encrypted(key, place, secret))
    }

    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (number, text) = self.without_head(sealed)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&number).ok_or(Broken::UnknownKey(number))?;
        decrypted(key, place, text).ok_or(Broken::Damaged)
    }

    /// Whether it was made by the key that seals now.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        parts(sealed).is_some_and(|(_, number, _)| number == self.current())
    }

    /// The number of the key that seals now.
    pub fn current(&self) -> u32 {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.last_key_value().map_or(FIRST_SEALING_KEY, |(number, _)| *number)
    }

    /// A new key as it is kept.
    pub fn draw_key(&self, number: u32) -> Vec<u8> {
        self.with_head(number, &encrypted(&self.wrapping, &wrapped_for(number), &random_bytes::<KEY_BYTES>()))
    }

    /// Opens with this key from now on, and seals with it if no later one is known.
    pub fn take_key(&self, number: u32, wrapped: &[u8]) -> Result<(), Broken> {
        let (_, text) = self.without_head(wrapped)?;
        let key = decrypted(&self.wrapping, &wrapped_for(number), text).ok_or(Broken::Damaged)?;
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| Broken::Damaged)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(number, cipher(&key));
        Ok(())
    }

    fn with_head(&self, number: u32, text: &[u8]) -> Vec<u8> {
        [&[FORM], self.master.as_slice(), &number.to_be_bytes(), text].concat()
    }

    fn without_head<'s>(&self, sealed: &'s [u8]) -> Result<(u32, &'s [u8]), Broken> {
        let (master, number, text) = parts(sealed).ok_or(Broken::Damaged)?;
        if master == self.master { Ok((number, text)) } else { Err(Broken::OtherMaster(master, self.master)) }
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key).into())
}

fn wrapped_for(number: u32) -> String {
    format!("sealing key {number}")
}

fn parts(sealed: &[u8]) -> Option<([u8; NAME_BYTES], u32, &[u8])> {
    let (head, text) = sealed.split_at_checked(HEAD_BYTES)?;
    let (form, head) = head.split_first()?;
    let (master, number) = head.split_first_chunk()?;
    let number = u32::from_be_bytes(number.try_into().ok()?);
    (*form == FORM).then_some((*master, number, text))
}

/// The nonce, and the text with its tag.
fn encrypted(key: &XChaCha20Poly1305, place: &str, secret: &[u8]) -> Vec<u8> {
    let nonce = random_bytes::<NONCE_BYTES>();
    let text = key.encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: place.as_bytes() });
    let mut all = nonce.to_vec();
    all.extend_from_slice(&text.expect("no secret is longer than the cipher takes"));
    all
}

fn decrypted(key: &XChaCha20Poly1305, place: &str, text: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = text.split_first_chunk::<NONCE_BYTES>()?;
    key.decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: place.as_bytes() }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(digit: &str) -> Sealer {
        Sealer::new(&MasterKey::from_text(&digit.repeat(64)).unwrap())
    }

    #[test]
    fn a_secret_opens_in_its_place_with_its_master_key_only() {
        let sealed = sealer("1").seal("user 7", b"a secret");

        assert_eq!(sealer("1").open("user 7", &sealed).unwrap(), b"a secret");
        assert_eq!(sealer("1").open("user 8", &sealed), Err(Broken::Damaged));
        assert!(matches!(sealer("2").open("user 7", &sealed), Err(Broken::OtherMaster(..))));
        assert!(!sealed.windows(8).any(|window| window == b"a secret"));
        assert_ne!(sealer("1").seal("user 7", b"a secret"), sealed);
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealed = sealer("1").seal("x", b"");
        assert_eq!(sealer("1").open("x", &sealed).unwrap(), b"");

        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer("1").open("x", &changed).is_err(), "byte {at}");
            assert_eq!(sealer("1").open("x", &sealed[..at]), Err(Broken::Damaged), "first {at} bytes");
        }
    }

    #[test]
    fn a_later_key_seals_and_the_earlier_ones_still_open() {
        let sealer_before = sealer("1");
        let before = sealer_before.seal("x", b"secret");
        let wrapped = sealer_before.draw_key(1);

        let sealer_after = sealer("1");
        sealer_after.take_key(1, &wrapped).unwrap();
        let after = sealer_after.seal("x", b"secret");

        assert_eq!(sealer_after.open("x", &before).unwrap(), b"secret");
        assert_eq!(sealer_after.open("x", &after).unwrap(), b"secret");
        assert!(sealer_after.is_current(&after) && !sealer_after.is_current(&before));
        assert_eq!(sealer_before.open("x", &after), Err(Broken::UnknownKey(1)));
        assert_eq!(sealer("1").take_key(2, &wrapped), Err(Broken::Damaged), "a key has one number");
        assert!(matches!(sealer("2").take_key(1, &wrapped), Err(Broken::OtherMaster(..))), "and one master key");
    }

    #[test]
    fn a_text_of_another_implementation_opens() {
        // The published test of the cipher (draft-irtf-cfrg-xchacha, A.3.1), here without our head.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                     sunscreen would be it.";
        let payload = Payload { msg: text, aad: &hex("50515253c0c1c2c3c4c5c6c7") };

        let made = cipher(&key).encrypt(&XNonce::from(nonce), payload).unwrap();

        assert_eq!(made[..16], hex("bd6d179d3e83d43b9576579493c0e939"));
        assert_eq!(made[made.len() - 16..], hex("c0875924c1c7987947deafd8780acf49"));
    }
}
