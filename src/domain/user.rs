//! People and their API keys.

use super::clock::Timestamp;
use super::id::{EntityId, UserId};
use super::name::EntityName;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: EntityName,
    pub email: String,
    pub full_name: Option<String>,
    /// An argon2 text; without one nobody signs in with a password.
    pub password_hash: Option<String>,
    pub system_admin: bool,
    pub entity: EntityId,
    pub created_at: Timestamp,
    /// Since then nothing of theirs opens a door, and they count as nobody's admin; their places stay.
    #[serde(default)]
    pub deactivated_at: Option<Timestamp>,
}

impl User {
    pub fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}

/// A key's keyed hash; the key itself is shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    pub user: UserId,
    pub hash: [u8; 32],
    /// The first few characters, by which its owner knows it again.
    #[serde(default)]
    pub begins_with: String,
    /// What it is for, in its owner's words.
    #[serde(default)]
    pub description: Option<String>,
    pub created_at: Timestamp,
}

/// When a person was last seen, to within some minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastActive {
    pub at: Timestamp,
}

const FULL_NAME_CHARS_MAX: usize = 200;

/// Any words, on one line.
pub fn check_full_name(text: &str) -> Result<(), String> {
    let is_short = text.chars().count() <= FULL_NAME_CHARS_MAX;
    if text.trim().is_empty() || !is_short || text.chars().any(char::is_control) {
        return Err(format!("a full name has 1 to {FULL_NAME_CHARS_MAX} characters and stands on one line"));
    }
    Ok(())
}

/// Loose on purpose: whether an address works is for mail to find out.
pub fn check_email(text: &str) -> Result<(), &'static str> {
    let parts = text.split_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if parts.is_none() || text.len() > 254 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("an e-mail address looks like `ada@example.com` and has at most 254 characters");
    }
    Ok(())
}
