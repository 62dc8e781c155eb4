//! Roles in one project, instead of the one in the team: who is let into a restricted project, and who may do more or
//! less in a project than elsewhere in the team.

use super::audit::{self, Event};
use super::existing::{existing, gone, missing};
use super::page::{PAGE, Page};
use super::project::{FoundProject, ProjectPath};
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence, TeamRole, Visibility};
use crate::db::repo::{organization, project, project_member, service_account, team, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::entity::{EntityKind, TeamMember};
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::role::OrganizationRole;
use crate::domain::user::User;

/// Somebody with a role of their own in a project.
#[derive(Debug, Clone)]
pub struct ProjectMembership {
    pub user: User,
    /// `None`: the role in the team counts.
    pub role: Option<TeamRole>,
    pub team_role: TeamRole,
    pub since: Option<Timestamp>,
}

impl App {
    /// Those with a role of their own in the project, for people of the team who see it.
    pub async fn list_project_members(
        &self,
        caller: &Caller,
        at: ProjectPath,
        after: Option<UserId>,
    ) -> Result<Page<ProjectMembership, UserId>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let found = find(tx, &caller, Action::ProjectRead, &at, &licence)?;
            let gone = || missing("project", format_args!("{}/{}", at.entity, at.project));
            let team = team::get(tx, &caller, found.entity.id)?;
            existing(&caller, Action::TeamRead, team, &licence, gone)?;
            let mut members = Vec::new();
            for (id, member) in project_member::list(tx, &found, after, PAGE)? {
                let (Some(user), Some(place)) = (user::get(tx, id)?, team::place_of(tx, found.entity.id, id)?) else {
                    continue;
                };
                let (role, since) = (Some(member.role), Some(member.since));
                members.push((id, ProjectMembership { user, role, team_role: place.role, since }));
            }
            Ok::<_, Error>(Page::of(members))
        });
        listed.await
    }

    /// Gives a member of the team this role in the project; with `None` the role in the team counts again, and a
    /// restricted project is closed to them.
    pub async fn put_project_member(
        &self,
        caller: &Caller,
        at: ProjectPath,
        username: &str,
        role: Option<&str>,
    ) -> Result<ProjectMembership, Error> {
        let role = role.map(parse_role).transpose()?;
        let username = username.to_owned();
        let (caller, licence) = (*caller, self.licence());
        let put = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::ProjectMembers, &at, &licence)?;
            let (id, user, place) = team_member(tx, &found, &username)?;
            let before = project_member::find(tx, found.id, id)?;
            let is_same = before.map(|member| member.role) == role;
            if !is_same {
                check(tx, &caller, &found, (id, &user, place), (before.map(|it| it.role), role), &licence)?;
            }
            let member = match role {
                Some(role) => Some(project_member::put(tx, &found, id, role)?),
                None => {
                    project_member::remove(tx, &found, id)?;
                    None
                }
            };
            if !is_same {
                record(tx, &caller, &found, (id, &user), (before.map(|before| before.role), role))?;
            }
            let since = member.map(|member| member.since);
            Ok::<_, Error>((found.id, id, ProjectMembership { user, role, team_role: place.role, since }))
        });
        let (project, user, member) = put.await?;
        let role = role.map_or("the team's", TeamRole::as_str);
        tracing::info!(project.id = %project, user.id = %user, role, "set a role in a project");
        Ok(member)
    }
}

fn find(
    tx: &impl Read,
    caller: &Caller,
    action: Action,
    at: &ProjectPath,
    licence: &Licence,
) -> Result<Allowed<FoundProject>, Error> {
    let gone = || missing("project", format_args!("{}/{}", at.entity, at.project));
    existing(caller, action, project::find(tx, caller, at)?, licence, gone)
}

/// A person of the project's team, or a service account that takes part in it; to whoever shares a project of it all of them exist.
pub(super) fn team_member(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    username: &str,
) -> Result<(UserId, User, TeamMember), Error> {
    let entity = &project.entity;
    if matches!(entity.entity.kind, EntityKind::Person(_)) {
        let why = format!(
            "`{}` is a person's own, and nobody else works in it; move the runs into a team",
            entity.entity.name
        );
        return Err(Error::Conflict(why));
    }
    let outside = || Error::NotFound(format!("`{username}` is no member of team `{}`", entity.entity.name));
    let name = EntityName::parse(username).map_err(|_| outside())?;
    let id = match user::id_named(tx, &name)? {
        Some(id) => id,
        None => service_account::named(tx, &name)?.ok_or_else(outside)?.0,
    };
    let place = team::place_of(tx, entity.id, id)?.ok_or_else(outside)?;
    let user = user::get(tx, id)?.ok_or_else(outside)?;
    Ok((id, user, place))
}

/// Whether the member can have the role, and whether it is this caller's to give.
fn check(
    tx: &impl Read,
    caller: &Caller,
    found: &Allowed<FoundProject>,
    (id, user, place): (UserId, &User, TeamMember),
    (before, role): (Option<TeamRole>, Option<TeamRole>),
    licence: &Licence,
) -> Result<(), Error> {
    let name = &user.name;
    if user.service.is_some() && role.is_some_and(|role| role != TeamRole::Member) {
        let why = format!("`{name}` is a service account, which takes part in a project as a member");
        return Err(Error::invalid("role", &why));
    }
    if role.is_some() && place.role == TeamRole::Admin {
        return Err(Error::Conflict(format!("`{name}` is an admin of the team, and so of every project of it")));
    }
    if role > Some(TeamRole::ViewOnly) && is_view_only(tx, found, id, place)? {
        let why = format!(
            "`{name}` is view-only in the team, and so in every project of it; change the role in the team first"
        );
        return Err(Error::Conflict(why));
    }
    if role.is_none() && found.project.visibility == Visibility::Restricted && found.project.owner == Some(id) {
        let why = format!("`{name}` owns this restricted project; hand it on to somebody else first");
        return Err(Error::Conflict(why));
    }
    if role == Some(TeamRole::ViewOnly) {
        let project = project::get(tx, caller, found.id)?;
        existing(caller, Action::RoleAssignViewOnly, project, licence, || gone("project"))?;
    }
    // An owner who is no admin here makes nobody an admin, and does not unmake one.
    if role.max(before) == Some(TeamRole::Admin) {
        let project = project::get(tx, caller, found.id)?;
        let is_admin = project.is_some_and(|project| caller.may(Action::ProjectDelete, project, licence).is_ok());
        if !is_admin {
            return Err(Error::Forbidden(
                "only an admin of the project makes somebody an admin of it, or changes what one is".into(),
            ));
        }
    }
    Ok(())
}

fn is_view_only(tx: &impl Read, found: &Allowed<FoundProject>, id: UserId, place: TeamMember) -> Result<bool, Error> {
    let EntityKind::Team(at) = found.entity.entity.kind else { return Ok(false) };
    let in_organization = organization::member(tx, at, id)?;
    let is_viewer = in_organization.is_some_and(|member| member.role == OrganizationRole::Viewer);
    Ok(is_viewer || place.role == TeamRole::ViewOnly)
}

fn record(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Allowed<FoundProject>,
    (id, user): (UserId, &User),
    (before, after): (Option<TeamRole>, Option<TeamRole>),
) -> Result<(), Error> {
    let event = Event::new(AuditAction::ProjectMember).entity(found.entity.id, &found.entity.entity);
    let event = event.project(found.id, &found.project).user(id, user);
    audit::record(tx, caller, event.role(before.map(TeamRole::as_str), after.map(TeamRole::as_str)))
}

fn parse_role(text: &str) -> Result<TeamRole, Error> {
    TeamRole::parse(text).ok_or_else(|| {
        let why = format!("there is no role `{text}` in a project; the roles are admin, member and view_only");
        Error::invalid("role", &why)
    })
}
