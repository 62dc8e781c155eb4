//! Going through the runs of a project, asking a query about each. One short read transaction per stretch of bounded
//! size; JSON is looked into outside of it, because an old transaction keeps the file from reusing space.

use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::project::seen;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::repo::run::{self, ByCreation, FoundRun};
use crate::db::repo::{project, user};
use crate::db::tx::{Read, ReadTx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ProjectId, UserId};
use crate::domain::run::RunName;
use crate::domain::run_query::{Needs, Position, RunQuery, RunView};
use crate::domain::stream::RunStreams;
use std::collections::HashMap;
use std::sync::Arc;

/// A stretch ends with this many runs, or with the run whose texts reach this many bytes.
const STRETCH_RUNS: usize = 512;
const STRETCH_BYTES: usize = 8 << 20;
/// Runs whose histories are looked into together.
const HISTORIES_AT_ONCE: usize = 16;
/// Records read before their sizes are looked at.
const RUNS_AT_ONCE: usize = 64;

/// Where runs come from.
#[derive(Clone)]
pub(super) enum Candidates {
    Creation(ByCreation),
    /// Each name at most once.
    Names(Vec<String>),
}

/// A walk through runs that match. A caller who gives up drops it, and it ends with the stretch at hand.
pub(super) struct Scan {
    app: App,
    caller: Caller,
    project: ProjectId,
    query: Arc<RunQuery>,
    candidates: Candidates,
    has_ended: bool,
}

/// A run with what the query needs of it.
struct Row {
    found: Allowed<FoundRun>,
    username: Option<Arc<str>>,
    heartbeat_at: Option<Timestamp>,
    config: Option<String>,
    summary: Option<String>,
    /// The client leaves some of the summary to the server, and the query asks for it.
    derives_summary: bool,
    history_keys: Option<String>,
}

struct Stretch {
    rows: Vec<Row>,
    candidates: Candidates,
    has_ended: bool,
}

impl Scan {
    pub fn new(app: &App, caller: &Caller, project: ProjectId, query: RunQuery, candidates: Candidates) -> Self {
        Self { app: app.clone(), caller: *caller, project, query: Arc::new(query), candidates, has_ended: false }
    }

    /// Those of the next runs that match, maybe none, each with its place in the query's order; `None` at the end.
    /// Without a filter no more than `wanted` are looked at.
    pub async fn next(&mut self, wanted: usize) -> Result<Option<Vec<(Position, Allowed<FoundRun>)>>, Error> {
        if self.has_ended {
            return Ok(None);
        }
        let most = if self.query.filter().is_all() { wanted.min(STRETCH_RUNS) } else { STRETCH_RUNS };
        let (caller, licence, id) = (self.caller, self.app.licence.clone(), self.project);
        let (candidates, needs) = (self.candidates.clone(), self.query.needs());
        let read = self.app.db.read(move |tx| read_stretch(tx, (&caller, &licence), id, candidates, needs, most));
        let Stretch { rows, candidates, has_ended } = read.await?;
        (self.candidates, self.has_ended) = (candidates, has_ended);
        if !needs.history_keys && !rows.iter().any(|row| row.derives_summary) {
            return self.place(rows).await.map(Some);
        }
        // What follows from history can be large, so it is made for a few runs, looked at, and let go.
        let (mut placed, mut rows) = (Vec::new(), rows.into_iter());
        loop {
            let mut few: Vec<Row> = rows.by_ref().take(HISTORIES_AT_ONCE).collect();
            if few.is_empty() {
                return Ok(Some(placed));
            }
            self.add_history(&mut few).await?;
            placed.extend(self.place(few).await?);
        }
    }

    async fn place(&self, rows: Vec<Row>) -> Result<Vec<(Position, Allowed<FoundRun>)>, Error> {
        let query = self.query.clone();
        let place = move |row: Row| query.place(&row.view()).map(|place| (place, row.found));
        self.app.on_pool(move || Ok(rows.into_iter().filter_map(place).collect())).await
    }

    /// Puts in what history has to say: summaries where the rows decide them, and the keys that were logged.
    async fn add_history(&self, rows: &mut [Row]) -> Result<(), Error> {
        let derived: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].derives_summary).collect();
        let of_derived: Vec<&Allowed<FoundRun>> = derived.iter().map(|at| &rows[*at].found).collect();
        let summaries = self.app.summaries(&of_derived).await?;
        for (at, summary) in derived.into_iter().zip(summaries) {
            rows[at].summary = Some(summary);
        }
        if self.query.needs().history_keys {
            let runs: Vec<&Allowed<FoundRun>> = rows.iter().map(|row| &row.found).collect();
            let facts = self.app.history_facts(&runs).await?;
            for (row, facts) in rows.iter_mut().zip(facts) {
                row.history_keys = Some(facts.history_keys());
            }
        }
        Ok(())
    }
}

impl Row {
    fn view(&self) -> RunView<'_> {
        RunView {
            id: self.found.id,
            run: &self.found.run,
            entity: self.found.at.entity.entity.name.as_str(),
            project: self.found.at.project.name.as_str(),
            username: self.username.as_deref(),
            heartbeat_at: self.heartbeat_at,
            config: self.config.as_deref(),
            summary: self.summary.as_deref(),
            history_keys: self.history_keys.as_deref(),
        }
    }

    fn bytes(&self) -> usize {
        let run = &self.found.run;
        let texts = [&self.config, &self.summary, &run.notes, &run.description];
        texts.into_iter().flatten().map(String::len).sum()
    }
}

fn read_stretch(
    tx: &ReadTx,
    (caller, licence): (&Caller, &Licence),
    id: ProjectId,
    mut candidates: Candidates,
    needs: Needs,
    most: usize,
) -> Result<Stretch, Error> {
    let Some(at) = seen(caller, Action::RunRead, project::get(tx, caller, id)?, licence)? else {
        return Ok(Stretch { rows: Vec::new(), candidates, has_ended: true });
    };
    let (mut rows, mut bytes, mut usernames) = (Vec::new(), 0, HashMap::new());
    while rows.len() < most && bytes < STRETCH_BYTES {
        let (runs, is_last) = next_runs(tx, &at, &mut candidates, RUNS_AT_ONCE.min(most - rows.len()))?;
        let mut runs = runs.into_iter();
        while bytes < STRETCH_BYTES
            && let Some(found) = runs.next()
        {
            if let Candidates::Creation(by) = &mut candidates {
                by.after = Some((found.run.created_at, found.id));
            }
            let row = read_row(tx, found, needs, &mut usernames)?;
            bytes += row.bytes();
            rows.push(row);
        }
        if is_last && runs.len() == 0 {
            return Ok(Stretch { rows, candidates, has_ended: true });
        }
    }
    Ok(Stretch { rows, candidates, has_ended: false })
}

/// The next runs, and whether there are none behind them. Names are taken out of the candidates one at a time; a place
/// among runs by creation is the caller's to move on, run by run.
fn next_runs(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    candidates: &mut Candidates,
    limit: usize,
) -> Result<(Vec<Allowed<FoundRun>>, bool), DbError> {
    match candidates {
        Candidates::Creation(by) => {
            let runs = run::list(tx, at, *by, limit)?;
            let is_last = runs.len() < limit;
            Ok((runs, is_last))
        }
        Candidates::Names(names) => {
            let name = names.pop().and_then(|name| RunName::parse(&name).ok());
            let found = name.map(|name| run::named(tx, at, &name)).transpose()?.flatten();
            Ok((found.into_iter().collect(), names.is_empty()))
        }
    }
}

fn read_row(
    tx: &impl Read,
    found: Allowed<FoundRun>,
    needs: Needs,
    usernames: &mut HashMap<UserId, Option<Arc<str>>>,
) -> Result<Row, Error> {
    let username = match found.run.owner.filter(|_| needs.username) {
        None => None,
        Some(owner) => match usernames.get(&owner) {
            Some(known) => known.clone(),
            None => {
                let name = user::get(tx, owner)?.map(|user| Arc::from(user.name.as_str()));
                usernames.insert(owner, name.clone());
                name
            }
        },
    };
    let streams = if needs.heartbeat || needs.summary { run::streams(tx, &found)? } else { RunStreams::default() };
    Ok(Row {
        username,
        heartbeat_at: streams.heartbeat_at,
        config: if needs.config { run::config(tx, &found)? } else { None },
        summary: if needs.summary { run::summary(tx, &found)? } else { None },
        derives_summary: needs.summary && streams.derives_summary,
        history_keys: None,
        found,
    })
}
