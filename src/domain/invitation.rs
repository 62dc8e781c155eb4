//! Invitations into teams, for people who are not in the team's organization yet, by their e-mail addresses.

use super::clock::Timestamp;
use super::id::{CustomRoleId, EntityId, UserId};
use super::role::TeamRole;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub team: EntityId,
    pub email: String,
    /// What the person becomes by accepting.
    pub role: TeamRole,
    /// The custom role on top of it.
    #[serde(default)]
    pub custom_role: Option<CustomRoleId>,
    pub invited_by: Option<UserId>,
    pub created_at: Timestamp,
}
