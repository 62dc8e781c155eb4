//! What is sealed in the database, record by record, and the keys that it is sealed with.

use super::clock::Timestamp;
use super::connector::Connector;
use super::id::{ConnectorId, MailId, UserId};
use super::mail::Mail;
use super::second_factor::SecondFactor;
use serde::{Deserialize, Serialize};

/// A key that seals, after the one that is derived from the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealingKey {
    #[serde(with = "crate::domain::chunk::as_bytes")]
    pub wrapped: Vec<u8>,
    pub made_at: Timestamp,
    /// Everything is sealed with it, and the keys before it are gone.
    pub is_alone: bool,
}

/// A record with something sealed in it.
pub trait Sealed<K> {
    /// What it is sealed for: it opens nowhere else.
    fn place(&self, key: &K) -> String;

    fn sealed(&self) -> Option<&[u8]>;

    fn set_sealed(&mut self, sealed: Vec<u8>);
}

impl Sealed<UserId> for SecondFactor {
    fn place(&self, user: &UserId) -> String {
        SecondFactor::place(*user)
    }

    fn sealed(&self) -> Option<&[u8]> {
        Some(&self.sealed_secret)
    }

    fn set_sealed(&mut self, sealed: Vec<u8>) {
        self.sealed_secret = sealed;
    }
}

impl Sealed<MailId> for Mail {
    fn place(&self, _: &MailId) -> String {
        Mail::PLACE.to_owned()
    }

    /// Nothing of a mail that was given up.
    fn sealed(&self) -> Option<&[u8]> {
        Some(self.sealed_text.as_slice()).filter(|text| !text.is_empty())
    }

    fn set_sealed(&mut self, sealed: Vec<u8>) {
        self.sealed_text = sealed;
    }
}

impl Sealed<ConnectorId> for Connector {
    fn place(&self, id: &ConnectorId) -> String {
        Connector::place(*id, self.version)
    }

    fn sealed(&self) -> Option<&[u8]> {
        self.sealed.as_deref()
    }

    fn set_sealed(&mut self, sealed: Vec<u8>) {
        self.sealed = Some(sealed);
    }
}
