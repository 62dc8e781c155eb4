//! Connectors: defining, showing and deleting them. Changing one, attaching one to a team, and self-tests are in files of
//! their own. Nothing here moves bytes.

/// Attaching connectors to teams.
pub mod attach;
/// Changing connectors.
pub mod change;
/// Our mark in a store.
mod claim;
/// Connectors of the settings file.
pub mod fixed;
/// Self-tests.
pub mod probe;
#[cfg(test)]
pub(super) mod tests;

use super::audit::{self, Event};
use super::existing::missing;
use super::page::{PAGE, Page};
use super::{App, Error};
use crate::access::{Action, Caller, Principal};
use crate::db::DbError;
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::user;
use crate::db::schema::ENTITIES;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::connector::probe::ProbeResult;
use crate::domain::connector::{
    BadConnector, Connector, ConnectorName, ConnectorSpec, GivenConnector, Place, StoreSecret,
};
use crate::domain::id::{ConnectorId, EntityId};
use crate::storage::{Store, StoreError};

/// Each new one is compared with all there are.
pub(super) const CONNECTORS_MAX: usize = 1_000;
/// More teams of one connector are not named.
const TEAMS_NAMED: usize = 100;

/// A connector as whoever manages it sees it: without its secret.
#[derive(Debug, Clone)]
pub struct ShownConnector {
    pub connector: Connector,
    /// The store of the instance.
    pub is_default: bool,
    /// Whose bytes are in its store, by name, and only those that the caller may know of.
    pub teams: Vec<String>,
    /// Its last self-test.
    pub last: Option<ProbeResult>,
}

impl ShownConnector {
    /// Whether clients come to the store themselves, by signed URLs.
    pub fn is_direct(&self) -> bool {
        self.connector.is_direct(self.last.as_ref())
    }
}

impl App {
    /// Asks nobody outside: a self-test says whether the store can be used.
    pub async fn create_connector(
        &self,
        caller: &Caller,
        name: &str,
        given: &GivenConnector,
    ) -> Result<ShownConnector, Error> {
        let (asking, licence) = (*caller, self.licence());
        asking.may(Action::ConnectorDefine, user::instance(), &licence)?;
        let name = ConnectorName::parse(name).map_err(|why| Error::invalid("name", &why))?;
        let (spec, secret) = given.read()?;
        check_machine(caller, &spec)?;
        self.check_outside_data(&spec)?;
        self.connect(&spec, secret.as_ref())?;
        let connector = self.write_new_connector(*caller, name, spec, secret, false).await?;
        tracing::info!(connector = %connector.name, "defined a connector");
        Ok(ShownConnector { connector, is_default: false, teams: Vec::new(), last: None })
    }

    /// All of them, for system admins, in the order of their making.
    pub async fn list_connectors(
        &self,
        caller: &Caller,
        after: Option<ConnectorId>,
    ) -> Result<Page<ShownConnector, ConnectorId>, Error> {
        let (caller, licence, default) = (*caller, self.licence(), self.stores.default_connector());
        let listed = self.db.read(move |tx| {
            caller.may(Action::ConnectorDefine, user::instance(), &licence)?;
            let mut shown = Vec::new();
            for (id, connector) in connector::list(tx, after, PAGE)? {
                shown.push((id, shown_to_admin(tx, FoundConnector { id, connector }, default)?));
            }
            Ok::<_, Error>(Page::of(shown))
        });
        listed.await
    }

    pub async fn show_connector(&self, caller: &Caller, name: &str) -> Result<ShownConnector, Error> {
        let (caller, licence, name) = (*caller, self.licence(), name.to_owned());
        let default = self.stores.default_connector();
        let shown = self.db.read(move |tx| {
            caller.may(Action::ConnectorDefine, user::instance(), &licence)?;
            shown_to_admin(tx, named(tx, &name)?, default)
        });
        shown.await
    }

    /// One that nothing is kept in. Our mark in its store goes with it, if the store can be reached.
    pub async fn delete_connector(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let (caller, licence, name) = (*caller, self.licence(), name.to_owned());
        let default = self.stores.default_connector();
        let deleted = self.db.write(move |tx| {
            let instance = caller.may(Action::ConnectorDefine, user::instance(), &licence)?;
            let found = named(tx, &name)?;
            check_changeable(&found.connector)?;
            let name = &found.connector.name;
            if default == Some(found.id) {
                let why = format!("connector `{name}` is the store of this server: `storage.default` names it");
                return Err(Error::Conflict(why));
            }
            let teams = teams_of(tx, found.id)?;
            if !teams.is_empty() {
                let teams = teams.join(", ");
                let why = format!("connector `{name}` has the bytes of {teams}; move them to another store first");
                return Err(Error::Conflict(why));
            }
            connector::delete(tx, &instance, found.id)?;
            audit::record(tx, &caller, event(AuditAction::ConnectorDelete, &found.connector))?;
            Ok::<_, Error>(found)
        });
        let found = deleted.await?;
        tracing::info!(connector = %found.connector.name, "deleted a connector");
        self.unclaim(&found).await;
        Ok(())
    }

    /// Writes a connector that is new, sealed; refuses one that leads to where another one leads.
    async fn write_new_connector(
        &self,
        caller: Caller,
        name: ConnectorName,
        spec: ConnectorSpec,
        secret: Option<StoreSecret>,
        is_fixed: bool,
    ) -> Result<Connector, Error> {
        // Sealing draws a nonce, which is no work for a transaction, and seals for an id.
        let id = self.db.write(|tx| Ok::<_, Error>(tx.new_id::<ConnectorId>()?)).await?;
        let sealed = self.seal_store_secret(id, 1, secret.as_ref())?;
        let licence = self.licence();
        let created = self.db.write(move |tx| {
            let instance = caller.may(Action::ConnectorDefine, user::instance(), &licence)?;
            if connector::named(tx, &name)?.is_some() {
                let message = format!("there is a connector `{name}` already; names differ by more than case");
                return Err(Error::Taken { field: "name", message });
            }
            check_apart(tx, &spec, None)?;
            let (name, spec, sealed, created_at) = (name.clone(), spec.clone(), sealed.clone(), tx.now());
            let connector = Connector { name, spec, version: 1, sealed, is_fixed, is_claimed: false, created_at };
            connector::put(tx, &instance, id, &connector)?;
            audit::record(tx, &caller, event(AuditAction::ConnectorCreate, &connector))?;
            Ok(connector)
        });
        created.await
    }

    /// Opens a store; asks nobody outside.
    fn connect(&self, spec: &ConnectorSpec, secret: Option<&StoreSecret>) -> Result<Store, Error> {
        Store::connect(spec, secret, &self.rules).map_err(|why| match why {
            StoreError::Settings(message) => Error::Invalid { field: "place", message },
            other => Error::Invalid { field: "place", message: other.to_string() },
        })
    }

    /// The store of a connector, as it is opened for every use.
    pub(super) fn store_of_connector(&self, id: ConnectorId, connector: &Connector) -> Result<Store, Error> {
        let open = || {
            let unsealed = self.store_secret(id, connector);
            let secret = unsealed.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            Store::connect(&connector.spec, secret.as_ref(), &self.rules)
        };
        Ok(self.stores.of_connector(id, connector.version, open)?)
    }

    fn seal_store_secret(
        &self,
        id: ConnectorId,
        version: u32,
        secret: Option<&StoreSecret>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(secret) = secret else { return Ok(None) };
        let text = serde_json::to_vec(secret).map_err(|why| DbError::Damaged(why.to_string()))?;
        Ok(Some(self.account.sealer.seal(&Connector::place(id, version), &text)))
    }

    pub(super) fn store_secret(&self, id: ConnectorId, connector: &Connector) -> Result<Option<StoreSecret>, Error> {
        let Some(sealed) = &connector.sealed else { return Ok(None) };
        let opened = self.account.sealer.open(&Connector::place(id, connector.version), sealed);
        let text = opened.map_err(|why| DbError::Damaged(why.to_string()))?;
        // The text is a secret: what is wrong with it is not told.
        let damaged = || DbError::Damaged(format!("the secret of connector {}", connector.name));
        Ok(Some(serde_json::from_slice(&text).map_err(|_| damaged())?))
    }

    /// The server's own directory is no place for a connector.
    fn check_outside_data(&self, spec: &ConnectorSpec) -> Result<(), Error> {
        let Some(directory) = spec.directory() else { return Ok(()) };
        let data = &self.data_dir;
        if directory.starts_with(data) || data.starts_with(&directory) {
            let message = "this directory is the server's own, lies in it, or has it inside".to_owned();
            return Err(Error::Invalid { field: "directory", message });
        }
        Ok(())
    }
}

impl From<BadConnector> for Error {
    fn from(BadConnector { field, message }: BadConnector) -> Self {
        Self::Invalid { field, message }
    }
}

/// Files of the machine, and what it is for others, are not for who administers the server from afar.
fn check_machine(caller: &Caller, spec: &ConnectorSpec) -> Result<(), Error> {
    let is_operator = matches!(caller.principal, Principal::Operator | Principal::System);
    if is_operator || !spec.is_of_the_machine() {
        return Ok(());
    }
    Err(Error::Forbidden(
        "a connector with a directory or with files of the server's machine is defined there: with `weighhouse connector` \
         on that machine, or in its settings file"
            .into(),
    ))
}

/// A connector by its name, for who was found to be allowed to know it.
fn named(tx: &impl Read, name: &str) -> Result<FoundConnector, Error> {
    let gone = || missing("connector", name.chars().take(100).collect::<String>());
    let parsed = ConnectorName::parse(name).map_err(|_| gone())?;
    connector::named(tx, &parsed)?.ok_or_else(gone)
}

fn check_changeable(connector: &Connector) -> Result<(), Error> {
    if connector.is_fixed {
        let name = &connector.name;
        let why = format!("connector `{name}` is in the settings file; change it there and restart the server");
        return Err(Error::Conflict(why));
    }
    Ok(())
}

/// Two connectors would take each other's objects for their own.
fn check_apart(tx: &impl Read, spec: &ConnectorSpec, own: Option<ConnectorId>) -> Result<(), Error> {
    let others = connector::list(tx, None, CONNECTORS_MAX)?;
    if own.is_none() && others.len() >= CONNECTORS_MAX {
        return Err(Error::Conflict(format!("there are {CONNECTORS_MAX} connectors already; delete one first")));
    }
    for (id, other) in others {
        if Some(id) != own && other.spec.overlaps(spec) {
            let name = other.name;
            return Err(Error::Conflict(format!(
                "connector `{name}` leads to the same bucket or directory, and the prefix of one lies in that of the other: \
                 give each a prefix of its own, or put several teams into one connector"
            )));
        }
    }
    Ok(())
}

/// The names of those whose bytes are in it. A team may be gone while its bytes are still being removed.
fn teams_of(tx: &impl Read, id: ConnectorId) -> Result<Vec<String>, Error> {
    connector::teams_in(tx, id, TEAMS_NAMED)?.into_iter().map(|team| name_of_team(tx, team)).collect()
}

fn name_of_team(tx: &impl Read, team: EntityId) -> Result<String, Error> {
    let entity = ENTITIES.get(tx, &team)?;
    Ok(entity.map_or_else(|| format!("a removed team ({team})"), |entity| entity.name.to_string()))
}

fn shown_to_admin(
    tx: &impl Read,
    found: FoundConnector,
    default: Option<ConnectorId>,
) -> Result<ShownConnector, Error> {
    let (teams, last) = (teams_of(tx, found.id)?, connector::probe(tx, found.id)?);
    Ok(ShownConnector { is_default: default == Some(found.id), connector: found.connector, teams, last })
}

fn event(action: AuditAction, connector: &Connector) -> Event {
    let provider = match connector.spec.place {
        Place::Local { .. } => "local",
        Place::S3 { .. } => "s3",
        Place::Gcs { .. } => "gcs",
        Place::Azure { .. } => "azure",
    };
    Event::new(action).detail("connector", &connector.name).detail("provider", provider)
}

/// Puts a changed connector in the place of the one it was made from, unless somebody was faster.
fn replace(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    licence: &crate::access::Licence,
    before: &FoundConnector,
    after: &Connector,
) -> Result<(), Error> {
    let instance = caller.may(Action::ConnectorDefine, user::instance(), licence)?;
    let now = connector::get(tx, before.id)?.ok_or_else(|| missing("connector", &before.connector.name))?;
    if now.version != before.connector.version {
        let why = format!("connector `{}` was changed by somebody else meanwhile; look, and try again", now.name);
        return Err(Error::Conflict(why));
    }
    check_apart(tx, &after.spec, Some(before.id))?;
    Ok(connector::put(tx, &instance, before.id, after)?)
}
