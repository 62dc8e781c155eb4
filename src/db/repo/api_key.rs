//! API keys of people: kept by their hashes.

use super::organization;
use crate::access::{Action, Allowed, Caller, Grants, KeyScope, OrganizationRole, TeamRole, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    API_KEY_BY_HASH, API_KEYS, API_KEYS_BY_USER, ORGANIZATIONS_BY_USER, TEAM_MEMBERS, TEAMS_BY_USER, USERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::{ApiKeyId, UserId};
use crate::domain::user::{KeyRecord, User};

/// More keys of one person than this are not shown at once.
const SHOWN_MAX: usize = 1000;
/// More teams and organizations of one person than this are not looked at.
const PLACES_MAX: usize = 10_000;

/// A key with its id.
#[derive(Debug, Clone)]
pub struct FoundKey {
    pub id: ApiKeyId,
    pub record: KeyRecord,
}

/// A person whose keys are asked about.
#[derive(Debug, Clone, Copy)]
pub struct KeysOf(pub UserId);

pub fn of_person(tx: &impl Read, caller: &Caller, person: UserId) -> Result<Unchecked<KeysOf>, DbError> {
    Ok(Unchecked::new(KeysOf(person), grants(tx, caller, person)?))
}

pub fn find(tx: &impl Read, caller: &Caller, id: ApiKeyId) -> Result<Option<Unchecked<FoundKey>>, DbError> {
    let Some(record) = API_KEYS.get(tx, &id)? else { return Ok(None) };
    let grants = grants(tx, caller, record.user)?;
    Ok(Some(Unchecked::new(FoundKey { id, record }, grants)))
}

/// The highest role that the caller has in any team, and whether they administer an organization of the keys' owner.
fn grants(tx: &impl Read, caller: &Caller, owner: UserId) -> Result<Grants, DbError> {
    let Some(own) = caller.user_id() else { return Ok(Grants::default()) };
    let mut team: Option<TeamRole> = None;
    for (_, id) in TEAMS_BY_USER.list(tx, &own, None, PLACES_MAX)? {
        team = team.max(TEAM_MEMBERS.get(tx, &(id, own))?.map(|member| member.counts_as()));
    }
    let mut administers = false;
    for (_, shared) in ORGANIZATIONS_BY_USER.list(tx, &owner, None, PLACES_MAX)? {
        let place = organization::member(tx, shared, own)?;
        administers |= place.is_some_and(|place| place.role == OrganizationRole::Admin);
    }
    let organization = administers.then_some(OrganizationRole::Admin);
    Ok(Grants { team, organization, owns: own == owner, ..Grants::default() })
}

/// Stores a key of a person who makes it, or for whom an administrator does.
pub fn create(tx: &mut WriteTx<'_>, of: &Allowed<KeysOf>, record: &KeyRecord) -> Result<ApiKeyId, PutError> {
    let action = of.action();
    assert!(matches!(action, Action::ApiKeyOwn | Action::ApiKeyImport), "checked for {action} and used for a new key");
    let id = tx.new_id::<ApiKeyId>()?;
    API_KEYS.put(tx, &id, record)?;
    Ok(id)
}

/// In the order of their making.
pub fn list(tx: &impl Read, of: &Allowed<KeysOf>) -> Result<Vec<FoundKey>, DbError> {
    let mut keys = Vec::new();
    for (_, id) in API_KEYS_BY_USER.list(tx, &of.0, None, SHOWN_MAX)? {
        keys.extend(API_KEYS.get(tx, &id)?.map(|record| FoundKey { id, record }));
    }
    Ok(keys)
}

/// Whose key it is, for code that goes on to check it.
pub fn owner(tx: &impl Read, id: ApiKeyId) -> Result<Option<UserId>, DbError> {
    Ok(API_KEYS.get(tx, &id)?.map(|record| record.user))
}

/// From the next request on it is nobody's.
pub fn delete(tx: &mut WriteTx<'_>, key: &Allowed<FoundKey>) -> Result<(), DbError> {
    let action = key.action();
    let revokes = matches!(action, Action::ApiKeyOwn | Action::ApiKeyRevokeOthers);
    assert!(revokes, "checked for {action} and used for revoking a key");
    API_KEYS.delete(tx, &key.id)?;
    Ok(())
}

/// Who a key belongs to; a deactivated person's opens nothing.
pub fn caller_of(tx: &impl Read, hash: &[u8; 32]) -> Result<Option<Caller>, DbError> {
    let Some(key) = API_KEY_BY_HASH.find(tx, hash)? else { return Ok(None) };
    let Some(record) = API_KEYS.get(tx, &key)? else { return Ok(None) };
    let user = USERS.get(tx, &record.user)?.filter(User::is_active);
    Ok(user.map(|user| Caller::user(record.user, user.system_admin, KeyScope::Full)))
}
