//! The one place where roles come together into an answer. Pure: all it knows is handed to it.

use super::action_set::ActionSet;
use super::caller::{Caller, Principal};
use super::explain::{Step, Witness};
use super::grants::{Grants, Licence};
use super::policy::{Action, Area, Cell, Column};
use crate::domain::licence::Feature;
use crate::domain::role::{OrganizationRole, TeamRole, Visibility};
use thiserror::Error;

/// Why the caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// To this caller it does not exist; says the same as for a missing thing.
    #[error("not found")]
    Hidden,
    #[error("{action} is refused: {reason}")]
    Forbidden { action: Action, reason: Reason },
    #[error("{feature} needs a licence: ask an administrator of this server to install one that includes it")]
    NotLicensed { feature: Feature },
}

/// What stands in the way of somebody who sees the object, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reason {
    #[error("sign in first")]
    NotSignedIn,
    #[error("only the owner and those with a higher role may; ask the owner or an admin")]
    NotOwner,
    #[error("your role does not allow it; ask an admin for a role that does")]
    Role,
    #[error("the scope of this API key does not cover it; use a key with a wider scope")]
    KeyScope,
    #[error("the team was deleted; for a while a system admin can still restore it")]
    InTrash,
    #[error("personal projects are turned off on this server; name a team as the entity")]
    PersonalProjects,
}

/// Whether the caller may do the action on the object whose grants are given.
/// Roles give, the key's scope takes away, and last the licence is asked for.
pub fn decide(caller: &Caller, action: Action, grants: &Grants, licence: &Licence) -> Result<(), Refusal> {
    weigh(caller, action, grants, licence, &mut ())
}

/// The same before a witness, who hears each step.
pub(super) fn weigh(
    caller: &Caller,
    action: Action,
    grants: &Grants,
    licence: &Licence,
    witness: &mut impl Witness,
) -> Result<(), Refusal> {
    if caller.principal == Principal::System {
        witness.hear(Step::System);
        return Ok(());
    }
    if caller.confined_key().is_some() {
        witness.hear(Step::WithinKey(grants.within_key));
        if !grants.within_key {
            let refusal = outside_key(action);
            witness.hear(Step::Sees(refusal != Refusal::Hidden));
            return Err(refusal);
        }
    }
    if grants.in_trash && action != Action::TeamRestore {
        let refusal = in_trash(action, grants);
        witness.hear(Step::InTrash);
        witness.hear(Step::Sees(refusal != Refusal::Hidden));
        return Err(refusal);
    }
    let row = row_of(action, grants);
    let granted = granted(caller, row, grants, witness);
    if granted != Granted::Yes {
        let refusal = refusal(caller, action, grants, granted);
        witness.hear(Step::Sees(refusal != Refusal::Hidden));
        return Err(refusal);
    }
    let is_covered = caller.scope.covers(row);
    witness.hear(Step::KeyScope(caller.scope, is_covered));
    if !is_covered {
        return Err(Refusal::Forbidden { action, reason: Reason::KeyScope });
    }
    if grants.closed && fills_projects(action) {
        witness.hear(Step::PersonalProjectsOff);
        return Err(Refusal::Forbidden { action, reason: Reason::PersonalProjects });
    }
    let Some(feature) = action.rule().needs else { return Ok(()) };
    let is_licensed = licence.has(feature);
    witness.hear(Step::Licence(feature, is_licensed));
    if is_licensed { Ok(()) } else { Err(Refusal::NotLicensed { feature }) }
}

/// A key for some teams or projects is as good as its owner would be who belongs to nothing else.
fn outside_key(action: Action) -> Refusal {
    match action.area() {
        // These name no object that could be hidden.
        Area::Keys | Area::System => Refusal::Forbidden { action, reason: Reason::KeyScope },
        _ => Refusal::Hidden,
    }
}

/// A deleted team is there for nobody. Who was in it is told why their work ends; to look at there is nothing.
fn in_trash(action: Action, grants: &Grants) -> Refusal {
    match grants.team {
        Some(_) if !action.is_read() => Refusal::Forbidden { action, reason: Reason::InTrash },
        _ => Refusal::Hidden,
    }
}

/// Making a project, and logging to one.
fn fills_projects(action: Action) -> bool {
    use Action::{ArtifactCreate, ProjectCreate, RunLog, SweepAgent, SweepCreate};
    matches!(action, ProjectCreate | RunLog | SweepCreate | SweepAgent | ArtifactCreate)
}

/// What all roles of the caller give together, best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granted {
    No,
    /// It would be allowed on an object of the caller's own.
    OnlyOwn,
    Yes,
}

fn refusal(caller: &Caller, action: Action, grants: &Grants, granted: Granted) -> Refusal {
    if !sees(caller, area_of_object(row_of(action, grants)), grants) {
        return Refusal::Hidden;
    }
    let reason = match (caller.principal, granted) {
        (Principal::Anonymous, _) => Reason::NotSignedIn,
        (_, Granted::OnlyOwn) => Reason::NotOwner,
        _ => Reason::Role,
    };
    Refusal::Forbidden { action, reason }
}

/// The row that says who may. In a project, whoever gives roles there gives each of them; what the row of giving
/// view-only adds to that is the licence.
pub(super) fn row_of(action: Action, grants: &Grants) -> Action {
    match action {
        Action::RoleAssignViewOnly if grants.visibility.is_some() => Action::ProjectMembers,
        _ => action,
    }
}

/// Deleting and restoring teams are rows of the organization, but what they name is a team: to whom it does not show
/// itself, a refusal does not either.
fn area_of_object(action: Action) -> Area {
    match action {
        Action::TeamDelete | Action::TeamRestore => Area::Team,
        // Whose store it is: a team that is hidden has none either.
        Action::ConnectorAttach | Action::ConnectorTest | Action::ConnectorMigrate | Action::StorageUsage => Area::Team,
        // Of the whole instance.
        Action::ConnectorDefine | Action::StorageGc => Area::System,
        _ => action.area(),
    }
}

/// Whether the caller may learn that objects of this area, with these grants, exist.
fn sees(caller: &Caller, area: Area, grants: &Grants) -> bool {
    let may = |action| granted(caller, action, grants, &mut ()) == Granted::Yes;
    let signed_in = caller.principal != Principal::Anonymous;
    match area {
        Area::Project | Area::Experiments | Area::Reports | Area::Artifacts => may(Action::ProjectRead),
        Area::ModelRegistry => may(Action::ModelRead),
        // A personal entity is no team, so nobody has `team:read` there; its owner knows that it exists.
        Area::Team => may(Action::TeamRead) || (signed_in && (grants.personal || grants.listed)),
        Area::Organization | Area::Storage => {
            signed_in && (grants.organization.is_some() || grants.personal || may(Action::TeamRead))
        }
        // These name no object that could be hidden.
        Area::Keys | Area::System => signed_in,
    }
}

fn granted(caller: &Caller, action: Action, grants: &Grants, witness: &mut impl Witness) -> Granted {
    match caller.principal {
        Principal::System => Granted::Yes,
        Principal::Operator => best(action, grants, [Column::TeamAdmin, Column::SystemAdmin], witness),
        Principal::Anonymous => {
            let visible = grants.anonymous_reading && grants.visibility == Some(Visibility::Public);
            let granted = if visible && reads_project(action) { Granted::Yes } else { Granted::No };
            witness.hear(Step::ByVisibility(granted));
            granted
        }
        Principal::User { system_admin, .. } => {
            let organization_admin = grants.organization == Some(OrganizationRole::Admin);
            let role = role_for(action, grants);
            witness.hear(Step::Counts(role));
            let columns = [
                system_admin.then_some(Column::SystemAdmin),
                organization_admin.then_some(Column::OrgAdmin),
                role.map(column_of),
                registry_column(action, grants, role),
            ];
            let by_role = best(action, grants, columns.into_iter().flatten(), witness);
            let by_visibility = by_visibility(caller, action, grants, role, witness);
            let is_added = is_added(action, grants);
            if grants.added != ActionSet::default() {
                witness.hear(Step::ByCustomRole(is_added));
            }
            let may_invite = by_switch(caller, action, grants, role);
            if may_invite {
                witness.hear(Step::ByInvitationSwitch);
            }
            let beyond = if is_added || may_invite { Granted::Yes } else { Granted::No };
            by_role.max(by_visibility).max(beyond)
        }
    }
}

/// The best cell among the columns.
fn best(
    action: Action,
    grants: &Grants,
    columns: impl IntoIterator<Item = Column>,
    witness: &mut impl Witness,
) -> Granted {
    let read = |column| {
        let cell = action.rule().cell(column);
        witness.hear(Step::Cell(column, cell));
        match cell {
            Cell::Yes => Granted::Yes,
            Cell::Own if grants.owns => Granted::Yes,
            Cell::Own => Granted::OnlyOwn,
            Cell::No | Cell::None => Granted::No,
        }
    };
    columns.into_iter().map(read).max().unwrap_or(Granted::No)
}

fn column_of(role: TeamRole) -> Column {
    match role {
        TeamRole::ViewOnly => Column::ViewOnly,
        TeamRole::Member => Column::Member,
        TeamRole::Admin => Column::TeamAdmin,
    }
}

/// The role that counts for this action: in the project, in the team, or in the personal entity.
fn role_for(action: Action, grants: &Grants) -> Option<TeamRole> {
    let area = action.area();
    if area == Area::Keys {
        // The personal entity does not count here, and people in no team keep their keys.
        return capped(grants, grants.team).or(Some(TeamRole::Member));
    }
    if grants.personal {
        return (!is_about_membership(action)).then_some(TeamRole::Admin);
    }
    let team = capped(grants, grants.team);
    if area.is_inside_project() { role_in_project(team, grants) } else { team }
}

/// An organization viewer takes part as view-only at most.
fn capped(grants: &Grants, role: Option<TeamRole>) -> Option<TeamRole> {
    let viewer = grants.organization == Some(OrganizationRole::Viewer);
    role.map(|role| if viewer { TeamRole::ViewOnly } else { role })
}

/// Whether a custom role adds the action here. A project role, once set, replaces custom roles too, and a restricted
/// project is for those who have one.
fn is_added(action: Action, grants: &Grants) -> bool {
    let is_viewer = grants.organization == Some(OrganizationRole::Viewer);
    let replaced = grants.project.is_some() || grants.visibility == Some(Visibility::Restricted);
    let counts = grants.team.is_some() && !is_viewer && !(action.area().is_inside_project() && replaced);
    counts && grants.added.has(action)
}

/// Where the team lets its members invite, they bring in people who have no more than themselves.
/// A service account knows nobody.
fn by_switch(caller: &Caller, action: Action, grants: &Grants, role: Option<TeamRole>) -> bool {
    let invites = caller.service.is_none() && matches!(action, Action::TeamMemberAdd | Action::RoleAssignViewOnly);
    grants.members_invite && invites && role >= Some(TeamRole::Member)
}

/// Team admins stay admins, view-only people stay view-only, and a restricted project is for the
/// invited; for the others the project role replaces the team role.
fn role_in_project(team: Option<TeamRole>, grants: &Grants) -> Option<TeamRole> {
    let invited = capped(grants, grants.project);
    let restricted = grants.visibility == Some(Visibility::Restricted);
    match team {
        Some(TeamRole::Admin) => team,
        Some(TeamRole::ViewOnly) if restricted => invited.and(team),
        Some(TeamRole::ViewOnly) => team,
        _ if restricted => invited,
        _ => invited.or(team),
    }
}

/// Actions that a personal entity, having no members and no service accounts, does not know.
fn is_about_membership(action: Action) -> bool {
    ["team:", "service_account:", "role:"].iter().any(|prefix| action.name().starts_with(prefix))
}

/// A registry admin is a member or admin of the team who also administers its model registry.
fn registry_column(action: Action, grants: &Grants, role: Option<TeamRole>) -> Option<Column> {
    let counts = action.area() == Area::ModelRegistry && role >= Some(TeamRole::Member);
    (grants.registry_admin && counts).then_some(Column::RegistryAdmin)
}

/// What a project's visibility gives to every signed-in user. Who is view-only there stays so.
/// A service account finds only open projects outside its home, and those that anybody may read.
fn by_visibility(
    caller: &Caller,
    action: Action,
    grants: &Grants,
    role: Option<TeamRole>,
    witness: &mut impl Witness,
) -> Granted {
    let Some(visibility) = grants.visibility else { return Granted::No };
    let is_guest = caller.service.is_some() && role.is_none();
    let view_only = role == Some(TeamRole::ViewOnly) || grants.organization == Some(OrganizationRole::Viewer);
    let reads = if view_only { reads_project(action) && action.is_read() } else { reads_project(action) };
    let granted = match visibility {
        Visibility::Public if is_guest && !grants.anonymous_reading => Granted::No,
        Visibility::Open | Visibility::Public if reads => Granted::Yes,
        Visibility::Open if !view_only => in_open_project(action, grants),
        _ => Granted::No,
    };
    witness.hear(Step::ByVisibility(granted));
    granted
}

/// Seeing a project and what is in it, bytes of artifacts included.
fn reads_project(action: Action) -> bool {
    action.area().is_inside_project() && (action.is_read() || action.is_download())
}

/// A member's cells, without changing or deleting what others made.
fn in_open_project(action: Action, grants: &Grants) -> Granted {
    match (action, action.area()) {
        (Action::ArtifactDelete, _) => Granted::No,
        (Action::RunUpdate, _) if !grants.owns => Granted::OnlyOwn,
        (_, Area::Experiments | Area::Reports | Area::Artifacts) => best(action, grants, [Column::Member], &mut ()),
        _ => Granted::No,
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
