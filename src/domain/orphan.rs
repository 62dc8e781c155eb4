//! Objects in a store that nothing leads to, and why those that stay do.

use super::clock::Timestamp;
use super::migration::Amount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why an object stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A run, an artifact or a team has it.
    Referenced,
    /// It is being uploaded, or waits to be removed.
    Announced,
    /// It is younger than the grace period.
    Young,
    /// It has a name such as this server gives, with a number that it has not given out yet.
    Unknown,
    /// It has no name such as this server gives.
    Foreign,
    /// It says whose store this is.
    Mark,
}

impl Reason {
    /// As people read it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Referenced => "a run, an artifact or a team has it",
            Self::Announced => "it is being uploaded, or waits to be removed",
            Self::Young => "it is younger than the grace period",
            Self::Unknown => "its number was not given out by this server",
            Self::Foreign => "it is no object of this server",
            Self::Mark => "it says whose store this is",
        }
    }
}

/// What was found when a store was gone through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreReport {
    pub at: Timestamp,
    /// By what the objects are and why they stay.
    pub kept: BTreeMap<(String, Reason), Amount>,
    /// Deleted, or to be deleted.
    pub orphans: Amount,
    /// Nothing was deleted for it was only asked what would be, or for this reason.
    pub nothing_deleted: Option<String>,
}
