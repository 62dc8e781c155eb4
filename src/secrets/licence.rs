//! Signatures of licences: Ed25519 over the exact bytes. The server checks them with public keys; the private key stays
//! with whoever issues licences.

use super::{Secret, prints_nothing, random_bytes};
use crate::domain::licence::{BadLicence, LicenceFile, LicenceKey, LicenceTerms};
use crate::domain::pem;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// What comes before the seed in an Ed25519 private key (RFC 8410), as other tools read and write it too.
const PRIVATE_KEY_BEGINS: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const PRIVATE_KEY_LABEL: &str = "PRIVATE KEY";

/// What the licence says, if one of the trusted keys has signed it.
pub fn open_licence(text: &str, trusted: &[LicenceKey]) -> Result<LicenceTerms, BadLicence> {
    let file = LicenceFile::read(text)?;
    let is_signed_with = |key: &LicenceKey| {
        let key = UnparsedPublicKey::new(&ED25519, key.0);
        key.verify(file.signed.as_bytes(), &file.signature).is_ok()
    };
    if !trusted.iter().any(is_signed_with) {
        return Err(BadLicence::Signature);
    }
    file.terms()
}

/// The key of who issues licences.
pub struct AuthorityKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

prints_nothing!(AuthorityKey);

impl AuthorityKey {
    pub fn generate() -> Self {
        Self::from_seed(random_bytes())
    }

    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes are a seed");
        Self { seed, pair }
    }

    /// `None` when it is no Ed25519 private key.
    pub fn from_pem(text: &str) -> Option<Self> {
        let bytes = pem::read(PRIVATE_KEY_LABEL, text)?;
        let seed = bytes.strip_prefix(&PRIVATE_KEY_BEGINS)?.try_into().ok()?;
        Some(Self::from_seed(seed))
    }

    pub fn to_pem(&self) -> Secret {
        Secret::new(pem::write(PRIVATE_KEY_LABEL, &[PRIVATE_KEY_BEGINS.as_slice(), &self.seed].concat()))
    }

    pub fn public(&self) -> LicenceKey {
        let bytes = self.pair.public_key().as_ref();
        LicenceKey(bytes.try_into().expect("an Ed25519 public key has 32 bytes"))
    }

    /// The licence file.
    pub fn issue(&self, terms: &LicenceTerms) -> Result<String, BadLicence> {
        terms.check()?;
        let signed = terms.to_signed_text();
        let signature = self.pair.sign(signed.as_bytes());
        Ok(LicenceFile::write(&signed, signature.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::licence::{Day, Feature, SeatLimits};

    fn terms() -> LicenceTerms {
        LicenceTerms {
            holder: "Acme".into(),
            deployment: None,
            not_before: None,
            expires: Day::parse("2026-12-31").unwrap(),
            features: [Feature::ViewOnly].into(),
            limits: SeatLimits::default(),
        }
    }

    #[test]
    fn a_licence_is_opened_with_the_key_of_its_issuer_among_others() {
        let (issuer, other) = (AuthorityKey::generate(), AuthorityKey::generate());
        let text = issuer.issue(&terms()).unwrap();

        assert_eq!(open_licence(&text, &[other.public(), issuer.public()]), Ok(terms()));
        assert_eq!(open_licence(&text, &[other.public()]), Err(BadLicence::Signature));
        assert_eq!(open_licence(&text, &[]), Err(BadLicence::Signature));
    }

    #[test]
    fn no_byte_of_a_licence_can_be_changed() {
        let issuer = AuthorityKey::from_seed([3; 32]);
        let text = issuer.issue(&terms()).unwrap();

        for at in 0..text.trim_end().len() {
            for bit in [1, 4, 32] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= bit;
                let Ok(altered) = String::from_utf8(bytes) else { continue };
                let opened = open_licence(&altered, &[issuer.public()]);
                assert!(opened.is_err(), "byte {at}, bit {bit}: {opened:?}");
            }
        }
        let longer = text.replace("view_only\"", "view_only\", \"scim\"");
        assert_eq!(open_licence(&longer, &[issuer.public()]), Err(BadLicence::Signature));
    }

    #[test]
    fn a_signature_over_bad_terms_is_worth_nothing() {
        let issuer = AuthorityKey::from_seed([3; 32]);
        let signed = "weighhouse license 1\n{\"holder\":\"a\",\"expires\":\"2026-12-31\",\"features\":[\"teleport\"]}";
        let text = LicenceFile::write(signed, issuer.pair.sign(signed.as_bytes()).as_ref());

        assert!(
            matches!(open_licence(&text, &[issuer.public()]), Err(BadLicence::Terms(why)) if why.contains("teleport"))
        );
    }

    #[test]
    fn a_private_key_is_read_back_and_never_printed() {
        let key = AuthorityKey::from_seed([5; 32]);

        assert_eq!(AuthorityKey::from_pem(key.to_pem().expose()).unwrap().public(), key.public());
        assert_eq!(format!("{key} {key:?}"), "*** ***");
        assert!(AuthorityKey::from_pem(&key.public().to_pem()).is_none());
    }
}
