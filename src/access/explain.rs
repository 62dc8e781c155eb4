//! Why a decision comes out as it does: the same code that requests are decided by tells its steps to a witness.

use super::caller::Caller;
use super::decide::{Granted, Refusal, row_of, weigh};
use super::grants::{Grants, Licence};
use super::policy::{Action, Cell, Column};
use super::proof::Unchecked;
use crate::domain::api_key::KeyScope;
use crate::domain::licence::Feature;
use crate::domain::role::{OrganizationRole, TeamRole, Visibility};
use std::fmt;

/// Who hears the steps of a decision. Requests have none, and pay nothing for it.
pub(super) trait Witness {
    fn hear(&mut self, step: Step);
}

impl Witness for () {
    fn hear(&mut self, _: Step) {}
}

impl Witness for Vec<Step> {
    fn hear(&mut self, step: Step) {
        self.push(step);
    }
}

/// One step of a decision, or one fact that it starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The role in the team.
    Team(Option<TeamRole>),
    /// The role in the organization.
    Organization(Option<OrganizationRole>),
    /// The role set for the project.
    Project(TeamRole),
    Visibility(Visibility),
    Owns(bool),
    PersonalEntity,
    RegistryAdmin,
    /// Jobs of the server may everything.
    System,
    /// The role that all of these come to here.
    Counts(Option<TeamRole>),
    /// What the table says in a column that the caller has.
    Cell(Column, Cell),
    ByVisibility(Granted),
    ByCustomRole(bool),
    ByInvitationSwitch,
    /// Whether the caller may learn that the object exists.
    Sees(bool),
    /// Whether the object lies in what a limited key is for.
    WithinKey(bool),
    KeyScope(KeyScope, bool),
    PersonalProjectsOff,
    /// The team was deleted: only restoring it is left.
    InTrash,
    Licence(Feature, bool),
}

/// A decision with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub action: Action,
    pub verdict: Result<(), Refusal>,
    /// In the order in which they were taken.
    pub steps: Vec<Step>,
}

impl Explanation {
    pub(super) fn of(caller: &Caller, action: Action, grants: &Grants, licence: &Licence) -> Self {
        let mut steps = facts(row_of(action, grants), grants);
        let verdict = weigh(caller, action, grants, licence, &mut steps);
        Self { action, verdict, steps }
    }
}

impl Caller {
    /// What [`Caller::may`] would say, and why. It shows nothing of what was found.
    pub fn explain<T>(&self, action: Action, found: &Unchecked<T>, licence: &Licence) -> Explanation {
        Explanation::of(self, action, found.grants(), licence)
    }
}

/// What the decision starts from, as far as it bears on the action.
fn facts(action: Action, grants: &Grants) -> Vec<Step> {
    let mut facts = Vec::new();
    if grants.personal {
        facts.push(Step::PersonalEntity);
    } else {
        facts.extend([Step::Team(grants.team), Step::Organization(grants.organization)]);
    }
    if action.area().is_inside_project() {
        facts.extend(grants.visibility.map(Step::Visibility));
        facts.extend(grants.project.map(Step::Project));
    }
    if action.rule().cells.contains(&Cell::Own) {
        facts.push(Step::Owns(grants.owns));
    }
    if grants.registry_admin {
        facts.push(Step::RegistryAdmin);
    }
    facts
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Team(Some(role)) => write!(f, "role in the team: {}", role.as_str()),
            Self::Team(None) => f.write_str("no role in a team that the object belongs to"),
            Self::Organization(Some(role)) => write!(f, "role in the organization: {}", role.as_str()),
            Self::Organization(None) => f.write_str("no role in an organization that the object belongs to"),
            Self::Project(role) => write!(f, "role set for the project: {}", role.as_str()),
            Self::Visibility(visibility) => write!(f, "visibility of the project: {}", visibility.as_str()),
            Self::Owns(true) => f.write_str("owns the object"),
            Self::Owns(false) => f.write_str("does not own the object"),
            Self::PersonalEntity => f.write_str("the entity is their own"),
            Self::RegistryAdmin => f.write_str("administers the team's model registry"),
            Self::System => f.write_str("jobs of the server may do everything"),
            Self::Counts(Some(role)) => write!(f, "for this action that comes to the role {}", role.as_str()),
            Self::Counts(None) => f.write_str("for this action that comes to no role"),
            Self::Cell(column, cell) => write!(f, "the table says for {}: {}", column.name(), meaning(cell)),
            Self::ByVisibility(Granted::Yes) => f.write_str("the visibility of the project allows it to them"),
            Self::ByVisibility(Granted::OnlyOwn) => {
                f.write_str("the visibility of the project allows it to them on what is their own")
            }
            Self::ByVisibility(Granted::No) => f.write_str("the visibility of the project does not allow it to them"),
            Self::ByCustomRole(true) => f.write_str("the custom role in the team adds it"),
            Self::ByCustomRole(false) => f.write_str("the custom role in the team does not add it here"),
            Self::ByInvitationSwitch => f.write_str("the team lets its members invite"),
            Self::Sees(true) => f.write_str("may know that the object exists, so the refusal says why"),
            Self::Sees(false) => f.write_str("may not know that the object exists, so it is answered as missing"),
            Self::WithinKey(true) => f.write_str("it lies in what the key is limited to"),
            Self::WithinKey(false) => f.write_str("it lies outside of what the key is limited to"),
            Self::KeyScope(scope, true) => write!(f, "a key of the scope {} covers it", scope.as_str()),
            Self::KeyScope(scope, false) => write!(f, "a key of the scope {} does not cover it", scope.as_str()),
            Self::PersonalProjectsOff => f.write_str("personal projects are turned off on this server"),
            Self::InTrash => f.write_str("the team is in the trash, where it is there for nobody"),
            Self::Licence(feature, true) => write!(f, "the licence includes {feature}"),
            Self::Licence(feature, false) => write!(f, "there is no licence that includes {feature}"),
        }
    }
}

fn meaning(cell: Cell) -> &'static str {
    match cell {
        Cell::Yes => "yes",
        Cell::Own => "only on what is their own",
        Cell::No => "no",
        Cell::None => "no, there is no such role here",
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
