//! Making runs and changing them: a client that starts a run, goes on with one, or edits one.

use super::existing;
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::audit::{self, Event};
use crate::app::branch::{self, Fork};
use crate::app::project::{existing_entity, get_or_create, parse_or_none};
use crate::app::service_account::owner_of_new_run;
use crate::app::{App, Error, stream};
use crate::db::DbError;
use crate::db::repo::project::{FoundProject, ProjectPath};
use crate::db::repo::run::{self, FoundRun, RunPath};
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::display_name::display_name;
use crate::domain::id::UserId;
use crate::domain::json::Value;
use crate::domain::name::EntityName;
use crate::domain::project::{DEFAULT_PROJECT, ProjectName};
use crate::domain::run::{Run, RunName, RunState};
use crate::domain::run_config::{self, Merge};
use crate::domain::user::Attribution;
use crate::secrets::random_bytes;

const TAGS_MAX: usize = 1000;
/// All texts of a run together, but for config and summary.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A new run, or a change of one. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UpsertRun {
    pub target: Target,
    pub display_name: Option<String>,
    pub group: Option<String>,
    pub job_type: Option<String>,
    pub notes: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub commit: Option<String>,
    pub repo: Option<String>,
    pub program: Option<String>,
    pub host: Option<String>,
    pub sweep: Option<String>,
    pub state: Option<RunState>,
    /// JSON text, every key wrapped in `value`.
    pub config: Option<String>,
    /// JSON text.
    pub summary: Option<String>,
    /// Several processes write this run at once.
    pub is_shared: bool,
    /// For whom a service account makes the run.
    pub attribution: Attribution,
}

/// Which run is meant.
#[derive(Debug, Clone)]
pub enum Target {
    /// One that exists: an edit.
    Existing(RunPath),
    /// One to be made if it is missing: a client that starts or goes on.
    Named { entity: Option<String>, project: Option<String>, run: Option<String> },
}

impl Default for Target {
    fn default() -> Self {
        Self::Named { entity: None, project: None, run: None }
    }
}

/// A run, and whether it was made just now.
pub struct UpsertedRun {
    pub run: Allowed<FoundRun>,
    pub inserted: bool,
}

impl App {
    /// Makes the run or changes it.
    pub async fn upsert_run(&self, caller: &Caller, input: UpsertRun) -> Result<UpsertedRun, Error> {
        let config = self.check_config(input.config.as_deref())?;
        let summary = self.check_summary(input.summary.as_deref())?;
        check_texts(&input)?;
        let change = match &input.target {
            // A resuming client names the run by id, and is no editor.
            Target::Existing(path) if begins_session(&input) => Change::Existing(path.clone(), Action::RunLog),
            Target::Existing(path) => Change::Existing(path.clone(), Action::RunUpdate),
            Target::Named { entity, project, run } => {
                Change::named(entity.as_deref(), project.as_deref(), run.as_deref())?
            }
        };
        let planned = self.fork_asked_for(caller, &change, config.as_ref()).await?;
        let (caller, licence, words) = (*caller, self.licence(), random_bytes());
        let upserted = self.db.write(move |tx| {
            let (found, inserted) = match &change {
                Change::Existing(path, action) => (existing(tx, &caller, path, *action, &licence)?, false),
                Change::Named { entity, project, run } => {
                    let at = (entity.as_ref(), project, run);
                    named(tx, &caller, at, &input, words, &licence)?
                }
            };
            if let (true, Some(planned)) = (inserted, &planned) {
                branch::carry_out(tx, &caller, planned, &found, &licence)?;
            }
            let found = apply(tx, found, &input, inserted)?;
            if let Some(config) = &config {
                write_config(tx, &found, config, &input)?;
            }
            if let Some(summary) = &summary {
                run::put_summary(tx, &found, summary.clone())?;
            }
            // What a client logs is no change that somebody made by hand.
            if let Change::Existing(_, Action::RunUpdate) = change {
                let event = Event::new(AuditAction::RunUpdate).run(&found);
                audit::record(tx, &caller, event.detail("fields", fields_of(&input)))?;
            }
            let run = caller.may(Action::RunRead, found.again(), &licence)?;
            Ok::<_, Error>(UpsertedRun { run, inserted })
        });
        upserted.await
    }

    /// What a new run's config says about the run whose history it goes on with.
    async fn fork_asked_for(
        &self,
        caller: &Caller,
        change: &Change,
        config: Option<&Value>,
    ) -> Result<Option<Fork>, Error> {
        let Change::Named { entity, project, run } = change else { return Ok(None) };
        let Some(point) = config.and_then(run_config::branch_point) else { return Ok(None) };
        let entity = match entity {
            Some(entity) => entity.clone(),
            None => self.own_entity(caller).await?.ok_or(Error::Unauthenticated)?,
        };
        let project = ProjectPath { entity, project: project.clone() };
        self.plan_fork(caller, &RunPath { project, run: run.clone() }, &point).await
    }

    fn check_config(&self, text: Option<&str>) -> Result<Option<Value>, Error> {
        let Some(text) = text else { return Ok(None) };
        if text.len() > self.settings.config_bytes {
            let (has, most) = (text.len(), self.settings.config_bytes);
            return Err(Error::TooLarge(format!("the config has {has} bytes, the limit is {most}")));
        }
        self.parse_object("config", text).map(Some)
    }

    fn check_summary(&self, text: Option<&str>) -> Result<Option<String>, Error> {
        let Some(text) = text else { return Ok(None) };
        if text.len() > self.settings.rows.max_row_bytes {
            let (has, most) = (text.len(), self.settings.rows.max_row_bytes);
            return Err(Error::TooLarge(format!("the summary has {has} bytes, the limit is {most}")));
        }
        self.parse_object("summaryMetrics", text)?;
        Ok(Some(text.to_owned()))
    }

    fn parse_object(&self, field: &'static str, text: &str) -> Result<Value, Error> {
        let value = Value::parse(text.as_bytes(), self.settings.rows.max_depth);
        let value = value.map_err(|why| Error::invalid(field, &format!("`{field}` is no JSON: {why}")))?;
        match value {
            Value::Object(_) => Ok(value),
            Value::Null => Ok(Value::Object(Vec::new())),
            _ => Err(Error::invalid(field, &format!("`{field}` has to be a JSON object"))),
        }
    }
}

/// A target whose names were checked.
#[derive(Clone)]
enum Change {
    Existing(RunPath, Action),
    Named { entity: Option<EntityName>, project: ProjectName, run: RunName },
}

impl Change {
    fn named(entity: Option<&str>, project: Option<&str>, run: Option<&str>) -> Result<Self, Error> {
        let entity = match parse_or_none(entity) {
            Some(entity) => entity,
            None => Some(existing_entity(entity.unwrap_or_default())?),
        };
        let project = project.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_PROJECT);
        let project = ProjectName::parse(project).map_err(|why| Error::invalid("project", &why))?;
        let run = match run.filter(|name| !name.is_empty()) {
            Some(name) => RunName::parse(name).map_err(|why| Error::invalid("name", &why))?,
            None => RunName::from_random(random_bytes()),
        };
        Ok(Self::Named { entity, project, run })
    }
}

/// The run of that name; it, and the project too, is made when it is missing.
fn named(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    (entity, project, name): (Option<&EntityName>, &ProjectName, &RunName),
    input: &UpsertRun,
    words: [u8; 2],
    licence: &Licence,
) -> Result<(Allowed<FoundRun>, bool), Error> {
    let (at, _) = get_or_create(tx, caller, (entity, project), Action::RunLog, licence)?;
    if let Some((_, run)) = run::any_named(tx, at.id, name)? {
        if run.deleted_at.is_some() {
            let why = format!("run `{name}` was deleted; its name is free again when it has left the trash");
            return Err(Error::invalid("name", &why));
        }
        let found = run::find_in(tx, caller, at.into_inner(), name)?;
        let found = found.ok_or(DbError::Damaged("a run just found".into()))?;
        return Ok((caller.may(Action::RunLog, found, licence)?, false));
    }
    let owner = owner_of_new_run(tx, caller, at.entity.id, &input.attribution)?;
    let run = new_run(owner, &at, name, input, tx.now(), words);
    run::create(tx, &at, &run)?;
    let found = run::find_in(tx, caller, at.into_inner(), name)?;
    let found = found.ok_or(DbError::Damaged("a run just made".into()))?;
    Ok((caller.may(Action::RunLog, found, licence)?, true))
}

fn new_run(
    owner: Option<UserId>,
    at: &FoundProject,
    name: &RunName,
    input: &UpsertRun,
    now: crate::domain::clock::Timestamp,
    words: [u8; 2],
) -> Run {
    Run {
        project: at.id,
        name: name.clone(),
        display_name: display_name(words, at.project.runs_made + 1),
        group: None,
        job_type: None,
        notes: None,
        description: None,
        tags: Vec::new(),
        commit: None,
        repo: None,
        program: None,
        host: None,
        sweep: None,
        owner,
        created_at: now,
        state: input.state.unwrap_or(RunState::Running),
        exit_code: None,
        stop_requested: false,
        generation: 0,
        is_shared: input.is_shared,
        deleted_at: None,
    }
}

/// Writes the given fields over the run's.
fn apply(
    tx: &mut WriteTx<'_>,
    found: Allowed<FoundRun>,
    input: &UpsertRun,
    inserted: bool,
) -> Result<Allowed<FoundRun>, Error> {
    let before = &found.run;
    let over = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    let changed = Run {
        display_name: input.display_name.clone().filter(|name| !name.is_empty()).unwrap_or(before.display_name.clone()),
        group: over(&input.group, &before.group),
        job_type: over(&input.job_type, &before.job_type),
        notes: over(&input.notes, &before.notes),
        description: over(&input.description, &before.description),
        tags: input.tags.clone().unwrap_or_else(|| before.tags.clone()),
        commit: over(&input.commit, &before.commit),
        repo: over(&input.repo, &before.repo),
        program: over(&input.program, &before.program),
        host: over(&input.host, &before.host),
        sweep: over(&input.sweep, &before.sweep),
        state: input.state.unwrap_or(before.state),
        is_shared: before.is_shared || input.is_shared,
        ..before.clone()
    };
    let goes_on = !inserted && begins_session(input);
    let changed = if goes_on { started_again(changed) } else { changed };
    if changed != *before {
        run::put(tx, &found, &changed)?;
    }
    if goes_on {
        stream::begin_session(tx, &found)?;
    }
    Ok(found.map(|found| FoundRun { run: changed, ..found }))
}

/// The first request of a process brings everything; later ones bring either the config or the rest (wandb 0.31.0,
/// `runupserter.go`), and an edit says neither program nor host.
fn begins_session(input: &UpsertRun) -> bool {
    let says_where = input.program.is_some() || input.host.is_some();
    input.state.is_none() && says_where && input.config.is_some()
}

fn started_again(run: Run) -> Run {
    if run.state.is_alive() {
        return run;
    }
    Run { state: RunState::Running, exit_code: None, stop_requested: false, ..run }
}

fn write_config(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundRun>,
    config: &Value,
    input: &UpsertRun,
) -> Result<(), Error> {
    let older = run::config(tx, found)?;
    let older = older.and_then(|text| Value::parse(text.as_bytes(), usize::MAX).ok());
    let mode = if input.is_shared { Merge::Join } else { Merge::Replace };
    let merged = run_config::merge(older.as_ref(), config.clone(), mode);
    run::put_config(tx, found, merged.to_text())?;
    Ok(())
}

/// The fields that a change names.
fn fields_of(input: &UpsertRun) -> String {
    let named = [
        ("display_name", input.display_name.is_some()),
        ("group", input.group.is_some()),
        ("job_type", input.job_type.is_some()),
        ("notes", input.notes.is_some()),
        ("description", input.description.is_some()),
        ("tags", input.tags.is_some()),
        ("commit", input.commit.is_some()),
        ("repo", input.repo.is_some()),
        ("program", input.program.is_some()),
        ("host", input.host.is_some()),
        ("sweep", input.sweep.is_some()),
        ("state", input.state.is_some()),
        ("config", input.config.is_some()),
        ("summary", input.summary.is_some()),
    ];
    named.into_iter().filter(|(_, is_named)| *is_named).map(|(field, _)| field).collect::<Vec<_>>().join(", ")
}

fn check_texts(input: &UpsertRun) -> Result<(), Error> {
    let texts = [
        &input.display_name,
        &input.group,
        &input.job_type,
        &input.notes,
        &input.description,
        &input.commit,
        &input.repo,
        &input.program,
        &input.host,
        &input.sweep,
    ];
    let tags = input.tags.as_deref().unwrap_or_default();
    let bytes =
        texts.into_iter().flatten().map(String::len).sum::<usize>() + tags.iter().map(String::len).sum::<usize>();
    if bytes > TEXT_BYTES_MAX {
        return Err(Error::TooLarge(format!("the texts of a run have at most {TEXT_BYTES_MAX} bytes together")));
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::TooLarge(format!("a run has at most {TAGS_MAX} tags")));
    }
    Ok(())
}
