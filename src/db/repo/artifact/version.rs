//! What there is to read about a version: its places, aliases, metadata, manifest and entries.

use super::{FoundArtifact, FoundCollection, collection_in};
use crate::access::{Action, Allowed, Caller, Unchecked};
use crate::db::DbError;
use crate::db::repo::project;
use crate::db::schema::{
    ALIASES_BY_VERSION, ARTIFACT_METADATA, COLLECTIONS, ENTRIES, MANIFESTS, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT,
};
use crate::db::tx::Read;
use crate::domain::artifact::Artifact;
use crate::domain::artifact::collection::Membership;
use crate::domain::artifact::manifest::{Entry, Manifest};
use crate::domain::id::{ArtifactId, ManifestId};

/// The aliases of one version in one collection, as many as are shown.
const ALIASES_MAX: usize = 1_000;

/// The collection whose version it is, whoever asks. `None` once it is being removed.
pub fn sequence(tx: &impl Read, artifact: &Artifact) -> Result<Option<FoundCollection>, DbError> {
    let Some(collection) = COLLECTIONS.get(tx, &artifact.sequence)? else { return Ok(None) };
    let Some(at) = project::by_id(tx, collection.project)? else { return Ok(None) };
    collection_in(tx, at, artifact.sequence)
}

/// The collections that a version is in, its own included, each with its number there.
pub fn memberships(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    limit: usize,
) -> Result<Vec<(Unchecked<FoundCollection>, u32)>, DbError> {
    let mut found = Vec::new();
    for (_, collection, version) in MEMBERSHIPS_BY_ARTIFACT.list(tx, &id, None, limit)? {
        if let Some(within) = super::collection(tx, caller, collection)? {
            found.push((within, version));
        }
    }
    Ok(found)
}

/// The aliases of a version of the collection, by name.
pub fn aliases(tx: &impl Read, within: &Allowed<FoundCollection>, version: u32) -> Result<Vec<String>, DbError> {
    let listed = ALIASES_BY_VERSION.list(tx, &(within.id, version), None, ALIASES_MAX)?;
    Ok(listed.into_iter().map(|(_, _, alias)| alias).collect())
}

/// Since when the version has its place in the collection through which it was reached.
pub fn membership(tx: &impl Read, found: &Allowed<FoundArtifact>) -> Result<Option<Membership>, DbError> {
    let Some(version) = found.version else { return Ok(None) };
    MEMBERSHIPS.get(tx, &(found.within.id, version))
}

/// A JSON text.
pub fn metadata(tx: &impl Read, found: &Allowed<FoundArtifact>) -> Result<Option<String>, DbError> {
    Ok(ARTIFACT_METADATA.get(tx, &found.id)?.map(|metadata| metadata.0))
}

/// The manifest that counts. A draft has none.
pub fn manifest(tx: &impl Read, found: &Allowed<FoundArtifact>) -> Result<Option<(ManifestId, Manifest)>, DbError> {
    let Some(id) = found.artifact.manifest else { return Ok(None) };
    Ok(MANIFESTS.get(tx, &id)?.map(|manifest| (id, manifest)))
}

/// Entries by path, after the path `after`.
pub fn entries(
    tx: &impl Read,
    found: &Allowed<FoundArtifact>,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<(String, Entry)>, DbError> {
    found.must_be(Action::ArtifactRead);
    let after = after.map(|path| (found.id, path));
    let listed = ENTRIES.list(tx, &found.id, after.as_ref(), limit)?;
    Ok(listed.into_iter().map(|((_, path), entry)| (path, entry)).collect())
}

/// The entry of that path.
pub fn entry(tx: &impl Read, found: &Allowed<FoundArtifact>, path: &str) -> Result<Option<Entry>, DbError> {
    found.must_be(Action::ArtifactRead);
    ENTRIES.get(tx, &(found.id, path.to_owned()))
}
