//! One-time links with which a person who lost their password chooses another one.

use super::clock::Timestamp;
use super::id::UserId;
use serde::{Deserialize, Serialize};

/// How long a link can be used.
pub const RESET_SECS: i64 = 24 * 3600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetLink {
    pub user: UserId,
    /// The token's keyed hash.
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
}
