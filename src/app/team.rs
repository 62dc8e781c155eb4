//! Teams: making and listing them, and who belongs to them.

mod introduction;
/// Images of other hosts in introductions.
mod outside_image;
/// How teams show themselves.
pub mod profile;
/// Other names for teams.
mod rename;
/// Deleting teams, and restoring them.
pub mod trash;

use super::audit::{self, Event};
use super::connector::attach;
use super::existing::{existing, missing, name_of_existing};
use super::organization::{self as home, Membership, person};
use super::page::{PAGE, Page};
use super::service_account::HomeNamed;
use super::team_role::{self, only_viewer};
use super::user::change::check_active;
use super::{App, Error, last_admin, seat};
use crate::access::{Action, Allowed, Caller, Licence, OrganizationRole, TeamRole};
use crate::db::DbError;
use crate::db::repo::team::{self, FoundTeam};
use crate::db::repo::{custom_role, entity, organization, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::entity::{Entity, TeamMember};
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::User;

/// How many teams one request looks at to find those that the caller sees.
const LOOKED_AT_MAX: usize = 1000;

/// A team to be.
#[derive(Debug, Clone)]
pub struct CreateTeam {
    pub name: String,
    pub organization: String,
    /// Its first members; nobody else becomes one by making it.
    pub admins: Vec<String>,
}

/// A team to be in the organization of whoever makes it.
#[derive(Debug, Clone)]
pub struct NewTeamAt {
    pub name: String,
    /// Its first member; without one whoever makes it.
    pub admin: Option<String>,
}

/// A team, and the name of the organization that owns it.
#[derive(Debug, Clone)]
pub struct Team {
    pub id: EntityId,
    pub entity: Entity,
    pub organization: EntityName,
}

/// Where a list of teams goes on.
pub type TeamCursor = (OrganizationId, EntityId);

impl App {
    pub async fn create_team(&self, caller: &Caller, input: CreateTeam) -> Result<Team, Error> {
        self.create_team_in(caller, input, None).await
    }

    /// One whose bytes go to the store of this connector from the beginning.
    pub async fn create_team_in(
        &self,
        caller: &Caller,
        input: CreateTeam,
        connector: Option<&str>,
    ) -> Result<Team, Error> {
        let organization = name_of_existing("organization", &input.organization)?;
        let ready = match connector.filter(|name| !attach::is_default(name)) {
            Some(name) => Some(self.ready_for_new_team(caller, &organization, name).await?),
            None => None,
        };
        let (caller, licence, marked) = (*caller, self.licence(), ready.clone());
        let created = self.db.write(move |tx| {
            let gone = || missing("organization", &organization);
            let find = |tx: &WriteTx<'_>| organization::find(tx, &caller, &organization);
            let at = existing(&caller, Action::TeamCreate, find(tx)?, &licence, gone)?;
            let name = EntityName::parse(&input.name).map_err(|why| Error::invalid("name", &why))?;
            seat::check_new_team(tx, &licence)?;
            let admins = people(tx, &input.admins)?;
            for (id, person) in &admins {
                match organization::member(tx, at.id, *id)?.map(|member| member.role) {
                    Some(OrganizationRole::Viewer) => return Err(only_viewer(&person.name, &organization)),
                    Some(_) => {}
                    None => {
                        let members = existing(&caller, Action::OrgMembers, find(tx)?, &licence, gone)?;
                        home::add_member(tx, &caller, &members, (*id, person))?;
                    }
                }
            }
            let ids: Vec<UserId> = admins.iter().map(|(id, _)| *id).collect();
            let team = team::create(tx, &at, name, &ids)?;
            audit::record(tx, &caller, Event::new(AuditAction::TeamCreate).team(&team))?;
            if let Some(ready) = &ready {
                attach::attach_new(tx, &caller, &team.entity.name, ready, &licence)?;
            }
            for (id, person) in &admins {
                let event = Event::new(AuditAction::TeamMember).team(&team).user(*id, person);
                audit::record(tx, &caller, event.role(None, Some(TeamRole::Admin.as_str())))?;
                seat::take(tx, *id, &licence)?;
            }
            Ok::<_, Error>((team, organization.clone()))
        });
        let (team, organization) = match marked {
            Some(marked) => self.unless_failed(marked, created.await).await?,
            None => created.await?,
        };
        tracing::info!(team.id = %team.id, "created a team");
        Ok(Team { id: team.id, entity: team.entity, organization })
    }

    /// Makes a team in the first organization of the caller, or of the instance for who is in none.
    pub async fn create_team_at_home(&self, caller: &Caller, new: NewTeamAt) -> Result<Team, Error> {
        let asking = *caller;
        let home = self.db.read(move |tx| {
            let own = match asking.user_id() {
                Some(user) => entity::organizations_of(tx, user)?.into_iter().next(),
                None => None,
            };
            let home = own.map_or_else(|| organization::first_id(tx), |own| Ok(Some(own)))?;
            let organization = home.map(|id| organization::name_of(tx, id)).transpose()?.flatten();
            let user = asking.user_id().map(|id| user::get(tx, id)).transpose()?.flatten();
            Ok::<_, Error>((organization, user.map(|user| user.name.to_string())))
        });
        let (organization, own_name) = home.await?;
        let organization = organization.ok_or_else(|| missing("organization", "default"))?.to_string();
        let admins = new.admin.or(own_name).into_iter().collect();
        self.create_team(caller, CreateTeam { name: new.name, organization, admins }).await
    }

    /// The teams that the caller sees, of one organization or of all. A page may be short, or empty, and have a next.
    pub async fn list_teams(
        &self,
        caller: &Caller,
        organization: Option<&str>,
        after: Option<TeamCursor>,
    ) -> Result<Page<Team, TeamCursor>, Error> {
        let organization = match organization {
            // Like an organization without a team that the caller sees.
            Some(text) => match EntityName::parse(text) {
                Ok(name) => Some(name),
                Err(_) => return Ok(Page { items: Vec::new(), next: None }),
            },
            None => None,
        };
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let within = match &organization {
                Some(name) => match organization::id_named(tx, name)? {
                    Some(id) => Some(id),
                    None => return Ok(Page { items: Vec::new(), next: None }),
                },
                None => None,
            };
            let ids = team::ids(tx, within, after, LOOKED_AT_MAX)?;
            let mut next = ids.last().copied().filter(|_| ids.len() == LOOKED_AT_MAX);
            let mut items = Vec::new();
            for cursor in ids {
                let Some(found) = team::get(tx, &caller, cursor.1)? else { continue };
                let Ok(found) = caller.may(Action::TeamRead, found, &licence) else { continue };
                items.push(with_organization(tx, found)?);
                if items.len() == PAGE {
                    next = Some(cursor);
                    break;
                }
            }
            Ok::<_, Error>(Page { items, next })
        });
        listed.await
    }

    pub async fn list_team_members(
        &self,
        caller: &Caller,
        team: &str,
        after: Option<UserId>,
    ) -> Result<Page<Membership<TeamRole>, UserId>, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let found = find(tx, &caller, Action::TeamRead, &name, &licence)?;
            let mut members = Vec::new();
            for (id, member) in team::members(tx, &found, after, PAGE)? {
                let Some(user) = user::get(tx, id)? else { continue };
                members.push((id, membership(tx, id, user, &member)?));
            }
            Ok::<_, Error>(Page::of(members))
        });
        listed.await
    }

    /// Makes the person a member with this role, or changes the role they have. Asking again changes nothing.
    pub async fn put_team_member(
        &self,
        caller: &Caller,
        team: &str,
        username: &str,
        role: &str,
    ) -> Result<Membership<TeamRole>, Error> {
        let name = name_of_existing("team", team)?;
        let (username, role) = (username.to_owned(), role.to_owned());
        let (caller, licence) = (*caller, self.licence());
        let put = self.db.write(move |tx| {
            let (id, _) = team::id_named(tx, &name)?.ok_or_else(|| missing("team", &name))?;
            let place = place_of(tx, id, &username)?;
            let action = if place.is_some() { Action::TeamRoleChange } else { Action::TeamMemberAdd };
            let found = find(tx, &caller, action, &name, &licence)?;
            let given = team_role::parse(tx, found.organization, &role)?;
            let (user, person, member) = match place {
                Some((user, member)) => {
                    let person = user::get(tx, user)?.ok_or_else(|| missing("person", &username))?;
                    (user, person, Some(member))
                }
                None => {
                    let (user, person) = join_organization(tx, &caller, &found, &username, &licence)?;
                    (user, person, None)
                }
            };
            let member = match member {
                Some(member) if member.given() == given => member,
                before => {
                    team_role::check_giving(tx, &caller, &found, given, &licence)?;
                    team_role::check_taking(tx, &found, (user, &person.name), given)?;
                    let member = match before {
                        Some(before) => {
                            if given.base != TeamRole::Admin {
                                last_admin::check_team(tx, found.id, user)?;
                            }
                            team::change_role(tx, &found, user, before, given)?
                        }
                        None => team::add_member(tx, &found, user, given)?,
                    };
                    let was = before.map(|before| team_role::name_of(tx, before.given())).transpose()?;
                    let event = Event::new(AuditAction::TeamMember).team(&found).user(user, &person);
                    let event = event.role(was.as_deref(), Some(&team_role::name_of(tx, given)?));
                    audit::record(tx, &caller, event)?;
                    member
                }
            };
            seat::take(tx, user, &licence)?;
            Ok::<_, Error>((found.id, user, membership(tx, user, person, &member)?))
        });
        let (team, user, member) = put.await?;
        tracing::info!(team.id = %team, user.id = %user, role = member.role.as_str(), "set a role in a team");
        Ok(member)
    }

    /// The same by the id of a person, or of a service account of the team, which is deleted with its keys.
    pub async fn remove_team_member_by_id(&self, caller: &Caller, team: &str, id: UserId) -> Result<(), Error> {
        let found = self.db.read(move |tx| user::get(tx, id).map_err(Error::from)).await?;
        if let Some(account) = found.as_ref().filter(|user| user.service.is_some()) {
            let home = HomeNamed::Team(team.to_owned());
            return self.delete_service_account(caller, home, account.name.as_str()).await;
        }
        // Nobody of that id is answered like somebody who is no member.
        let username = found.map_or_else(|| id.to_string(), |user| user.name.to_string());
        self.remove_team_member(caller, team, &username).await
    }

    /// Takes the person out, or lets them leave; what they made stays.
    pub async fn remove_team_member(&self, caller: &Caller, team: &str, username: &str) -> Result<(), Error> {
        let name = name_of_existing("team", team)?;
        let username = username.to_owned();
        let (caller, licence) = (*caller, self.licence());
        let removed = self.db.write(move |tx| {
            let (id, _) = team::id_named(tx, &name)?.ok_or_else(|| missing("team", &name))?;
            let place = place_of(tx, id, &username)?;
            let leaves = place.is_some_and(|(user, _)| caller.user_id() == Some(user));
            let action = if leaves { Action::TeamLeave } else { Action::TeamMemberRemove };
            let found = find(tx, &caller, action, &name, &licence)?;
            let no_member = || Error::NotFound(format!("`{username}` is no member of team `{name}`"));
            let (user, member) = place.ok_or_else(no_member)?;
            last_admin::check_team(tx, found.id, user)?;
            team::remove_member(tx, &found, user)?;
            seat::settle(tx, user)?;
            let person = user::get(tx, user)?.ok_or_else(no_member)?;
            let event = Event::new(AuditAction::TeamMemberRemove).team(&found).user(user, &person);
            let was = team_role::name_of(tx, member.given())?;
            audit::record(tx, &caller, event.role(Some(&was), None))?;
            Ok::<_, Error>((found.id, user))
        });
        let (team, user) = removed.await?;
        tracing::info!(team.id = %team, user.id = %user, "removed a member from a team");
        Ok(())
    }
}

pub(super) fn find(
    tx: &impl Read,
    caller: &Caller,
    action: Action,
    name: &EntityName,
    licence: &Licence,
) -> Result<Allowed<FoundTeam>, Error> {
    existing(caller, action, team::find(tx, caller, name)?, licence, || missing("team", name))
}

fn with_organization(tx: &impl Read, found: Allowed<FoundTeam>) -> Result<Team, Error> {
    let found = found.into_inner();
    let organization = organization::name_of(tx, found.organization)?;
    let organization = organization.ok_or_else(|| DbError::Damaged("a team without its organization".into()))?;
    Ok(Team { id: found.id, entity: found.entity, organization })
}

/// The member of that name. It decides which action is asked for, and is shown to nobody before the check.
fn place_of(tx: &impl Read, team: EntityId, username: &str) -> Result<Option<(UserId, TeamMember)>, Error> {
    let Ok(name) = EntityName::parse(username) else { return Ok(None) };
    let Some(user) = user::id_named(tx, &name)? else { return Ok(None) };
    Ok(team::member(tx, team, user)?.map(|member| (user, member)))
}

/// The people of these names, each once.
fn people(tx: &impl Read, usernames: &[String]) -> Result<Vec<(UserId, User)>, Error> {
    let mut found: Vec<(UserId, User)> = Vec::new();
    for username in usernames {
        let named = person(tx, username).and_then(|found| check_active(&found.1).map(|()| found));
        let (id, person) = named.map_err(|error| match error {
            Error::NotFound(message) | Error::Conflict(message) => Error::Invalid { field: "admins", message },
            other => other,
        })?;
        if found.iter().all(|(other, _)| *other != id) {
            found.push((id, person));
        }
    }
    Ok(found)
}

/// A person who is to join the team: of its organization, or put into it now by somebody who may do that.
/// To the others people outside do not exist.
fn join_organization(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    team: &Allowed<FoundTeam>,
    username: &str,
    licence: &Licence,
) -> Result<(UserId, User), Error> {
    let found = organization::get(tx, caller, team.organization)?;
    let found = found.ok_or_else(|| DbError::Damaged("a team without its organization".into()))?;
    let manages = caller.may(Action::OrgMembers, found, licence).ok();
    let outside = |error| {
        let is_seen = manages.is_some() || !matches!(error, Error::NotFound(_));
        if is_seen { error } else { not_in_organization(username) }
    };
    let (id, person) = person(tx, username).map_err(outside)?;
    let is_inside = organization::member(tx, team.organization, id)?.is_some();
    if !is_inside && manages.is_none() {
        return Err(not_in_organization(username));
    }
    check_active(&person)?;
    if let Some(manages) = manages.filter(|_| !is_inside) {
        home::add_member(tx, caller, &manages, (id, &person))?;
    }
    Ok((id, person))
}

fn not_in_organization(username: &str) -> Error {
    let message = format!("`{username}` is not in the team's organization; ask one of its admins to add them");
    Error::NotFound(message)
}

/// A member with the name of the custom role they hold.
fn membership(tx: &impl Read, id: UserId, user: User, member: &TeamMember) -> Result<Membership<TeamRole>, Error> {
    let custom = member.custom_role.map(|role| custom_role::get(tx, role)).transpose()?.flatten();
    let custom_role = custom.map(|role| role.name.to_string());
    Ok(Membership { id, user, role: member.role, custom_role, since: member.since })
}
