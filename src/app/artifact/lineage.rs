//! Where versions came from and went: the runs that logged and used them. A run that the caller does not see is left out.

use super::FoundArtifact;
use super::find::readable;
use crate::access::{Action, Allowed, Caller};
use crate::app::project::seen;
use crate::app::run::FoundRun;
use crate::app::{App, Error};
use crate::db::repo::artifact::lineage;
use crate::db::repo::run;
use crate::domain::id::{ArtifactId, RunId};
use std::collections::HashMap;

/// Which way a version went past a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The run used it.
    Input,
    /// The run logged it.
    Output,
}

/// A page of versions, each with its position, and how many the caller sees in all.
pub struct RunArtifacts {
    pub versions: Vec<(Allowed<FoundArtifact>, String)>,
    pub has_more: bool,
    pub total: usize,
}

/// Edges that are looked at in one read.
const EDGES_MAX: usize = 100_000;

impl App {
    /// What the run used or logged, as far as the caller sees, by id, after the version `after`.
    pub async fn artifacts_of_run(
        &self,
        caller: &Caller,
        found: &Allowed<FoundRun>,
        direction: Direction,
        after: Option<ArtifactId>,
        limit: usize,
    ) -> Result<RunArtifacts, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = found.project(Clone::clone);
        let listed = self.db.read(move |tx| {
            let ids = match direction {
                Direction::Input => lineage::inputs(tx, &found, EDGES_MAX)?,
                Direction::Output => lineage::outputs(tx, &found, EDGES_MAX)?,
            };
            let (mut versions, mut has_more, mut total) = (Vec::new(), false, 0);
            // Most are of few sequences; whoever sees one of them sees all its versions.
            let mut sees_all = HashMap::new();
            for id in ids {
                let Some(sequence) = lineage::sequence_of_version(tx, id)? else { continue };
                let is_on_page = after.is_none_or(|after| id > after) && versions.len() < limit;
                if !is_on_page && sees_all.get(&sequence) == Some(&true) {
                    total += 1;
                    has_more |= after.is_none_or(|after| id > after);
                    continue;
                }
                let Some(version) = readable(tx, &caller, id, &licence)? else { continue };
                sees_all.insert(sequence, version.within.id == sequence);
                total += 1;
                if is_on_page {
                    versions.push((version, id.to_string()));
                } else {
                    has_more |= after.is_none_or(|after| id > after);
                }
            }
            Ok::<_, Error>(RunArtifacts { versions, has_more, total })
        });
        listed.await
    }

    /// The runs that used the version.
    pub async fn users_of(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<(Vec<Allowed<FoundRun>>, bool), Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = found.project(Clone::clone);
        let listed = self.db.read(move |tx| {
            let mut runs = Vec::new();
            for id in lineage::runs_using(tx, &found, after, EDGES_MAX)? {
                if runs.len() > limit {
                    break;
                }
                runs.extend(seen(&caller, Action::RunRead, run::get(tx, &caller, id)?, &licence)?);
            }
            let has_more = runs.len() > limit;
            runs.truncate(limit);
            Ok::<_, Error>((runs, has_more))
        });
        listed.await
    }

    /// The run that logged the version first, if the caller sees it and it is not in the trash.
    pub async fn maker_of(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
    ) -> Result<Option<Allowed<FoundRun>>, Error> {
        let Some(id) = found.artifact.run else { return Ok(None) };
        let (caller, licence) = (*caller, self.licence());
        self.db.read(move |tx| seen(&caller, Action::RunRead, run::get(tx, &caller, id)?, &licence)).await
    }
}
