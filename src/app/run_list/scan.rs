//! Going through the runs of a project, asking a query about each. One short read transaction per stretch of bounded
//! size; JSON is looked into outside of it, because an old transaction keeps the file from reusing space.

use super::row::{HISTORIES_AT_ONCE, Row};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::project::seen;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::repo::run::{self, ByCreation, FoundRun};
use crate::db::repo::{project, user};
use crate::db::tx::{Read, ReadTx};
use crate::domain::id::{ProjectId, UserId};
use crate::domain::run::RunName;
use crate::domain::run_query::{Needs, Position, RunQuery};
use std::collections::HashMap;
use std::sync::Arc;

/// A stretch ends with this many runs, or with the run whose texts reach this many bytes.
pub(super) const STRETCH_RUNS: usize = 512;
pub(super) const STRETCH_BYTES: usize = 8 << 20;
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

struct Stretch {
    rows: Vec<Row>,
    candidates: Candidates,
    has_ended: bool,
}

impl Scan {
    pub fn new(app: &App, caller: &Caller, project: ProjectId, query: &Arc<RunQuery>, candidates: Candidates) -> Self {
        Self { app: app.clone(), caller: *caller, project, query: Arc::clone(query), candidates, has_ended: false }
    }

    /// Those of the next runs that match, maybe none, each with its place in the query's order; `None` at the end.
    /// Without a filter no more than `wanted` are looked at.
    pub async fn next(&mut self, wanted: usize) -> Result<Option<Vec<(Position, Allowed<FoundRun>)>>, Error> {
        if self.has_ended {
            return Ok(None);
        }
        let most = if self.query.filter().is_all() { wanted.min(STRETCH_RUNS) } else { STRETCH_RUNS };
        let (caller, licence, id) = (self.caller, self.app.licence(), self.project);
        let (candidates, needs) = (self.candidates.clone(), self.query.needs());
        let read = self.app.db.read(move |tx| read_stretch(tx, (&caller, &licence), id, candidates, needs, most));
        let Stretch { rows, candidates, has_ended } = read.await?;
        (self.candidates, self.has_ended) = (candidates, has_ended);
        let wants_history = rows.iter().any(|row| row.wants_history(needs));
        let portion = if wants_history { HISTORIES_AT_ONCE } else { rows.len() };
        let (mut placed, mut rows) = (Vec::new(), rows.into_iter().peekable());
        while rows.peek().is_some() {
            let mut few: Vec<Row> = rows.by_ref().take(portion).collect();
            self.app.add_history(few.iter_mut().collect(), needs).await?;
            placed.extend(self.place(few).await?);
        }
        Ok(Some(placed))
    }

    async fn place(&self, rows: Vec<Row>) -> Result<Vec<(Position, Allowed<FoundRun>)>, Error> {
        let query = self.query.clone();
        let place = move |row: Row| query.place(&row.view()).map(|place| (place, row.found));
        self.app.on_pool(move || Ok(rows.into_iter().filter_map(place).collect())).await
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
            let row = Row::read(tx, found, needs, |owner| username(tx, owner, &mut usernames))?;
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

fn username(
    tx: &impl Read,
    owner: UserId,
    known: &mut HashMap<UserId, Option<Arc<str>>>,
) -> Result<Option<Arc<str>>, Error> {
    if let Some(known) = known.get(&owner) {
        return Ok(known.clone());
    }
    let name = user::get(tx, owner)?.map(|user| Arc::from(user.name.as_str()));
    known.insert(owner, name.clone());
    Ok(name)
}
