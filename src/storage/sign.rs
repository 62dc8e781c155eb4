//! Our own signed URLs. The client sends no credentials with uploads and downloads, so the token in the URL is the
//! authority: it says what may be done, to which object, until when, and nobody without the key can make one.
//!
//! A token also names who asked for it, so that it can be refused once that key or person lost the right.
//!
//! It is 54 bytes in 72 base64url characters: key id (1), kind of grant (1), id (8), what it was reached through (8), kind
//! of bearer (1), the bearer's id (8), end in Unix seconds (8), truncated HMAC-SHA-256 over all of that (19). The length
//! leaves no spare bits, so each grant has one spelling.

use crate::domain::clock::Timestamp;
use crate::domain::id::{
    ApiKeyId, ArtifactId, BlobUploadId, FileId, ManifestId, ObjectId, RunId, SegmentId, SessionId,
};
use crate::secrets::{MasterKey, Purpose};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const CLAIM_BYTES: usize = 35;
const MAC_BYTES: usize = 19;
const TOKEN_BYTES: usize = CLAIM_BYTES + MAC_BYTES;
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;

const MICROS_PER_SEC: i64 = 1_000_000;

/// What the bearer of a token may do. The variant binds the method, the kind of object and the purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// `PUT` new contents of a run file.
    PutFile(FileId),
    /// `GET` the bytes of one upload.
    GetObject(ObjectId),
    /// `GET` a sealed stretch of history, as one of the runs that share it.
    GetSegment(SegmentId, RunId),
    /// `PUT` content that an artifact is to have.
    PutBlob(BlobUploadId),
    /// `GET` content that artifacts share, as one of them.
    GetBlob(ObjectId, ArtifactId),
    /// `PUT` a manifest file.
    PutManifest(ManifestId),
    /// `GET` a manifest file.
    GetManifest(ManifestId),
}

/// Who asked for a token. It dies with what let them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bearer {
    /// Somebody who did not sign in.
    Anonymous,
    /// A command on the server's own machine.
    Operator,
    Key(ApiKeyId),
    /// Somebody who signed in.
    Session(SessionId),
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    pub grant: Grant,
    pub bearer: Bearer,
}

impl Grant {
    /// Kind, id, and what it was reached through. The numbers are in tokens that clients hold: never reuse one.
    fn encode(self) -> (u8, u64, u64) {
        match self {
            Self::PutFile(id) => (1, id.0, 0),
            Self::GetObject(id) => (2, id.0, 0),
            Self::GetSegment(id, run) => (3, id.0, run.0),
            Self::PutBlob(id) => (4, id.0, 0),
            Self::GetBlob(id, artifact) => (5, id.0, artifact.0),
            Self::PutManifest(id) => (6, id.0, 0),
            Self::GetManifest(id) => (7, id.0, 0),
        }
    }

    fn decode(kind: u8, id: u64, through: u64) -> Option<Self> {
        match kind {
            1 => Some(Self::PutFile(FileId(id))),
            2 => Some(Self::GetObject(ObjectId(id))),
            3 => Some(Self::GetSegment(SegmentId(id), RunId(through))),
            4 => Some(Self::PutBlob(BlobUploadId(id))),
            5 => Some(Self::GetBlob(ObjectId(id), ArtifactId(through))),
            6 => Some(Self::PutManifest(ManifestId(id))),
            7 => Some(Self::GetManifest(ManifestId(id))),
            _ => None,
        }
    }
}

impl Bearer {
    /// The numbers are in tokens that clients hold: never reuse one.
    fn encode(self) -> (u8, u64) {
        match self {
            Self::Anonymous => (1, 0),
            Self::Operator => (2, 0),
            Self::Key(id) => (3, id.0),
            Self::Session(id) => (5, id.0),
        }
    }

    fn decode(kind: u8, id: u64) -> Option<Self> {
        match kind {
            1 => Some(Self::Anonymous),
            2 => Some(Self::Operator),
            3 => Some(Self::Key(ApiKeyId(id))),
            5 => Some(Self::Session(SessionId(id))),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the URL is incomplete or misspelt")]
    Malformed,
    #[error("the URL was not made by this server")]
    Forged,
    #[error("the URL has expired")]
    Expired,
}

/// Signs with the current key, and takes the previous one as well while a key is being replaced. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    current: SigningKey,
    previous: Option<SigningKey>,
}

#[derive(Clone)]
struct SigningKey {
    /// Tells keys apart without naming them; two keys may share one, so it decides nothing alone.
    id: u8,
    mac: Hmac<Sha256>,
}

impl Signer {
    pub fn new(current: &MasterKey, previous: Option<&MasterKey>) -> Self {
        Self { current: SigningKey::of(current), previous: previous.map(SigningKey::of) }
    }

    /// A token of 72 characters of `[A-Za-z0-9_-]`, good until the second in which it expires begins.
    pub fn sign(&self, claim: Claim, expires: Timestamp) -> String {
        let ((kind, id, through), (bearer_kind, bearer)) = (claim.grant.encode(), claim.bearer.encode());
        let mut token = [0; TOKEN_BYTES];
        token[0] = self.current.id;
        token[1] = kind;
        token[2..10].copy_from_slice(&id.to_be_bytes());
        token[10..18].copy_from_slice(&through.to_be_bytes());
        token[18] = bearer_kind;
        token[19..27].copy_from_slice(&bearer.to_be_bytes());
        token[27..35].copy_from_slice(&expires.0.div_euclid(MICROS_PER_SEC).to_be_bytes());
        let (claim, mac) = token.split_at_mut(CLAIM_BYTES);
        mac.copy_from_slice(&self.current.mac_of(claim));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What the token says, if it still counts. Nothing in it is believed before its signature was checked.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claim, SignError> {
        let token = decode(token).ok_or(SignError::Malformed)?;
        let (claim, mac) = token.split_at(CLAIM_BYTES);
        if !self.keys().any(|key| key.id == claim[0] && bool::from(key.mac_of(claim).ct_eq(mac))) {
            return Err(SignError::Forged);
        }
        let number = |from: usize| u64::from_be_bytes(eight(&claim[from..from + 8]));
        if now.0.div_euclid(MICROS_PER_SEC) >= number(27).cast_signed() {
            return Err(SignError::Expired);
        }
        let grant = Grant::decode(claim[1], number(2), number(10)).ok_or(SignError::Malformed)?;
        let bearer = Bearer::decode(claim[18], number(19)).ok_or(SignError::Malformed)?;
        Ok(Claim { grant, bearer })
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl SigningKey {
    fn of(master: &MasterKey) -> Self {
        let mac = master.derive(Purpose::SignedUrl).mac();
        let id = mac.clone().chain_update(b"key id").finalize().into_bytes()[0];
        Self { id, mac }
    }

    fn mac_of(&self, claim: &[u8]) -> [u8; MAC_BYTES] {
        let full = self.mac.clone().chain_update(b"grant").chain_update(claim).finalize().into_bytes();
        let mut truncated = [0; MAC_BYTES];
        truncated.copy_from_slice(&full[..MAC_BYTES]);
        truncated
    }
}

fn decode(token: &str) -> Option<[u8; TOKEN_BYTES]> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()
}

fn eight(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().expect("the caller cut out eight bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp(secs * MICROS_PER_SEC)
    }

    fn master(byte: &str) -> MasterKey {
        MasterKey::from_text(&byte.repeat(32)).unwrap()
    }

    fn signer() -> Signer {
        Signer::new(&master("01"), None)
    }

    fn asked_for(grant: Grant) -> Claim {
        Claim { grant, bearer: Bearer::Key(ApiKeyId(8)) }
    }

    fn bearers() -> impl Strategy<Value = Bearer> {
        prop_oneof![
            Just(Bearer::Anonymous),
            Just(Bearer::Operator),
            any::<u64>().prop_map(|id| Bearer::Key(ApiKeyId(id))),
            any::<u64>().prop_map(|id| Bearer::Session(SessionId(id))),
        ]
    }

    fn claims() -> impl Strategy<Value = Claim> {
        (grants(), bearers()).prop_map(|(grant, bearer)| Claim { grant, bearer })
    }

    fn grants() -> impl Strategy<Value = Grant> {
        prop_oneof![
            any::<u64>().prop_map(|id| Grant::PutFile(FileId(id))),
            any::<u64>().prop_map(|id| Grant::GetObject(ObjectId(id))),
            any::<(u64, u64)>().prop_map(|(id, run)| Grant::GetSegment(SegmentId(id), RunId(run))),
            any::<u64>().prop_map(|id| Grant::PutBlob(BlobUploadId(id))),
            any::<(u64, u64)>().prop_map(|(id, of)| Grant::GetBlob(ObjectId(id), ArtifactId(of))),
            any::<u64>().prop_map(|id| Grant::PutManifest(ManifestId(id))),
            any::<u64>().prop_map(|id| Grant::GetManifest(ManifestId(id))),
        ]
    }

    #[test]
    fn a_token_works_until_it_expires() {
        let token = signer().sign(asked_for(Grant::GetObject(ObjectId(5))), at(1000));

        assert_eq!(signer().verify(&token, at(0)), Ok(asked_for(Grant::GetObject(ObjectId(5)))));
        assert_eq!(signer().verify(&token, Timestamp(999_999_999)), Ok(asked_for(Grant::GetObject(ObjectId(5)))));
        assert_eq!(signer().verify(&token, at(1000)), Err(SignError::Expired));
        assert_eq!(signer().verify(&token, at(5000)), Err(SignError::Expired));
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let token = signer().sign(asked_for(Grant::PutFile(FileId(1))), at(10));
        let longer = format!("{token}A");
        let padded = format!("{}=", &token[..71]);
        let slashed = format!("{}/", &token[..71]);

        for text in ["", "x", &token[1..], &longer, &padded, &slashed, &"é".repeat(36)] {
            assert_eq!(signer().verify(text, at(0)), Err(SignError::Malformed), "{text}");
        }
    }

    #[test]
    fn after_a_change_of_keys_the_previous_one_still_verifies_and_older_ones_do_not() {
        let claim = asked_for(Grant::GetSegment(SegmentId(9), RunId(4)));
        let old = signer().sign(claim, at(10));
        let changed = Signer::new(&master("02"), Some(&master("01")));
        let changed_again = Signer::new(&master("03"), Some(&master("02")));
        let new = changed.sign(claim, at(10));

        assert_eq!(changed.verify(&old, at(0)), Ok(claim));
        assert_eq!(changed.verify(&new, at(0)), Ok(claim));
        assert_eq!(changed_again.verify(&new, at(0)), Ok(claim));
        assert_eq!(changed_again.verify(&old, at(0)), Err(SignError::Forged));
        assert_eq!(signer().verify(&new, at(0)), Err(SignError::Forged));
    }

    #[test]
    fn keys_that_share_an_id_are_both_tried() {
        let (first, mut second) = (SigningKey::of(&master("01")), SigningKey::of(&master("02")));
        second.id = first.id;
        let old = Signer { current: second.clone(), previous: None }.sign(asked_for(Grant::PutFile(FileId(1))), at(10));

        let both = Signer { current: first, previous: Some(second) };

        assert_eq!(both.verify(&old, at(0)), Ok(asked_for(Grant::PutFile(FileId(1)))));
    }

    #[test]
    fn an_expired_forgery_is_a_forgery() {
        let token = Signer::new(&master("07"), None).sign(asked_for(Grant::PutFile(FileId(1))), at(10));

        assert_eq!(signer().verify(&token, at(20)), Err(SignError::Forged));
    }

    proptest! {
        #[test]
        fn every_grant_comes_back_and_its_token_is_plain(claim in claims(), secs in 1..4_000_000_000_i64) {
            let token = signer().sign(claim, at(secs));

            prop_assert_eq!(token.len(), TOKEN_CHARS);
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
            prop_assert_eq!(signer().verify(&token, at(secs - 1)), Ok(claim));
        }

        #[test]
        fn any_flipped_bit_is_rejected(claim in claims(), secs in 1..4_000_000_000_i64) {
            let token = URL_SAFE_NO_PAD.decode(signer().sign(claim, at(secs))).unwrap();

            for bit in 0..TOKEN_BYTES * 8 {
                let mut flipped = token.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let verdict = signer().verify(&URL_SAFE_NO_PAD.encode(flipped), at(0));
                prop_assert_eq!(verdict, Err(SignError::Forged));
            }
        }

        #[test]
        fn any_changed_character_is_rejected(claim in claims(), place in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]") {
            let token = signer().sign(claim, at(10));
            let mut changed = token.clone();
            changed.replace_range(place..=place, &to);

            let verdict = signer().verify(&changed, at(0));

            prop_assert_eq!(verdict, if changed == token { Ok(claim) } else { Err(SignError::Forged) });
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            prop_assert!(signer().verify(&text, at(0)).is_err());
        }
    }
}
