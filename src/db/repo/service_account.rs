//! Service accounts of teams and organizations.

use super::organization::FoundOrganization;
use super::team::FoundTeam;
use super::{entity, project_member};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    API_KEYS, API_KEYS_BY_USER, ENTITIES, ENTITY_BY_NAME, ORGANIZATIONS, SERVICE_ACCOUNTS_OF_ORGANIZATION,
    SERVICE_ACCOUNTS_OF_TEAM, USERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::{EntityId, OrganizationId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::{ServiceHome, User};

const PAGE: usize = 100;

/// What service accounts belong to, checked for an action on them.
#[derive(Debug)]
pub enum AllowedHome {
    Team(Allowed<FoundTeam>),
    Organization(Allowed<FoundOrganization>),
}

impl AllowedHome {
    pub fn home(&self) -> ServiceHome {
        match self {
            Self::Team(team) => ServiceHome::Team(team.id),
            Self::Organization(organization) => ServiceHome::Organization(organization.id),
        }
    }

    #[track_caller]
    fn must_be(&self, of_team: Action, of_organization: Action) {
        match self {
            Self::Team(team) => team.must_be(of_team),
            Self::Organization(organization) => organization.must_be(of_organization),
        }
    }
}

/// An account to be, whose texts have been checked.
#[derive(Clone)]
pub struct NewServiceAccount {
    pub name: EntityName,
    pub description: Option<String>,
    /// Where its runs go that name no entity.
    pub team: EntityId,
}

/// Stores an account without a key.
pub fn create(tx: &mut WriteTx<'_>, at: &AllowedHome, new: NewServiceAccount) -> Result<(UserId, User), PutError> {
    at.must_be(Action::ServiceAccountCreate, Action::OrgServiceAccountCreate);
    let (id, entity, created_at) = (tx.new_id::<UserId>()?, tx.new_id::<EntityId>()?, tx.now());
    let kind = EntityKind::ServiceAccount(id);
    ENTITIES.put(tx, &entity, &Entity::new(new.name.clone(), kind, created_at))?;
    let account = User {
        name: new.name,
        email: String::new(),
        full_name: new.description,
        password_hash: None,
        system_admin: false,
        entity: new.team,
        created_at,
        deactivated_at: None,
        service: Some(at.home()),
    };
    USERS.put(tx, &id, &account)?;
    Ok((id, account))
}

/// In the order of their making, after the account `after`. Whether the caller may see them was checked on their home.
pub fn list(
    tx: &impl Read,
    home: ServiceHome,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, User)>, DbError> {
    let mut accounts = Vec::new();
    for id in ids(tx, home, after, limit)? {
        accounts.extend(USERS.get(tx, &id)?.map(|account| (id, account)));
    }
    Ok(accounts)
}

fn ids(tx: &impl Read, home: ServiceHome, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, DbError> {
    match home {
        ServiceHome::Team(team) => {
            let after = after.map(|user| (team, user));
            let found = SERVICE_ACCOUNTS_OF_TEAM.list(tx, &team, after.as_ref(), limit)?;
            Ok(found.into_iter().map(|(_, user)| user).collect())
        }
        ServiceHome::Organization(organization) => {
            let after = after.map(|user| (organization, user));
            let found = SERVICE_ACCOUNTS_OF_ORGANIZATION.list(tx, &organization, after.as_ref(), limit)?;
            Ok(found.into_iter().map(|(_, user)| user).collect())
        }
    }
}

/// The account of that name, wherever it belongs, for code that goes on to check it.
pub fn named(tx: &impl Read, name: &EntityName) -> Result<Option<(UserId, User)>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    let EntityKind::ServiceAccount(id) = found.entity.kind else { return Ok(None) };
    Ok(USERS.get(tx, &id)?.map(|account| (id, account)))
}

/// Deletes the account with its keys. Its runs stay; its name is free and inherits nothing.
pub fn delete(tx: &mut WriteTx<'_>, at: &AllowedHome, id: UserId, account: &User) -> Result<(), DbError> {
    at.must_be(Action::ServiceAccountDelete, Action::OrgServiceAccountDelete);
    assert!(account.service == Some(at.home()), "an account of another home");
    remove(tx, id, account)
}

fn remove(tx: &mut WriteTx<'_>, id: UserId, account: &User) -> Result<(), DbError> {
    loop {
        let keys = API_KEYS_BY_USER.list(tx, &id, None, PAGE)?;
        if keys.is_empty() {
            break;
        }
        for (_, key) in keys {
            API_KEYS.delete(tx, &key)?;
        }
    }
    if let Some(entity) = ENTITY_BY_NAME.find(tx, &account.name.folded())? {
        ENTITIES.delete(tx, &entity)?;
    }
    project_member::remove_person(tx, id)?;
    USERS.delete(tx, &id)?;
    Ok(())
}

/// Removes at most `limit` accounts of a team or organization that is being removed for good; `true` when none are left.
pub fn purge(tx: &mut WriteTx<'_>, home: ServiceHome, limit: usize) -> Result<bool, DbError> {
    let page = list(tx, home, None, limit)?;
    for (id, account) in &page {
        remove(tx, *id, account)?;
    }
    Ok(page.len() < limit)
}

/// Sends runs that name no entity elsewhere than to a team that is being removed: to the organization itself, where they
/// are refused until the account gets another default team.
pub fn leave_default_team(tx: &mut WriteTx<'_>, organization: OrganizationId, team: EntityId) -> Result<(), PutError> {
    let Some(entity) = ORGANIZATIONS.get(tx, &organization)?.map(|organization| organization.entity) else {
        return Ok(());
    };
    let home = ServiceHome::Organization(organization);
    let mut after = None;
    loop {
        let page = list(tx, home, after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        for (id, account) in page.into_iter().filter(|(_, account)| account.entity == team) {
            USERS.put(tx, &id, &User { entity, ..account })?;
        }
    }
}

/// Gives an account of an organization another default team.
pub fn set_default_team(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundOrganization>,
    id: UserId,
    account: User,
    team: EntityId,
) -> Result<User, PutError> {
    at.must_be(Action::OrgServiceAccountDelete);
    assert!(account.service == Some(ServiceHome::Organization(at.id)), "an account of another home");
    let changed = User { entity: team, ..account };
    USERS.put(tx, &id, &changed)?;
    Ok(changed)
}
