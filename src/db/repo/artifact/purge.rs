//! Removing for good: artifacts that were deleted, drafts that were abandoned, and what is noted about a run's
//! artifacts when the run goes. All in portions, the artifact's own record last.

use super::{blob, manifest};
use crate::db::DbError;
use crate::db::schema::{
    ALIASES, ALIASES_BY_VERSION, ARTIFACT_INPUTS, ARTIFACT_METADATA, ARTIFACT_OUTPUTS, ARTIFACTS, CLIENT_NAMES,
    DELETED_ARTIFACTS, ENTRIES, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT, RUNS_LOGGING, RUNS_USING,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::{ArtifactId, RunId};

/// Artifacts whose records are to be removed.
pub fn due(tx: &impl Read, limit: usize) -> Result<Vec<ArtifactId>, DbError> {
    DELETED_ARTIFACTS.list(tx, &(), None, limit)
}

/// Removes about `limit` records of a deleted artifact, and in the end the artifact; `true` when nothing is left.
pub fn purge(tx: &mut WriteTx<'_>, id: ArtifactId, limit: usize) -> Result<bool, PutError> {
    let entries = ENTRIES.keys(tx, &id, limit)?;
    for key in &entries {
        ENTRIES.delete(tx, key)?;
    }
    if entries.len() == limit
        || !blob::release(tx, id, limit)?
        || !blob::delete_uploads(tx, id, limit)?
        || !manifest::purge(tx, id, limit)?
        || !forget_runs(tx, id, limit)?
        || !leave_collections(tx, id, limit)?
    {
        return Ok(false);
    }
    let names = CLIENT_NAMES.keys(tx, &id, limit)?;
    for key in &names {
        CLIENT_NAMES.delete(tx, key)?;
    }
    if names.len() == limit {
        return Ok(false);
    }
    ARTIFACT_METADATA.delete(tx, &id)?;
    ARTIFACTS.delete(tx, &id)?;
    Ok(true)
}

fn forget_runs(tx: &mut WriteTx<'_>, id: ArtifactId, limit: usize) -> Result<bool, DbError> {
    let using = RUNS_USING.list(tx, &id, None, limit)?;
    for (_, run) in &using {
        ARTIFACT_INPUTS.delete(tx, &(*run, id))?;
    }
    let logging = RUNS_LOGGING.list(tx, &id, None, limit)?;
    for (_, run) in &logging {
        ARTIFACT_OUTPUTS.delete(tx, &(*run, id))?;
    }
    Ok(using.len() < limit && logging.len() < limit)
}

/// Whoever deletes an artifact takes it out of its collections at once, as far as one transaction can; this is the rest.
fn leave_collections(tx: &mut WriteTx<'_>, id: ArtifactId, limit: usize) -> Result<bool, DbError> {
    let places = MEMBERSHIPS_BY_ARTIFACT.list(tx, &id, None, limit)?;
    for (_, collection, version) in &places {
        let aliases = ALIASES_BY_VERSION.list(tx, &(*collection, *version), None, limit)?;
        for (_, _, alias) in &aliases {
            ALIASES.delete(tx, &(*collection, alias.clone()))?;
        }
        if aliases.len() == limit {
            return Ok(false);
        }
        MEMBERSHIPS.delete(tx, &(*collection, *version))?;
    }
    Ok(places.len() < limit)
}

/// Forgets at most `limit` of the artifacts that a run has logged, and as many that it has used, when the run is being
/// removed for good; `true` when none are left.
pub fn forget_run(tx: &mut WriteTx<'_>, run: RunId, limit: usize) -> Result<bool, DbError> {
    let used = ARTIFACT_INPUTS.keys(tx, &run, limit)?;
    for key in &used {
        ARTIFACT_INPUTS.delete(tx, key)?;
    }
    let logged = ARTIFACT_OUTPUTS.keys(tx, &run, limit)?;
    for key in &logged {
        ARTIFACT_OUTPUTS.delete(tx, key)?;
    }
    Ok(used.len() < limit && logged.len() < limit)
}
