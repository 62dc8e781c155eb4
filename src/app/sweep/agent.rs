//! Agents: registering one, and its heartbeats. What a heartbeat changes is in `beat`.

use super::beat::{Beat, beat};
use super::{FoundAgent, FoundSweep};
use crate::access::{Action, Allowed, Caller};
use crate::app::audit::{self, Event};
use crate::app::existing::{existing, missing};
use crate::app::project::parse_or_none;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::{entity, project, sweep};
use crate::domain::audit::AuditAction;
use crate::domain::id::AgentId;
use crate::domain::json::Value;
use crate::domain::project::{DEFAULT_PROJECT, ProjectName};
use crate::domain::run::RunName;
use crate::domain::sweep::Agent;
use crate::secrets::random_bytes;
use std::collections::BTreeSet;

const HOST_CHARS_MAX: usize = 256;
/// An agent runs one run, or a few.
const LIVE_MAX: usize = 1_000;
const STATES_BYTES_MAX: usize = 1 << 20;
/// How often a choice is made anew because others came before it; then chance decides.
const TRIES: usize = 4;

/// An agent that is to be registered. Names are those of its sweep's place.
#[derive(Debug, Clone)]
pub struct NewAgent {
    pub entity: Option<String>,
    pub project: Option<String>,
    pub sweep: String,
    pub host: String,
}

impl App {
    /// Registers an agent of a sweep.
    pub async fn create_agent(&self, caller: &Caller, input: NewAgent) -> Result<Allowed<FoundAgent>, Error> {
        let NewAgent { entity, project, sweep: name, host } = input;
        if host.chars().count() > HOST_CHARS_MAX {
            return Err(Error::TooLarge(format!("`host` has at most {HOST_CHARS_MAX} characters")));
        }
        let shown: String = name.chars().take(50).collect();
        let missing = move || missing("sweep", &shown);
        let entity = parse_or_none(entity.as_deref()).ok_or_else(&missing)?;
        let project = project.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
        let project = ProjectName::parse(&project).map_err(|_| missing())?;
        let (caller, licence) = (*caller, self.licence());
        let agent_name = RunName::from_random(random_bytes()).as_str().to_owned();
        let made = self.db.write(move |tx| {
            let owner = match &entity {
                Some(entity) => entity::named(tx, entity)?,
                None => entity::personal_of(tx, &caller)?,
            };
            let at = match owner {
                Some(owner) => project::find_in(tx, &caller, owner, &project)?,
                None => None,
            };
            // The project is looked at for its id alone: who may not see it does not see its sweeps.
            let at = existing(&caller, Action::SweepAgent, at, &licence, &missing)?;
            let found = sweep::find_in(tx, &caller, at.into_inner(), &name)?;
            let found: Allowed<FoundSweep> = existing(&caller, Action::SweepAgent, found, &licence, &missing)?;
            let new = Agent {
                sweep: found.id,
                name: agent_name.clone(),
                host: host.clone(),
                owner: caller.user_id(),
                created_at: tx.now(),
                heartbeat_at: tx.now(),
                is_ended: false,
            };
            let id = sweep::create_agent(tx, &found, &new)?;
            let event = Event::new(AuditAction::SweepCreateAgent).project(found.at.id, &found.at.project);
            audit::record(tx, &caller, event.detail("sweep", &name).detail("host", &host))?;
            let made = sweep::agent(tx, &caller, id)?.ok_or(DbError::Damaged("an agent just made".into()))?;
            Ok::<_, Error>(caller.may(Action::RunRead, made, &licence)?)
        });
        made.await
    }

    /// Takes in what an agent says of its runs, JSON text as `{"run": true}`, and tells it what to do. Nothing that it
    /// was told is lost when the answer is: the next heartbeat is told the same.
    pub async fn agent_heartbeat(&self, caller: &Caller, agent: AgentId, run_states: &str) -> Result<Beat, Error> {
        let live = live_runs(run_states)?;
        for attempt in 1..=TRIES {
            let plan = self.plan(caller, agent, &live).await?;
            let (caller, licence, live) = (*caller, self.licence(), live.clone());
            let is_last = attempt == TRIES;
            let told = self.db.write(move |tx| beat(tx, (&caller, &licence), agent, &live, &plan, is_last)).await?;
            if let Some(told) = told {
                return Ok(told);
            }
        }
        Err(Error::Conflict("the sweep changes too quickly: try again".into()))
    }
}

/// The runs that the agent says it runs.
fn live_runs(text: &str) -> Result<BTreeSet<String>, Error> {
    let invalid = || Error::invalid("runState", &"`runState` has to be a JSON object of run names");
    if text.trim().is_empty() {
        return Ok(BTreeSet::new());
    }
    if text.len() > STATES_BYTES_MAX {
        return Err(Error::TooLarge(format!("`runState` has at most {STATES_BYTES_MAX} bytes")));
    }
    let value = Value::parse(text.as_bytes(), 2).map_err(|_| invalid())?;
    let states = value.as_object().ok_or_else(invalid)?;
    if states.len() > LIVE_MAX {
        return Err(Error::TooLarge(format!("an agent runs at most {LIVE_MAX} runs at once")));
    }
    let is_live = |state: &Value| !matches!(state, Value::Bool(false) | Value::Null);
    Ok(states.iter().filter(|(_, state)| is_live(state)).map(|(name, _)| name.clone()).collect())
}
