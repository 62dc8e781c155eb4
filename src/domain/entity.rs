//! What a first path segment names and what owns projects: a person's own entity, a team, an organization's entity.

use super::clock::Timestamp;
use super::id::{EntityId, OrganizationId, UserId};
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
    pub role: TeamRole,
    pub since: Timestamp,
}
