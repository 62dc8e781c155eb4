//! Which runs a commit changed, read off the keys that it wrote. Whoever keeps something about runs in memory watches
//! this, so that no writer can forget to tell.

use super::engine::Changes;
use super::schema::{RUN_CONFIGS, RUN_STREAMS, RUN_SUMMARIES, RUNS, RUNS_BY_CREATION};
use super::table::{Space, read_key};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ProjectId, RunId};

/// One thing that a commit changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedRun {
    /// It is in the project's lists now.
    Listed(ProjectId, RunId),
    /// It is in the project's lists no more: deleted, moved, or gone.
    Unlisted(ProjectId, RunId),
    Part(RunId, RunPart),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPart {
    Record,
    Config,
    Summary,
    /// How far its streams have come: with it changes what follows from history.
    Streams,
}

/// Told of each commit before those who wait for it are answered, also of one that failed: what it wrote may be there.
/// Runs on the writer's thread, so it has to be quick.
pub type Watcher = Box<dyn Fn(&[ChangedRun]) + Send + Sync>;

pub(super) fn changed_runs(changes: &Changes) -> Vec<ChangedRun> {
    let mut changed = Vec::new();
    for (key, value) in under(changes, RUNS_BY_CREATION.space) {
        let Ok((project, _, run)) = read_key::<(ProjectId, Timestamp, RunId)>(RUNS_BY_CREATION.space, key) else {
            continue; // no key of ours looks so
        };
        changed.push(match value {
            Some(_) => ChangedRun::Listed(project, run),
            None => ChangedRun::Unlisted(project, run),
        });
    }
    let parts = [
        (RUNS.space, RunPart::Record),
        (RUN_CONFIGS.space, RunPart::Config),
        (RUN_SUMMARIES.space, RunPart::Summary),
        (RUN_STREAMS.space, RunPart::Streams),
    ];
    for (space, part) in parts {
        let runs = under(changes, space).filter_map(|(key, _)| read_key::<RunId>(space, key).ok());
        changed.extend(runs.map(|run| ChangedRun::Part(run, part)));
    }
    changed
}

fn under(changes: &Changes, space: Space) -> impl Iterator<Item = (&Vec<u8>, &Option<Vec<u8>>)> {
    changes.range(space.under(&(), None))
}
