//! Sets of actions, small enough to be read beside every object.

use super::policy::{Action, Area, Cell, Column};

/// Actions that a custom role adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionSet {
    /// A bit per action, in the order of the table. The order may change, so what is stored are names.
    bits: u128,
}

// A bit for every action.
const _: () = assert!(Action::ALL.len() <= 128);

impl ActionSet {
    pub const EMPTY: Self = Self { bits: 0 };

    pub const fn has(self, action: Action) -> bool {
        self.bits & bit(action) != 0
    }

    /// In the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(move |action| self.has(*action))
    }

    /// Whether it adds something to view-only that changes anything: who may do that has an API key and takes a seat.
    pub fn writes(self) -> bool {
        let is_new = |action: Action| action.rule().cell(Column::ViewOnly) != Cell::Yes;
        self.iter().any(|action| is_new(action) && !action.is_read() && !action.is_download())
    }
}

impl FromIterator<Action> for ActionSet {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self { bits: actions.into_iter().fold(0, |bits, action| bits | bit(action)) }
    }
}

const fn bit(action: Action) -> u128 {
    1 << action as u32
}

impl Action {
    /// Whether a custom role may add it: what is done with the work, not with people and rights.
    pub const fn can_be_added(self) -> bool {
        let area = self.area();
        (area.is_inside_project() || matches!(area, Area::ModelRegistry))
            && !matches!(self, Self::RegistryAdminChange | Self::ProtectedAliasChange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of_and_tells_it_in_the_order_of_the_table() {
        let set: ActionSet = [Action::RunStop, Action::ProjectDelete].into_iter().collect();

        assert_eq!(set.iter().collect::<Vec<_>>(), [Action::ProjectDelete, Action::RunStop]);
        assert_eq!(Action::ALL.iter().copied().collect::<ActionSet>().iter().count(), Action::ALL.len());
        assert_eq!(ActionSet::EMPTY.iter().count(), 0);
    }

    #[test]
    fn reading_downloading_and_what_view_only_people_do_anyway_writes_nothing() {
        for action in [Action::ArtifactDownload, Action::RunRead, Action::ReportComment, Action::ReportFollow] {
            assert!(!ActionSet::from_iter([action]).writes(), "{action}");
        }
        for action in [Action::RunLog, Action::RunStop, Action::ReportShare, Action::ModelUnlink] {
            assert!(ActionSet::from_iter([action, Action::RunRead]).writes(), "{action}");
        }
    }

    #[test]
    fn five_areas_can_be_added_without_what_hands_out_rights_in_the_registry() {
        let areas = ["project", "experiments", "reports", "artifacts", "model_registry"];
        for &action in Action::ALL {
            let expected = areas.contains(&action.area().name())
                && !["registry_admin:change", "protected_alias:change"].contains(&action.name());
            assert_eq!(action.can_be_added(), expected, "{action}");
        }
    }
}
