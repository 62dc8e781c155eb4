//! Making a sweep, and changing one: its state, its names, its configuration, and what a local controller writes into it.

use super::hand_in::{Schedule, carry_out};
use super::{FoundSweep, check_version, existing};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::project::{existing_entity, get_or_create, parse_or_none};
use crate::app::run_list::RunListing;
use crate::app::{App, Error};
use crate::db::repo::{run, sweep};
use crate::db::tx::WriteTx;
use crate::domain::id::{RunId, SweepId};
use crate::domain::name::EntityName;
use crate::domain::project::{DEFAULT_PROJECT, ProjectName};
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::sweep::Sweep;
use crate::domain::sweep::config::SweepConfig;
use crate::domain::sweep::random::Random;
use crate::domain::sweep::state::SweepState;
use crate::secrets::random_bytes;

/// Runs that may count before a sweep begins.
const PRIOR_RUNS_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 512;
/// Waiting runs ended in one transaction; more than that cannot wait.
const WAITING_MAX: usize = super::hand_in::OPEN_MAX;

/// A new sweep, or a change of one. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UpsertSweep {
    pub target: SweepTarget,
    /// YAML text.
    pub config: Option<String>,
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub state: Option<String>,
    /// What a local controller wants to have run and stopped, JSON text.
    pub controller: Option<String>,
    /// Runs of the project whose results count: a filter, JSON text.
    pub prior_runs: Option<String>,
}

/// Which sweep is meant.
#[derive(Debug, Clone)]
pub enum SweepTarget {
    Existing(SweepId),
    New { entity: Option<String>, project: Option<String> },
}

impl Default for SweepTarget {
    fn default() -> Self {
        Self::New { entity: None, project: None }
    }
}

pub struct UpsertedSweep {
    pub sweep: Allowed<FoundSweep>,
    /// What is odd about the configuration.
    pub warnings: Vec<String>,
}

/// An input whose texts were read.
#[derive(Clone)]
struct Change {
    config: Option<(String, SweepConfig)>,
    display_name: Option<String>,
    description: Option<String>,
    state: Option<SweepState>,
    controller: Option<(String, Schedule)>,
}

impl App {
    /// Makes a sweep or changes it.
    pub async fn upsert_sweep(&self, caller: &Caller, input: UpsertSweep) -> Result<UpsertedSweep, Error> {
        let change = read(&input)?;
        let warnings = change.config.as_ref().map(|(_, config)| config.warnings.clone()).unwrap_or_default();
        let sweep = match input.target {
            SweepTarget::Existing(id) => self.change_sweep(caller, id, change).await?,
            SweepTarget::New { entity, project } => {
                let prior = self.prior_runs(caller, entity.as_deref(), project.as_deref(), input.prior_runs).await?;
                self.create_sweep(caller, (entity, project), change, prior).await?
            }
        };
        Ok(UpsertedSweep { sweep, warnings })
    }

    async fn create_sweep(
        &self,
        caller: &Caller,
        (entity, project): (Option<String>, Option<String>),
        change: Change,
        prior_runs: Vec<RunId>,
    ) -> Result<Allowed<FoundSweep>, Error> {
        let (entity, project) = place(entity.as_deref(), project.as_deref())?;
        let Some((text, config)) = change.config.clone() else {
            return Err(Error::invalid("config", &"a new sweep needs a configuration with `method` and `parameters`"));
        };
        let state = change.state.unwrap_or(SweepState::Pending);
        let name = RunName::from_random(random_bytes()).as_str().to_owned();
        SweepState::Pending.check_change(state, &name).map_err(|why| Error::invalid("state", &why))?;
        let (caller, licence, seed) = (*caller, self.licence(), seed());
        let made = self.db.write(move |tx| {
            let (at, _) = get_or_create(tx, &caller, (entity.as_ref(), &project), Action::SweepCreate, &licence)?;
            let new = Sweep {
                project: at.id,
                name: name.clone(),
                display_name: change.display_name.clone().or_else(|| config.name.clone()),
                description: change.description.clone().or_else(|| config.description.clone()),
                owner: caller.user_id(),
                created_at: tx.now(),
                updated_at: tx.now(),
                state,
                method: config.method_name().to_owned(),
                runs_expected: config.runs_expected(),
                config_version: 1,
                trials_made: 0,
                grid_next: 0,
                is_exhausted: false,
                prior_runs: prior_runs.clone(),
                controller: None,
                scheduled: Vec::new(),
            };
            let id = sweep::create(tx, &at, &new, text.clone())?;
            if let Some((text, schedule)) = &change.controller {
                let found = existing(tx, &caller, id, Action::SweepUpdate, &licence)?;
                let mut sweep = new;
                sweep.controller = Some(text.clone());
                carry_out(tx, (&caller, &licence), &found, &mut sweep, &config, schedule, &mut Random::seeded(seed))?;
                sweep::put(tx, &found, &sweep)?;
            }
            existing(tx, &caller, id, Action::RunRead, &licence)
        });
        let made = made.await?;
        tracing::info!(sweep.id = %made.id, project.id = %made.at.id, "made a sweep");
        Ok(made)
    }

    async fn change_sweep(&self, caller: &Caller, id: SweepId, change: Change) -> Result<Allowed<FoundSweep>, Error> {
        let (kept, version) = self.config_to_change(caller, id, Action::SweepUpdate).await?;
        let (caller, licence, seed) = (*caller, self.licence(), seed());
        let changed = self.db.write(move |tx| {
            let found = existing(tx, &caller, id, Action::SweepUpdate, &licence)?;
            check_version(&found, version)?;
            let mut sweep = found.sweep.clone();
            if let Some((text, config)) = &change.config {
                replace_config(&mut sweep, &kept, config)?;
                sweep::put_config(tx, &found, text.clone())?;
            }
            let config = change.config.as_ref().map_or(&kept, |(_, config)| config);
            if let Some(name) = &change.display_name {
                sweep.display_name = Some(name.clone());
            }
            if let Some(description) = &change.description {
                sweep.description = Some(description.clone());
            }
            if let Some(wanted) = change.state {
                sweep.state.check_change(wanted, &sweep.name).map_err(|why| Error::Conflict(why.to_string()))?;
                change_state(tx, &found, &mut sweep, wanted, config, &licence)?;
            }
            if let Some((text, schedule)) = &change.controller {
                sweep.controller = Some(text.clone());
                carry_out(tx, (&caller, &licence), &found, &mut sweep, config, schedule, &mut Random::seeded(seed))?;
            }
            if sweep != found.sweep {
                sweep.updated_at = tx.now();
                sweep::put(tx, &found, &sweep)?;
            }
            existing(tx, &caller, id, Action::RunRead, &licence)
        });
        changed.await
    }

    /// Runs of the project that match the filter.
    async fn prior_runs(
        &self,
        caller: &Caller,
        entity: Option<&str>,
        project: Option<&str>,
        filter: Option<String>,
    ) -> Result<Vec<RunId>, Error> {
        let Some(filter) = filter.filter(|text| !matches!(text.trim(), "" | "null" | "{}")) else {
            return Ok(Vec::new());
        };
        let none = || Error::invalid("priorRunsFilters", &"no run of the project matches: name runs that it has");
        let project = project.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_PROJECT);
        let at = self.find_project(caller, entity, project).await?.ok_or_else(none)?;
        let wanted = RunListing { filters: Some(filter), limit: PRIOR_RUNS_MAX, ..RunListing::default() };
        let page = self.list_runs(caller, &at, wanted).await?;
        if page.has_more {
            let why = format!("more than {PRIOR_RUNS_MAX} runs match: name fewer");
            return Err(Error::invalid("priorRunsFilters", &why));
        }
        if page.runs.is_empty() {
            return Err(none());
        }
        Ok(page.runs.iter().map(|(run, _)| run.id).collect())
    }
}

fn read(input: &UpsertSweep) -> Result<Change, Error> {
    for (field, text) in [("displayName", &input.display_name), ("description", &input.description)] {
        let most = if field == "displayName" { NAME_CHARS_MAX } else { 20 * NAME_CHARS_MAX };
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(Error::TooLarge(format!("`{field}` has at most {most} characters")));
        }
    }
    let config = match input.config.as_deref().filter(|text| !text.trim().is_empty()) {
        None => None,
        Some(text) => {
            let config = SweepConfig::parse(text);
            let config = config.map_err(|why| Error::invalid("config", &format!("the sweep configuration: {why}")))?;
            Some((text.to_owned(), config))
        }
    };
    let state = match input.state.as_deref().filter(|state| !state.is_empty()) {
        None => None,
        Some(text) => {
            let known = SweepState::ALL.map(SweepState::as_str).join(", ");
            let why =
                format!("`{}` is no state of a sweep: known are {known}", text.chars().take(50).collect::<String>());
            Some(SweepState::parse(text).ok_or_else(|| Error::invalid("state", &why))?)
        }
    };
    let controller = match &input.controller {
        None => None,
        Some(text) => Some((text.clone(), Schedule::parse(text)?)),
    };
    let named = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
    let (display_name, description) = (named(&input.display_name), named(&input.description));
    Ok(Change { config, display_name, description, state, controller })
}

fn place(entity: Option<&str>, project: Option<&str>) -> Result<(Option<EntityName>, ProjectName), Error> {
    let entity = match parse_or_none(entity) {
        Some(entity) => entity,
        None => Some(existing_entity(entity.unwrap_or_default())?),
    };
    let project = project.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_PROJECT);
    Ok((entity, ProjectName::parse(project).map_err(|why| Error::invalid("projectName", &why))?))
}

/// A sweep that has runs keeps its way of searching: the runs would not be points of the new one.
fn replace_config(sweep: &mut Sweep, kept: &SweepConfig, config: &SweepConfig) -> Result<(), Error> {
    if kept.searches_like(config) {
        // More runs may be wanted now.
        if kept.run_cap != config.run_cap {
            sweep.is_exhausted = false;
        }
    } else {
        if sweep.trials_made > 0 {
            let why = "`method` and `parameters` of a sweep that has runs cannot be changed: create a new sweep, with \
                       these runs as prior runs";
            return Err(Error::Conflict(why.into()));
        }
        (sweep.grid_next, sweep.is_exhausted) = (0, false);
    }
    sweep.method = config.method_name().to_owned();
    sweep.runs_expected = config.runs_expected();
    sweep.config_version += 1;
    Ok(())
}

fn change_state(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundSweep>,
    sweep: &mut Sweep,
    wanted: SweepState,
    config: &SweepConfig,
    licence: &Licence,
) -> Result<(), Error> {
    if sweep.state != SweepState::Running && wanted == SweepState::Running {
        // Resumed: what was enough then need not be enough now.
        sweep.is_exhausted = config.run_cap.is_some_and(|cap| sweep.trials_made >= cap);
    }
    if wanted.is_over() && !sweep.state.is_over() {
        end_waiting(tx, found, licence)?;
    }
    sweep.state = wanted;
    Ok(())
}

/// Runs that no agent has started will not be started. One that is starting just now opens its run again.
fn end_waiting(tx: &mut WriteTx<'_>, found: &Allowed<FoundSweep>, licence: &Licence) -> Result<(), Error> {
    for (id, mut trial, run) in sweep::open_trials(tx, found.id, WAITING_MAX)? {
        trial.is_open = false;
        sweep::put_trial(tx, found, id, &trial)?;
        if run.is_some_and(|run| run.state == RunState::Pending) {
            end_run(tx, id, RunState::Killed, licence)?;
        }
    }
    Ok(())
}

/// Ends a run that never began: whose it is does not matter, there is nothing in it.
pub(super) fn end_run(tx: &mut WriteTx<'_>, id: RunId, state: RunState, licence: &Licence) -> Result<(), Error> {
    let Some(found) = run::get(tx, &Caller::SYSTEM, id)? else { return Ok(()) };
    let found = Caller::SYSTEM.may(Action::RunUpdate, found, licence)?;
    run::put(tx, &found, &Run { state, ..found.run.clone() })?;
    Ok(())
}

/// Where chance begins.
pub(super) fn seed() -> u64 {
    u64::from_le_bytes(random_bytes())
}
