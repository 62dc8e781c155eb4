//! API keys: making, listing and revoking them, and who a key belongs to.

use super::audit::{self, Event};
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::api_key::{self, FoundKey};
use crate::db::repo::user;
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::id::{ApiKeyId, UserId};
use crate::domain::user::KeyRecord;
use crate::secrets::ApiKey;

const DESCRIPTION_CHARS_MAX: usize = 1000;

/// A key as a list shows it: by how it begins.
#[derive(Debug, Clone)]
pub struct ListedKey {
    pub id: ApiKeyId,
    pub begins_with: String,
    pub description: Option<String>,
}

impl App {
    /// Makes another key for the caller. It is shown now and never again.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        description: Option<String>,
    ) -> Result<(ApiKeyId, ApiKey), Error> {
        let id = caller.user_id().ok_or(Error::Unauthenticated)?;
        if description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
            let why = format!("the description of a key has at most {DESCRIPTION_CHARS_MAX} characters");
            return Err(Error::TooLarge(why));
        }
        let key = ApiKey::generate();
        let (hash, begins_with) = (self.keys.hash(key.expose()), key.begins_with());
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let of = caller.may(Action::ApiKeyOwn, api_key::of_person(tx, &caller, id)?, &licence)?;
            let (begins_with, description) = (begins_with.clone(), description.clone());
            let record = KeyRecord { user: id, hash, begins_with, description, created_at: tx.now() };
            let key = api_key::create(tx, &of, &record)?;
            record_of_key(tx, &caller, AuditAction::UserCreateApiKey, (key, id))?;
            Ok::<_, Error>(key)
        });
        let key_id = created.await?;
        tracing::info!(api_key.id = %key_id, user.id = %id, "made an API key");
        Ok((key_id, key))
    }

    /// Ends a key: the caller's own, or one of a person whom they administer. To others it does not exist.
    pub async fn delete_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Error> {
        let (caller, licence) = (*caller, self.licence());
        let missing = || Error::NotFound("this API key does not exist, or was deleted already".into());
        let deleted = self.db.write(move |tx| {
            let owner = api_key::owner(tx, id)?.ok_or_else(missing)?;
            let found = api_key::find(tx, &caller, id)?.ok_or_else(missing)?;
            let is_own = caller.user_id() == Some(owner);
            let found = if is_own {
                caller.may(Action::ApiKeyOwn, found, &licence)?
            } else {
                caller.may(Action::ApiKeyRevokeOthers, found, &licence).map_err(|_| missing())?
            };
            api_key::delete(tx, &found)?;
            record_of_key(tx, &caller, AuditAction::UserDeleteApiKey, (id, owner))?;
            Ok::<_, Error>(owner)
        });
        let owner = deleted.await?;
        tracing::info!(api_key.id = %id, user.id = %owner, "deleted an API key");
        Ok(())
    }

    /// The keys of a person, for themself and for their administrators; none for anybody else.
    pub async fn list_api_keys(&self, caller: &Caller, person: UserId) -> Result<Vec<ListedKey>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let is_own = caller.user_id() == Some(person);
            let action = if is_own { Action::ApiKeyOwn } else { Action::ApiKeyListOthers };
            let Ok(of) = caller.may(action, api_key::of_person(tx, &caller, person)?, &licence) else {
                return Ok(Vec::new());
            };
            Ok::<_, Error>(api_key::list(tx, &of)?)
        });
        let shown = |FoundKey { id, record }: FoundKey| ListedKey {
            id,
            begins_with: record.begins_with,
            description: record.description,
        };
        Ok(listed.await?.into_iter().map(shown).collect())
    }

    /// Who a request with this key comes from.
    pub async fn caller_of_key(&self, key: &str) -> Result<Caller, Error> {
        let hash = self.keys.hash(key);
        let found = self.db.look_up(|tx| api_key::caller_of(tx, &hash))?;
        found.ok_or(Error::Unauthenticated)
    }
}

/// Names the key by its number alone.
fn record_of_key(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    action: AuditAction,
    (key, owner): (ApiKeyId, UserId),
) -> Result<(), Error> {
    let Some(person) = user::get(tx, owner)? else { return Ok(()) };
    audit::record(tx, caller, Event::new(action).user(owner, &person).detail("api_key", key))
}
