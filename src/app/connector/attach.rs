//! Attaching a connector to a team that nothing of is kept anywhere yet, as it is made or later. A team that has bytes is
//! moved instead, which is another use case.

use super::change::check_good;
use super::{ShownConnector, event, named, teams_of};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::audit;
use crate::app::existing::{missing, name_of_existing};
use crate::app::{App, Error, organization, team};
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::migration;
use crate::db::repo::team::FoundTeam;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::connector::StoreId;
use crate::domain::name::EntityName;

/// What the store of the instance is called where a connector could be named.
const DEFAULT: &str = "default";

pub(in crate::app) fn is_default(name: &str) -> bool {
    name.eq_ignore_ascii_case(DEFAULT)
}

/// A connector whose store has our mark, and was found good a moment ago.
#[derive(Debug, Clone)]
pub(in crate::app) struct Ready {
    found: FoundConnector,
    /// For this: if it comes to nothing, the mark goes again.
    is_marked_now: bool,
}

impl Ready {
    /// In the transaction that uses it: whether it is still what was found good.
    pub(in crate::app) fn check_unchanged(&self, tx: &impl Read) -> Result<(), Error> {
        let tested = &self.found.connector;
        if connector::get(tx, self.found.id)?.is_some_and(|now| now.version == tested.version) {
            return Ok(());
        }
        let why = format!("connector `{}` was changed or deleted meanwhile; look, and try again", tested.name);
        Err(Error::Conflict(why))
    }
}

impl App {
    /// The connector of a team; `None` is the store of the instance.
    pub async fn connector_of_team(&self, caller: &Caller, name: &str) -> Result<Option<ShownConnector>, Error> {
        let name = name_of_existing("team", name)?;
        let (caller, licence, default) = (*caller, self.licence(), self.stores.default_connector());
        let shown = self.db.read(move |tx| {
            let team = team::find(tx, &caller, Action::ConnectorTest, &name, &licence)?;
            let StoreId::Connector(id) = connector::store_of(tx, team.id)?.home else { return Ok(None) };
            let connector = connector::get(tx, id)?.ok_or_else(|| missing("connector", id))?;
            let (last, teams) = (connector::probe(tx, id)?, vec![team.entity.name.to_string()]);
            Ok::<_, Error>(Some(ShownConnector { is_default: default == Some(id), connector, teams, last }))
        });
        shown.await
    }

    /// From now on what is the team's goes to the store of this connector, which has to pass its self-test first.
    pub async fn attach_connector(
        &self,
        caller: &Caller,
        team: &str,
        name: &str,
    ) -> Result<Option<ShownConnector>, Error> {
        if is_default(name) {
            self.detach_connector(caller, team).await?;
            return Ok(None);
        }
        let at = name_of_existing("team", team)?;
        let (asking, licence, wanted) = (*caller, self.licence(), name.to_owned());
        let asked = at.clone();
        let looked = self.db.read(move |tx| {
            let team = team::find(tx, &asking, Action::ConnectorAttach, &asked, &licence)?;
            let found = named(tx, &wanted)?;
            let is_there = connector::store_of(tx, team.id)?.home == StoreId::Connector(found.id);
            if !is_there {
                check_empty(tx, &team, found.connector.name.as_str())?;
            }
            Ok::<_, Error>((found, is_there))
        });
        let (found, is_there) = looked.await?;
        if !is_there {
            let ready = self.ready(found).await?;
            let (caller, marked) = (*caller, ready.clone());
            let attached = self.db.write(move |tx| {
                let team = team::find(tx, &caller, Action::ConnectorAttach, &at, &licence)?;
                check_empty(tx, &team, ready.found.connector.name.as_str())?;
                attach(tx, &caller, &team, &ready)
            });
            self.unless_failed(marked, attached.await).await?;
        }
        self.connector_of_team(caller, team).await
    }

    /// Back to the store of the instance, while nothing is in the team's.
    pub async fn detach_connector(&self, caller: &Caller, team: &str) -> Result<(), Error> {
        let at = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let detached = self.db.write(move |tx| {
            let team = team::find(tx, &caller, Action::ConnectorMigrate, &at, &licence)?;
            let StoreId::Connector(id) = connector::store_of(tx, team.id)?.home else { return Ok(team.id) };
            check_empty(tx, &team, DEFAULT)?;
            connector::detach(tx, &team)?;
            if let Some(connector) = connector::get(tx, id)? {
                audit::record(tx, &caller, event(AuditAction::ConnectorDetach, &connector).team(&team))?;
            }
            Ok::<_, Error>(team.id)
        });
        let team = detached.await?;
        tracing::info!(team.id = %team, "a team is in the store of the instance");
        Ok(())
    }

    /// For a team that is about to be made: whether the caller may, and the connector ready for it.
    pub(in crate::app) async fn ready_for_new_team(
        &self,
        caller: &Caller,
        organization: &EntityName,
        name: &str,
    ) -> Result<Ready, Error> {
        let (caller, licence) = (*caller, self.licence());
        let (organization, name) = (organization.clone(), name.to_owned());
        let found = self.db.read(move |tx| {
            organization::find(tx, &caller, Action::TeamCreate, &organization, &licence)?;
            organization::find(tx, &caller, Action::ConnectorAttach, &organization, &licence)?;
            named(tx, &name).map_err(|error| match error {
                Error::NotFound(message) => Error::Invalid { field: "connector", message },
                other => other,
            })
        });
        self.ready(found.await?).await
    }

    /// Marks the store and tries it out. What fails leaves nothing behind.
    pub(in crate::app) async fn ready(&self, found: FoundConnector) -> Result<Ready, Error> {
        let store = self.store_of_connector(found.id, &found.connector)?;
        let last = self.probe_store(&store, &found.connector.spec, found.connector.version).await;
        self.keep_probe(&found, &last).await?;
        check_good(&found.connector, &last)?;
        let is_marked_now = !found.connector.is_claimed && self.claim(&found, &store).await?;
        Ok(Ready { found, is_marked_now })
    }

    /// Passes on what came of an attempt to attach; after a failure a mark that was put for it goes again.
    pub(in crate::app) async fn unless_failed<R>(&self, ready: Ready, outcome: Result<R, Error>) -> Result<R, Error> {
        let outcome = match outcome {
            Ok(done) => self.note_claim(ready.found.id).await.map(|()| done),
            Err(error) => Err(error),
        };
        if outcome.is_err() && ready.is_marked_now {
            let id = ready.found.id;
            let is_used = self.db.read(move |tx| Ok::<_, Error>(!teams_of(tx, id)?.is_empty())).await;
            if is_used.is_ok_and(|is_used| !is_used) {
                self.unclaim(&ready.found).await;
            }
        }
        outcome
    }
}

/// Into the transaction that makes the team, or changes it.
pub(in crate::app) fn attach(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    team: &Allowed<FoundTeam>,
    ready: &Ready,
) -> Result<(), Error> {
    ready.check_unchanged(tx)?;
    connector::attach(tx, team, ready.found.id)?;
    audit::record(tx, caller, event(AuditAction::ConnectorAttach, &ready.found.connector).team(team))
}

/// The same for a team that this transaction has made.
pub(in crate::app) fn attach_new(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    team: &EntityName,
    ready: &Ready,
    licence: &Licence,
) -> Result<(), Error> {
    let team = team::find(tx, caller, Action::ConnectorAttach, team, licence)?;
    attach(tx, caller, &team, ready)
}

fn check_empty(tx: &impl Read, team: &Allowed<FoundTeam>, to: &str) -> Result<(), Error> {
    let name = &team.entity.name;
    if migration::get(tx, team.id)?.is_some_and(|migration| !migration.is_over()) {
        return Err(Error::Conflict(format!(
            "the bytes of team `{name}` are being migrated; wait for the end, or \
             `weighhouse connector migrate --team {name} --release` what it has left in the store it came from"
        )));
    }
    if connector::has_no_bytes(tx, team.id)? {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "team `{name}` has projects or pictures already; move it, with all that is in it: \
         `weighhouse connector migrate --team {name} --to {to}`"
    )))
}
