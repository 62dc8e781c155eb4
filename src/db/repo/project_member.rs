//! Roles that people of a team have in one project of it, instead of the one in the team.

use super::project::FoundProject;
use super::team;
use crate::access::{Action, Allowed, TeamRole};
use crate::db::DbError;
use crate::db::key::Key;
use crate::db::schema::{PROJECT_MEMBERS, PROJECTS_BY_MEMBER, TEAM_MEMBERS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::{EntityId, ProjectId, UserId};
use crate::domain::project::ProjectMember;

const PAGE: usize = 100;

/// Somebody's own role in the project, for code that goes on to check it.
pub fn find(tx: &impl Read, project: ProjectId, user: UserId) -> Result<Option<ProjectMember>, DbError> {
    PROJECT_MEMBERS.get(tx, &(project, user))
}

/// Who has a role of their own, in the order in which the people were made, after the person `after`.
pub fn list(
    tx: &impl Read,
    project: &Allowed<FoundProject>,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, ProjectMember)>, DbError> {
    project.must_be(Action::ProjectRead);
    let after = after.map(|user| (project.id, user));
    let found = PROJECT_MEMBERS.list(tx, &project.id, after.as_ref(), limit)?;
    Ok(found.into_iter().map(|((_, user), member)| (user, member)).collect())
}

/// Gives the person this role; who has one already keeps the day since when.
pub fn put(
    tx: &mut WriteTx<'_>,
    project: &Allowed<FoundProject>,
    user: UserId,
    role: TeamRole,
) -> Result<ProjectMember, PutError> {
    project.must_be(Action::ProjectMembers);
    let since = find(tx, project.id, user)?.map_or(tx.now(), |member| member.since);
    let member = ProjectMember { team: project.entity.id, role, since };
    PROJECT_MEMBERS.put(tx, &(project.id, user), &member)?;
    Ok(member)
}

/// Lets the owner into a project that becomes restricted, or that becomes theirs, with the role they have in the team.
/// Admins of the team are in anyway; who is not in the team stays outside.
pub fn keep_owner(tx: &mut WriteTx<'_>, project: &Allowed<FoundProject>, owner: UserId) -> Result<(), PutError> {
    let action = project.action();
    let admits = matches!(action, Action::ProjectMembers | Action::ProjectVisibility);
    assert!(admits, "checked for {action} and used for an owner's place in a project");
    match team::place_of(tx, project.entity.id, owner)? {
        Some(place) => let_in(tx, project.entity.id, project.id, (owner, place.role)),
        None => Ok(()),
    }
}

/// Lets whoever makes a restricted project into it.
pub(super) fn let_maker_in(
    tx: &mut WriteTx<'_>,
    team: EntityId,
    project: ProjectId,
    maker: UserId,
) -> Result<(), PutError> {
    // Who may make projects and is not listed in the team takes part as a member.
    let role = TEAM_MEMBERS.get(tx, &(team, maker))?.map_or(TeamRole::Member, |place| place.role);
    let_in(tx, team, project, (maker, role))
}

fn let_in(
    tx: &mut WriteTx<'_>,
    team: EntityId,
    project: ProjectId,
    (user, role): (UserId, TeamRole),
) -> Result<(), PutError> {
    if role == TeamRole::Admin || find(tx, project, user)?.is_some() {
        return Ok(());
    }
    let member = ProjectMember { team, role, since: tx.now() };
    PROJECT_MEMBERS.put(tx, &(project, user), &member)
}

/// The role in the team counts again.
pub fn remove(tx: &mut WriteTx<'_>, project: &Allowed<FoundProject>, user: UserId) -> Result<bool, DbError> {
    project.must_be(Action::ProjectMembers);
    PROJECT_MEMBERS.delete(tx, &(project.id, user))
}

/// With the person's place in the team: who comes back begins with the role in the team.
pub(super) fn remove_from_team(tx: &mut WriteTx<'_>, team: EntityId, user: UserId) -> Result<(), DbError> {
    remove_under(tx, &(user, team))
}

/// With the person.
pub(super) fn remove_person(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), DbError> {
    remove_under(tx, &user)
}

fn remove_under(tx: &mut WriteTx<'_>, prefix: &impl Key) -> Result<(), DbError> {
    loop {
        let page = PROJECTS_BY_MEMBER.list(tx, prefix, None, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        for (user, _, project) in page {
            PROJECT_MEMBERS.delete(tx, &(project, user))?;
        }
    }
}

/// With the project.
pub(super) fn remove_all(tx: &mut WriteTx<'_>, project: ProjectId) -> Result<(), DbError> {
    loop {
        let page = PROJECT_MEMBERS.keys(tx, &project, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        for key in page {
            PROJECT_MEMBERS.delete(tx, &key)?;
        }
    }
}
