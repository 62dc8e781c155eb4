//! Self-tests of connectors: when somebody asks, before a connector is used, and every night for those that are.

use super::{ShownConnector, event, name_of_team, named, shown_to_admin};
use crate::access::{Action, Allowed, Caller, Licence, Refusal};
use crate::app::audit;
use crate::app::existing::missing;
use crate::app::{App, Error};
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::{lease, team, user};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::connector::ConnectorSpec;
use crate::domain::connector::probe::ProbeResult;
use crate::domain::id::ConnectorId;
use crate::storage::Store;
use crate::storage::probe::{Probe, STEP_WITHIN, run};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is used is tested so often.
const TEST_EVERY_SECS: i64 = 24 * 3600;
/// A test that fails is repeated sooner.
const TEST_AGAIN_SECS: i64 = 3600;
/// One process at a time does it.
const WORK: &str = "connector tests";
/// Longer than a self-test of a store that does not answer.
const LEASE_SECS: i64 = 600;
/// Teams looked at to find one whose admin asks.
const TEAMS_ASKED: usize = 1_000;

/// Which connectors are being tested: a test is work for two servers, and one at a time is enough.
#[derive(Debug, Clone, Default)]
pub(in crate::app) struct Testing(Arc<Mutex<BTreeSet<ConnectorId>>>);

struct Underway<'a>(&'a Testing, ConnectorId);

impl Testing {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<ConnectorId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: ConnectorId) -> Result<Underway<'_>, Error> {
        if self.lock().insert(id) { Ok(Underway(self, id)) } else { Err(Error::TooMany { retry_secs: 10 }) }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl App {
    /// Tries everything out that the store is needed for. For system admins, and admins of a team whose bytes are there.
    pub async fn test_connector(&self, caller: &Caller, name: &str) -> Result<ShownConnector, Error> {
        let (asking, licence, name) = (*caller, self.licence(), name.to_owned());
        let found = self.db.read(move |tx| Ok::<_, Error>(testable(tx, &asking, &name, &licence)?.into_inner()));
        let found = found.await?;
        let _underway = self.connector_tests.begin(found.id)?;
        let last = self.test(&found).await?;
        let (caller, default) = (*caller, self.stores.default_connector());
        let shown = self.db.write(move |tx| {
            let passed = last.is_good();
            audit::record(tx, &caller, event(AuditAction::ConnectorTest, &found.connector).detail("passed", passed))?;
            let mut shown = shown_to_admin(tx, found.clone(), default)?;
            if caller.may(Action::ConnectorDefine, user::instance(), &licence).is_err() {
                shown.teams = own_teams(tx, &caller, found.id, &licence)?;
            }
            // What was just seen, also where somebody has changed the connector meanwhile.
            Ok::<_, Error>(ShownConnector { last: Some(last.clone()), ..shown })
        });
        shown.await
    }

    /// Tests what is used and was not tested for long. Returns how many were.
    pub async fn test_due_connectors(&self) -> Result<usize, Error> {
        let (worker, default, now) = (self.worker, self.stores.default_connector(), self.clock.now());
        if !self.db.write(move |tx| Ok::<_, Error>(lease::hold(tx, WORK, worker, LEASE_SECS)?)).await? {
            return Ok(0);
        }
        let due = self.db.read(move |tx| {
            let ids: BTreeSet<ConnectorId> = connector::used(tx)?.into_iter().chain(default).collect();
            let mut due = Vec::new();
            for id in ids {
                let Some(connector) = connector::get(tx, id)? else { continue };
                let last = connector::probe(tx, id)?.filter(|last| last.version == connector.version);
                let pause = last.as_ref().map(|last| if last.is_good() { TEST_EVERY_SECS } else { TEST_AGAIN_SECS });
                let is_due = last.zip(pause).is_none_or(|(last, pause)| now.secs_since(last.at) >= pause);
                due.extend(is_due.then_some(FoundConnector { id, connector }));
            }
            Ok::<_, Error>(due)
        });
        let mut tested = 0;
        for found in due.await? {
            // Somebody is at it already.
            let Ok(_underway) = self.connector_tests.begin(found.id) else { continue };
            if !self.db.write(move |tx| Ok::<_, Error>(lease::hold(tx, WORK, worker, LEASE_SECS)?)).await? {
                break;
            }
            if let Err(error) = self.test(&found).await {
                tracing::error!(connector = %found.connector.name, %error, "a connector could not be tested");
            }
            tested += 1;
        }
        Ok(tested)
    }

    /// Tests and keeps what was found. One store that fails is nobody else's failure.
    async fn test(&self, found: &FoundConnector) -> Result<ProbeResult, Error> {
        let name = found.connector.name.to_string();
        let store = self.store_of_connector(found.id, &found.connector)?;
        let last = self.probe_store(&store, &found.connector.spec, found.connector.version).await;
        self.keep_probe(found, &last).await?;
        match last.trouble() {
            None => tracing::info!(connector = name, "a connector passed its self-test"),
            Some((step, failure)) => {
                tracing::warn!(
                    connector = name,
                    step = step.name(),
                    words = failure.words,
                    "a connector failed its self-test"
                );
            }
        }
        metrics::gauge!("weighhouse_connector_good", "connector" => name).set(if last.is_good() { 1.0 } else { 0.0 });
        Ok(last)
    }

    pub(super) async fn probe_store(&self, store: &Store, spec: &ConnectorSpec, version: u32) -> ProbeResult {
        let origin = self.settings.public_url.clone();
        let store = &store.unguarded();
        let probe = Probe { store, spec, rules: &self.rules, origin, step_within: STEP_WITHIN };
        ProbeResult { at: self.clock.now(), version, steps: run(&probe).await }
    }

    pub(super) async fn keep_probe(&self, found: &FoundConnector, last: &ProbeResult) -> Result<(), Error> {
        let (licence, found, last) = (self.licence(), found.clone(), last.clone());
        let kept = self.db.write(move |tx| {
            let tested = Caller::SYSTEM.may(Action::ConnectorTest, user::instance(), &licence)?;
            Ok::<_, Error>(connector::put_probe(tx, &tested.map(|_| found.clone()), &last)?)
        });
        kept.await
    }
}

/// A connector for who may test it: on the whole instance, or in a team whose bytes are there. Who sees none of its teams
/// learns nothing of it.
fn testable(tx: &impl Read, caller: &Caller, name: &str, licence: &Licence) -> Result<Allowed<FoundConnector>, Error> {
    let found = named(tx, name);
    if let Ok(instance) = caller.may(Action::ConnectorTest, user::instance(), licence) {
        let found = found?;
        return Ok(instance.map(|_| found));
    }
    let found = found?;
    let mut refusal = Refusal::Hidden;
    for id in connector::teams_in(tx, found.id, TEAMS_ASKED)? {
        let Some(team) = team::get(tx, caller, id)? else { continue };
        match caller.may(Action::ConnectorTest, team, licence) {
            Ok(team) => return Ok(team.map(|_| found)),
            Err(Refusal::Hidden) => {}
            Err(other) => refusal = other,
        }
    }
    Err(match refusal {
        Refusal::Hidden => missing("connector", name.chars().take(100).collect::<String>()),
        other => other.into(),
    })
}

/// Those of the connector's teams that the caller may test it for.
fn own_teams(tx: &impl Read, caller: &Caller, id: ConnectorId, licence: &Licence) -> Result<Vec<String>, Error> {
    let mut own = Vec::new();
    for id in connector::teams_in(tx, id, TEAMS_ASKED)? {
        let Some(team) = team::get(tx, caller, id)? else { continue };
        if caller.may(Action::ConnectorTest, team, licence).is_ok() {
            own.push(name_of_team(tx, id)?);
        }
    }
    Ok(own)
}
