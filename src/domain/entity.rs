//! What a first path segment names and what owns projects: a person's own entity, a team, an organization's entity.

use super::clock::Timestamp;
use super::custom_role::GivenRole;
use super::id::{CustomRoleId, EntityId, OrganizationId, UserId};
use super::name::EntityName;
use super::role::{OrganizationRole, TeamRole};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub name: EntityName,
    pub kind: EntityKind,
    pub created_at: Timestamp,
    /// A team that was deleted: it is there for nobody, and keeps its name.
    #[serde(default)]
    pub trash: Option<Trash>,
}

/// What is known of a deleted team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trash {
    pub deleted_at: Timestamp,
    /// Until then it can be restored; the setting of the day when it was deleted.
    pub until: Timestamp,
    /// Part of it may be gone already: it is not restored any more, whatever the clock says.
    pub is_being_removed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// Personal: its person is alone in it.
    Person(UserId),
    /// A team of the organization.
    Team(OrganizationId),
    /// The organization itself: holds its name, and later its registries.
    Organization(OrganizationId),
    /// Holds the name of a service account, and nothing lies in it.
    ServiceAccount(UserId),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    pub name: EntityName,
    pub entity: EntityId,
    pub created_at: Timestamp,
}

/// A person's place in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationMember {
    pub role: OrganizationRole,
    pub since: Timestamp,
}

/// A person's place in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamMember {
    /// Under a custom role: its base.
    pub role: TeamRole,
    #[serde(default)]
    pub custom_role: Option<CustomRoleId>,
    /// Whether the custom role adds something that writes.
    #[serde(default)]
    pub writes: bool,
    pub since: Timestamp,
}

impl TeamMember {
    pub fn new(role: impl Into<GivenRole>, since: Timestamp) -> Self {
        let GivenRole { base, custom, writes } = role.into();
        Self { role: base, custom_role: custom, writes, since }
    }

    /// What the person was given.
    pub fn given(&self) -> GivenRole {
        GivenRole { base: self.role, custom: self.custom_role, writes: self.writes }
    }

    /// What the role counts as where API keys and seats are given: who may write is not view-only.
    pub fn counts_as(&self) -> TeamRole {
        if self.writes { self.role.max(TeamRole::Member) } else { self.role }
    }
}
