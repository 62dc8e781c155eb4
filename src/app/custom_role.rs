//! Custom roles: what an organization's admins define, and its team admins give.

use super::audit::{self, Event};
use super::entity::knows_of;
use super::existing::{missing, name_of_existing};
use super::organization::find;
use super::{App, Error, seat};
use crate::access::{Action, ActionSet, Allowed, Caller, TeamRole};
use crate::db::repo::organization::{self, FoundOrganization};
use crate::db::repo::{custom_role, entity};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::custom_role::{CustomRole, RoleName};
use crate::domain::id::CustomRoleId;

/// Of one organization; the list of them has no pages.
const ROLES_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// A role to be.
#[derive(Debug, Clone)]
pub struct NewCustomRole {
    pub name: String,
    pub description: Option<String>,
    /// `member` or `view_only`.
    pub base: String,
    pub actions: Vec<String>,
}

/// What is to be changed of a role; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct ChangedCustomRole {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub base: Option<String>,
    pub actions: Option<Vec<String>>,
}

/// A role as a list shows it.
#[derive(Debug, Clone)]
pub struct ShownCustomRole {
    pub role: CustomRole,
    /// What its holders count as where keys and seats are given.
    pub seat: TeamRole,
}

impl From<CustomRole> for ShownCustomRole {
    fn from(role: CustomRole) -> Self {
        let seat = if custom_role::added(&role).writes() { role.base.max(TeamRole::Member) } else { role.base };
        Self { role, seat }
    }
}

impl App {
    /// The roles of an organization by name, for everybody who knows the organization.
    pub async fn list_custom_roles(&self, caller: &Caller, organization: &str) -> Result<Vec<ShownCustomRole>, Error> {
        let name = name_of_existing("organization", organization)?;
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let gone = || missing("organization", &name);
            let found = entity::named(tx, &name)?.ok_or_else(gone)?;
            let id = organization::id_named(tx, &name)?.ok_or_else(gone)?;
            if !knows_of(tx, &caller, &found, &licence)? {
                return Err(gone());
            }
            Ok(custom_role::list(tx, id, ROLES_MAX)?)
        });
        Ok(listed.await?.into_iter().map(ShownCustomRole::from).collect())
    }

    pub async fn create_custom_role(
        &self,
        caller: &Caller,
        organization: &str,
        new: NewCustomRole,
    ) -> Result<ShownCustomRole, Error> {
        let at = name_of_existing("organization", organization)?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::CustomRoleDefine, &at, &licence)?;
            let role = CustomRole {
                organization: found.id,
                name: parse_name(&new.name)?,
                description: parse_description(new.description.clone())?,
                base: parse_base(&new.base)?,
                actions: parse_actions(&new.actions)?,
                created_at: tx.now(),
            };
            check_free(tx, &role, None)?;
            if custom_role::list(tx, found.id, ROLES_MAX)?.len() >= ROLES_MAX {
                let why = format!("an organization has at most {ROLES_MAX} custom roles; delete one first");
                return Err(Error::Conflict(why));
            }
            let id = custom_role::create(tx, &found, &role)?;
            record(tx, &caller, AuditAction::CustomRoleCreate, &found, &role)?;
            Ok((id, role))
        });
        let (id, role) = created.await?;
        tracing::info!(custom_role.id = %id, "defined a custom role");
        Ok(role.into())
    }

    /// Changes a role at once for everybody who holds it.
    pub async fn update_custom_role(
        &self,
        caller: &Caller,
        organization: &str,
        role: &str,
        change: ChangedCustomRole,
    ) -> Result<ShownCustomRole, Error> {
        let (at, role) = (name_of_existing("organization", organization)?, role.to_owned());
        let (caller, licence) = (*caller, self.licence());
        let updated = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::CustomRoleDefine, &at, &licence)?;
            let (id, before) = named(tx, &found, &role)?;
            let mut changed = before.clone();
            if let Some(name) = &change.name {
                changed.name = parse_name(name)?;
            }
            if let Some(description) = &change.description {
                changed.description = parse_description(description.clone())?;
            }
            if let Some(base) = &change.base {
                changed.base = parse_base(base)?;
            }
            if let Some(actions) = &change.actions {
                changed.actions = parse_actions(actions)?;
            }
            if changed != before {
                check_free(tx, &changed, Some(id))?;
                custom_role::update(tx, &found, id, &changed)?;
                for holder in custom_role::holders(tx, id)? {
                    seat::take(tx, holder, &licence)?;
                }
                record(tx, &caller, AuditAction::CustomRoleUpdate, &found, &changed)?;
            }
            Ok::<_, Error>((id, changed))
        });
        let (id, changed) = updated.await?;
        tracing::info!(custom_role.id = %id, "changed a custom role");
        Ok(changed.into())
    }

    /// Deletes a role; who holds it goes on with its base.
    pub async fn delete_custom_role(&self, caller: &Caller, organization: &str, role: &str) -> Result<(), Error> {
        let (at, role) = (name_of_existing("organization", organization)?, role.to_owned());
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::CustomRoleDelete, &at, &licence)?;
            let (id, role) = named(tx, &found, &role)?;
            let holders = custom_role::holders(tx, id)?;
            custom_role::delete(tx, &found, id, &role)?;
            for holder in holders {
                seat::settle(tx, holder)?;
            }
            record(tx, &caller, AuditAction::CustomRoleDelete, &found, &role)?;
            Ok::<_, Error>(id)
        });
        let id = deleted.await?;
        tracing::info!(custom_role.id = %id, "deleted a custom role");
        Ok(())
    }
}

/// A role of the organization, named by somebody who may define or delete one.
fn named(tx: &impl Read, at: &Allowed<FoundOrganization>, text: &str) -> Result<(CustomRoleId, CustomRole), Error> {
    let gone = || missing("custom role", text);
    let name = RoleName::parse(text).map_err(|_| gone())?;
    custom_role::named(tx, at.id, &name)?.ok_or_else(gone)
}

fn check_free(tx: &impl Read, role: &CustomRole, own: Option<CustomRoleId>) -> Result<(), Error> {
    match custom_role::named(tx, role.organization, &role.name)? {
        Some((id, other)) if Some(id) != own => {
            let why = format!(
                "there is a custom role `{}` already; names that differ only in case, or in what stands \
                between their words, are the same",
                other.name
            );
            Err(Error::Conflict(why))
        }
        _ => Ok(()),
    }
}

fn record(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    action: AuditAction,
    at: &Allowed<FoundOrganization>,
    role: &CustomRole,
) -> Result<(), Error> {
    let event = Event::new(action).organization(at).detail("role", &role.name);
    let event = event.detail("base", role.base.as_str()).detail("actions", role.actions.join(" "));
    audit::record(tx, caller, event)
}

fn parse_name(text: &str) -> Result<RoleName, Error> {
    RoleName::parse(text).map_err(|why| Error::invalid("name", &why))
}

fn parse_description(text: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > DESCRIPTION_CHARS_MAX {
        let why = format!("the description of a role has at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(Error::invalid("description", &why));
    }
    Ok(Some(text))
}

fn parse_base(text: &str) -> Result<TeamRole, Error> {
    TeamRole::parse(text).filter(|base| *base != TeamRole::Admin).ok_or_else(|| {
        Error::invalid("base", &format!("a custom role builds on `member` or on `view_only`, not on `{text}`"))
    })
}

/// The names in the order of the table, each once.
fn parse_actions(names: &[String]) -> Result<Vec<String>, Error> {
    let mut actions = Vec::new();
    for name in names {
        let action =
            Action::named(name).ok_or_else(|| Error::invalid("actions", &format!("there is no action `{name}`")))?;
        if !action.can_be_added() {
            let why = format!(
                "`{name}` cannot be added by a role; what can are the actions on projects, experiments, reports, \
                 artifacts and models"
            );
            return Err(Error::invalid("actions", &why));
        }
        actions.push(action);
    }
    if actions.is_empty() {
        return Err(Error::invalid("actions", &"a custom role adds at least one action to its base"));
    }
    let set: ActionSet = actions.into_iter().collect();
    Ok(set.iter().map(|action| action.name().to_owned()).collect())
}
