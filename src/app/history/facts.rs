//! What is known about runs without reading their rows: statistics of the keys, last rows, system metrics, and the
//! summary that follows from the rows. Nothing of it is written while a client logs: sealed parts have their facts beside
//! them, the tail's are made when somebody asks, and what was made is kept and added to.

use super::cache::{Cache, Key};
use super::columns::texts;
use super::rows::{RowQuery, without_step};
use crate::access::{Action, Allowed};
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::db::repo::stream;
use crate::db::tx::ReadTx;
use crate::domain::chunk::Chunk;
use crate::domain::id::RunId;
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::stream::{SealedPart, Stream};
use crate::history::facts::RowFacts;
use crate::history::summary::Definitions;
use std::sync::Arc;

/// Tails that are in memory at once, compressed, while the facts of many runs are made.
const TAILS_BYTES: usize = 16 << 20;
/// More rows are not read for the sake of their number.
const READ_ROWS_MAX: u64 = 500_000;
/// What the names of the machine's own metrics begin with (wandb 0.17.9 to 0.31.0).
const SYSTEM: &str = "system.";

/// What is known about a run's history.
#[derive(Debug, Clone)]
pub struct HistoryFacts(Arc<Known>);

/// What is known about a run's events.
#[derive(Debug, Clone)]
pub struct EventFacts(Arc<Known>);

/// Facts about the first `lines` lines of a generation.
#[derive(Debug, Default)]
struct Known {
    generation: u32,
    lines: u64,
    facts: RowFacts,
}

impl HistoryFacts {
    /// `{"sets":[],"keys":{…},"lastStep":n}` as strict JSON.
    pub fn history_keys(&self) -> String {
        self.0.facts.keys.to_value().to_strict_text()
    }

    /// The largest step there is.
    pub fn last_step(&self) -> Option<i64> {
        self.0.facts.keys.last_step
    }

    /// The last row as it was logged.
    pub fn last_row(&self) -> Option<&str> {
        self.0.facts.last.as_ref().map(|last| last.row.as_str())
    }
}

impl EventFacts {
    /// The last value of each metric of the machine, as a JSON object.
    pub fn system_metrics(&self) -> String {
        let Value::Object(mut members) = self.0.facts.summary.summary(&Definitions::default()) else {
            return "{}".to_owned();
        };
        members.retain(|(name, _)| name.starts_with(SYSTEM));
        Value::Object(members).to_text()
    }

    pub fn last_row(&self) -> Option<&str> {
        self.0.facts.last.as_ref().map(|last| last.row.as_str())
    }
}

/// One run whose facts are to be made: what to begin with, and what to add.
struct Task {
    run: RunId,
    generation: u32,
    lines: u64,
    base: Option<Arc<Known>>,
    /// Parts, and their facts where they are kept and hold for the part as it stands.
    parts: Vec<(SealedPart, Option<Vec<u8>>)>,
    chunks: Vec<(u64, Chunk)>,
}

impl App {
    /// What is known about each run's history, in the order of the runs.
    pub async fn history_facts(&self, runs: &[&Allowed<FoundRun>]) -> Result<Vec<HistoryFacts>, Error> {
        Ok(self.known(runs, Stream::History).await?.into_iter().map(HistoryFacts).collect())
    }

    /// What is known about each run's events, in the order of the runs.
    pub async fn event_facts(&self, runs: &[&Allowed<FoundRun>]) -> Result<Vec<EventFacts>, Error> {
        Ok(self.known(runs, Stream::Events).await?.into_iter().map(EventFacts).collect())
    }

    /// Each run's summary as people read it, a JSON object: what the client says, over what follows from the rows
    /// where that is the server's to say.
    pub async fn summaries(&self, runs: &[&Allowed<FoundRun>]) -> Result<Vec<String>, Error> {
        runs.iter().for_each(|run| run.must_be(Action::RunRead));
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let said = self.db.read(move |tx| ids.iter().map(|id| said_by_client(tx, *id)).collect::<Result<Vec<_>, _>>());
        let said: Vec<Said> = said.await?;
        let derived: Vec<&Allowed<FoundRun>> =
            runs.iter().zip(&said).filter(|(_, said)| said.config.is_some()).map(|(run, _)| *run).collect();
        let mut facts = self.known(&derived, Stream::History).await?.into_iter();
        let mut summaries = Vec::with_capacity(runs.len());
        for said in said {
            summaries.push(match &said.config {
                None => said.summary,
                Some(config) => {
                    let known = facts.next().unwrap_or_default();
                    summary(&known.facts, config, &said.summary)
                }
            });
        }
        Ok(summaries)
    }

    async fn known(&self, runs: &[&Allowed<FoundRun>], stream: Stream) -> Result<Vec<Arc<Known>>, Error> {
        runs.iter().for_each(|run| run.must_be(Action::RunRead));
        let mut known = Vec::with_capacity(runs.len());
        while known.len() < runs.len() {
            let ids: Vec<RunId> = runs[known.len()..].iter().map(|run| run.id).collect();
            let cache = Arc::clone(&self.history);
            let tasks = self.db.read(move |tx| tasks(tx, &ids, stream, &cache)).await?;
            for task in tasks {
                let found = self.carry_out(task, stream).await?;
                let is_doubtful = stream == Stream::History && found.facts.may_count_twice;
                known.push(if is_doubtful { self.known_by_reading(runs[known.len()], &found).await? } else { found });
            }
        }
        Ok(known)
    }

    /// From all rows that count: for runs where newer rows may have replaced older ones. Of a run that is too long for
    /// that, a replaced row counts as well as the one in its place.
    async fn known_by_reading(&self, run: &Allowed<FoundRun>, counted: &Arc<Known>) -> Result<Arc<Known>, Error> {
        let key = Key::ReadFacts(run.id);
        let known = self.history.get::<Known>(&key);
        if let Some(known) =
            known.filter(|known| (known.generation, known.lines) == (counted.generation, counted.lines))
        {
            return Ok(known);
        }
        if counted.lines > READ_ROWS_MAX {
            return Ok(Arc::clone(counted));
        }
        let query = RowQuery { stream: Stream::History, steps: i64::MIN..=i64::MAX, samples: usize::MAX };
        let rows = match self.history_rows(run, &query).await {
            Err(Error::Invalid { .. }) => return Ok(Arc::clone(counted)), // too much text at once
            rows => rows?,
        };
        let (generation, lines) = (counted.generation, counted.lines);
        let facts = self.on_pool(move || {
            let mut facts = RowFacts::default();
            for row in &rows {
                facts.observe(row)?;
            }
            Ok(facts)
        });
        let known = Arc::new(Known { generation, lines, facts: facts.await? });
        self.history.put(key, Arc::clone(&known), known.facts.memory_bytes());
        Ok(known)
    }

    async fn carry_out(&self, task: Task, stream: Stream) -> Result<Arc<Known>, Error> {
        if let Some(base) = &task.base
            && base.lines == task.lines
        {
            return Ok(Arc::clone(base));
        }
        let mut sealed = Vec::new();
        for (part, bytes) in task.parts {
            let facts = match bytes {
                Some(bytes) => Arc::new(RowFacts::decode(&bytes)?),
                None => self.facts_of_rows(&part, stream).await?,
            };
            sealed.push(facts);
        }
        let (cache, base, chunks) = (Arc::clone(&self.history), task.base, task.chunks);
        let (run, generation, lines) = (task.run, task.generation, task.lines);
        self.on_pool(move || {
            let mut facts = base.map(|base| base.facts.clone()).unwrap_or_default();
            sealed.iter().for_each(|later| facts.append(later));
            for text in texts(&chunks)? {
                facts.observe(&text)?;
            }
            let bytes = facts.memory_bytes();
            let known = Arc::new(Known { generation, lines, facts });
            cache.put(Key::Facts(run, stream), Arc::clone(&known), bytes);
            Ok(known)
        })
        .await
    }

    /// Facts about a part that is cut, or whose facts were too large to keep: from its rows.
    async fn facts_of_rows(&self, part: &SealedPart, stream: Stream) -> Result<Arc<RowFacts>, Error> {
        let key = Key::CutFacts(part.segment, part.end_step());
        if let Some(known) = self.history.get(&key) {
            return Ok(known);
        }
        let (reader, last_step) = (self.segment(part).await?, part.end_step());
        let facts = self.on_pool(move || {
            let mut text = reader.rows(i64::MIN..=last_step)?;
            if stream == Stream::Events {
                text = text.lines().map(|row| without_step(row.to_owned()) + "\n").collect();
            }
            let mut facts = RowFacts::default();
            facts.observe(&text)?;
            Ok(Arc::new(facts))
        });
        let facts = facts.await?;
        self.history.put(key, Arc::clone(&facts), facts.memory_bytes());
        Ok(facts)
    }
}

/// What to do for the first of these runs: as many as fit into memory at once, at least one.
fn tasks(tx: &ReadTx, runs: &[RunId], stream: Stream, cache: &Cache) -> Result<Vec<Task>, Error> {
    let mut tasks = Vec::new();
    let mut bytes = 0;
    for run in runs {
        let task = task(tx, *run, stream, cache)?;
        bytes += task.chunks.iter().map(|(_, chunk)| chunk.compressed_bytes()).sum::<usize>();
        tasks.push(task);
        if bytes > TAILS_BYTES {
            break;
        }
    }
    Ok(tasks)
}

fn task(tx: &ReadTx, run: RunId, stream: Stream, cache: &Cache) -> Result<Task, Error> {
    // A run that was deleted meanwhile has no rows.
    let (generation, streams) = stream::generation_and_streams(tx, run)?.unwrap_or_default();
    let lines = streams.of(stream).lines;
    let known = cache.get::<Known>(&Key::Facts(run, stream));
    let known = known.filter(|known| known.generation == generation && known.lines <= lines);
    let task = Task { run, generation, lines, base: None, parts: Vec::new(), chunks: Vec::new() };
    if known.as_ref().is_some_and(|known| known.lines == lines) {
        return Ok(Task { base: known, ..task });
    }
    let parts = stream::parts(tx, run, stream)?;
    let sealed_lines = parts.iter().map(|(_, part)| part.end_line).max().unwrap_or(0);
    let base = known.filter(|known| known.lines >= sealed_lines);
    let from = base.as_ref().map_or(0, |base| base.lines).max(streams.of(stream).tail_from);
    let (chunks, has_more) = stream::chunks(tx, (run, stream, generation), from, super::source::TAIL_BYTES_MAX)?;
    if has_more {
        return Err(super::source::too_much());
    }
    let mut sealed = Vec::new();
    if base.is_none() {
        for (_, part) in parts {
            let kept = if part.last_step.is_none() { stream::facts(tx, part.segment)? } else { None };
            sealed.push((part, kept));
        }
    }
    Ok(Task { base, parts: sealed, chunks, ..task })
}

/// What the client said of a run's summary; the config when the rows have something to say too.
struct Said {
    summary: String,
    config: Option<String>,
}

fn said_by_client(tx: &ReadTx, run: RunId) -> Result<Said, Error> {
    let derives = stream::generation_and_streams(tx, run)?.is_some_and(|(_, streams)| streams.derives_summary);
    let (summary, config) = stream::summary_and_config(tx, run)?;
    let object = |text: Option<String>| text.filter(|text| text.starts_with('{')).unwrap_or_else(|| "{}".to_owned());
    Ok(Said { summary: object(summary), config: derives.then(|| object(config)) })
}

/// The client's own values stand over those that follow from the rows; the step is the rows' to say.
fn summary(facts: &RowFacts, config: &str, said: &str) -> String {
    let parse = |text: &str| Value::parse(text.as_bytes(), MAX_DEPTH + 1).ok();
    let definitions = parse(config).map(|config| Definitions::from_config(&config)).unwrap_or_default();
    let mut summary = facts.summary.summary(&definitions);
    let Some(Value::Object(members)) = parse(said) else { return summary.to_text() };
    for (key, value) in members {
        if key != "_step" || summary.get("_step").is_none() {
            summary.set(&key, value);
        }
    }
    summary.to_text()
}
