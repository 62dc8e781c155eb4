//! Which runs have changed since they were last looked at, for the projects that have an index. The database tells of
//! every commit before it answers those who wait for it, so whoever wrote something finds it in the next list.

use crate::db::changed_run::{ChangedRun, RunPart};
use crate::domain::id::{ProjectId, RunId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What of a run has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub config: bool,
    pub summary: bool,
    pub streams: bool,
}

impl Changed {
    pub const ALL: Self = Self { config: true, summary: true, streams: true };

    pub fn and(self, other: Self) -> Self {
        Self {
            config: self.config || other.config,
            summary: self.summary || other.summary,
            streams: self.streams || other.streams,
        }
    }
}

#[derive(Default)]
pub(super) struct Marks(Mutex<Marked>);

#[derive(Default)]
struct Marked {
    /// The projects that are watched, each with its changed runs.
    projects: HashMap<ProjectId, HashMap<RunId, Changed>>,
    /// The watched project that lists a run.
    project_of: HashMap<RunId, ProjectId>,
}

impl Marks {
    fn marked(&self) -> MutexGuard<'_, Marked> {
        // A panic elsewhere leaves it as good as it was: every change is complete.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on no change of a run that the project lists is missed. What was read before may be old.
    pub fn watch(&self, project: ProjectId) {
        self.marked().projects.entry(project).or_default();
    }

    pub fn forget(&self, project: ProjectId) {
        let mut marked = self.marked();
        marked.projects.remove(&project);
        marked.project_of.retain(|_, at| *at != project);
    }

    /// Runs that a reader found in the project. One that a commit has moved since stays where that put it.
    pub fn add_runs(&self, project: ProjectId, runs: impl Iterator<Item = RunId>) {
        let mut marked = self.marked();
        for run in runs {
            marked.project_of.entry(run).or_insert(project);
        }
    }

    pub fn remove_run(&self, project: ProjectId, run: RunId) {
        self.marked().remove(project, run);
    }

    /// The changed runs of the project; whoever takes them has to look at them.
    pub fn take(&self, project: ProjectId) -> HashMap<RunId, Changed> {
        self.marked().projects.get_mut(&project).map(std::mem::take).unwrap_or_default()
    }

    /// Called on the database's writer thread.
    pub fn note(&self, changes: &[ChangedRun]) {
        let mut marked = self.marked();
        for change in changes {
            match *change {
                ChangedRun::Listed(project, run) => {
                    if let Some(changed) = marked.projects.get_mut(&project) {
                        changed.insert(run, Changed::ALL);
                        marked.project_of.insert(run, project);
                    }
                }
                ChangedRun::Unlisted(project, run) => {
                    if let Some(changed) = marked.projects.get_mut(&project) {
                        changed.insert(run, Changed::ALL);
                    }
                    marked.remove(project, run);
                }
                ChangedRun::Part(run, part) => {
                    let marked = &mut *marked;
                    let Some(project) = marked.project_of.get(&run) else { continue };
                    let Some(runs) = marked.projects.get_mut(project) else { continue };
                    let changed = runs.entry(run).or_default();
                    match part {
                        RunPart::Record => {}
                        RunPart::Config => changed.config = true,
                        RunPart::Summary => changed.summary = true,
                        RunPart::Streams => changed.streams = true,
                    }
                }
            }
        }
    }
}

impl Marked {
    fn remove(&mut self, project: ProjectId, run: RunId) {
        if self.project_of.get(&run) == Some(&project) {
            self.project_of.remove(&run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: ProjectId = ProjectId(1);
    const Q: ProjectId = ProjectId(2);
    const RUN: RunId = RunId(7);

    fn marks(runs: &[RunId]) -> Marks {
        let marks = Marks::default();
        marks.watch(P);
        marks.watch(Q);
        marks.add_runs(P, runs.iter().copied());
        marks
    }

    #[test]
    fn a_change_is_noted_where_the_run_is_listed_and_taken_once() {
        let marks = marks(&[RUN]);

        marks.note(&[ChangedRun::Part(RUN, RunPart::Summary), ChangedRun::Part(RunId(8), RunPart::Record)]);

        let taken = marks.take(P);
        assert_eq!(taken, HashMap::from([(RUN, Changed { summary: true, ..Changed::default() })]));
        assert!(marks.take(P).is_empty() && marks.take(Q).is_empty());
    }

    #[test]
    fn a_run_that_moves_is_looked_at_in_both_projects_and_watched_in_the_new_one() {
        for moved in [
            [ChangedRun::Unlisted(P, RUN), ChangedRun::Listed(Q, RUN)],
            [ChangedRun::Listed(Q, RUN), ChangedRun::Unlisted(P, RUN)],
        ] {
            let marks = marks(&[RUN]);

            marks.note(&moved);
            // Somebody read it in its old place, and tells of it late.
            marks.add_runs(P, [RUN].into_iter());
            assert_eq!((marks.take(P).len(), marks.take(Q).len()), (1, 1));

            marks.note(&[ChangedRun::Part(RUN, RunPart::Record)]);
            assert_eq!((marks.take(P).len(), marks.take(Q).len()), (0, 1));
        }
    }

    #[test]
    fn of_a_project_that_nobody_asks_about_nothing_is_kept() {
        let marks = marks(&[RUN]);

        marks.forget(P);
        marks.note(&[ChangedRun::Listed(P, RunId(8)), ChangedRun::Part(RUN, RunPart::Record)]);

        assert!(marks.take(P).is_empty());
        assert!(marks.marked().project_of.is_empty());
    }
}
