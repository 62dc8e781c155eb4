//! What a heartbeat needs that takes time: which run comes next by what the others have shown, and which runs are to
//! stop. It is worked out before the transaction, which takes it only if the sweep is still as it was.

use super::{FoundAgent, FoundSweep, parsed};
use crate::access::{Action, Allowed, Caller};
use crate::app::existing::existing;
use crate::app::sweep::upsert::seed;
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::db::repo::sweep;
use crate::db::tx::Read;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AgentId, RunId};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::{Run, RunState};
use crate::domain::sweep::bayes::{self, Observation, Outcome};
use crate::domain::sweep::config::{Chooser, Method, SweepConfig};
use crate::domain::sweep::random::Random;
use crate::domain::sweep::{Sweep, Trial};
use std::collections::BTreeSet;

/// Runs that are looked at for the next choice: the newest.
const OBSERVED_MAX: usize = 1_000;
const PAGE: usize = 500;

/// What was worked out for a sweep as it was then.
#[derive(Clone)]
pub(super) struct Plan {
    pub config: SweepConfig,
    pub config_version: u32,
    pub trials_made: u64,
    /// The next run's values, where they depend on the others'.
    pub choice: Option<Vec<Value>>,
    /// A run has reached the metric's target.
    pub has_reached_target: bool,
    /// Points of runs that were there before the sweep.
    pub prior_points: Vec<Vec<Value>>,
    pub measured: Vec<Measured>,
    pub to_stop: Vec<RunId>,
    /// Where chance begins in the transaction.
    pub seed: u64,
}

/// How far a run has come, in the brackets of early stopping.
#[derive(Clone)]
pub(super) struct Measured {
    pub run: RunId,
    pub reached: Vec<f64>,
    pub is_final: bool,
}

/// What the transaction and the planning agree on.
struct Situation {
    agent: Allowed<FoundAgent>,
    config: String,
    needs_choice: bool,
}

impl App {
    pub(super) async fn plan(&self, caller: &Caller, agent: AgentId, live: &BTreeSet<String>) -> Result<Plan, Error> {
        let (is_idle, now) = (live.is_empty(), self.clock.now());
        let (caller, licence) = (*caller, self.licence());
        let situation = self.db.read(move |tx| {
            let found = existing_agent(tx, &caller, agent, &licence)?;
            let config = sweep::config(tx, found.of.id)?;
            let needs_choice = is_idle && needs_choice(tx, &found, now)?;
            let agent = caller.may(Action::RunRead, found.again(), &licence)?;
            Ok::<_, Error>(Situation { agent, config, needs_choice })
        });
        let Situation { agent, config, needs_choice } = situation.await?;
        let config = parsed(&config)?;
        let found: Allowed<FoundSweep> = agent.project(|agent| agent.of.clone());
        let mut plan = Plan {
            config,
            config_version: found.sweep.config_version,
            trials_made: found.sweep.trials_made,
            choice: None,
            has_reached_target: false,
            prior_points: Vec::new(),
            measured: Vec::new(),
            to_stop: Vec::new(),
            seed: seed(),
        };
        if let (Some(hyperband), Some(metric), false) = (&plan.config.early_terminate, &plan.config.metric, is_idle) {
            (plan.measured, plan.to_stop) = self.measure(&found, hyperband, metric, live).await?;
        }
        if needs_choice && plan.config.chooser == Chooser::Server {
            self.choose(&found, &mut plan).await?;
        }
        Ok(plan)
    }

    /// Looks at the runs so far, where the next one depends on them.
    async fn choose(&self, found: &Allowed<FoundSweep>, plan: &mut Plan) -> Result<(), Error> {
        let target = plan.config.metric.as_ref().and_then(|metric| metric.target);
        let is_bayes = plan.config.method == Method::Bayes;
        if !found.sweep.prior_runs.is_empty() && plan.config.method == Method::Grid {
            let prior = self.prior_runs_of(found).await?;
            let observed = self.observe(found, &plan.config, &prior).await?;
            plan.prior_points = observed.into_iter().map(|observation| observation.values).collect();
        }
        if !is_bayes && target.is_none() {
            return Ok(());
        }
        let Some(metric) = plan.config.metric.clone() else { return Ok(()) };
        let mut runs = self.prior_runs_of(found).await?;
        runs.extend(self.newest_runs_of(found).await?);
        if let Some(target) = target {
            let values = self.metric_values(&runs, &metric).await?;
            plan.has_reached_target = values.iter().flatten().any(|value| metric.goal.has_reached(*value, target));
        }
        if is_bayes && !plan.has_reached_target {
            let observations = self.observe(found, &plan.config, &runs).await?;
            let (space, seed) = (plan.config.space.clone(), plan.seed);
            let choice =
                self.on_pool(move || Ok(bayes::next(&space, metric.goal, &observations, &mut Random::seeded(seed))));
            plan.choice = Some(choice.await?);
        }
        Ok(())
    }

    async fn prior_runs_of(&self, found: &Allowed<FoundSweep>) -> Result<Vec<Allowed<FoundRun>>, Error> {
        let found = found.project(Clone::clone);
        let runs = self.db.read(move |tx| {
            let mut runs = Vec::new();
            for id in &found.sweep.prior_runs {
                runs.extend(sweep::run_by_id(tx, &found, *id)?);
            }
            Ok::<_, Error>(runs)
        });
        runs.await
    }

    async fn newest_runs_of(&self, found: &Allowed<FoundSweep>) -> Result<Vec<Allowed<FoundRun>>, Error> {
        let (mut newest, mut after) = (Vec::new(), None);
        loop {
            let (runs, has_more) = self.sweep_runs(found, after, PAGE).await?;
            after = runs.last().map(|run| (run.run.created_at, run.id));
            newest.extend(runs);
            let surplus = newest.len().saturating_sub(OBSERVED_MAX);
            newest.drain(..surplus);
            if !has_more {
                return Ok(newest);
            }
        }
    }

    /// What each run that stands at a point of the space has shown.
    async fn observe(
        &self,
        found: &Allowed<FoundSweep>,
        config: &SweepConfig,
        runs: &[Allowed<FoundRun>],
    ) -> Result<Vec<Observation>, Error> {
        found.must_be(Action::RunRead);
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let arguments = self.db.read(move |tx| {
            ids.iter().map(|id| sweep::arguments(tx, *id).map_err(Error::from)).collect::<Result<Vec<_>, Error>>()
        });
        let arguments: Vec<Option<String>> = arguments.await?;
        let values = match &config.metric {
            Some(metric) => self.metric_values(runs, metric).await?,
            None => vec![None; runs.len()],
        };
        let mut observations = Vec::new();
        for ((run, arguments), value) in runs.iter().zip(arguments).zip(values) {
            let arguments = arguments.and_then(|text| Value::parse(text.as_bytes(), MAX_DEPTH).ok());
            let Some(point) = arguments.and_then(|arguments| config.space.values_of(&arguments)) else { continue };
            observations.push(Observation { values: point, outcome: outcome(&run.run, value) });
        }
        Ok(observations)
    }

    async fn metric_values(
        &self,
        runs: &[Allowed<FoundRun>],
        metric: &crate::domain::sweep::config::Metric,
    ) -> Result<Vec<Option<f64>>, Error> {
        let summaries = self.summaries(&runs.iter().collect::<Vec<_>>()).await?;
        let value = |text: &String| {
            let summary = Value::parse(text.as_bytes(), MAX_DEPTH + 1).ok()?;
            metric.value_in(&summary)
        };
        Ok(summaries.iter().map(value).collect())
    }
}

/// What a run teaches: one that goes on is only known to be there.
fn outcome(run: &Run, value: Option<f64>) -> Outcome {
    match run.state {
        RunState::Pending | RunState::Running | RunState::Preempting => Outcome::Pending,
        _ => value.map_or(Outcome::Failed, Outcome::Value),
    }
}

/// Whether an agent that has nothing to do will get a run that is yet to be chosen.
fn needs_choice(tx: &impl Read, found: &FoundAgent, now: Timestamp) -> Result<bool, Error> {
    let sweep: &Sweep = &found.of.sweep;
    if !sweep.state.is_open() || sweep.is_exhausted {
        return Ok(false);
    }
    for (_, trial, run) in sweep::open_trials(tx, found.of.id, super::hand_in::OPEN_MAX)? {
        let is_waiting = run.is_some_and(|run| run.state == RunState::Pending);
        if is_waiting && is_for(tx, &trial, found.id, now)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the agent may take the waiting run: it is its own, nobody's, or that of an agent that is gone.
pub(super) fn is_for(tx: &impl Read, trial: &Trial, agent: AgentId, now: Timestamp) -> Result<bool, Error> {
    match trial.agent {
        None => Ok(true),
        Some(owner) if owner == agent => Ok(true),
        Some(owner) => Ok(sweep::agent_by_id(tx, owner)?.is_none_or(|owner| owner.is_dead(now))),
    }
}

/// An agent that has to exist, for its heartbeat.
pub(super) fn existing_agent(
    tx: &impl Read,
    caller: &Caller,
    id: AgentId,
    licence: &crate::access::Licence,
) -> Result<Allowed<FoundAgent>, Error> {
    existing(caller, Action::SweepAgent, sweep::agent(tx, caller, id)?, licence, || {
        Error::NotFound("this agent does not exist: register it again".into())
    })
}
