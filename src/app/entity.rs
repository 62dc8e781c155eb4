//! Entities and organizations as the client's own queries see them. Governing them is in `organization` and `team`.

use super::project::{parse_or_none, seen};
use super::run::{RunPath, run_path};

use super::{App, Error};
use crate::access::{Action, Caller, Licence, Principal, Refusal};
use crate::db::repo::entity::{self, FoundEntity};
use crate::db::repo::{team, user};
use crate::db::schema::{ENTITIES, ORGANIZATIONS};
use crate::db::tx::Read;
use crate::domain::entity::EntityKind;
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;

/// An entity that the caller knows of.
#[derive(Debug, Clone)]
pub struct SeenEntity {
    pub id: EntityId,
    pub name: String,
    pub kind: EntityKind,
}

/// An organization that the caller knows of.
#[derive(Debug, Clone)]
pub struct SeenOrganization {
    pub id: OrganizationId,
    pub name: String,
    pub entity: SeenEntity,
}

impl From<FoundEntity> for SeenEntity {
    fn from(found: FoundEntity) -> Self {
        Self { id: found.id, name: found.entity.name.to_string(), kind: found.entity.kind }
    }
}

impl App {
    /// An entity by name, or the caller's own: one that the caller knows of.
    pub async fn find_entity(&self, caller: &Caller, name: Option<&str>) -> Result<Option<SeenEntity>, Error> {
        let Some(name) = parse_or_none(name) else { return Ok(None) };
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let found = match name {
                Some(name) => entity::named(tx, &name)?,
                None => entity::personal_of(tx, &caller)?,
            };
            let Some(found) = found else { return Ok(None) };
            let is_known = knows_of(tx, &caller, &found, &licence)? || is_listed(tx, &caller, &found, &licence)?;
            Ok::<_, Error>(is_known.then(|| found.into()))
        });
        found.await
    }

    /// The name of the entity that a path without one means.
    pub(super) async fn own_entity(&self, caller: &Caller) -> Result<Option<EntityName>, Error> {
        let caller = *caller;
        let found = self.db.read(move |tx| entity::personal_of(tx, &caller).map_err(Error::from)).await?;
        Ok(found.map(|found| found.entity.name))
    }

    /// The path of a run by the names that a request gives; a missing entity is the caller's own.
    pub async fn path_of_run(
        &self,
        caller: &Caller,
        entity: Option<&str>,
        project: &str,
        run: &str,
    ) -> Result<RunPath, Error> {
        match entity.filter(|name| !name.is_empty()) {
            Some(entity) => run_path(entity, project, run),
            None => {
                let own = self.own_entity(caller).await?.ok_or(Error::Unauthenticated)?;
                run_path(own.as_str(), project, run)
            }
        }
    }

    /// Where a person may log: their own entity first, then their teams. Others see the teams they share.
    pub async fn entities_of(&self, caller: &Caller, person: UserId) -> Result<Vec<SeenEntity>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let mut seen = Vec::new();
            let own = match user::get(tx, person)? {
                Some(user) => match user.service {
                    Some(home) => entity::teams_of_service_account(tx, home, user.entity)?,
                    None => entity::teams_of(tx, person)?,
                },
                None => Vec::new(),
            };
            if caller.user_id() == Some(person) && caller.service.is_none() {
                seen.extend(entity::personal_of(tx, &caller)?.map(SeenEntity::from));
            }
            for team in own {
                if knows_of(tx, &caller, &team, &licence)? {
                    seen.push(team.into());
                }
            }
            Ok::<_, Error>(seen)
        });
        found.await
    }

    /// The organizations of the person, for themself.
    pub async fn organizations_of(&self, caller: &Caller, person: UserId) -> Result<Vec<SeenOrganization>, Error> {
        if caller.user_id() != Some(person) {
            return Ok(Vec::new());
        }
        let found = self.db.read(move |tx| {
            let mut seen = Vec::new();
            for id in entity::organizations_of(tx, person)? {
                seen.extend(organization(tx, id)?);
            }
            Ok::<_, Error>(seen)
        });
        found.await
    }

    /// An organization by name: one that the caller knows of.
    pub async fn find_organization(&self, caller: &Caller, name: &str) -> Result<Option<SeenOrganization>, Error> {
        // No name would be the caller's own entity.
        let named = Some(name).filter(|name| !name.is_empty());
        let found = match named {
            Some(_) => self.find_entity(caller, named).await?,
            None => None,
        };
        let Some(found) = found else { return Ok(None) };
        let seen = self.organization_of_entity(caller, found.id).await?;
        Ok(seen.filter(|seen| seen.entity.id == found.id))
    }

    /// The organization that an entity is in: a team's, or the first one of a person.
    pub async fn organization_of_entity(
        &self,
        caller: &Caller,
        id: EntityId,
    ) -> Result<Option<SeenOrganization>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let Some(entity) = ENTITIES.get(tx, &id)? else { return Ok(None) };
            let found = FoundEntity { id, entity };
            if !knows_of(tx, &caller, &found, &licence)? {
                return Ok(None);
            }
            let id = match found.entity.kind {
                EntityKind::Team(organization) | EntityKind::Organization(organization) => Some(organization),
                EntityKind::Person(person) => entity::organizations_of(tx, person)?.into_iter().next(),
                EntityKind::ServiceAccount(_) => None,
            };
            match id {
                Some(id) => Ok::<_, Error>(organization(tx, id)?),
                None => Ok(None),
            }
        });
        found.await
    }
}

fn organization(tx: &impl Read, id: OrganizationId) -> Result<Option<SeenOrganization>, Error> {
    let Some(found) = ORGANIZATIONS.get(tx, &id)? else { return Ok(None) };
    let name = found.name.to_string();
    let entity = SeenEntity { id: found.entity, name: name.clone(), kind: EntityKind::Organization(id) };
    Ok(Some(SeenOrganization { id, name, entity }))
}

/// Whether the caller may learn that the entity exists: a team by its own rule, the others by belonging to them or by
/// administering the instance.
pub(super) fn knows_of(tx: &impl Read, caller: &Caller, found: &FoundEntity, licence: &Licence) -> Result<bool, Error> {
    if let EntityKind::ServiceAccount(_) = found.entity.kind {
        return Ok(false); // a name, and nothing behind it
    }
    if let EntityKind::Team(_) = found.entity.kind {
        let team = entity::get(tx, caller, found.id)?;
        return Ok(seen(caller, Action::TeamRead, team, licence)?.is_some());
    }
    match caller.principal {
        Principal::Operator | Principal::System | Principal::User { system_admin: true, .. } => Ok(true),
        Principal::Anonymous => Ok(false),
        Principal::User { .. } => Ok(entity::holds_any_role(tx, caller, found)?),
    }
}

/// Whether it is a team that shows itself to everybody who is signed in.
pub(super) fn is_listed(
    tx: &impl Read,
    caller: &Caller,
    found: &FoundEntity,
    licence: &Licence,
) -> Result<bool, Error> {
    let Some(team) = team::get(tx, caller, found.id)? else { return Ok(false) };
    Ok(!matches!(caller.may(Action::TeamRead, team, licence), Err(Refusal::Hidden)))
}
