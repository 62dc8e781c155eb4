//! How far runs have come in the brackets of early stopping, and which of them are to stop.

use super::FoundSweep;
use super::plan::Measured;
use crate::access::Allowed;
use crate::app::history::SampleSpec;
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::db::repo::sweep;
use crate::domain::id::RunId;
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::RunState;
use crate::domain::sweep::Trial;
use crate::domain::sweep::config::Metric;
use crate::domain::sweep::hyperband::Hyperband;
use std::collections::BTreeSet;

/// Ended runs that are measured with one heartbeat; the next takes the next.
const ENDED_MAX: usize = 20;
const PAGE: usize = 500;
/// Runs that a run is compared with: the newest.
const COMPARED_MAX: usize = 5_000;

impl App {
    /// Measures the agent's runs and those that ended since, and says which of the agent's are to stop.
    pub(super) async fn measure(
        &self,
        found: &Allowed<FoundSweep>,
        hyperband: &Hyperband,
        metric: &Metric,
        live: &BTreeSet<String>,
    ) -> Result<(Vec<Measured>, Vec<RunId>), Error> {
        let mut trials = self.trials_of(found).await?;
        let mut measured = Vec::new();
        let mut best = Vec::new();
        let mut ended = 0;
        for (run, trial) in &mut trials {
            let is_live = live.contains(run.run.name.as_str()) && run.run.state == RunState::Running;
            let has_ended = !matches!(run.run.state, RunState::Pending | RunState::Running | RunState::Preempting);
            let is_due = has_ended && !trial.is_measured && ended < ENDED_MAX;
            if !is_live && !is_due {
                continue;
            }
            ended += usize::from(is_due);
            let values = self.values_of(run, metric, hyperband).await?;
            let reached = hyperband.reached(&values, metric.goal);
            if is_live && !trial.is_to_stop {
                let so_far =
                    values.iter().copied().fold(metric.goal.worst(), |best, value| metric.goal.better(best, value));
                best.push((run.id, reached.clone(), so_far));
            }
            if reached != trial.reached || is_due {
                trial.reached.clone_from(&reached);
                measured.push(Measured { run: run.id, reached, is_final: is_due });
            }
        }
        let others: Vec<Vec<f64>> = trials.into_iter().map(|(_, trial)| trial.reached).collect();
        let is_to_stop = |(_, reached, so_far): &(RunId, Vec<f64>, f64)| {
            hyperband.is_to_stop(reached, *so_far, &others, metric.goal)
        };
        let to_stop = best.iter().filter(|entry| is_to_stop(entry)).map(|(id, ..)| *id).collect();
        Ok((measured, to_stop))
    }

    async fn trials_of(&self, found: &Allowed<FoundSweep>) -> Result<Vec<(Allowed<FoundRun>, Trial)>, Error> {
        let (mut trials, mut after) = (Vec::new(), None);
        loop {
            let found = found.project(Clone::clone);
            let page = self.db.read(move |tx| {
                let runs = sweep::runs(tx, &found, after, PAGE)?;
                let next = runs.last().filter(|_| runs.len() == PAGE).map(|run| (run.run.created_at, run.id));
                let mut trials = Vec::new();
                for run in runs {
                    if let Some(trial) = sweep::trial(tx, run.id)?.filter(|trial| trial.sweep == found.id) {
                        trials.push((run, trial));
                    }
                }
                Ok::<_, Error>((trials, next))
            });
            let (page, next) = page.await?;
            trials.extend(page);
            let surplus = trials.len().saturating_sub(COMPARED_MAX);
            trials.drain(..surplus);
            if next.is_none() {
                return Ok(trials);
            }
            after = next;
        }
    }

    /// The metric's logged values, to the last bracket and for what is the best so far.
    async fn values_of(
        &self,
        run: &Allowed<FoundRun>,
        metric: &Metric,
        hyperband: &Hyperband,
    ) -> Result<Vec<f64>, Error> {
        let last = hyperband.brackets.last().copied().unwrap_or(0);
        // More rows than that are thinned out: then the run is past every bracket.
        let samples = usize::try_from(last).unwrap_or(usize::MAX).saturating_mul(2);
        let spec = SampleSpec { keys: vec![metric.name.clone()], samples, steps: i64::MIN..=i64::MAX };
        let rows = self.sampled_history(run, &spec).await?;
        let value = |row: &String| {
            let row = Value::parse(row.as_bytes(), MAX_DEPTH).ok()?;
            // What is not finite comes as a text.
            Some(row.get(&metric.name)?.as_f64().unwrap_or(f64::NAN))
        };
        Ok(rows.iter().filter_map(value).collect())
    }
}
