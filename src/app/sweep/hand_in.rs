//! Runs of a sweep that somebody else chose: a local controller writes them into a schedule (`controller.type: local`),
//! a local scheduler hands them in one by one (wandb 0.31.0). And making the waiting run, whoever chose it.

use super::upsert::seed;
use super::{FoundSweep, check_version, existing};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::project::{self, FoundProject};
use crate::db::repo::run::{self, FoundRun};
use crate::db::repo::sweep;
use crate::db::tx::WriteTx;
use crate::domain::display_name::display_name;
use crate::domain::id::{AgentId, RunId, SweepId};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::sweep::config::{Chooser, SweepConfig};
use crate::domain::sweep::random::Random;
use crate::domain::sweep::{Scheduled, Sweep, Trial};

/// Runs of one sweep that wait for agents.
pub(super) const OPEN_MAX: usize = 1_000;
/// Entries of a schedule that are remembered: the controller looks for its newest.
const SCHEDULED_MAX: usize = 200;
const SCHEDULE_BYTES_MAX: usize = 1 << 20;
const NAME_TRIES: usize = 8;

/// What a local controller wants (wandb 0.31.0, `wandb_controller.py`).
#[derive(Debug, Clone, Default)]
pub(super) struct Schedule {
    /// Runs to be made, each with an id of the controller's. No arguments mean that there is nothing more to run.
    entries: Vec<(String, Option<Value>)>,
    /// Names of runs to be stopped.
    early_stop: Vec<String>,
}

impl Schedule {
    /// `{"schedule":[{"id":"a","data":{"args":{"lr":{"value":1}}}}],"earlystop":["run1"]}`
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::invalid("controller", &format!("`controller` {why}"));
        if text.len() > SCHEDULE_BYTES_MAX {
            return Err(Error::TooLarge(format!("`controller` has at most {SCHEDULE_BYTES_MAX} bytes")));
        }
        let value = Value::parse(text.as_bytes(), MAX_DEPTH).map_err(|why| invalid(&format!("is no JSON: {why}")))?;
        let list = |key| value.get(key).and_then(Value::as_array).unwrap_or_default();
        let mut schedule = Self::default();
        for entry in list("schedule") {
            let id = entry.get("id").and_then(Value::as_str);
            let id = id.ok_or_else(|| invalid("has an entry in `schedule` without an `id`"))?;
            let arguments = match entry.at(&["data", "args"]) {
                None | Some(Value::Null) => None,
                Some(arguments) => Some(wrapped(arguments).ok_or_else(|| invalid("has `args` that are no mapping"))?),
            };
            schedule.entries.push((id.to_owned(), arguments));
        }
        if schedule.entries.len() > OPEN_MAX {
            return Err(Error::TooLarge(format!("`controller` schedules at most {OPEN_MAX} runs at once")));
        }
        schedule.early_stop = list("earlystop").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(schedule)
    }
}

/// Every argument as `{"value": …}`. Controllers wrap them, schedulers need not.
fn wrapped(arguments: &Value) -> Option<Value> {
    let is_wrapped =
        |value: &Value| value.as_object().is_some_and(|members| members.len() == 1 && members[0].0 == "value");
    let wrap = |(name, value): &(String, Value)| {
        let value =
            if is_wrapped(value) { value.clone() } else { Value::Object(vec![("value".into(), value.clone())]) };
        (name.clone(), value)
    };
    Some(Value::Object(arguments.as_object()?.iter().map(wrap).collect()))
}

/// Makes what a controller's schedule has that was not made yet, and marks what is to stop.
pub(super) fn carry_out(
    tx: &mut WriteTx<'_>,
    who: (&Caller, &Licence),
    found: &Allowed<FoundSweep>,
    sweep: &mut Sweep,
    config: &SweepConfig,
    schedule: &Schedule,
    random: &mut Random,
) -> Result<(), Error> {
    if config.chooser != Chooser::Controller {
        // A controller that begins writes an empty one, whatever the sweep is.
        if schedule.entries.is_empty() && schedule.early_stop.is_empty() {
            return Ok(());
        }
        let why = "this sweep's runs are chosen by the server: only one with `controller.type: local` takes a schedule";
        return Err(Error::Conflict(why.into()));
    }
    for (id, arguments) in &schedule.entries {
        if sweep.scheduled.iter().any(|scheduled| scheduled.id == *id) || sweep.state.is_over() {
            continue;
        }
        let Some(arguments) = arguments else {
            sweep.is_exhausted = true;
            continue;
        };
        if config.run_cap.is_some_and(|cap| sweep.trials_made >= cap) {
            sweep.is_exhausted = true;
            continue;
        }
        check_room(tx, found.id)?;
        let trial = Trial::new(found.id, None, arguments.to_text());
        let (_, run) = make_trial(tx, who, found, sweep, &trial, None, random)?;
        sweep.scheduled.push(Scheduled { id: id.clone(), run: run.as_str().to_owned() });
        let surplus = sweep.scheduled.len().saturating_sub(SCHEDULED_MAX);
        sweep.scheduled.drain(..surplus);
    }
    for name in &schedule.early_stop {
        let Ok(name) = RunName::parse(name) else { continue };
        let Some((id, _)) = run::any_named(tx, found.at.id, &name)? else { continue };
        let Some(mut trial) = sweep::trial(tx, id)?.filter(|trial| trial.sweep == found.id) else { continue };
        if !trial.is_to_stop {
            trial.is_to_stop = true;
            sweep::put_trial(tx, found, id, &trial)?;
        }
    }
    Ok(())
}

fn check_room(tx: &WriteTx<'_>, id: SweepId) -> Result<(), Error> {
    if sweep::open_trials(tx, id, OPEN_MAX)?.len() < OPEN_MAX {
        return Ok(());
    }
    Err(Error::Conflict(format!("{OPEN_MAX} runs of this sweep wait for an agent already: start agents")))
}

/// Makes a waiting run, and counts it in the sweep, which the caller stores.
pub(super) fn make_trial(
    tx: &mut WriteTx<'_>,
    (caller, licence): (&Caller, &Licence),
    found: &FoundSweep,
    sweep: &mut Sweep,
    trial: &Trial,
    named: Option<String>,
    random: &mut Random,
) -> Result<(RunId, RunName), Error> {
    let at = project::get(tx, caller, found.at.id)?.ok_or(DbError::Damaged("the project of a sweep".into()))?;
    let at = caller.may(Action::RunLog, at, licence)?;
    let name = free_name(tx, &at, random)?;
    let words = [random.unit(), random.unit()].map(|unit| (unit * 256.0) as u8);
    let run = Run {
        project: at.id,
        name: name.clone(),
        display_name: named.unwrap_or_else(|| display_name(words, at.project.runs_made + 1)),
        group: None,
        job_type: None,
        notes: None,
        description: None,
        tags: Vec::new(),
        commit: None,
        repo: None,
        program: None,
        host: None,
        sweep: Some(sweep.name.clone()),
        owner: caller.user_id(),
        created_at: tx.now(),
        state: RunState::Pending,
        exit_code: None,
        stop_requested: false,
        generation: 0,
        is_shared: false,
        deleted_at: None,
    };
    let id = sweep::create_trial(tx, &at, &run, trial)?;
    sweep.trials_made += 1;
    Ok((id, name))
}

fn free_name(tx: &WriteTx<'_>, at: &FoundProject, random: &mut Random) -> Result<RunName, Error> {
    for _ in 0..NAME_TRIES {
        let name = RunName::from_random(std::array::from_fn(|_| (random.unit() * 256.0) as u8));
        if run::any_named(tx, at.id, &name)?.is_none() {
            return Ok(name);
        }
    }
    Err(Error::Conflict("no free name for a run was found: try again".into()))
}

impl App {
    /// Hands in a run that waits for an agent. `config` is JSON text, its values wrapped in `value` or not.
    pub async fn enqueue_sweep_run(
        &self,
        caller: &Caller,
        id: SweepId,
        config: &str,
        display_name: Option<String>,
    ) -> Result<Allowed<FoundRun>, Error> {
        if config.len() > SCHEDULE_BYTES_MAX {
            return Err(Error::TooLarge(format!("`config` has at most {SCHEDULE_BYTES_MAX} bytes")));
        }
        let arguments = Value::parse(config.as_bytes(), MAX_DEPTH).ok().and_then(|config| wrapped(&config));
        let arguments =
            arguments.ok_or_else(|| Error::invalid("config", &"`config` has to be a JSON object"))?.to_text();
        let display_name = display_name.filter(|name| !name.trim().is_empty());
        if display_name.as_ref().is_some_and(|name| name.chars().count() > 512) {
            return Err(Error::TooLarge("`displayName` has at most 512 characters".into()));
        }
        let (config, version) = self.config_to_change(caller, id, Action::SweepAgent).await?;
        let (caller, licence, seed) = (*caller, self.licence(), seed());
        let made = self.db.write(move |tx| {
            let found = existing(tx, &caller, id, Action::SweepAgent, &licence)?;
            check_version(&found, version)?;
            let mut sweep = found.sweep.clone();
            if sweep.state.is_over() {
                let (name, state) = (&sweep.name, sweep.state.as_str());
                return Err(Error::Conflict(format!("sweep `{name}` is {state}: resume it before handing in runs")));
            }
            if config.run_cap.is_some_and(|cap| sweep.trials_made >= cap) {
                let why = format!("sweep `{}` has all the runs that its `run_cap` allows", sweep.name);
                return Err(Error::Conflict(why));
            }
            check_room(tx, id)?;
            let trial = Trial::new(id, None, arguments.clone());
            let who = (&caller, &licence);
            let mut random = Random::seeded(seed);
            let (run, _) = make_trial(tx, who, &found, &mut sweep, &trial, display_name.clone(), &mut random)?;
            sweep.updated_at = tx.now();
            sweep::put(tx, &found, &sweep)?;
            let run = run::get(tx, &caller, run)?.ok_or(DbError::Damaged("a run just made".into()))?;
            Ok(caller.may(Action::RunRead, run, &licence)?)
        });
        made.await
    }
}

/// The agent that a waiting run goes to.
pub(super) fn assign(trial: &mut Trial, agent: AgentId) {
    if trial.agent != Some(agent) {
        (trial.agent, trial.handed_out, trial.was_reported) = (Some(agent), 0, false);
    }
    trial.handed_out += 1;
}
