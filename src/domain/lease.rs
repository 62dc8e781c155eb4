//! Work that one process at a time may do.

use super::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// A process that works on the database, told from all others by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub u64);

/// Who may do a piece of work, and until when without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub owner: WorkerId,
    /// How often it has changed hands.
    pub epoch: u64,
    pub until: Timestamp,
}
