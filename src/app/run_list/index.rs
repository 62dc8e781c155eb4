//! The indexes of projects: columns in memory of what lists of runs ask for. A project gets its index with the first list
//! that needs one, a column is filled when it is first asked for, and what changed is read again before each list.
//! All indexes together keep within a bound of memory: the one that was not used for longest goes first.

use super::columns::{Columns, Gap, Known};
use super::marks::Marks;
use super::row::{HISTORIES_AT_ONCE, Row};
use super::scan::{STRETCH_BYTES, STRETCH_RUNS};
use crate::access::{Action, Allowed, Caller};
use crate::app::project::seen;
use crate::app::{App, Error};
use crate::db::repo::project::FoundProject;
use crate::db::repo::{project, run, user};
use crate::db::tx::ReadTx;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ProjectId, RunId, UserId};
use crate::domain::run_query::{Field, FieldValue, Needs, Position, RunQuery};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Runs of a project found in one read.
const WALKED_AT_ONCE: usize = 20_000;
/// Remembered fields that were too large to be kept; more, and they are tried again.
const TOO_LARGE_MAX: usize = 1_000;

pub struct RunIndexes {
    marks: Arc<Marks>,
    kept: Mutex<Kept>,
    bytes_max: usize,
}

#[derive(Default)]
struct Kept {
    projects: HashMap<ProjectId, Entry>,
    uses: u64,
    /// What cannot be kept within the bound: it is read for each list.
    too_large: HashSet<(ProjectId, Field)>,
}

#[derive(Clone)]
struct Entry {
    index: Arc<RwLock<Index>>,
    bytes: Arc<AtomicUsize>,
    used: u64,
}

#[derive(Default)]
struct Index {
    columns: Columns,
    /// Nobody marks its changes any more: whoever still holds it has to ask for another.
    is_dropped: bool,
}

/// An index with everything a query needs.
struct Ready {
    index: OwnedRwLockReadGuard<Index>,
    known: Known,
}

/// What the next read is for.
enum Task {
    /// Finding the runs behind this one.
    Walk(Option<(Timestamp, RunId)>),
    Changed(Vec<RunId>, Needs),
    Fill(Box<Gap>),
    /// All is known, but what these owners are called.
    Nothing {
        owners: Vec<String>,
    },
}

enum Step {
    More(OwnedRwLockWriteGuard<Index>),
    End(Outcome),
}

/// How bringing an index up to date ends.
enum Outcome {
    Ready(Ready),
    /// The caller does not see the project.
    Hidden,
    TooLarge,
}

impl RunIndexes {
    /// The watcher is what the database has to tell of commits.
    pub fn new(bytes_max: usize) -> (Self, crate::db::changed_run::Watcher) {
        let marks = Arc::new(Marks::default());
        let told = Arc::clone(&marks);
        (Self { marks, kept: Mutex::default(), bytes_max }, Box::new(move |changes| told.note(changes)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves it as good as it was: every change is complete.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_too_large(&self, project: ProjectId, fields: &[Field]) -> bool {
        let kept = self.kept();
        fields.iter().any(|field| kept.too_large.contains(&(project, field.clone())))
    }

    fn entry(&self, project: ProjectId) -> Entry {
        let mut kept = self.kept();
        kept.uses += 1;
        let used = kept.uses;
        let entry = kept.projects.entry(project).or_insert_with(|| {
            // Before anything is read: no change is missed.
            self.marks.watch(project);
            Entry { index: Arc::default(), bytes: Arc::default(), used }
        });
        entry.used = used;
        entry.clone()
    }

    /// Lets go of what was not used for longest until the rest keeps within the bound. What is in use stays.
    fn trim(&self) {
        let mut kept = self.kept();
        let bytes = |kept: &Kept| kept.projects.values().map(|it| it.bytes.load(Ordering::Relaxed)).sum::<usize>();
        let mut by_use: Vec<(u64, ProjectId)> = kept.projects.iter().map(|(id, entry)| (entry.used, *id)).collect();
        by_use.sort_unstable();
        let newest = by_use.pop();
        for (_, project) in by_use {
            if bytes(&kept) <= self.bytes_max {
                return;
            }
            self.drop_index(&mut kept, project);
        }
        let Some((_, newest)) = newest.filter(|_| bytes(&kept) > self.bytes_max) else { return };
        let Some(entry) = kept.projects.get(&newest) else { return };
        if let Ok(mut index) = Arc::clone(&entry.index).try_write_owned() {
            index.columns.keep_last_asked_for();
            entry.bytes.store(index.columns.bytes(), Ordering::Relaxed);
        }
        if bytes(&kept) > self.bytes_max {
            self.drop_index(&mut kept, newest);
        }
    }

    fn drop_index(&self, kept: &mut Kept, project: ProjectId) {
        let Some(entry) = kept.projects.get(&project) else { return };
        let Ok(mut index) = Arc::clone(&entry.index).try_write_owned() else { return };
        index.is_dropped = true;
        index.columns = Columns::default();
        kept.projects.remove(&project);
        self.marks.forget(project);
    }

    /// For a query whose columns alone are over the bound.
    fn give_up(&self, project: ProjectId, index: &mut Index, fields: &[Field]) {
        let mut kept = self.kept();
        index.is_dropped = true;
        index.columns = Columns::default();
        kept.projects.remove(&project);
        self.marks.forget(project);
        if kept.too_large.len() > TOO_LARGE_MAX {
            kept.too_large.clear();
        }
        kept.too_large.extend(fields.iter().map(|field| (project, field.clone())));
        tracing::warn!(project.id = %project, "what runs are listed by does not fit into runs.index_mib");
    }
}

impl App {
    /// The places of the first runs of a list; `None` when there can be no index for it.
    pub(super) async fn first_by_index(
        &self,
        caller: &Caller,
        project: ProjectId,
        query: &Arc<RunQuery>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Option<Vec<Position>>, Error> {
        let asked = Arc::clone(query);
        let first = self.by_index(caller, project, query.fields(), move |ready| {
            ready.index.columns.first(&asked, &ready.known, after.as_ref(), limit)
        });
        first.await
    }

    /// How many runs match; `None` when there can be no index for it.
    pub(super) async fn count_by_index(
        &self,
        caller: &Caller,
        project: ProjectId,
        query: &Arc<RunQuery>,
    ) -> Result<Option<usize>, Error> {
        let asked = Arc::clone(query);
        let counted = self.by_index(caller, project, query.fields(), move |ready| {
            let columns = &ready.index.columns;
            if asked.filter().is_all() { columns.len() } else { columns.count(&asked, &ready.known) }
        });
        counted.await
    }

    async fn by_index<R: Default + Send + 'static>(
        &self,
        caller: &Caller,
        project: ProjectId,
        fields: &[Field],
        ask: impl FnOnce(Ready) -> R + Send + 'static,
    ) -> Result<Option<R>, Error> {
        if self.run_indexes.is_too_large(project, fields) {
            return Ok(None);
        }
        let answer = match self.up_to_date(caller, project, fields).await? {
            Outcome::Ready(ready) => Some(self.on_pool(move || Ok(ask(ready))).await?),
            Outcome::Hidden => Some(R::default()),
            Outcome::TooLarge => None,
        };
        self.run_indexes.trim();
        Ok(answer)
    }

    /// Brings the index of the project up to date, a stretch at a time: between them others come to their turn, and what
    /// was done stays done when the caller gives up.
    async fn up_to_date(&self, caller: &Caller, project: ProjectId, fields: &[Field]) -> Result<Outcome, Error> {
        let indexes = &self.run_indexes;
        let mut has_taken_marks = false;
        loop {
            let entry = indexes.entry(project);
            let mut index = Arc::clone(&entry.index).write_owned().await;
            if index.is_dropped {
                has_taken_marks = false;
                continue;
            }
            index.columns.ask_for(fields);
            // Once: what comes later is for later lists, and in a busy project it would never end.
            if !std::mem::replace(&mut has_taken_marks, true) {
                index.columns.add_changed(indexes.marks.take(project));
            }
            let task = Task::next(&index.columns, fields);
            index = match self.next_stretch(caller, project, index, task).await? {
                Step::More(index) => index,
                Step::End(outcome) => return Ok(outcome),
            };
            entry.bytes.store(index.columns.bytes(), Ordering::Relaxed);
            if index.columns.bytes() > indexes.bytes_max {
                index.columns.keep_last_asked_for();
                if index.columns.bytes() > indexes.bytes_max {
                    indexes.give_up(project, &mut index, fields);
                    return Ok(Outcome::TooLarge);
                }
            }
        }
    }

    async fn next_stretch(
        &self,
        caller: &Caller,
        project: ProjectId,
        mut index: OwnedRwLockWriteGuard<Index>,
        task: Task,
    ) -> Result<Step, Error> {
        let (caller, licence) = (*caller, self.licence());
        match task {
            Task::Walk(after) => {
                let walked = self.db.read(move |tx| {
                    let found = project::get(tx, &caller, project)?;
                    let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(None) };
                    Ok::<_, Error>(Some(run::places(tx, &at, after, WALKED_AT_ONCE)?))
                });
                let Some(walked) = walked.await? else { return Ok(Step::End(Outcome::Hidden)) };
                self.run_indexes.marks.add_runs(project, walked.iter().map(|(_, run)| *run));
                index.columns.add_walked(&walked, walked.len() < WALKED_AT_ONCE);
                Ok(Step::More(index))
            }
            Task::Changed(runs, needs) => {
                let marks = Arc::clone(&self.run_indexes.marks);
                let read = self.db.read(move |tx| {
                    let found = project::get(tx, &caller, project)?;
                    let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(None) };
                    let (mut bytes, mut later) = (0, Vec::new());
                    for run in runs {
                        match read_row(tx, &at, run, needs)? {
                            Some(row) => {
                                bytes += row.bytes();
                                if row.wants_history(needs) {
                                    later.push(row);
                                } else {
                                    index.columns.put(&row, needs);
                                }
                            }
                            None => {
                                index.columns.remove(run);
                                marks.remove_run(project, run);
                            }
                        }
                        if bytes > STRETCH_BYTES {
                            break;
                        }
                    }
                    Ok::<_, Error>(Some((index, later)))
                });
                match read.await? {
                    Some((index, later)) => self.put_with_history(index, later, needs).await.map(Step::More),
                    None => Ok(Step::End(Outcome::Hidden)),
                }
            }
            Task::Fill(gap) => {
                let filled = self.db.read(move |tx| {
                    let found = project::get(tx, &caller, project)?;
                    let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(None) };
                    let mut bytes = 0;
                    for (slot, run) in gap.runs.iter().enumerate() {
                        let row = run.map(|run| read_row(tx, &at, run, gap.needs)).transpose()?.flatten();
                        bytes += row.as_ref().map_or(0, Row::bytes);
                        index.columns.fill(&gap, slot, row.as_ref());
                        if bytes > STRETCH_BYTES {
                            break;
                        }
                    }
                    Ok::<_, Error>(Some(index))
                });
                Ok(filled.await?.map_or(Step::End(Outcome::Hidden), Step::More))
            }
            Task::Nothing { owners } => {
                let known = self.db.read(move |tx| {
                    let found = project::get(tx, &caller, project)?;
                    let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(None) };
                    known(tx, &at, owners).map(Some)
                });
                Ok(Step::End(match known.await? {
                    Some(known) => Outcome::Ready(Ready { index: index.downgrade(), known }),
                    None => Outcome::Hidden,
                }))
            }
        }
    }

    /// Puts in rows of which history has something to say.
    async fn put_with_history(
        &self,
        mut index: OwnedRwLockWriteGuard<Index>,
        rows: Vec<Row>,
        needs: Needs,
    ) -> Result<OwnedRwLockWriteGuard<Index>, Error> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut few: Vec<Row> = rows.by_ref().take(HISTORIES_AT_ONCE).collect();
            self.add_history(few.iter_mut().collect(), needs).await?;
            let put = self.on_pool(move || {
                few.iter().for_each(|row| index.columns.put(row, needs));
                Ok(index)
            });
            index = put.await?;
        }
        Ok(index)
    }
}

fn read_row(tx: &ReadTx, at: &Allowed<FoundProject>, run: RunId, needs: Needs) -> Result<Option<Row>, Error> {
    let Some(found) = run::listed(tx, at, run)? else { return Ok(None) };
    // A person is kept by their id: names change without their runs.
    Row::read(tx, found, needs, |owner| Ok(Some(owner.to_string().into()))).map(Some)
}

impl Task {
    fn next(columns: &Columns, fields: &[Field]) -> Self {
        if let Some(after) = columns.walk() {
            return Self::Walk(after);
        }
        let (changed, needs) = columns.changed(STRETCH_RUNS);
        if !changed.is_empty() {
            return Self::Changed(changed, needs);
        }
        match columns.gap(fields, STRETCH_RUNS) {
            Some(gap) => Self::Fill(Box::new(gap)),
            None => {
                Self::Nothing { owners: if fields.contains(&Field::Username) { columns.owners() } else { Vec::new() } }
            }
        }
    }
}

fn known(tx: &ReadTx, at: &Allowed<FoundProject>, owners: Vec<String>) -> Result<Known, Error> {
    let mut usernames = HashMap::new();
    for owner in owners {
        let Ok(id) = owner.parse().map(UserId) else { continue };
        if let Some(user) = user::get(tx, id)? {
            usernames.insert(owner, FieldValue::text(user.name.as_str()));
        }
    }
    Ok(Known {
        entity: FieldValue::text(at.entity.entity.name.as_str()),
        project: FieldValue::text(at.project.name.as_str()),
        usernames,
    })
}
