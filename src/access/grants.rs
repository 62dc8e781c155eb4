//! What a decision is made from: the grants read beside an object, and the licence.

use super::policy::Feature;
use crate::domain::role::{OrganizationRole, TeamRole, Visibility};
use std::collections::BTreeSet;

/// What was read about the caller beside an object, in the object's own transaction.
/// The default grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grants {
    /// The role in the team that owns the object. For `api_key:own`, which belongs to no team: the
    /// highest role in any team, personal entity not counted.
    pub team: Option<TeamRole>,
    /// The role in the organization that owns the team.
    pub organization: Option<OrganizationRole>,
    /// The role set for this project; `None` means the team role counts.
    pub project: Option<TeamRole>,
    /// `None` when the object lies in no project.
    pub visibility: Option<Visibility>,
    /// The caller owns the object itself (the run, not the project around it).
    pub owns: bool,
    /// The entity is the caller's personal one.
    pub personal: bool,
    /// The caller is an admin of the team's own model registry.
    pub registry_admin: bool,
    /// The instance lets visitors who did not sign in see public projects.
    pub anonymous_reading: bool,
}

/// The features that may be newly used. An expired licence is [`Licence::none`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Licence {
    features: BTreeSet<Feature>,
}

impl Licence {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        Self { features: features.into_iter().collect() }
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }
}
