//! Deleting versions and collections: they leave every list and lose every name at once. Their records and bytes are
//! removed later, by `purge`.

use super::edit::renew_latest;
use super::link::remove_place;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    ALIASES_BY_VERSION, ARTIFACTS, COLLECTIONS, DRAFTS, EXPIRING_ARTIFACTS, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT,
    RUNS_LOGGING,
};
use crate::db::schema::{ARTIFACT_OUTPUTS, COLLECTIONS_WITH_TTL};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::collection::{Collection, CollectionKind};
use crate::domain::artifact::{Artifact, ArtifactState, Ttl};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ArtifactId, CollectionId, RunId};

/// So many aliases are named in a refusal.
const ALIASES_NAMED: usize = 10;
/// Drafts looked at for those of one collection.
const DRAFTS_AT_ONCE: usize = 1_000;

/// Aliases of the version wherever it is, the first few.
pub fn aliases_of(tx: &impl Read, found: &Allowed<FoundArtifact>) -> Result<Vec<String>, DbError> {
    let mut aliases = Vec::new();
    for (_, within, version) in MEMBERSHIPS_BY_ARTIFACT.list(tx, &found.id, None, usize::MAX)? {
        let here = ALIASES_BY_VERSION.list(tx, &(within, version), None, ALIASES_NAMED)?;
        aliases.extend(here.into_iter().map(|(_, _, alias)| alias));
        if aliases.len() >= ALIASES_NAMED {
            break;
        }
    }
    aliases.truncate(ALIASES_NAMED);
    Ok(aliases)
}

/// Deletes a version or a draft, with its places and aliases everywhere.
pub fn delete_version(tx: &mut WriteTx<'_>, found: &Allowed<FoundArtifact>) -> Result<(), PutError> {
    found.must_be(Action::ArtifactDelete);
    for within in delete(tx, found.id)? {
        renew_latest(tx, within)?;
    }
    Ok(())
}

/// Deletes an artifact and says in which collections it was.
fn delete(tx: &mut WriteTx<'_>, id: ArtifactId) -> Result<Vec<CollectionId>, PutError> {
    let places = MEMBERSHIPS_BY_ARTIFACT.list(tx, &id, None, usize::MAX)?;
    for (_, within, version) in &places {
        remove_place(tx, *within, *version)?;
    }
    if let Some(artifact) = ARTIFACTS.get(tx, &id)? {
        ARTIFACTS.put(tx, &id, &Artifact { state: ArtifactState::Deleted, ..artifact })?;
    }
    Ok(places.into_iter().map(|(_, within, _)| within).collect())
}

/// Deletes at most `limit` versions of a sequence, or takes as many out of a portfolio; when none is left, the collection
/// goes with its drafts, and the answer is `true`.
pub fn delete_collection(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    limit: usize,
) -> Result<bool, PutError> {
    within.must_be(Action::CollectionDelete);
    delete_portion(tx, (within.id, &within.collection), limit)
}

/// The same for the server's own work, when the project goes with everything in it.
pub(in crate::db::repo) fn delete_with_project(
    tx: &mut WriteTx<'_>,
    id: CollectionId,
    limit: usize,
) -> Result<bool, PutError> {
    let Some(collection) = COLLECTIONS.get(tx, &id)? else { return Ok(true) };
    delete_portion(tx, (id, &collection), limit)
}

fn delete_portion(
    tx: &mut WriteTx<'_>,
    (id, collection): (CollectionId, &Collection),
    limit: usize,
) -> Result<bool, PutError> {
    let places = MEMBERSHIPS.list(tx, &id, None, limit)?;
    for ((_, version), membership) in &places {
        if collection.kind == CollectionKind::Portfolio {
            remove_place(tx, id, *version)?;
            continue;
        }
        for other in delete(tx, membership.artifact)? {
            if other != id {
                renew_latest(tx, other)?;
            }
        }
    }
    if places.len() == limit {
        return Ok(false);
    }
    for draft in drafts_of(tx, id)? {
        delete(tx, draft)?;
    }
    COLLECTIONS.delete(tx, &id)?;
    Ok(true)
}

fn drafts_of(tx: &impl Read, within: CollectionId) -> Result<Vec<ArtifactId>, DbError> {
    let (mut drafts, mut after) = (Vec::new(), None);
    loop {
        let page = DRAFTS.list(tx, &(), after.as_ref(), DRAFTS_AT_ONCE)?;
        for (_, id) in &page {
            if ARTIFACTS.get(tx, id)?.is_some_and(|draft| draft.sequence == within) {
                drafts.push(*id);
            }
        }
        if page.len() < DRAFTS_AT_ONCE {
            return Ok(drafts);
        }
        after = page.last().copied();
    }
}

/// Versions whose own time to live has ended, by its end, after the version `after`.
pub fn expired(
    tx: &impl Read,
    now: Timestamp,
    after: Option<(Timestamp, ArtifactId)>,
    limit: usize,
) -> Result<Vec<(Timestamp, ArtifactId)>, DbError> {
    let listed = EXPIRING_ARTIFACTS.list(tx, &(), after.as_ref(), limit)?;
    Ok(listed.into_iter().take_while(|(ends_at, _)| *ends_at <= now).collect())
}

/// Collections that say how long their versions are kept, by id, after the collection `after`.
pub fn collections_with_ttl(
    tx: &impl Read,
    after: Option<CollectionId>,
    limit: usize,
) -> Result<Vec<CollectionId>, DbError> {
    COLLECTIONS_WITH_TTL.list(tx, &(), after.as_ref(), limit)
}

/// Of the next `limit` versions of a sequence, by number, those that its default has ended; and the last one looked at, if
/// there may be more.
pub fn expired_by_default(
    tx: &impl Read,
    within: CollectionId,
    now: Timestamp,
    after: Option<u32>,
    limit: usize,
) -> Result<(Vec<ArtifactId>, Option<u32>), DbError> {
    let Some(collection) = COLLECTIONS.get(tx, &within)? else { return Ok((Vec::new(), None)) };
    let Some(secs) = collection.default_ttl_secs else { return Ok((Vec::new(), None)) };
    let after = after.map(|version| (within, version));
    let page = MEMBERSHIPS.list(tx, &within, after.as_ref(), limit)?;
    let mut expired = Vec::new();
    for (_, membership) in &page {
        let Some(artifact) = ARTIFACTS.get(tx, &membership.artifact)? else { continue };
        let is_own = artifact.sequence == within;
        if is_own && artifact.ttl == Ttl::Inherit && artifact.created_at.plus_secs(secs) <= now {
            expired.push(membership.artifact);
        }
    }
    let last = page.last().filter(|_| page.len() == limit).map(|((_, version), _)| *version);
    Ok((expired, last))
}

/// What the run has logged and no other run has, by id: what goes with it when its artifacts are to be deleted.
pub fn logged_by_alone(
    tx: &impl Read,
    run: RunId,
    after: Option<ArtifactId>,
    limit: usize,
) -> Result<(Vec<ArtifactId>, Option<ArtifactId>), DbError> {
    let after = after.map(|id| (run, id));
    let page = ARTIFACT_OUTPUTS.list(tx, &run, after.as_ref(), limit)?;
    let mut alone = Vec::new();
    for ((_, id), _) in &page {
        if RUNS_LOGGING.list(tx, id, None, 2)?.len() == 1 {
            alone.push(*id);
        }
    }
    let last = page.last().filter(|_| page.len() == limit).map(|((_, id), _)| *id);
    Ok((alone, last))
}
