//! What a decision is made from: the grants read beside an object, and the licence.

use super::action_set::ActionSet;
use crate::domain::licence::{Feature, SeatLimits};
use crate::domain::role::{OrganizationRole, TeamRole, Visibility};

/// What was read about the caller beside an object, in the object's own transaction.
/// The default grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grants {
    /// The role in the team that owns the object. For `api_key:own`, which belongs to no team: the
    /// highest role in any team, personal entity not counted.
    pub team: Option<TeamRole>,
    /// What a custom role adds to the role in the team.
    pub added: ActionSet,
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
    /// The object lies in what the caller's key is limited to. Asked only of a key that is limited: outside, such a key
    /// opens nothing, whatever its owner may.
    pub within_key: bool,
    /// The team was deleted, and can be restored for a while.
    pub in_trash: bool,
    /// The team shows itself to every signed-in person.
    pub listed: bool,
    /// Members of the team may invite.
    pub members_invite: bool,
    /// The instance lets visitors who did not sign in see public projects.
    pub anonymous_reading: bool,
    /// The entity is a person's own, and the instance wants no projects in these.
    pub closed: bool,
}

/// The features that may be newly used, and how many there may be of what a licence counts. An expired licence is [`Licence::none`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Licence {
    /// A bit per feature.
    features: u32,
    limits: SeatLimits,
}

impl Licence {
    pub const fn none() -> Self {
        let limits = SeatLimits { max_users: None, max_view_only_users: None, max_teams: None };
        Self { features: 0, limits }
    }

    pub fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        let features = features.into_iter().fold(0, |bits, feature| bits | bit(feature));
        Self { features, ..Self::none() }
    }

    /// The same with these limits.
    pub const fn within(self, limits: SeatLimits) -> Self {
        Self { limits, ..self }
    }

    pub const fn limits(self) -> SeatLimits {
        self.limits
    }

    pub const fn has(self, feature: Feature) -> bool {
        self.features & bit(feature) != 0
    }
}

const fn bit(feature: Feature) -> u32 {
    1 << feature as u32
}
