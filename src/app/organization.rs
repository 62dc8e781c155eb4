//! Organizations: making, listing, renaming and deleting them, and putting people into them.

/// Who belongs to an organization, and to which of its teams.
pub mod people;

use super::audit::{self, Event};
use super::existing::{existing, gone, missing, name_of_existing};
use super::page::{PAGE, Page};
use super::user::change::check_active;
use super::{App, Error, last_admin, seat};
use crate::access::{Action, Allowed, Caller, Licence, OrganizationRole};
use crate::db::repo::organization::{self, FoundOrganization};
use crate::db::repo::user;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::entity::Organization;
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::User;

/// The organization that a new instance starts with.
const FIRST_NAME: &str = "default";

/// A person's place in an organization or a team.
#[derive(Debug, Clone)]
pub struct Membership<R> {
    pub id: UserId,
    pub user: User,
    pub role: R,
    /// The name of the custom role on top of it.
    pub custom_role: Option<String>,
    pub since: Timestamp,
}

impl App {
    pub async fn create_organization(&self, caller: &Caller, name: &str) -> Result<Organization, Error> {
        let (caller, licence) = (*caller, self.licence());
        // Who may not is told so, whatever the name.
        caller.may(Action::OrgCreate, user::instance(), &licence)?;
        let name = EntityName::parse(name).map_err(|why| Error::invalid("name", &why))?;
        let created = self.db.write(move |tx| {
            let instance = caller.may(Action::OrgCreate, user::instance(), &licence)?;
            let created = organization::create(tx, &instance, name.clone())?;
            audit::record(tx, &caller, Event::new(AuditAction::OrganizationCreate).organization(&created))?;
            Ok::<_, Error>(created)
        });
        let created = created.await?;
        tracing::info!(organization.id = %created.id, "created an organization");
        Ok(created.organization)
    }

    /// One whose members the caller may manage.
    pub async fn show_organization(&self, caller: &Caller, name: &str) -> Result<Organization, Error> {
        let name = name_of_existing("organization", name)?;
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| find(tx, &caller, Action::OrgMembers, &name, &licence)).await?;
        Ok(found.into_inner().organization)
    }

    /// Gives it another name. The old one leads to it, so that paths and scripts go on.
    pub async fn rename_organization(&self, caller: &Caller, name: &str, to: &str) -> Result<Organization, Error> {
        let name = name_of_existing("organization", name)?;
        let to = to.to_owned();
        let (caller, licence) = (*caller, self.licence());
        let renamed = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::OrgUpdate, &name, &licence)?;
            let to = EntityName::parse(&to).map_err(|why| Error::invalid("name", &why))?;
            if to == found.organization.name {
                return Ok((found.id, found.organization.clone()));
            }
            let (organization, entity) = organization::rename(tx, &found, to)?;
            let event = Event::new(AuditAction::OrganizationUpdate).entity(organization.entity, &entity);
            audit::record(
                tx,
                &caller,
                event.detail("old_name", &found.organization.name).detail("name", &organization.name),
            )?;
            Ok::<_, Error>((found.id, organization))
        });
        let (id, organization) = renamed.await?;
        tracing::info!(organization.id = %id, "renamed an organization");
        Ok(organization)
    }

    /// Refused for one that has teams, and for the last one: people have to belong somewhere.
    pub async fn delete_organization(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        // Checked on the instance first: who may not delete any learns nothing about this one.
        caller.may(Action::OrgDelete, user::instance(), &licence)?;
        let name = name_of_existing("organization", name)?;
        let deleted = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::OrgDelete, &name, &licence)?;
            if organization::has_teams(tx, &found)? {
                let why = format!("organization `{name}` still has teams, perhaps in the trash; delete them first");
                return Err(Error::Conflict(why));
            }
            if organization::ids(tx, None, 2)?.len() < 2 {
                let why = format!("organization `{name}` is the last one; make another one first");
                return Err(Error::Conflict(why));
            }
            organization::delete(tx, &found)?;
            audit::record(tx, &caller, Event::new(AuditAction::OrganizationDelete).organization(&found))?;
            Ok(found.id)
        });
        let id = deleted.await?;
        tracing::info!(organization.id = %id, "deleted an organization");
        Ok(())
    }

    /// The organizations whose members the caller may manage, oldest first, after the one `after`.
    pub async fn list_organizations(
        &self,
        caller: &Caller,
        after: Option<OrganizationId>,
    ) -> Result<Page<Organization, OrganizationId>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let ids = organization::ids(tx, after, PAGE)?;
            let next = ids.last().copied().filter(|_| ids.len() == PAGE);
            let mut items = Vec::new();
            for id in ids {
                let Some(found) = organization::get(tx, &caller, id)? else { continue };
                let managed = caller.may(Action::OrgMembers, found, &licence).ok();
                items.extend(managed.map(|found| found.into_inner().organization));
            }
            Ok::<_, Error>(Page { items, next })
        });
        listed.await
    }

    /// Makes the person a member with this role, or changes the role they have. Asking again changes nothing.
    pub async fn put_organization_member(
        &self,
        caller: &Caller,
        organization: &str,
        username: &str,
        role: &str,
    ) -> Result<Membership<OrganizationRole>, Error> {
        let name = name_of_existing("organization", organization)?;
        let (username, role) = (username.to_owned(), role.to_owned());
        let (caller, licence) = (*caller, self.licence());
        let put = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let role = parse_role(&role)?;
            let (id, user) = person(tx, &username)?;
            let before = organization::member(tx, found.id, id)?;
            let member = match before {
                Some(member) if member.role == role => member,
                before => {
                    if before.is_none() {
                        check_active(&user)?;
                    }
                    if role != OrganizationRole::Admin {
                        last_admin::check_organization(tx, found.id, id)?;
                    }
                    if role == OrganizationRole::Viewer {
                        last_admin::check_teams_of(tx, found.id, id)?;
                    }
                    check_giving(tx, &caller, found.id, role, &licence)?;
                    let member = organization::put_member(tx, &found, id, role)?;
                    seat::take(tx, id, &licence)?;
                    let event = Event::new(AuditAction::OrganizationMember).organization(&found).user(id, &user);
                    let event = event.role(before.map(|before| before.role.as_str()), Some(role.as_str()));
                    audit::record(tx, &caller, event)?;
                    member
                }
            };
            Ok::<_, Error>((
                found.id,
                id,
                Membership { id, user, role: member.role, custom_role: None, since: member.since },
            ))
        });
        let (organization, id, member) = put.await?;
        tracing::info!(%organization, user.id = %id, role = member.role.as_str(), "set a role in an organization");
        Ok(member)
    }

    /// Takes the person out of the organization and of its teams; what they made stays.
    pub async fn remove_organization_member(
        &self,
        caller: &Caller,
        organization: &str,
        username: &str,
    ) -> Result<(), Error> {
        let name = name_of_existing("organization", organization)?;
        let username = username.to_owned();
        let (caller, licence) = (*caller, self.licence());
        let removed = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::OrgMembers, &name, &licence)?;
            let (id, user) = person(tx, &username)?;
            let no_member = || Error::NotFound(format!("`{username}` is no member of organization `{name}`"));
            let member = organization::member(tx, found.id, id)?.ok_or_else(no_member)?;
            last_admin::check_organization(tx, found.id, id)?;
            last_admin::check_teams_of(tx, found.id, id)?;
            organization::remove_member(tx, &found, id)?;
            seat::settle(tx, id)?;
            let event = Event::new(AuditAction::OrganizationMember).organization(&found).user(id, &user);
            audit::record(tx, &caller, event.role(Some(member.role.as_str()), None))?;
            Ok::<_, Error>((found.id, id))
        });
        let (organization, id) = removed.await?;
        tracing::info!(%organization, user.id = %id, "removed a member from an organization");
        Ok(())
    }

    /// The organization that a new instance starts with, made when there is none: the last one cannot be deleted.
    pub(super) async fn make_first_organization(&self) -> Result<(), Error> {
        let is_there = self.db.read(|tx| organization::first_id(tx).map_err(Error::from)).await?.is_some();
        if !is_there {
            self.create_organization(&Caller::SYSTEM, FIRST_NAME).await?;
        }
        Ok(())
    }
}

/// Where a new person is to be put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum JoinOrganization {
    /// The oldest organization of the instance.
    #[default]
    First,
    None,
    Named(String),
}

/// Makes a new person a member of the organization that was asked for.
pub(super) fn join(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    (id, user): (UserId, &User),
    which: &JoinOrganization,
    licence: &Licence,
) -> Result<(), Error> {
    let unknown = |name: &str| {
        let message = format!("organization `{name}` does not exist");
        Error::Invalid { field: "organization", message }
    };
    let (found, name) = match which {
        JoinOrganization::None => return Ok(()),
        JoinOrganization::First => {
            let first = organization::first_id(tx)?.map(|id| organization::get(tx, caller, id)).transpose()?;
            (first.flatten(), FIRST_NAME)
        }
        JoinOrganization::Named(text) => {
            let name = EntityName::parse(text).map_err(|_| unknown(text))?;
            (organization::find(tx, caller, &name)?, text.as_str())
        }
    };
    let found = existing(caller, Action::OrgMembers, found, licence, || unknown(name))?;
    add_member(tx, caller, &found, (id, user))
}

/// Makes somebody a member who is in the organization not yet.
pub(super) fn add_member(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Allowed<FoundOrganization>,
    person: (UserId, &User),
) -> Result<(), Error> {
    add_with_role(tx, caller, found, person, OrganizationRole::Member)
}

/// The same, with the role they were invited to.
pub(super) fn add_with_role(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    found: &Allowed<FoundOrganization>,
    (id, user): (UserId, &User),
    role: OrganizationRole,
) -> Result<(), Error> {
    organization::put_member(tx, found, id, role)?;
    let event = Event::new(AuditAction::OrganizationMember).organization(found).user(id, user);
    audit::record(tx, caller, event.role(None, Some(role.as_str())))
}

pub(super) fn find(
    tx: &impl Read,
    caller: &Caller,
    action: Action,
    name: &EntityName,
    licence: &Licence,
) -> Result<Allowed<FoundOrganization>, Error> {
    existing(caller, action, organization::find(tx, caller, name)?, licence, || missing("organization", name))
}

/// A person whom somebody names who may manage members, and so may learn who exists.
pub(super) fn person(tx: &impl Read, username: &str) -> Result<(UserId, User), Error> {
    let name = name_of_existing("person", username)?;
    let id = user::id_named(tx, &name)?.ok_or_else(|| missing("person", &name))?;
    let user = user::get(tx, id)?.ok_or_else(|| missing("person", &name))?;
    Ok((id, user))
}

/// What giving the role needs beyond the right to manage members: a viewer is view-only in every team.
pub(super) fn check_giving(
    tx: &impl Read,
    caller: &Caller,
    at: OrganizationId,
    role: OrganizationRole,
    licence: &Licence,
) -> Result<(), Error> {
    match role {
        OrganizationRole::Admin | OrganizationRole::Member => return Ok(()),
        OrganizationRole::Viewer => {}
    }
    let found = organization::get(tx, caller, at)?;
    existing(caller, Action::RoleAssignViewOnly, found, licence, || gone("organization"))?;
    Ok(())
}

pub(super) fn parse_role(text: &str) -> Result<OrganizationRole, Error> {
    OrganizationRole::parse(text).ok_or_else(|| {
        let message = format!("there is no role `{text}` in an organization; the roles are admin, member and viewer");
        Error::Invalid { field: "role", message }
    })
}
