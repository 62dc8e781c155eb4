//! The edges between runs and versions.

use super::FoundArtifact;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::run::FoundRun;
use crate::db::schema::{ARTIFACT_INPUTS, ARTIFACT_OUTPUTS, ARTIFACTS, RUNS_USING};
use crate::db::tx::Read;
use crate::domain::artifact::ArtifactState;
use crate::domain::id::{ArtifactId, CollectionId, RunId};

/// What the run has used, by id.
pub fn inputs(tx: &impl Read, found: &Allowed<FoundRun>, limit: usize) -> Result<Vec<ArtifactId>, DbError> {
    found.must_be(Action::RunRead);
    Ok(ARTIFACT_INPUTS.keys(tx, &found.id, limit)?.into_iter().map(|(_, artifact)| artifact).collect())
}

/// What the run has logged, by id.
pub fn outputs(tx: &impl Read, found: &Allowed<FoundRun>, limit: usize) -> Result<Vec<ArtifactId>, DbError> {
    found.must_be(Action::RunRead);
    Ok(ARTIFACT_OUTPUTS.keys(tx, &found.id, limit)?.into_iter().map(|(_, artifact)| artifact).collect())
}

/// The runs that have used the version, by id, after the run `after`. Who may see them is checked on each.
pub fn runs_using(
    tx: &impl Read,
    found: &Allowed<FoundArtifact>,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunId>, DbError> {
    found.must_be(Action::ArtifactRead);
    let after = after.map(|run| (found.id, run));
    Ok(RUNS_USING.list(tx, &found.id, after.as_ref(), limit)?.into_iter().map(|(_, run)| run).collect())
}

/// The sequence that a committed version is of; drafts and what is being removed have none.
pub fn sequence_of_version(tx: &impl Read, id: ArtifactId) -> Result<Option<CollectionId>, DbError> {
    let artifact = ARTIFACTS.get(tx, &id)?.filter(|artifact| artifact.state == ArtifactState::Committed);
    Ok(artifact.map(|artifact| artifact.sequence))
}
