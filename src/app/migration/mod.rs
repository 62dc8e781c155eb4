//! Migrations: moving all stored bytes of a team into another store while it goes on working. Here is what people ask of
//! one; the work itself is done by a job, portion by portion.

/// Whether a store can be moved into.
mod preflight;
#[cfg(test)]
mod tests;
/// The work.
mod work;

use super::audit::{self, Event};
use super::connector::attach::Ready;
use super::existing::{missing, name_of_existing};
use super::team::find;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::db::repo::connector::FoundConnector;
use crate::db::repo::team::FoundTeam;
use crate::db::repo::{connector, migration};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::connector::{ConnectorName, StoreId};
use crate::domain::id::EntityId;
use crate::domain::migration::{Halt, Migration, Phase};
use crate::domain::name::EntityName;

/// What requests and commands call the store of the instance.
pub const DEFAULT_STORE: &str = "default";

/// A migration, with the names of its stores.
#[derive(Debug, Clone)]
pub struct SeenMigration {
    pub migration: Migration,
    pub source: String,
    pub target: String,
}

/// What can be asked of a migration that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Pause,
    /// With `true`, objects that cannot be had whole are left behind.
    Resume {
        accepts_damage: bool,
    },
    /// Back to where the bytes were.
    Reverse,
    /// Delete now what is kept in the source.
    Release,
}

impl Ask {
    const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Reverse => "reverse",
            Self::Release => "release",
        }
    }
}

impl App {
    /// Has the team's bytes moved to the connector of that name, or to the store of the instance.
    pub async fn begin_migration(&self, caller: &Caller, team: &str, to: &str) -> Result<SeenMigration, Error> {
        let name = name_of_existing("team", team)?;
        let (asking, licence, wanted, team) = (*caller, self.licence(), to.to_owned(), name.clone());
        let checked = self.db.read(move |tx| {
            let (_, source, target) = beginnable(tx, &asking, &team, &wanted, &licence)?;
            let found = match target {
                StoreId::Connector(id) => connector::get(tx, id)?.map(|connector| FoundConnector { id, connector }),
                StoreId::Default => None,
            };
            Ok::<_, Error>((source, target, found))
        });
        let (source, target, found) = checked.await?;
        let ready = match found {
            Some(found) => Some(self.ready(found).await?),
            None => None,
        };
        let begun = match self.check_target(source, target, to).await {
            Ok(()) => self.write_new_migration(*caller, name, to.to_owned(), ready.clone()).await,
            Err(error) => Err(error),
        };
        let (team, seen) = match ready {
            Some(ready) => self.unless_failed(ready, begun).await?,
            None => begun?,
        };
        tracing::info!(team.id = %team, from = seen.source, to = seen.target, "began a migration");
        self.migrations_due.notify_one();
        Ok(seen)
    }

    async fn write_new_migration(
        &self,
        caller: Caller,
        name: EntityName,
        to: String,
        ready: Option<Ready>,
    ) -> Result<(EntityId, SeenMigration), Error> {
        let licence = self.licence();
        let begun = self.db.write(move |tx| {
            let (found, source, target) = beginnable(tx, &caller, &name, &to, &licence)?;
            ready.as_ref().map_or(Ok(()), |ready| ready.check_unchanged(tx))?;
            let before = migration::of_team(tx, &found)?;
            let turn = before.map_or(0, |before| before.turn + 1);
            let begun = Migration { turn, ..Migration::new(source, target, tx.now()) };
            migration::put(tx, &found, &begun)?;
            let seen = seen(tx, begun)?;
            let event = Event::new(AuditAction::ConnectorMigrate).team(&found);
            let event = event.detail("from", &seen.source).detail("to", &seen.target);
            audit::record(tx, &caller, event.detail("action", "begin"))?;
            Ok::<_, Error>((found.id, seen))
        });
        begun.await
    }

    /// The newest migration of the team, if it ever had one.
    pub async fn see_migration(&self, caller: &Caller, team: &str) -> Result<Option<SeenMigration>, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let found = find(tx, &caller, Action::ConnectorMigrate, &name, &licence)?;
            migration::of_team(tx, &found)?.map(|migration| seen(tx, migration)).transpose()
        });
        found.await
    }

    pub async fn change_migration(&self, caller: &Caller, team: &str, ask: Ask) -> Result<SeenMigration, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let changed = self.db.write(move |tx| {
            let found = find(tx, &caller, Action::ConnectorMigrate, &name, &licence)?;
            let before = migration::of_team(tx, &found)?.ok_or_else(|| never(&name))?;
            let turn = before.turn + 1;
            let after = Migration { turn, changed_at: tx.now(), ..asked(before, ask, tx.now())? };
            migration::put(tx, &found, &after)?;
            let seen = seen(tx, after)?;
            let event = Event::new(AuditAction::ConnectorMigrate).team(&found);
            let event = event.detail("from", &seen.source).detail("to", &seen.target);
            audit::record(tx, &caller, event.detail("action", ask.name()))?;
            Ok::<_, Error>((found.id, seen))
        });
        let (team, seen) = changed.await?;
        tracing::info!(team.id = %team, asked = ask.name(), "a migration was changed");
        self.migrations_due.notify_one();
        Ok(seen)
    }

    /// Waits until somebody asks for work on migrations.
    pub async fn migration_is_due(&self) {
        self.migrations_due.notified().await;
    }
}

/// The team, the store that its bytes are in, and the one that they are to go to; or why they cannot.
fn beginnable(
    tx: &impl Read,
    caller: &Caller,
    name: &EntityName,
    to: &str,
    licence: &Licence,
) -> Result<(Allowed<FoundTeam>, StoreId, StoreId), Error> {
    let found = find(tx, caller, Action::ConnectorMigrate, name, licence)?;
    let target = store_called(tx, to)?;
    let store = connector::store_of(tx, found.id)?;
    let running = migration::of_team(tx, &found)?.filter(|migration| !migration.is_over());
    if let Some(running) = running {
        let what = match running.phase {
            Phase::Kept { .. } => {
                "has left bytes in the store it came from: `release` them, or `reverse` the migration"
            }
            _ => "is being migrated: wait for the end, or `reverse` the migration",
        };
        return Err(Error::Conflict(format!("team `{name}` {what}")));
    }
    if store.home == target {
        return Err(Error::Conflict(format!("the bytes of team `{name}` are in `{to}` already")));
    }
    let is_attached = store.all().any(|store| store == target);
    if !is_attached && target != StoreId::Default {
        // A licensed feature is newly used, which is asked of the same team.
        let attached = find(tx, caller, Action::ConnectorAttach, name, licence)?;
        attached.must_be(Action::ConnectorAttach);
    }
    Ok((found, store.home, target))
}

/// What becomes of it.
fn asked(before: Migration, ask: Ask, now: crate::domain::clock::Timestamp) -> Result<Migration, Error> {
    let refused = |why: &str| Err(Error::Conflict(why.to_owned()));
    if before.is_over() {
        return refused("the migration is over: what it has left in the store it came from is deleted");
    }
    match ask {
        Ask::Pause => Ok(Migration { halt: Some(Halt::Asked), ..before }),
        Ask::Resume { accepts_damage } => {
            let phase = before.phase;
            let again = Migration { halt: None, trouble: None, accepts_damage, ..before };
            // What failed is tried once more, which means from the beginning.
            Ok(if again.failures.count > 0 { again.enter(phase, now) } else { again })
        }
        Ask::Reverse if before.phase == Phase::Releasing && before.halt.is_none() => {
            refused("bytes are being deleted from the store that they came from; `pause` that first")
        }
        Ask::Reverse => Ok(before.reversed(now)),
        Ask::Release => match before.phase {
            Phase::Kept { .. } => Ok(before.enter(Phase::Releasing, now)),
            Phase::Releasing => Ok(before),
            _ => refused("not everything is in the new store yet; `release` deletes what the old one has"),
        },
    }
}

fn seen(tx: &impl Read, migration: Migration) -> Result<SeenMigration, Error> {
    let (source, target) = (name_of_store(tx, migration.source)?, name_of_store(tx, migration.target)?);
    Ok(SeenMigration { migration, source, target })
}

/// What people call a store.
pub(super) fn name_of_store(tx: &impl Read, store: StoreId) -> Result<String, Error> {
    let StoreId::Connector(id) = store else { return Ok(DEFAULT_STORE.to_owned()) };
    Ok(connector::get(tx, id)?.map_or_else(|| format!("deleted connector {id}"), |found| found.name.to_string()))
}

/// The store that people call so.
pub(super) fn store_called(tx: &impl Read, name: &str) -> Result<StoreId, Error> {
    if name == DEFAULT_STORE {
        return Ok(StoreId::Default);
    }
    let found = match ConnectorName::parse(name) {
        Ok(name) => connector::named(tx, &name)?,
        Err(_) => None,
    };
    found.map(|found| StoreId::Connector(found.id)).ok_or_else(|| missing("connector", name))
}

fn never(team: &EntityName) -> Error {
    Error::NotFound(format!("the bytes of team `{team}` were never migrated"))
}
