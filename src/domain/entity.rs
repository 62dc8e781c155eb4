//! What a first path segment names and what owns projects: a person's own entity, a team, an organization's entity.

use super::clock::Timestamp;
use super::custom_role::GivenRole;
use super::id::{CustomRoleId, EntityId, OrganizationId, UserId};
use super::name::EntityName;
use super::role::{OrganizationRole, TeamRole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// As many names of before lead to an entity; with each further one the oldest is free for others.
const FORMER_NAMES_MAX: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub name: EntityName,
    pub kind: EntityKind,
    pub created_at: Timestamp,
    /// A team that was deleted: it is there for nobody, and keeps its name.
    #[serde(default)]
    pub trash: Option<Trash>,
    /// What it was called before, the newest last. These names lead to it and are nobody else's, so what logs under one
    /// of them goes on.
    #[serde(default)]
    pub former_names: Vec<EntityName>,
}

impl Entity {
    pub fn new(name: EntityName, kind: EntityKind, created_at: Timestamp) -> Self {
        Self { name, kind, created_at, trash: None, former_names: Vec::new() }
    }

    /// The same by another name.
    pub fn renamed(&self, to: EntityName) -> Self {
        let before = self.former_names.iter().chain([&self.name]).filter(|name| **name != to);
        let mut former_names: Vec<EntityName> = before.cloned().collect();
        former_names.drain(..former_names.len().saturating_sub(FORMER_NAMES_MAX));
        Self { name: to, former_names, ..self.clone() }
    }

    /// Whether the name leads to it, as it is spelled.
    pub fn answers_to(&self, name: &EntityName) -> bool {
        self.name == *name || self.former_names.contains(name)
    }

    /// The names that nobody else can have.
    pub fn folded_names(&self) -> BTreeSet<String> {
        self.former_names.iter().chain([&self.name]).map(EntityName::folded).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EntityName {
        EntityName::parse(text).unwrap()
    }

    fn called(text: &str) -> Entity {
        Entity::new(name(text), EntityKind::Team(OrganizationId(1)), Timestamp(0))
    }

    #[test]
    fn names_of_before_lead_to_it_in_their_own_spelling() {
        let renamed = called("Vision").renamed(name("sight")).renamed(name("eyes"));

        assert!(["Vision", "sight", "eyes"].into_iter().all(|text| renamed.answers_to(&name(text))));
        assert!(!renamed.answers_to(&name("vision")));
        assert_eq!(renamed.folded_names(), ["eyes", "sight", "vision"].map(str::to_owned).into());
    }

    #[test]
    fn a_name_that_is_taken_back_is_no_former_one() {
        let back = called("vision").renamed(name("sight")).renamed(name("vision"));

        assert_eq!((&back.name, &back.former_names), (&name("vision"), &vec![name("sight")]));
        let shouted = back.renamed(name("VISION"));
        assert!(shouted.answers_to(&name("vision")), "another spelling is another name");
        assert_eq!(shouted.folded_names().len(), 2);
    }

    #[test]
    fn the_oldest_of_many_names_becomes_free() {
        let renamed = (1..=FORMER_NAMES_MAX + 1).fold(called("n0"), |it, next| it.renamed(name(&format!("n{next}"))));

        assert_eq!(renamed.former_names.len(), FORMER_NAMES_MAX);
        assert!(!renamed.answers_to(&name("n0")) && renamed.answers_to(&name("n1")));
    }
}
