//! Sweeps of a project, their agents, and the runs that were made for them.

use super::project::{self, FoundProject};
use super::run::{self, FoundRun};
use crate::access::{Action, Allowed, Caller, Grants, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    AGENTS, AGENTS_BY_SWEEP, JsonText, OPEN_TRIALS, RUN_CONFIGS, RUNS, RUNS_BY_SWEEP, SWEEP_BY_NAME, SWEEP_CONFIGS,
    SWEEPS, SWEEPS_BY_CREATION, SweepConfigText, TRIALS, TRIALS_BY_AGENT,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{AgentId, ProjectId, RunId, SweepId};
use crate::domain::run::Run;
use crate::domain::sweep::{Agent, Sweep, Trial};

/// Index entries counted at a time.
const COUNTED_AT_ONCE: usize = 20_000;

/// A sweep with its id and the project it is in.
#[derive(Debug, Clone)]
pub struct FoundSweep {
    pub at: FoundProject,
    pub id: SweepId,
    pub sweep: Sweep,
}

/// An agent with its id and its sweep.
#[derive(Debug, Clone)]
pub struct FoundAgent {
    pub of: FoundSweep,
    pub id: AgentId,
    pub agent: Agent,
}

pub fn find_in(
    tx: &impl Read,
    caller: &Caller,
    at: FoundProject,
    name: &str,
) -> Result<Option<Unchecked<FoundSweep>>, DbError> {
    let Some(id) = SWEEP_BY_NAME.find(tx, &(at.id, name.to_owned()))? else { return Ok(None) };
    let Some(sweep) = SWEEPS.get(tx, &id)? else { return Ok(None) };
    unchecked(tx, caller, FoundSweep { at, id, sweep }).map(Some)
}

pub fn get(tx: &impl Read, caller: &Caller, id: SweepId) -> Result<Option<Unchecked<FoundSweep>>, DbError> {
    let Some(found) = by_id(tx, id)? else { return Ok(None) };
    unchecked(tx, caller, found).map(Some)
}

fn by_id(tx: &impl Read, id: SweepId) -> Result<Option<FoundSweep>, DbError> {
    let Some(sweep) = SWEEPS.get(tx, &id)? else { return Ok(None) };
    let at = project::by_id(tx, sweep.project)?;
    Ok(at.map(|at| FoundSweep { at, id, sweep }))
}

fn unchecked(tx: &impl Read, caller: &Caller, found: FoundSweep) -> Result<Unchecked<FoundSweep>, DbError> {
    let grants = project::grants_in(tx, caller, &found.at)?;
    let owns = found.sweep.owner.is_some() && found.sweep.owner == caller.user_id();
    Ok(Unchecked::new(found, Grants { owns, ..grants }))
}

/// Stores a new sweep with the text of its configuration.
pub fn create(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundProject>,
    sweep: &Sweep,
    config: String,
) -> Result<SweepId, PutError> {
    at.must_be(Action::SweepCreate);
    let id = tx.new_id::<SweepId>()?;
    SWEEPS.put(tx, &id, sweep)?;
    SWEEP_CONFIGS.put(tx, &id, &SweepConfigText(config))?;
    Ok(id)
}

/// Stores a changed sweep: as somebody wants it, or as its agents bring it about.
pub fn put(tx: &mut WriteTx<'_>, found: &Allowed<FoundSweep>, changed: &Sweep) -> Result<(), PutError> {
    assert_writes(found);
    SWEEPS.put(tx, &found.id, changed)
}

pub fn put_config(tx: &mut WriteTx<'_>, found: &Allowed<FoundSweep>, text: String) -> Result<(), PutError> {
    found.must_be(Action::SweepUpdate);
    SWEEP_CONFIGS.put(tx, &found.id, &SweepConfigText(text))
}

#[track_caller]
fn assert_writes<T>(found: &Allowed<T>) {
    let action = found.action();
    assert!(
        [Action::SweepUpdate, Action::SweepAgent].contains(&action),
        "checked for {action} and used for writing a sweep"
    );
}

/// The text of the configuration, for who has found the sweep.
pub fn config(tx: &impl Read, id: SweepId) -> Result<String, DbError> {
    let text = SWEEP_CONFIGS.get(tx, &id)?.map(|text| text.0);
    text.ok_or_else(|| DbError::Damaged(format!("the configuration of sweep {id} is missing")))
}

/// Sweeps of a project, newest first, before the sweep `before`.
pub fn list(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    before: Option<(Timestamp, SweepId)>,
    limit: usize,
) -> Result<Vec<Allowed<FoundSweep>>, DbError> {
    at.must_be(Action::RunRead);
    let before = before.map(|(created_at, id)| (at.id, created_at, id));
    let mut sweeps = Vec::new();
    for (_, _, id) in SWEEPS_BY_CREATION.list_last(tx, &at.id, before.as_ref(), limit)? {
        let sweep = SWEEPS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("sweep {id} is missing")))?;
        sweeps.push(at.project(|at| FoundSweep { at: at.clone(), id, sweep }));
    }
    Ok(sweeps)
}

/// How many sweeps there are, counted to `limit`.
pub fn count(tx: &impl Read, project: ProjectId, limit: usize) -> Result<usize, DbError> {
    Ok(SWEEPS_BY_CREATION.list(tx, &project, None, limit)?.len())
}

/// Runs of the sweep, oldest first, after the run `after`. Fewer than `limit` means that there are no more.
pub fn runs(
    tx: &impl Read,
    found: &Allowed<FoundSweep>,
    after: Option<(Timestamp, RunId)>,
    limit: usize,
) -> Result<Vec<Allowed<FoundRun>>, DbError> {
    found.must_be(Action::RunRead);
    let prefix = (found.at.id, found.sweep.name.clone());
    let after = after.map(|(created_at, id)| (found.at.id, found.sweep.name.clone(), created_at, id));
    let mut runs = Vec::new();
    for (_, _, _, id) in RUNS_BY_SWEEP.list(tx, &prefix, after.as_ref(), limit)? {
        let run = RUNS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("run {id} is missing")))?;
        runs.push(found.project(|found| FoundRun { at: found.at.clone(), id, run }));
    }
    Ok(runs)
}

/// How many runs name the sweep.
pub fn count_runs(tx: &impl Read, found: &FoundSweep) -> Result<usize, DbError> {
    let prefix = (found.at.id, found.sweep.name.clone());
    let (mut count, mut after) = (0, None);
    loop {
        let page = RUNS_BY_SWEEP.list(tx, &prefix, after.as_ref(), COUNTED_AT_ONCE)?;
        count += page.len();
        if page.len() < COUNTED_AT_ONCE {
            return Ok(count);
        }
        after = page.into_iter().last();
    }
}

/// A run by its id, if the project has it still: of the runs that counted before the sweep began.
pub fn run_by_id(tx: &impl Read, found: &Allowed<FoundSweep>, id: RunId) -> Result<Option<Allowed<FoundRun>>, DbError> {
    found.must_be(Action::RunRead);
    let run = RUNS.get(tx, &id)?.filter(|run| run.deleted_at.is_none() && run.project == found.at.id);
    Ok(run.map(|run| found.project(|found| FoundRun { at: found.at.clone(), id, run })))
}

/// Makes a run that waits for an agent, with what it will be told as its config.
pub fn create_trial(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundProject>,
    run: &Run,
    trial: &Trial,
) -> Result<RunId, PutError> {
    let id = run::create(tx, at, run)?;
    RUN_CONFIGS.put(tx, &id, &JsonText(trial.arguments.clone()))?;
    TRIALS.put(tx, &id, trial)?;
    Ok(id)
}

/// What the sweep knows of a run.
pub fn trial(tx: &impl Read, run: RunId) -> Result<Option<Trial>, DbError> {
    TRIALS.get(tx, &run)
}

/// What the run was told to try: as the sweep knows it, or as its config says.
pub fn arguments(tx: &impl Read, run: RunId) -> Result<Option<String>, DbError> {
    match TRIALS.get(tx, &run)? {
        Some(trial) => Ok(Some(trial.arguments)),
        None => Ok(RUN_CONFIGS.get(tx, &run)?.map(|text| text.0)),
    }
}

pub fn put_trial(tx: &mut WriteTx<'_>, found: &Allowed<FoundSweep>, run: RunId, trial: &Trial) -> Result<(), PutError> {
    assert_writes(found);
    TRIALS.put(tx, &run, trial)
}

/// The runs that no client has been heard of for, as far as that is known, oldest first. One that is deleted is none.
pub fn open_trials(tx: &impl Read, sweep: SweepId, limit: usize) -> Result<Vec<(RunId, Trial, Option<Run>)>, DbError> {
    let mut open = Vec::new();
    for (_, id) in OPEN_TRIALS.list(tx, &sweep, None, limit)? {
        let Some(trial) = TRIALS.get(tx, &id)? else { continue };
        open.push((id, trial, RUNS.get(tx, &id)?.filter(|run| run.deleted_at.is_none())));
    }
    Ok(open)
}

/// An agent, with what the caller holds at its sweep.
pub fn agent(tx: &impl Read, caller: &Caller, id: AgentId) -> Result<Option<Unchecked<FoundAgent>>, DbError> {
    let Some(agent) = AGENTS.get(tx, &id)? else { return Ok(None) };
    let Some(of) = by_id(tx, agent.sweep)? else { return Ok(None) };
    let grants = project::grants_in(tx, caller, &of.at)?;
    Ok(Some(Unchecked::new(FoundAgent { of, id, agent }, grants)))
}

/// Whether the agent is known, and what of it.
pub fn agent_by_id(tx: &impl Read, id: AgentId) -> Result<Option<Agent>, DbError> {
    AGENTS.get(tx, &id)
}

pub fn create_agent(tx: &mut WriteTx<'_>, found: &Allowed<FoundSweep>, agent: &Agent) -> Result<AgentId, PutError> {
    found.must_be(Action::SweepAgent);
    let id = tx.new_id::<AgentId>()?;
    AGENTS.put(tx, &id, agent)?;
    Ok(id)
}

pub fn put_agent(tx: &mut WriteTx<'_>, found: &Allowed<FoundAgent>, changed: &Agent) -> Result<(), PutError> {
    found.must_be(Action::SweepAgent);
    AGENTS.put(tx, &found.id, changed)
}

/// The newest agents of a sweep, oldest of them first.
pub fn agents(tx: &impl Read, found: &Allowed<FoundSweep>, limit: usize) -> Result<Vec<(AgentId, Agent)>, DbError> {
    found.must_be(Action::RunRead);
    let mut agents = Vec::new();
    for (_, id) in AGENTS_BY_SWEEP.list_last(tx, &found.id, None, limit)?.into_iter().rev() {
        let agent = AGENTS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("agent {id} is missing")))?;
        agents.push((id, agent));
    }
    Ok(agents)
}

/// Runs that were given to an agent, oldest first, after the run `after`.
pub fn agent_runs(
    tx: &impl Read,
    found: &Allowed<FoundSweep>,
    agent: AgentId,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<Allowed<FoundRun>>, DbError> {
    found.must_be(Action::RunRead);
    let mut runs = Vec::new();
    let mut after = after.map(|run| (agent, run));
    while runs.len() < limit {
        let page = TRIALS_BY_AGENT.list(tx, &agent, after.as_ref(), limit)?;
        let is_last = page.len() < limit;
        after = page.last().copied();
        for (_, id) in page {
            runs.extend(run_by_id(tx, found, id)?);
        }
        if is_last {
            break;
        }
    }
    runs.truncate(limit);
    Ok(runs)
}

/// The runs that were given to an agent last, newest first.
pub fn newest_trials_of(tx: &impl Read, agent: AgentId, limit: usize) -> Result<Vec<(RunId, Trial, Run)>, DbError> {
    let mut trials = Vec::new();
    for (_, id) in TRIALS_BY_AGENT.list_last(tx, &agent, None, limit)? {
        let run = RUNS.get(tx, &id)?.filter(|run| run.deleted_at.is_none());
        if let (Some(trial), Some(run)) = (TRIALS.get(tx, &id)?, run) {
            trials.push((id, trial, run));
        }
    }
    Ok(trials)
}

/// How many runs were given to an agent, counted to `limit`.
pub fn count_agent_runs(tx: &impl Read, agent: AgentId, limit: usize) -> Result<usize, DbError> {
    Ok(TRIALS_BY_AGENT.list(tx, &agent, None, limit)?.len())
}
