//! API keys: making, listing, renaming and revoking them, and who a key belongs to. What a key may be limited to is in
//! `api_key::target`.

mod target;
#[cfg(test)]
mod tests;

pub use target::{Limit, ShownLimit};

use super::audit::{self, Event};
use super::existing::{existing, missing, name_of_existing};
use super::service_account::account_named;
use super::{App, Error, person};
use crate::access::{Action, Allowed, Caller, KeyScope, Licence};
use crate::db::repo::api_key::{self, FoundKey, Holder, KeyUse, KeysOf};
use crate::db::repo::{entity, organization, team, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::api_key::{KEYS_MAX, KeyRecord};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ApiKeyId, UserId};
use crate::domain::user::ServiceHome;
use crate::secrets::{ApiKey, Secret};

const CREATION_IS_OFF: &str = "new API keys are turned off on this server, but for service accounts of organizations; ask \
    one of its administrators";

const NAME_CHARS_MAX: usize = 1000;

/// Whose keys are meant.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Of whoever asks.
    Own,
    Person(String),
    AccountOfTeam {
        team: String,
        account: String,
    },
    AccountOfOrganization {
        organization: String,
        account: String,
    },
}

/// A key to be.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    pub name: Option<String>,
    pub scope: KeyScope,
    /// Without one it lives as long as the key it is made with.
    pub expires_at: Option<Timestamp>,
    /// All that it may be used for; without it, wherever its owner may be.
    pub limit: Option<Limit>,
    /// One that its owner has already; without it one is made.
    pub given: Option<Secret>,
}

/// A new key; it is there in clear when it was made here, and shown only now.
pub struct CreatedKey {
    pub shown: ShownKey,
    pub key: Option<ApiKey>,
}

/// A key as a list shows it: by how it begins.
#[derive(Debug, Clone)]
pub struct ShownKey {
    pub id: ApiKeyId,
    pub record: KeyRecord,
    pub limit: Option<ShownLimit>,
}

/// What somebody wants of keys.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    List,
    Make,
    Revoke,
}

impl App {
    pub async fn create_api_key(&self, caller: &Caller, whose: Whose, new: NewKey) -> Result<CreatedKey, Error> {
        check_name(new.name.as_deref())?;
        let key = match &new.given {
            None => ApiKey::generate(),
            Some(given) => ApiKey::check_imported(given.expose()).map_err(|why| Error::invalid("api_key", &why))?,
        };
        let people_may = self.system_settings().api_key_creation;
        let (hash, begins_with, is_given) = (self.keys.hash(key.expose()), key.begins_with(), new.given.is_some());
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let (owner, holder) = owner_of_keys(tx, &caller, &whose, &licence)?;
            if !people_may && holder != Holder::AccountOfOrganization {
                return Err(Error::Forbidden(CREATION_IS_OFF.into()));
            }
            let purpose = if is_given { Action::ApiKeyImport } else { action_for(holder, Purpose::Make) };
            let of = caller.may(purpose, api_key::of(tx, &caller, owner)?, &licence)?;
            if holder == Holder::Person {
                check_may_have(tx, owner)?;
            }
            let targets = new.limit.as_ref().map(|limit| target::find(tx, &caller, limit, &licence)).transpose()?;
            let record = KeyRecord {
                name: new.name.clone(),
                scope: new.scope,
                targets,
                expires_at: new.expires_at,
                ..KeyRecord::unlimited(owner, hash, begins_with.clone(), tx.now())
            };
            let record = bounded_by_own_key(tx, &caller, record)?;
            let id = keep(tx, &caller, &of, &record)?;
            show(tx, &caller, FoundKey { id, record }, &licence)
        });
        let shown = created.await?;
        tracing::info!(api_key.id = %shown.id, user.id = %shown.record.user, "made an API key");
        Ok(CreatedKey { shown, key: Some(key).filter(|_| !is_given) })
    }

    pub async fn list_api_keys(&self, caller: &Caller, whose: Whose) -> Result<Vec<ShownKey>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let (owner, holder) = owner_of_keys(tx, &caller, &whose, &licence)?;
            let action = action_for(holder, Purpose::List);
            let of = caller.may(action, api_key::of(tx, &caller, owner)?, &licence)?;
            let found = api_key::list(tx, &of)?;
            found.into_iter().map(|key| show(tx, &caller, key, &licence)).collect()
        });
        listed.await
    }

    /// The keys of a person or account that something else has led to; none for who may not list them.
    pub async fn list_api_keys_of(&self, caller: &Caller, owner: UserId) -> Result<Vec<ShownKey>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let Some(holder) = api_key::holder(tx, &caller, owner)? else { return Ok(Vec::new()) };
            let action = action_for(holder, Purpose::List);
            let Ok(of) = caller.may(action, api_key::of(tx, &caller, owner)?, &licence) else {
                return Ok(Vec::new());
            };
            let found = api_key::list(tx, &of)?;
            found.into_iter().map(|key| show(tx, &caller, key, &licence)).collect()
        });
        listed.await
    }

    /// Gives a key of the caller's own another name.
    pub async fn rename_api_key(&self, caller: &Caller, id: ApiKeyId, name: Option<String>) -> Result<ShownKey, Error> {
        check_name(name.as_deref())?;
        let (caller, licence) = (*caller, self.licence());
        let renamed = self.db.write(move |tx| {
            let found = api_key::find(tx, &caller, id)?.ok_or_else(no_key)?;
            if api_key::owner(tx, id)? != caller.user_id() {
                return Err(no_key());
            }
            let found = caller.may(Action::ApiKeyOwn, found, &licence)?;
            let record = api_key::rename(tx, &found, name.clone())?;
            show(tx, &caller, FoundKey { id, record }, &licence)
        });
        renamed.await
    }

    /// Ends a key: the caller's own, or one that they administer. To others it does not exist.
    pub async fn delete_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let owner = api_key::owner(tx, id)?.ok_or_else(no_key)?;
            let holder = api_key::holder(tx, &caller, owner)?.ok_or_else(no_key)?;
            let found = api_key::find(tx, &caller, id)?.ok_or_else(no_key)?;
            let found = caller.may(action_for(holder, Purpose::Revoke), found, &licence);
            let found = found.map_err(|refusal| match holder {
                Holder::Oneself => refusal.into(),
                _ => no_key(),
            })?;
            revoke(tx, &caller, &found)
        });
        let owner = deleted.await?;
        tracing::info!(api_key.id = %id, user.id = %owner, "deleted an API key");
        Ok(())
    }

    /// Ends a key of somebody who is named.
    pub async fn delete_api_key_of(&self, caller: &Caller, whose: Whose, id: ApiKeyId) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let (owner, holder) = owner_of_keys(tx, &caller, &whose, &licence)?;
            let action = action_for(holder, Purpose::Revoke);
            caller.may(action, api_key::of(tx, &caller, owner)?, &licence)?;
            if api_key::owner(tx, id)? != Some(owner) {
                return Err(no_key());
            }
            let found = api_key::find(tx, &caller, id)?.ok_or_else(no_key)?;
            revoke(tx, &caller, &caller.may(action, found, &licence)?)
        });
        let owner = deleted.await?;
        tracing::info!(api_key.id = %id, user.id = %owner, "deleted an API key");
        Ok(())
    }

    /// Who a request with this key comes from.
    pub async fn caller_of_key(&self, key: &str) -> Result<Caller, Error> {
        let (hash, now) = (self.keys.hash(key), self.clock.now());
        let found = self.db.look_up(|tx| api_key::use_of_hash(tx, &hash, now))?;
        match found {
            KeyUse::Good(id, caller) => {
                self.last_uses.keys.note(id, now, ());
                Ok(caller)
            }
            KeyUse::Expired => Err(Error::DeadKey("this API key has expired; make a new one")),
            KeyUse::Resting => Err(Error::DeadKey(
                "this API key does not work while its owner is view-only in all of their teams; ask an admin of a team \
                 for another role",
            )),
            KeyUse::Unknown => Err(Error::Unauthenticated),
        }
    }
}

/// The owner of the keys that are meant, and what they are to the caller. Whom the caller may not come across does not
/// exist.
fn owner_of_keys(tx: &impl Read, caller: &Caller, whose: &Whose, licence: &Licence) -> Result<(UserId, Holder), Error> {
    let owner = match whose {
        Whose::Own => caller.user_id().ok_or(Error::Unauthenticated)?,
        Whose::Person(text) => {
            let name = name_of_existing("person", text)?;
            let id = user::id_named(tx, &name)?.ok_or_else(|| missing("person", &name))?;
            if person::may_meet(tx, caller, id)? { id } else { return Err(missing("person", &name)) }
        }
        Whose::AccountOfTeam { team, account } => {
            let name = name_of_existing("team", team)?;
            let found = team::find(tx, caller, &name)?;
            let at = existing(caller, Action::ServiceAccountKey, found, licence, || missing("team", &name))?;
            account_named(tx, ServiceHome::Team(at.id), account)?.0
        }
        Whose::AccountOfOrganization { organization, account } => {
            let name = name_of_existing("organization", organization)?;
            let found = organization::find(tx, caller, &name)?;
            let gone = || missing("organization", &name);
            let at = existing(caller, Action::OrgServiceAccountDelete, found, licence, gone)?;
            account_named(tx, ServiceHome::Organization(at.id), account)?.0
        }
    };
    let holder = api_key::holder(tx, caller, owner)?.ok_or(Error::Unauthenticated)?;
    Ok((owner, holder))
}

/// Whoever may end an account of an organization also has its keys in hand: a licence that ran out must not keep anybody
/// from replacing one.
fn action_for(holder: Holder, purpose: Purpose) -> Action {
    match (holder, purpose) {
        (Holder::Oneself, _) => Action::ApiKeyOwn,
        (Holder::Person, Purpose::List) => Action::ApiKeyListOthers,
        (Holder::Person, Purpose::Make) => Action::ApiKeyImport,
        (Holder::Person, Purpose::Revoke) => Action::ApiKeyRevokeOthers,
        (Holder::AccountOfTeam, _) => Action::ServiceAccountKey,
        (Holder::AccountOfOrganization, _) => Action::OrgServiceAccountDelete,
    }
}

/// Who is view-only in all their teams has no key; one that is made for them would rest.
fn check_may_have(tx: &impl Read, owner: UserId) -> Result<(), Error> {
    let Some(person) = user::get(tx, owner)? else { return Err(missing("person", owner)) };
    if api_key::may_use_keys(tx, owner, &person)? {
        return Ok(());
    }
    let why = format!(
        "`{}` is view-only in all their teams, and so has no API key; give them another role first",
        person.name
    );
    Err(Error::Conflict(why))
}

/// A key makes no key that can more than itself: no longer life, nothing outside its own limit. One of a narrower scope
/// makes none at all.
fn bounded_by_own_key(tx: &impl Read, caller: &Caller, new: KeyRecord) -> Result<KeyRecord, Error> {
    if new.has_expired(new.created_at) {
        return Err(Error::invalid("expires_at", &"a key expires in the future, and this is the past"));
    }
    let Some(own) = api_key::presented(tx, caller)? else { return Ok(new) };
    if let Some(limit) = &own.targets {
        let is_within = new.targets.as_ref().is_some_and(|wanted| wanted.iter().all(|target| limit.contains(target)));
        if !is_within {
            let why = "a key that is limited to teams and projects makes only keys that are limited to these";
            return Err(Error::invalid("teams", &why));
        }
    }
    let expires_at = match (own.expires_at, new.expires_at) {
        (Some(own), Some(wanted)) if wanted > own => {
            let own = own.to_rfc3339_secs();
            let why = format!("the key that you came with expires at {own}; a key that it makes expires no later");
            return Err(Error::invalid("expires_at", &why));
        }
        (own, wanted) => wanted.or(own),
    };
    Ok(KeyRecord { expires_at, ..new })
}

/// Stores a key and says so in the audit log.
fn keep(tx: &mut WriteTx<'_>, caller: &Caller, of: &Allowed<KeysOf>, record: &KeyRecord) -> Result<ApiKeyId, Error> {
    if api_key::has_most(tx, of)? {
        return Err(Error::Conflict(format!("one owner has at most {KEYS_MAX} API keys; revoke one first")));
    }
    let id = api_key::create(tx, of, record)?;
    tell(tx, caller, AuditAction::UserCreateApiKey, (id, record))?;
    Ok(id)
}

fn revoke(tx: &mut WriteTx<'_>, caller: &Caller, found: &Allowed<FoundKey>) -> Result<UserId, Error> {
    api_key::delete(tx, found)?;
    tell(tx, caller, AuditAction::UserDeleteApiKey, (found.id, &found.record))?;
    Ok(found.record.user)
}

/// Names the key by its number: how it begins is nothing for a log.
pub(super) fn tell(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    action: AuditAction,
    (id, key): (ApiKeyId, &KeyRecord),
) -> Result<(), Error> {
    let Some(owner) = user::get(tx, key.user)? else { return Ok(()) };
    let event = Event::new(action).user(key.user, &owner).detail("api_key", id);
    let event = event.detail("scope", key.scope.as_str());
    let event = match key.expires_at {
        Some(expires_at) => event.detail("expires_at", expires_at.to_rfc3339()),
        None => event,
    };
    let event = if key.targets.is_some() { event.detail("is_limited", true) } else { event };
    let home = match owner.service {
        Some(ServiceHome::Team(team)) => Some(team),
        Some(ServiceHome::Organization(id)) => organization::by_id(tx, id)?.map(|organization| organization.entity),
        None => None,
    };
    let event = match home.map(|home| entity::by_id(tx, home)).transpose()?.flatten() {
        Some(found) => event.entity(found.id, &found.entity).detail("service_account", &owner.name),
        None => event,
    };
    audit::record(tx, caller, event)
}

fn show(tx: &impl Read, caller: &Caller, key: FoundKey, licence: &Licence) -> Result<ShownKey, Error> {
    let FoundKey { id, record } = key;
    let limit = record.targets.as_deref().map(|targets| target::shown(tx, caller, targets, licence)).transpose()?;
    Ok(ShownKey { id, record, limit })
}

fn check_name(name: Option<&str>) -> Result<(), Error> {
    if name.is_some_and(|name| name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)) {
        let why = format!("the name of a key has at most {NAME_CHARS_MAX} characters, all of them printable");
        return Err(Error::invalid("name", &why));
    }
    Ok(())
}

fn no_key() -> Error {
    Error::NotFound("this API key does not exist, or was deleted already".into())
}
