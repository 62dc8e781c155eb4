//! People and service accounts.

use super::clock::Timestamp;
use super::id::{EntityId, OrganizationId};
use super::name::EntityName;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: EntityName,
    /// Empty for a service account.
    pub email: String,
    pub full_name: Option<String>,
    /// An argon2 text; without one nobody signs in with a password.
    pub password_hash: Option<String>,
    pub system_admin: bool,
    /// Where a run goes that names no entity: a person's own, the team of a service account.
    pub entity: EntityId,
    pub created_at: Timestamp,
    /// Since then nothing of theirs opens a door, and they count as nobody's admin; their places stay.
    #[serde(default)]
    pub deactivated_at: Option<Timestamp>,
    /// There for an account that is no person: it has keys, and neither address, password, session nor seat.
    #[serde(default)]
    pub service: Option<ServiceHome>,
}

/// What a service account belongs to. It takes part as a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceHome {
    Team(EntityId),
    /// In every team of the organization.
    Organization(OrganizationId),
}

/// Who a run is to be counted as: what a client says beside its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribution {
    pub username: Option<String>,
    pub email: Option<String>,
}

impl User {
    pub fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }

    /// What people call it; a service account is known by what it is for.
    pub fn shown_name(&self) -> &str {
        self.full_name.as_deref().unwrap_or(self.name.as_str())
    }
}

impl ServiceHome {
    /// Whether the account is a member of a team of the organization.
    pub fn includes(self, team: EntityId, organization: OrganizationId) -> bool {
        match self {
            Self::Team(home) => home == team,
            Self::Organization(home) => home == organization,
        }
    }
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
