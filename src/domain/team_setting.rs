//! What a team says about its privacy, and what its organization says for all of its teams.

use super::role::Visibility;
use serde::{Deserialize, Serialize};

/// A team's own choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TeamSettings {
    /// To those outside the team it does not exist.
    pub hidden: bool,
    /// Future projects are for the team: nobody chooses open or public.
    pub private_only: bool,
    /// Every member may invite members, and view-only people.
    pub members_invite: bool,
    /// Reports of projects that are not public are shared with nobody outside.
    pub no_report_sharing: bool,
    /// The client saves the code of runs unless its user says otherwise.
    pub code_saving: bool,
    /// What a new project is whose maker does not say.
    pub default_visibility: Visibility,
}

impl Default for TeamSettings {
    fn default() -> Self {
        Self {
            hidden: true,
            private_only: false,
            members_invite: false,
            no_report_sharing: false,
            code_saving: true,
            default_visibility: Visibility::Team,
        }
    }
}

/// What an organization decides for its teams; what is `None` they decide themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationPrivacy {
    pub hidden: Option<bool>,
    pub private_only: Option<bool>,
    pub members_invite: Option<bool>,
    pub no_report_sharing: Option<bool>,
    pub code_saving: Option<bool>,
    pub default_visibility: Option<Visibility>,
}

impl TeamSettings {
    /// What counts: the organization's word, where it has one, and no wider default than may be chosen.
    pub fn under(self, privacy: OrganizationPrivacy) -> Self {
        let chosen = Self {
            hidden: privacy.hidden.unwrap_or(self.hidden),
            private_only: privacy.private_only.unwrap_or(self.private_only),
            members_invite: privacy.members_invite.unwrap_or(self.members_invite),
            no_report_sharing: privacy.no_report_sharing.unwrap_or(self.no_report_sharing),
            code_saving: privacy.code_saving.unwrap_or(self.code_saving),
            default_visibility: privacy.default_visibility.unwrap_or(self.default_visibility),
        };
        let default_visibility =
            if chosen.may_choose(chosen.default_visibility) { chosen.default_visibility } else { Visibility::Team };
        Self { default_visibility, ..chosen }
    }

    /// Whether somebody may choose this for a project now. What was chosen before stays.
    pub fn may_choose(&self, visibility: Visibility) -> bool {
        !self.private_only || !visibility.is_wider_than(Visibility::Team)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organizations_word_counts_before_the_teams() {
        let team = TeamSettings { hidden: false, default_visibility: Visibility::Open, ..TeamSettings::default() };
        let privacy = OrganizationPrivacy { hidden: Some(true), code_saving: Some(false), ..Default::default() };

        let settings = team.under(privacy);

        assert_eq!((settings.hidden, settings.code_saving, settings.members_invite), (true, false, false));
        assert_eq!(settings.default_visibility, Visibility::Open);
    }

    #[test]
    fn future_private_projects_are_neither_open_nor_public_by_default_either() {
        let team = TeamSettings { default_visibility: Visibility::Public, ..TeamSettings::default() };
        let privacy = OrganizationPrivacy { private_only: Some(true), ..Default::default() };

        let settings = team.under(privacy);

        assert_eq!(settings.default_visibility, Visibility::Team);
        let chosen = Visibility::ALL.map(|visibility| settings.may_choose(visibility));
        assert_eq!(chosen, [false, false, true, true]);
    }
}
