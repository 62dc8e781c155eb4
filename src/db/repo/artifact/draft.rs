//! Drafts: making them, and finding the artifact that a client means by its own words for it.

use super::{FoundArtifact, FoundCollection, collection_in, collection_named};
use crate::access::{Action, Allowed, Caller, Unchecked};
use crate::db::DbError;
use crate::db::repo::project::{self, FoundProject};
use crate::db::schema::{
    ARTIFACT_BY_CLIENT_ID, ARTIFACT_METADATA, ARTIFACT_TYPE_BY_NAME, ARTIFACT_TYPES, ARTIFACTS, ARTIFACTS_BY_DIGEST,
    ArtifactMetadata, CLIENT_NAMES, COLLECTION_BY_CLIENT_ID, COLLECTIONS, DRAFT_BY_DISTRIBUTED_ID, DRAFTS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::collection::{ArtifactType, Collection, CollectionKind, CollectionName};
use crate::domain::artifact::{Artifact, ArtifactState, ClientName};
use crate::domain::clock::Timestamp;
use crate::domain::id::{ArtifactId, ArtifactTypeId, CollectionId, ProjectId};

/// An artifact by its id, reached through its own sequence: drafts have no other place.
pub fn find(tx: &impl Read, caller: &Caller, id: ArtifactId) -> Result<Option<Unchecked<FoundArtifact>>, DbError> {
    let Some(artifact) = ARTIFACTS.get(tx, &id)? else { return Ok(None) };
    if artifact.state == ArtifactState::Deleted {
        return Ok(None);
    }
    let Some(collection) = COLLECTIONS.get(tx, &artifact.sequence)? else { return Ok(None) };
    let Some(project) = project::by_id(tx, collection.project)? else { return Ok(None) };
    let grants = project::grants_in(tx, caller, &project)?;
    let Some(within) = collection_in(tx, project, artifact.sequence)? else { return Ok(None) };
    let version = artifact.version;
    Ok(Some(Unchecked::new(FoundArtifact { within, id, artifact, version }, grants)))
}

/// The same for what is known to be in a sequence that was found already.
pub fn within(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    id: ArtifactId,
) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    let Some(artifact) = ARTIFACTS.get(tx, &id)?.filter(|artifact| artifact.sequence == within.id) else {
        return Ok(None);
    };
    let version = artifact.version;
    Ok(Some(within.project(|within| FoundArtifact { within: within.clone(), id, artifact, version })))
}

/// The type of that name, made if it is missing.
pub fn find_or_create_type(
    tx: &mut WriteTx<'_>,
    at: &Allowed<FoundProject>,
    name: &str,
    description: Option<String>,
) -> Result<ArtifactTypeId, PutError> {
    at.must_be(Action::ArtifactCreate);
    if let Some(id) = ARTIFACT_TYPE_BY_NAME.find(tx, &(at.id, name.to_owned()))? {
        return Ok(id);
    }
    let id = tx.new_id::<ArtifactTypeId>()?;
    let made = ArtifactType { project: at.id, name: name.to_owned(), description, created_at: tx.now() };
    ARTIFACT_TYPES.put(tx, &id, &made)?;
    Ok(id)
}

/// Makes a sequence whose name is free in the project.
pub fn create_sequence(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    at: &Allowed<FoundProject>,
    (name, artifact_type): (&CollectionName, ArtifactTypeId),
    client_id: Option<String>,
) -> Result<Allowed<FoundCollection>, PutError> {
    at.must_be(Action::ArtifactCreate);
    let is_free = match &client_id {
        Some(client_id) => COLLECTION_BY_CLIENT_ID.find(tx, client_id)?.is_none(),
        None => true,
    };
    let id = tx.new_id::<CollectionId>()?;
    let made = Collection {
        project: at.id,
        artifact_type,
        name: name.clone(),
        kind: CollectionKind::Sequence,
        description: None,
        tags: Vec::new(),
        owner: caller.user_id(),
        created_at: tx.now(),
        updated_at: tx.now(),
        next_version: 0,
        default_ttl_secs: None,
        // Somebody else's word is nothing to quarrel about: this collection is found by its name.
        client_id: client_id.filter(|_| is_free),
    };
    COLLECTIONS.put(tx, &id, &made)?;
    let found = collection_named(tx, at, name)?;
    found.ok_or_else(|| DbError::Damaged("a collection just made".into()).into())
}

/// Stores a new draft, and its metadata if it has some.
pub fn create(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    draft: &Artifact,
    metadata: Option<String>,
) -> Result<ArtifactId, PutError> {
    within.must_be(Action::ArtifactCreate);
    let id = tx.new_id::<ArtifactId>()?;
    ARTIFACTS.put(tx, &id, draft)?;
    if let Some(metadata) = metadata {
        ARTIFACT_METADATA.put(tx, &id, &ArtifactMetadata(metadata))?;
    }
    Ok(id)
}

/// Stores what changed of a draft while it stays one.
pub fn update(tx: &mut WriteTx<'_>, draft: &Allowed<FoundArtifact>, changed: &Artifact) -> Result<(), PutError> {
    draft.must_be(Action::ArtifactCreate);
    ARTIFACTS.put(tx, &draft.id, changed)
}

/// Remembers what a client calls the artifact. The name goes over from an artifact that is being removed; one that
/// another artifact has stays there.
pub fn remember_name(tx: &mut WriteTx<'_>, found: &Allowed<FoundArtifact>, name: &str) -> Result<(), PutError> {
    found.must_be(Action::ArtifactCreate);
    if let Some(holder) = ARTIFACT_BY_CLIENT_ID.find(tx, &name.to_owned())? {
        let is_going = ARTIFACTS.get(tx, &holder)?.is_none_or(|held| held.state == ArtifactState::Deleted);
        if !is_going {
            return Ok(());
        }
        CLIENT_NAMES.delete(tx, &(holder, name.to_owned()))?;
    }
    CLIENT_NAMES.put(tx, &(found.id, name.to_owned()), &ClientName {})
}

/// The artifact that a client named so before it knew the id.
pub fn by_client_name(tx: &impl Read, name: &str) -> Result<Option<ArtifactId>, DbError> {
    ARTIFACT_BY_CLIENT_ID.find(tx, &name.to_owned())
}

/// The draft that several processes fill under one name.
pub fn by_distributed_id(
    tx: &impl Read,
    sequence: CollectionId,
    distributed_id: &str,
) -> Result<Option<ArtifactId>, DbError> {
    DRAFT_BY_DISTRIBUTED_ID.find(tx, &(sequence, distributed_id.to_owned()))
}

/// The newest committed version with this content.
pub fn with_digest(tx: &impl Read, sequence: CollectionId, digest: &str) -> Result<Option<ArtifactId>, DbError> {
    let newest = ARTIFACTS_BY_DIGEST.list_last(tx, &(sequence, digest.to_owned()), None, 1)?;
    Ok(newest.first().map(|(_, _, id)| *id))
}

/// The name of a type, for a sentence.
pub fn type_name(tx: &impl Read, id: ArtifactTypeId) -> Result<String, DbError> {
    Ok(ARTIFACT_TYPES.get(tx, &id)?.map_or_else(String::new, |found| found.name))
}

pub fn type_named(tx: &impl Read, project: ProjectId, name: &str) -> Result<Option<ArtifactTypeId>, DbError> {
    ARTIFACT_TYPE_BY_NAME.find(tx, &(project, name.to_owned()))
}

/// Turns drafts that were made before then into what is being removed; says how many.
pub fn abandon(tx: &mut WriteTx<'_>, before: Timestamp, limit: usize) -> Result<usize, PutError> {
    let mut abandoned = 0;
    for (created_at, id) in DRAFTS.list(tx, &(), None, limit)? {
        if created_at >= before {
            break;
        }
        let Some(draft) = ARTIFACTS.get(tx, &id)? else { continue };
        ARTIFACTS.put(tx, &id, &Artifact { state: ArtifactState::Deleted, ..draft })?;
        abandoned += 1;
    }
    Ok(abandoned)
}
