//! Invitations into teams and organizations, for people who are not in the organization yet, by their e-mail addresses.

use super::clock::Timestamp;
use super::id::{CustomRoleId, EntityId, OrganizationId, UserId};
use super::role::{OrganizationRole, TeamRole};
use serde::{Deserialize, Serialize};

/// How long a link can be used.
pub const INVITATION_SECS: i64 = 7 * 86_400;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub into: InvitedInto,
    pub email: String,
    /// The keyed hash of its link's token. A new link ends the one before.
    pub hash: [u8; 32],
    pub expires_at: Timestamp,
    pub invited_by: Option<UserId>,
    pub created_at: Timestamp,
}

/// What the person is invited into, and what they become by accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitedInto {
    Team {
        team: EntityId,
        role: TeamRole,
        /// On top of the role.
        custom_role: Option<CustomRoleId>,
    },
    Organization {
        organization: OrganizationId,
        /// The organization's.
        entity: EntityId,
        role: OrganizationRole,
    },
}

impl Invitation {
    /// What holds the name of the team or organization.
    pub fn entity(&self) -> EntityId {
        match self.into {
            InvitedInto::Team { team, .. } => team,
            InvitedInto::Organization { entity, .. } => entity,
        }
    }

    /// The built-in role; a custom role is known by its name only.
    pub fn role(&self) -> &'static str {
        match self.into {
            InvitedInto::Team { role, .. } => role.as_str(),
            InvitedInto::Organization { role, .. } => role.as_str(),
        }
    }

    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
