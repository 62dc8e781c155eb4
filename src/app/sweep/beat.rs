//! One heartbeat in one transaction: what the agent says is noted, and what it is told is decided and made. A run that
//! it is told of exists, waiting, when it is told; so whatever is killed, nothing is suggested twice and nothing is lost.

use super::hand_in::{OPEN_MAX, assign, make_trial};
use super::plan::{Plan, existing_agent, is_for};
use super::upsert::end_run;
use super::{FoundAgent, FoundSweep};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::Error;
use crate::db::repo::{run, sweep};
use crate::db::tx::WriteTx;
use crate::domain::id::{AgentId, RunId};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::{RunName, RunState};
use crate::domain::sweep::config::{Chooser, Method, SweepConfig};
use crate::domain::sweep::random::Random;
use crate::domain::sweep::space::are_same;
use crate::domain::sweep::state::SweepState;
use crate::domain::sweep::{Agent, Sweep, Trial};
use std::collections::BTreeSet;

/// An agent that was told so often of a run that never began has a script that cannot begin it.
const HANDED_OUT_MAX: u32 = 5;
/// An agent that was told to stop runs had so many of them at most.
const RECENT: usize = 20;

/// What a heartbeat comes to.
pub struct Beat {
    pub agent: Allowed<FoundAgent>,
    pub commands: Vec<Command>,
}

/// What an agent is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Run {
        run: String,
        program: Option<String>,
        /// JSON text, every argument wrapped in `value`.
        arguments: String,
    },
    Stop {
        run: String,
    },
    Exit,
}

impl Command {
    /// As the agents of all client versions read it (wandb 0.17.9 to 0.31.0, `pyagent.py` and `wandb_agent.py`).
    pub fn to_value(&self) -> Value {
        let text = |text: &str| Value::Text(text.to_owned());
        let object = |members: Vec<(&str, Value)>| {
            Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        match self {
            Self::Run { run, program, arguments } => object(vec![
                ("type", text("run")),
                ("run_id", text(run)),
                ("program", program.as_deref().map_or(Value::Null, text)),
                ("logs", Value::Array(Vec::new())),
                ("args", Value::parse(arguments.as_bytes(), MAX_DEPTH).unwrap_or(Value::Object(Vec::new()))),
            ]),
            Self::Stop { run } => object(vec![("type", text("stop")), ("run_id", text(run))]),
            Self::Exit => object(vec![("type", text("exit"))]),
        }
    }
}

/// A waiting run.
struct Waiting {
    id: RunId,
    name: RunName,
    trial: Trial,
}

struct Beating<'b, 'tx> {
    tx: &'b mut WriteTx<'tx>,
    caller: &'b Caller,
    licence: &'b Licence,
    agent: AgentId,
    found: Allowed<FoundSweep>,
    sweep: Sweep,
    plan: &'b Plan,
}

/// Nothing when the plan was made for a sweep that has changed since. On the last try chance chooses instead.
pub(super) fn beat(
    tx: &mut WriteTx<'_>,
    (caller, licence): (&Caller, &Licence),
    id: AgentId,
    live: &BTreeSet<String>,
    plan: &Plan,
    is_last_try: bool,
) -> Result<Option<Beat>, Error> {
    let agent = existing_agent(tx, caller, id, licence)?;
    let found = agent.project(|agent| agent.of.clone());
    if found.sweep.config_version != plan.config_version && !is_last_try {
        return Ok(None);
    }
    let sweep = found.sweep.clone();
    let mut beating = Beating { tx, caller, licence, agent: id, found, sweep, plan };
    beating.note_measures()?;
    beating.note_stopped(live)?;
    let waiting = beating.note_waiting(live)?;
    let Some(commands) = beating.commands(live, waiting, is_last_try)? else { return Ok(None) };
    beating.store_sweep()?;
    let is_ended = commands.contains(&Command::Exit);
    let changed = Agent { heartbeat_at: tx.now(), is_ended, ..agent.agent.clone() };
    sweep::put_agent(tx, &agent, &changed)?;
    let agent = agent.map(|agent| FoundAgent { agent: changed, ..agent });
    let agent = caller.may(Action::RunRead, agent.again(), licence)?;
    Ok(Some(Beat { agent, commands }))
}

impl Beating<'_, '_> {
    fn note_measures(&mut self) -> Result<(), Error> {
        for measured in &self.plan.measured {
            let Some(mut trial) = sweep::trial(self.tx, measured.run)? else { continue };
            trial.reached.clone_from(&measured.reached);
            trial.is_measured |= measured.is_final;
            sweep::put_trial(self.tx, &self.found, measured.run, &trial)?;
        }
        for run in &self.plan.to_stop {
            let Some(mut trial) = sweep::trial(self.tx, *run)? else { continue };
            trial.is_to_stop = true;
            sweep::put_trial(self.tx, &self.found, *run, &trial)?;
        }
        Ok(())
    }

    /// A program that its agent ended cannot say so itself: its run would seem to go on until it is missed.
    fn note_stopped(&mut self, live: &BTreeSet<String>) -> Result<(), Error> {
        for (id, trial, run) in sweep::newest_trials_of(self.tx, self.agent, RECENT)? {
            let is_gone = run.state.is_alive() && !live.contains(run.name.as_str());
            if trial.is_to_stop && is_gone {
                end_run(self.tx, id, RunState::Killed, self.licence)?;
            }
        }
        Ok(())
    }

    /// The runs that still wait, after those are left out that have begun, were deleted, or ended without beginning.
    fn note_waiting(&mut self, live: &BTreeSet<String>) -> Result<Vec<Waiting>, Error> {
        let mut waiting = Vec::new();
        for (id, mut trial, run) in sweep::open_trials(self.tx, self.found.id, OPEN_MAX)? {
            let Some(run) = run.filter(|run| run.state == RunState::Pending) else {
                trial.is_open = false;
                sweep::put_trial(self.tx, &self.found, id, &trial)?;
                continue;
            };
            let is_live = live.contains(run.name.as_str());
            let is_own = trial.agent == Some(self.agent);
            let mut waits = Waiting { id, name: run.name, trial };
            if is_own && is_live && !waits.trial.was_reported {
                waits.trial.was_reported = true;
                sweep::put_trial(self.tx, &self.found, id, &waits.trial)?;
            }
            // The agent ran it, runs it no more, and no client was ever heard of.
            if is_own && !is_live && waits.trial.was_reported {
                self.give_up(waits)?;
                continue;
            }
            waiting.push(waits);
        }
        Ok(waiting)
    }

    fn give_up(&mut self, mut waits: Waiting) -> Result<(), Error> {
        waits.trial.is_open = false;
        sweep::put_trial(self.tx, &self.found, waits.id, &waits.trial)?;
        end_run(self.tx, waits.id, RunState::Failed, self.licence)
    }

    fn commands(
        &mut self,
        live: &BTreeSet<String>,
        waiting: Vec<Waiting>,
        is_last_try: bool,
    ) -> Result<Option<Vec<Command>>, Error> {
        let stops = self.stops(live)?;
        if !stops.is_empty() || !live.is_empty() {
            return Ok(Some(stops));
        }
        match self.sweep.state {
            SweepState::Paused => Ok(Some(Vec::new())),
            SweepState::Finished | SweepState::Canceled | SweepState::Crashed => Ok(Some(vec![Command::Exit])),
            SweepState::Pending | SweepState::Running => self.next_run(waiting, is_last_try),
        }
    }

    /// Those of the agent's runs that are to stop: all of a canceled sweep, those stopped early, and those that were
    /// given to another agent while this one was silent.
    fn stops(&mut self, live: &BTreeSet<String>) -> Result<Vec<Command>, Error> {
        let mut stops = Vec::new();
        for name in live {
            let Ok(run_name) = RunName::parse(name) else { continue };
            let Some((id, _)) = run::any_named(self.tx, self.found.at.id, &run_name)? else { continue };
            let Some(mut trial) = sweep::trial(self.tx, id)?.filter(|trial| trial.sweep == self.found.id) else {
                continue;
            };
            let is_anothers = trial.agent.is_some_and(|agent| agent != self.agent);
            if self.sweep.state == SweepState::Canceled && !trial.is_to_stop {
                trial.is_to_stop = true;
                sweep::put_trial(self.tx, &self.found, id, &trial)?;
            }
            if trial.is_to_stop || is_anothers {
                stops.push(Command::Stop { run: name.clone() });
            }
        }
        Ok(stops)
    }

    fn next_run(&mut self, mut waiting: Vec<Waiting>, is_last_try: bool) -> Result<Option<Vec<Command>>, Error> {
        // Its own first: the answer that told it of it may have been lost.
        while let Some(index) = waiting.iter().position(|waits| waits.trial.agent == Some(self.agent)) {
            let waits = waiting.remove(index);
            if waits.trial.handed_out < HANDED_OUT_MAX {
                return self.hand_out(waits).map(Some);
            }
            self.give_up(waits)?;
        }
        let now = self.tx.now();
        for index in 0..waiting.len() {
            if is_for(self.tx, &waiting[index].trial, self.agent, now)? {
                return self.hand_out(waiting.swap_remove(index)).map(Some);
            }
        }
        if self.is_exhausted() {
            self.sweep.is_exhausted = true;
            // What waits for another agent may come back.
            if !waiting.is_empty() {
                return Ok(Some(Vec::new()));
            }
            self.sweep.state = SweepState::Finished;
            return Ok(Some(vec![Command::Exit]));
        }
        if self.plan.config.chooser != Chooser::Server {
            return Ok(Some(Vec::new()));
        }
        let mut random = Random::seeded(self.plan.seed);
        let Some(values) = self.choose(&mut random, is_last_try) else {
            if self.plan.config.method != Method::Grid {
                return Ok(None);
            }
            // Every point that was left is a run's already.
            self.sweep.is_exhausted = true;
            return self.next_run(waiting, is_last_try);
        };
        let arguments = self.plan.config.space.arguments(&values).to_text();
        let trial = Trial::new(self.found.id, Some(self.agent), arguments);
        let who = (self.caller, self.licence);
        let (id, name) = make_trial(self.tx, who, &self.found, &mut self.sweep, &trial, None, &mut random)?;
        self.hand_out(Waiting { id, name, trial }).map(Some)
    }

    fn is_exhausted(&self) -> bool {
        let SweepConfig { method, run_cap, .. } = self.plan.config;
        let is_past_cap = run_cap.is_some_and(|cap| self.sweep.trials_made >= cap);
        let is_past_grid =
            method == Method::Grid && self.plan.config.runs_expected().is_some_and(|size| self.sweep.grid_next >= size);
        self.sweep.is_exhausted || is_past_cap || is_past_grid || self.plan.has_reached_target
    }

    /// The values of the next run. Nothing when the plan is too old, or the grid has no point left.
    fn choose(&mut self, random: &mut Random, is_last_try: bool) -> Option<Vec<Value>> {
        let space = &self.plan.config.space;
        match self.plan.config.method {
            Method::Grid => {
                let size = space.grid_size()?;
                while self.sweep.grid_next < size {
                    let point = space.grid_point(self.sweep.grid_next);
                    self.sweep.grid_next += 1;
                    if !self.plan.prior_points.iter().any(|known| are_same(known, &point)) {
                        return Some(point);
                    }
                }
                None
            }
            Method::Bayes => {
                let is_current = self.plan.trials_made == self.sweep.trials_made;
                match &self.plan.choice {
                    Some(choice) if is_current => Some(choice.clone()),
                    _ if is_last_try => Some(space.draw(random)),
                    _ => None,
                }
            }
            Method::Random | Method::Custom => Some(space.draw(random)),
        }
    }

    fn hand_out(&mut self, mut waits: Waiting) -> Result<Vec<Command>, Error> {
        assign(&mut waits.trial, self.agent);
        sweep::put_trial(self.tx, &self.found, waits.id, &waits.trial)?;
        self.sweep.state = SweepState::Running;
        Ok(vec![Command::Run {
            run: waits.name.as_str().to_owned(),
            program: self.plan.config.program.clone(),
            arguments: waits.trial.arguments,
        }])
    }

    fn store_sweep(&mut self) -> Result<(), Error> {
        if self.sweep != self.found.sweep {
            self.sweep.updated_at = self.tx.now();
            sweep::put(self.tx, &self.found, &self.sweep)?;
        }
        Ok(())
    }
}
