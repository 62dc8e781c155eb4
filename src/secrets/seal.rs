//! Sealing secrets that the server has to read again: ChaCha20-Poly1305 with a key derived from the master key.
//! A sealed secret says nothing without the master key, and opens only in the place that it was sealed for.

use super::{MasterKey, Purpose, prints_nothing, random_bytes};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// So that the form can change some day.
const FORM: u8 = 1;

/// Cheap to share; not to copy.
pub struct Sealer(LessSafeKey);

prints_nothing!(Sealer);

/// What was to be opened is not what was sealed here, or not with this master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open: it is damaged, or the master key is another one")]
pub struct Broken;

impl Sealer {
    pub fn new(master: &MasterKey) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, master.derive(Purpose::Seal).bytes());
        Self(LessSafeKey::new(key.expect("the derived key has the cipher's length")))
    }

    /// `place` says what the secret is for; the same has to be given to open it. Random nonces of 96 bits are enough
    /// for the few secrets of one server: after a thousand million of them two are the same with one chance in 10^11.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(&nonce);
        let mut text = secret.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut text)
            .expect("no secret is longer than the cipher takes");
        sealed.extend_from_slice(&text);
        sealed
    }

    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (form, rest) = sealed.split_first().ok_or(Broken)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Broken)?;
        if *form != FORM {
            return Err(Broken);
        }
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).map_err(|_| Broken)?.len();
        text.truncate(opened);
        Ok(text)
    }
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
        assert_eq!(sealer("1").open("user 8", &sealed), Err(Broken));
        assert_eq!(sealer("2").open("user 7", &sealed), Err(Broken));
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
            assert_eq!(sealer("1").open("x", &changed), Err(Broken), "byte {at}");
            assert_eq!(sealer("1").open("x", &sealed[..at]), Err(Broken), "first {at} bytes");
        }
    }
}
