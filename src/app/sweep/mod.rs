//! Sweeps as they are read: the sweep itself, its runs, its agents. Making and changing them is in `upsert`, the work of
//! agents in `agent` and `beat`, choosing what to run next in `plan`.

mod agent;
mod beat;
mod hand_in;
mod measure;
mod plan;
#[cfg(test)]
mod tests;
mod upsert;

pub use crate::db::repo::sweep::{FoundAgent, FoundSweep};
pub use agent::NewAgent;
pub use beat::{Beat, Command};
pub use upsert::{SweepTarget, UpsertSweep, UpsertedSweep};

use super::project::seen;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::db::repo::project::{self, FoundProject};
use crate::db::repo::run::FoundRun;
use crate::db::repo::sweep;
use crate::db::tx::Read;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AgentId, RunId, SweepId};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::sweep::Agent;
use crate::domain::sweep::config::SweepConfig;

/// More agents of one sweep are not listed.
const AGENTS_MAX: usize = 1_000;
/// More sweeps, or runs of an agent, are not counted.
const COUNT_MAX: usize = 1_000_000;
/// Runs whose summaries are in memory at once.
const PAGE: usize = 500;

impl App {
    /// A sweep of the project that the caller sees.
    pub async fn find_sweep(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        name: &str,
    ) -> Result<Option<Allowed<FoundSweep>>, Error> {
        let (caller, licence, at, name) = (*caller, self.licence(), (**at).clone(), name.to_owned());
        let found =
            self.db.read(move |tx| seen(&caller, Action::RunRead, sweep::find_in(tx, &caller, at, &name)?, &licence));
        found.await
    }

    /// Sweeps of the project, newest first, before the sweep `before`; and whether there are more.
    pub async fn list_sweeps(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        before: Option<(Timestamp, SweepId)>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundSweep>>, bool), Error> {
        let (caller, licence, id) = (*caller, self.licence(), at.id);
        let listed = self.db.read(move |tx| {
            let found = project::get(tx, &caller, id)?;
            let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(Vec::new()) };
            Ok::<_, Error>(sweep::list(tx, &at, before, limit.saturating_add(1))?)
        });
        let mut sweeps = listed.await?;
        let has_more = sweeps.len() > limit;
        sweeps.truncate(limit);
        Ok((sweeps, has_more))
    }

    pub async fn count_sweeps(&self, at: &Allowed<FoundProject>) -> Result<usize, Error> {
        let id = at.id;
        self.db.read(move |tx| sweep::count(tx, id, COUNT_MAX).map_err(Error::from)).await
    }

    /// The YAML text of the configuration.
    pub async fn sweep_config(&self, found: &Allowed<FoundSweep>) -> Result<String, Error> {
        let id = found.id;
        self.db.read(move |tx| sweep::config(tx, id).map_err(Error::from)).await
    }

    /// The configuration of a sweep that the caller is about to change, read where others need not wait for it; and its
    /// version, by which the transaction knows whether it holds still.
    async fn config_to_change(
        &self,
        caller: &Caller,
        id: SweepId,
        action: Action,
    ) -> Result<(SweepConfig, u32), Error> {
        let (caller, licence) = (*caller, self.licence());
        let read = self.db.read(move |tx| {
            let found = existing(tx, &caller, id, action, &licence)?;
            Ok::<_, Error>((sweep::config(tx, id)?, found.sweep.config_version))
        });
        let (text, version) = read.await?;
        Ok((parsed(&text)?, version))
    }

    /// Runs of the sweep, oldest first, after the run `after`; and whether there are more.
    pub async fn sweep_runs(
        &self,
        found: &Allowed<FoundSweep>,
        after: Option<(Timestamp, RunId)>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundRun>>, bool), Error> {
        let found = found.project(Clone::clone);
        let listed = self.db.read(move |tx| sweep::runs(tx, &found, after, limit.saturating_add(1)));
        let mut runs = listed.await?;
        let has_more = runs.len() > limit;
        runs.truncate(limit);
        Ok((runs, has_more))
    }

    pub async fn count_sweep_runs(&self, found: &Allowed<FoundSweep>) -> Result<usize, Error> {
        let found = (**found).clone();
        self.db.read(move |tx| sweep::count_runs(tx, &found).map_err(Error::from)).await
    }

    /// The best value of the metric that a run of the sweep has reached.
    pub async fn best_of_sweep(&self, found: &Allowed<FoundSweep>) -> Result<Option<f64>, Error> {
        let config = parsed(&self.sweep_config(found).await?)?;
        let Some(metric) = config.metric else { return Ok(None) };
        let (mut best, mut after) = (None, None);
        loop {
            let (runs, has_more) = self.sweep_runs(found, after, PAGE).await?;
            after = runs.last().map(|run| (run.run.created_at, run.id));
            for summary in self.summaries(&runs.iter().collect::<Vec<_>>()).await? {
                let summary = Value::parse(summary.as_bytes(), MAX_DEPTH + 1).unwrap_or(Value::Null);
                let value = metric.value_in(&summary).filter(|value| value.is_finite());
                best = value.map(|value| best.map_or(value, |best| metric.goal.better(best, value))).or(best);
            }
            if !has_more {
                return Ok(best);
            }
        }
    }

    /// The agents of the sweep, oldest first.
    pub async fn list_agents(&self, found: &Allowed<FoundSweep>) -> Result<Vec<(AgentId, Agent)>, Error> {
        let found = found.project(Clone::clone);
        self.db.read(move |tx| sweep::agents(tx, &found, AGENTS_MAX).map_err(Error::from)).await
    }

    /// Runs that were given to an agent, oldest first, after the run `after`; and whether there are more.
    pub async fn agent_runs(
        &self,
        found: &Allowed<FoundSweep>,
        agent: AgentId,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundRun>>, bool), Error> {
        let found = found.project(Clone::clone);
        let listed = self.db.read(move |tx| sweep::agent_runs(tx, &found, agent, after, limit.saturating_add(1)));
        let mut runs = listed.await?;
        let has_more = runs.len() > limit;
        runs.truncate(limit);
        Ok((runs, has_more))
    }

    /// Whether the agent was silent for too long.
    pub fn is_agent_dead(&self, agent: &Agent) -> bool {
        agent.is_dead(self.clock.now())
    }

    pub async fn count_agent_runs(&self, agent: AgentId) -> Result<usize, Error> {
        self.db.read(move |tx| sweep::count_agent_runs(tx, agent, COUNT_MAX).map_err(Error::from)).await
    }
}

/// A sweep that has to exist, for an action that changes it. Its id says nothing to people.
fn existing(
    tx: &impl Read,
    caller: &Caller,
    id: SweepId,
    action: Action,
    licence: &Licence,
) -> Result<Allowed<FoundSweep>, Error> {
    let found = sweep::get(tx, caller, id)?;
    super::existing::existing(caller, action, found, licence, || Error::NotFound("this sweep does not exist".into()))
}

/// For who has read the configuration before the transaction.
fn check_version(found: &FoundSweep, version: u32) -> Result<(), Error> {
    if found.sweep.config_version == version {
        return Ok(());
    }
    Err(Error::Conflict("the sweep's configuration was changed at the same time: try again".into()))
}

/// A configuration that was checked when it was stored.
fn parsed(text: &str) -> Result<SweepConfig, Error> {
    SweepConfig::parse(text)
        .map_err(|why| Error::Db(crate::db::DbError::Damaged(format!("the configuration of a sweep: {why}"))))
}
