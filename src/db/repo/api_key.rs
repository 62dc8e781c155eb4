//! API keys of people and service accounts: kept by their hashes.

use super::{entity, organization, team};
use crate::access::{Action, Allowed, Caller, Grants, OrganizationRole, PresentedKey, TeamRole, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    API_KEY_BY_HASH, API_KEYS, API_KEYS_BY_USER, ENTITIES, ORGANIZATIONS_BY_USER, TEAM_MEMBERS, TEAMS_BY_USER, USERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::api_key::{KEYS_MAX, KeyRecord};
use crate::domain::clock::Timestamp;
use crate::domain::entity::EntityKind;
use crate::domain::id::{ApiKeyId, EntityId, UserId};
use crate::domain::user::{ServiceHome, User};

/// More teams and organizations of one person than this are not looked at.
const PLACES_MAX: usize = 10_000;
/// Most people have a role in the first team that is looked at.
const PLACES_AT_ONCE: usize = 8;

/// A key with its id.
#[derive(Debug, Clone)]
pub struct FoundKey {
    pub id: ApiKeyId,
    pub record: KeyRecord,
}

/// Somebody whose keys are asked about.
#[derive(Debug, Clone, Copy)]
pub struct KeysOf(pub UserId);

/// What the owner of keys is to the caller: it decides which action is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Oneself,
    Person,
    AccountOfTeam,
    AccountOfOrganization,
}

pub fn holder(tx: &impl Read, caller: &Caller, owner: UserId) -> Result<Option<Holder>, DbError> {
    let Some(user) = USERS.get(tx, &owner)? else { return Ok(None) };
    Ok(Some(match user.service {
        _ if caller.user_id() == Some(owner) => Holder::Oneself,
        None => Holder::Person,
        Some(ServiceHome::Team(_)) => Holder::AccountOfTeam,
        Some(ServiceHome::Organization(_)) => Holder::AccountOfOrganization,
    }))
}

pub fn of(tx: &impl Read, caller: &Caller, owner: UserId) -> Result<Unchecked<KeysOf>, DbError> {
    Ok(Unchecked::new(KeysOf(owner), grants(tx, caller, owner)?))
}

pub fn find(tx: &impl Read, caller: &Caller, id: ApiKeyId) -> Result<Option<Unchecked<FoundKey>>, DbError> {
    let Some(record) = API_KEYS.get(tx, &id)? else { return Ok(None) };
    let grants = grants(tx, caller, record.user)?;
    Ok(Some(Unchecked::new(FoundKey { id, record }, grants)))
}

/// For keys of people: the highest role that the caller has in any team, and whether they administer an organization of
/// the owner. For those of a service account: what the caller holds in its home.
fn grants(tx: &impl Read, caller: &Caller, owner: UserId) -> Result<Grants, DbError> {
    let Some(own) = caller.user_id() else { return Ok(Grants::default()) };
    if own != owner {
        match USERS.get(tx, &owner)?.and_then(|user| user.service) {
            Some(ServiceHome::Team(team)) => return team::grants_in(tx, caller, team),
            Some(ServiceHome::Organization(organization)) => return organization::grants_in(tx, caller, organization),
            None => {}
        }
    }
    // Keys of a service account are made by those who administer it, never by itself.
    let highest = if caller.service.is_some() { Some(TeamRole::ViewOnly) } else { highest_role(tx, own)? };
    let mut administers = false;
    for (_, shared) in ORGANIZATIONS_BY_USER.list(tx, &owner, None, PLACES_MAX)? {
        let place = organization::member(tx, shared, own)?;
        administers |= place.is_some_and(|place| place.role == OrganizationRole::Admin);
    }
    let organization = administers.then_some(OrganizationRole::Admin);
    Ok(Grants { team: highest, organization, owns: own == owner, ..Grants::default() })
}

/// The highest role that a person has in any team, as far as it matters for keys: view-only, or at least member. A viewer
/// of a team's organization is view-only there. `None` for who is in no team.
fn highest_role(tx: &impl Read, user: UserId) -> Result<Option<TeamRole>, DbError> {
    let (mut highest, mut after, mut looked_at) = (None, None, 0);
    loop {
        let page = TEAMS_BY_USER.list(tx, &user, after.as_ref(), PLACES_AT_ONCE)?;
        let Some(last) = page.last().copied() else { return Ok(highest) };
        looked_at += page.len();
        for (_, team) in page {
            highest = highest.max(effective_role(tx, team, user)?);
            if highest >= Some(TeamRole::Member) {
                return Ok(highest);
            }
        }
        if looked_at >= PLACES_MAX {
            return Ok(highest);
        }
        after = Some(last);
    }
}

fn effective_role(tx: &impl Read, team: EntityId, user: UserId) -> Result<Option<TeamRole>, DbError> {
    let Some(member) = TEAM_MEMBERS.get(tx, &(team, user))? else { return Ok(None) };
    let entity = ENTITIES.get(tx, &team)?.filter(|entity| entity.trash.is_none());
    let Some(EntityKind::Team(organization)) = entity.map(|entity| entity.kind) else { return Ok(None) };
    let place = organization::member(tx, organization, user)?;
    let is_viewer = place.is_some_and(|place| place.role == OrganizationRole::Viewer);
    Ok(Some(if is_viewer { TeamRole::ViewOnly } else { member.counts_as() }))
}

/// Whether keys of the person work: not while every team gives them view-only.
pub fn may_use_keys(tx: &impl Read, id: UserId, person: &User) -> Result<bool, DbError> {
    if person.system_admin || highest_role(tx, id)? != Some(TeamRole::ViewOnly) {
        return Ok(true);
    }
    for (_, organization) in ORGANIZATIONS_BY_USER.list(tx, &id, None, PLACES_MAX)? {
        let place = organization::member(tx, organization, id)?;
        if place.is_some_and(|place| place.role == OrganizationRole::Admin) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[track_caller]
fn assert_is_one_of(action: Action, of_people: &[Action], what: &str) {
    let of_accounts = [Action::ApiKeyOwn, Action::ServiceAccountKey, Action::OrgServiceAccountDelete];
    assert!(of_people.contains(&action) || of_accounts.contains(&action), "checked for {action} and used for {what}");
}

/// Stores a key that its owner makes, or an administrator for them.
pub fn create(tx: &mut WriteTx<'_>, of: &Allowed<KeysOf>, record: &KeyRecord) -> Result<ApiKeyId, PutError> {
    assert_is_one_of(of.action(), &[Action::ApiKeyImport], "a new key");
    let id = tx.new_id::<ApiKeyId>()?;
    API_KEYS.put(tx, &id, record)?;
    Ok(id)
}

/// All of them, in the order of their making.
pub fn list(tx: &impl Read, of: &Allowed<KeysOf>) -> Result<Vec<FoundKey>, DbError> {
    assert_is_one_of(of.action(), &[Action::ApiKeyListOthers], "listing keys");
    let mut keys = Vec::new();
    for (_, id) in API_KEYS_BY_USER.list(tx, &of.0, None, KEYS_MAX)? {
        keys.extend(API_KEYS.get(tx, &id)?.map(|record| FoundKey { id, record }));
    }
    Ok(keys)
}

/// Whether the owner has as many keys as one may have.
pub fn has_most(tx: &impl Read, of: &Allowed<KeysOf>) -> Result<bool, DbError> {
    Ok(API_KEYS_BY_USER.list(tx, &of.0, None, KEYS_MAX)?.len() >= KEYS_MAX)
}

/// Whose key it is, for code that goes on to check it.
pub fn owner(tx: &impl Read, id: ApiKeyId) -> Result<Option<UserId>, DbError> {
    Ok(API_KEYS.get(tx, &id)?.map(|record| record.user))
}

/// Gives a key another name.
pub fn rename(tx: &mut WriteTx<'_>, key: &Allowed<FoundKey>, name: Option<String>) -> Result<KeyRecord, PutError> {
    assert_is_one_of(key.action(), &[], "renaming a key");
    let changed = KeyRecord { name, ..key.record.clone() };
    API_KEYS.put(tx, &key.id, &changed)?;
    Ok(changed)
}

/// From the next request on it is nobody's.
pub fn delete(tx: &mut WriteTx<'_>, key: &Allowed<FoundKey>) -> Result<(), DbError> {
    assert_is_one_of(key.action(), &[Action::ApiKeyRevokeOthers], "revoking a key");
    API_KEYS.delete(tx, &key.id)?;
    Ok(())
}

/// The key that the caller came with.
pub fn presented(tx: &impl Read, caller: &Caller) -> Result<Option<KeyRecord>, DbError> {
    match caller.key {
        Some(key) => API_KEYS.get(tx, &key.id),
        None => Ok(None),
    }
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    Good(ApiKeyId, Caller),
    Expired,
    /// Its owner is view-only wherever they belong.
    Resting,
    /// Nobody's, of somebody who was deactivated, or of a service account whose team was deleted.
    Unknown,
}

pub fn use_of_hash(tx: &impl Read, hash: &[u8; 32], now: Timestamp) -> Result<KeyUse, DbError> {
    match API_KEY_BY_HASH.find(tx, hash)? {
        Some(key) => use_of(tx, key, now),
        None => Ok(KeyUse::Unknown),
    }
}

/// Runs for every request: a handful of look-ups.
pub fn use_of(tx: &impl Read, id: ApiKeyId, now: Timestamp) -> Result<KeyUse, DbError> {
    let Some(record) = API_KEYS.get(tx, &id)? else { return Ok(KeyUse::Unknown) };
    let Some(user) = USERS.get(tx, &record.user)?.filter(User::is_active) else {
        return Ok(KeyUse::Unknown);
    };
    if let Some(ServiceHome::Team(team)) = user.service
        && entity::record(tx, team)?.is_none_or(|team| team.trash.is_some())
    {
        return Ok(KeyUse::Unknown);
    }
    if record.has_expired(now) {
        return Ok(KeyUse::Expired);
    }
    if user.service.is_none() && !may_use_keys(tx, record.user, &user)? {
        return Ok(KeyUse::Resting);
    }
    let key = PresentedKey { id, is_confined: record.targets.is_some() };
    let person = Caller::user(record.user, user.system_admin, record.scope);
    Ok(KeyUse::Good(id, Caller { key: Some(key), service: user.service, ..person }))
}

/// Notes when a key was last used; one that was revoked meanwhile stays gone.
pub fn note_use(tx: &mut WriteTx<'_>, id: ApiKeyId, at: Timestamp) -> Result<(), PutError> {
    let Some(record) = API_KEYS.get(tx, &id)? else { return Ok(()) };
    if record.last_used_at.is_some_and(|noted| noted >= at) {
        return Ok(());
    }
    API_KEYS.put(tx, &id, &KeyRecord { last_used_at: Some(at), ..record })
}
