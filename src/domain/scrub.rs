//! Scrubbing: reading stored objects again, a share a day, to see whether they are still what was stored.

use super::clock::Timestamp;
use super::id::EntityId;
use super::migration::Amount;
use super::stored::Position;
use serde::{Deserialize, Serialize};

/// How far the round through all objects has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrubbing {
    /// Whose objects are being read.
    pub owner: Option<EntityId>,
    pub position: Position,
    pub began_at: Option<Timestamp>,
    /// Read in this round.
    pub done: Amount,
    /// How many there were when the round began: a share of them is read in a day.
    pub objects: u64,
    /// When something was read last.
    pub read_at: Option<Timestamp>,
    pub last_round: Option<Round>,
}

/// A round that went through everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
    pub read: Amount,
}

/// An object that was not as it should be when it was read last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The key of the object.
    pub key: String,
    /// The run or the artifact that it belongs to, for people.
    pub of: String,
    pub fault: Fault,
    pub found_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Missing,
    /// Of another length than it should have.
    OtherSize {
        found: u64,
        wanted: u64,
    },
    OtherBytes,
}

impl Fault {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::OtherSize { .. } | Self::OtherBytes => "damaged",
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::OtherSize { found, wanted } => write!(f, "has {found} bytes and should have {wanted}"),
            Self::OtherBytes => f.write_str("has other contents than were stored"),
        }
    }
}
