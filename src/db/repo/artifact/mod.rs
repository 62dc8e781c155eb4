//! Finding artifacts and collections. Nothing of them hangs on ownership: who may do what follows from the project.

/// Content that artifacts share.
pub mod blob;
/// Checking versions.
pub mod check;
/// Turning a draft into a version.
pub mod commit;
/// Deleting versions and collections.
pub mod delete;
/// Making drafts.
pub mod draft;
/// Changing what is said about versions and collections.
pub mod edit;
/// The edges between runs and versions.
pub mod lineage;
/// Portfolios.
pub mod link;
/// Lists of types, collections and versions.
pub mod listing;
/// Manifest files.
pub mod manifest;
/// Removing for good.
pub mod purge;
/// What there is to read about a version.
pub mod version;

use super::project::{self, FoundProject};
use crate::access::{Allowed, Caller, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    ALIASES, ARTIFACT_TYPES, ARTIFACTS, COLLECTION_BY_NAME, COLLECTIONS, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT, PROJECTS,
};
use crate::db::tx::Read;
use crate::domain::artifact::Artifact;
use crate::domain::artifact::collection::{
    ArtifactType, Collection, CollectionName, LATEST, Membership, version_number,
};
use crate::domain::id::{ArtifactId, CollectionId, EntityId, ProjectId};

/// A portfolio that holds an artifact may be the reason why somebody sees it; so many of them are looked at.
const PLACES_MAX: usize = 100;

/// A collection with its id, its type and the project it is in.
#[derive(Debug, Clone)]
pub struct FoundCollection {
    pub at: FoundProject,
    pub id: CollectionId,
    pub collection: Collection,
    pub artifact_type: ArtifactType,
}

/// An artifact with its id, and the collection through which it was reached: its own sequence, or a portfolio.
#[derive(Debug, Clone)]
pub struct FoundArtifact {
    pub within: FoundCollection,
    pub id: ArtifactId,
    pub artifact: Artifact,
    /// Its place in that collection; a draft has none.
    pub version: Option<u32>,
}

/// In whose store an artifact's bytes are.
pub fn owner(tx: &impl Read, id: ArtifactId) -> Result<Option<EntityId>, DbError> {
    let Some(artifact) = ARTIFACTS.get(tx, &id)? else { return Ok(None) };
    let Some(collection) = COLLECTIONS.get(tx, &artifact.sequence)? else { return Ok(None) };
    Ok(PROJECTS.get(tx, &collection.project)?.map(|project| project.entity))
}

/// In a project that was found already: the proof goes over to the collection.
pub fn collection_named(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    name: &CollectionName,
) -> Result<Option<Allowed<FoundCollection>>, DbError> {
    let Some(id) = collection_id(tx, at.id, name)? else { return Ok(None) };
    let found = collection_in(tx, (**at).clone(), id)?;
    Ok(found.map(|found| at.project(|_| found)))
}

pub fn collection_id(
    tx: &impl Read,
    project: ProjectId,
    name: &CollectionName,
) -> Result<Option<CollectionId>, DbError> {
    COLLECTION_BY_NAME.find(tx, &(project, name.as_str().to_owned()))
}

pub fn collection(
    tx: &impl Read,
    caller: &Caller,
    id: CollectionId,
) -> Result<Option<Unchecked<FoundCollection>>, DbError> {
    let Some(collection) = COLLECTIONS.get(tx, &id)? else { return Ok(None) };
    let Some(at) = project::by_id(tx, collection.project)? else { return Ok(None) };
    let grants = project::grants_in(tx, caller, &at)?;
    Ok(collection_in(tx, at, id)?.map(|found| Unchecked::new(found, grants)))
}

fn collection_in(tx: &impl Read, at: FoundProject, id: CollectionId) -> Result<Option<FoundCollection>, DbError> {
    let Some(collection) = COLLECTIONS.get(tx, &id)? else { return Ok(None) };
    let Some(artifact_type) = ARTIFACT_TYPES.get(tx, &collection.artifact_type)? else { return Ok(None) };
    Ok(Some(FoundCollection { at, id, collection, artifact_type }))
}

/// The number of the version that a name within the collection means: `v3`, an alias, or nothing for the latest.
pub fn version_of(
    tx: &impl Read,
    collection: CollectionId,
    alias: Option<&str>,
) -> Result<Option<(u32, Membership)>, DbError> {
    let alias = alias.filter(|alias| !alias.is_empty()).unwrap_or(LATEST);
    let version = match version_number(alias) {
        Some(version) => Some(version),
        None => ALIASES.get(tx, &(collection, alias.to_owned()))?.map(|alias| alias.version),
    };
    let Some(version) = version else { return Ok(None) };
    Ok(MEMBERSHIPS.get(tx, &(collection, version))?.map(|membership| (version, membership)))
}

/// A version by the name it has in the collection; the proof goes over to it.
pub fn version(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    alias: Option<&str>,
) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    let Some((version, membership)) = version_of(tx, within.id, alias)? else { return Ok(None) };
    let Some(artifact) = ARTIFACTS.get(tx, &membership.artifact)? else { return Ok(None) };
    let id = membership.artifact;
    Ok(Some(within.project(|within| FoundArtifact { within: within.clone(), id, artifact, version: Some(version) })))
}

/// An artifact by its id, once for each place from which it can be reached: first its own sequence, then portfolios.
/// One of them giving the right is enough.
pub fn places(tx: &impl Read, caller: &Caller, id: ArtifactId) -> Result<Vec<Unchecked<FoundArtifact>>, DbError> {
    let Some(artifact) = ARTIFACTS.get(tx, &id)? else { return Ok(Vec::new()) };
    let mut at = vec![(artifact.sequence, artifact.version)];
    for (_, collection, version) in MEMBERSHIPS_BY_ARTIFACT.list(tx, &id, None, PLACES_MAX)? {
        if collection != artifact.sequence {
            at.push((collection, Some(version)));
        }
    }
    let mut places = Vec::with_capacity(at.len());
    for (within, version) in at {
        let Some(collection) = COLLECTIONS.get(tx, &within)? else { continue };
        let Some(project) = project::by_id(tx, collection.project)? else { continue };
        let grants = project::grants_in(tx, caller, &project)?;
        let Some(within) = collection_in(tx, project, within)? else { continue };
        places.push(Unchecked::new(FoundArtifact { within, id, artifact: artifact.clone(), version }, grants));
    }
    Ok(places)
}
