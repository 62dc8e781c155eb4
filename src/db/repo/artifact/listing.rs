//! Lists of types, collections and versions. Who may read is known before: all of a project is read, or nothing.

use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::schema::{
    ALIASES, ARTIFACT_TYPE_BY_NAME, ARTIFACT_TYPES, ARTIFACTS, COLLECTION_BY_NAME, COLLECTIONS, COLLECTIONS_BY_TYPE,
    MEMBERSHIPS,
};
use crate::db::tx::Read;
use crate::domain::artifact::collection::{Alias, ArtifactType};
use crate::domain::id::{ArtifactTypeId, CollectionId};

/// A type with its id.
#[derive(Debug, Clone)]
pub struct FoundType {
    pub at: FoundProject,
    pub id: ArtifactTypeId,
    pub artifact_type: ArtifactType,
}

/// The type of that name.
pub fn type_named(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    name: &str,
) -> Result<Option<Allowed<FoundType>>, DbError> {
    at.must_be(Action::ArtifactRead);
    let Some(id) = ARTIFACT_TYPE_BY_NAME.find(tx, &(at.id, name.to_owned()))? else { return Ok(None) };
    let found = ARTIFACT_TYPES.get(tx, &id)?;
    Ok(found.map(|artifact_type| at.project(|at| FoundType { at: at.clone(), id, artifact_type })))
}

/// Types by name, after the name `after`.
pub fn types(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<Allowed<FoundType>>, DbError> {
    at.must_be(Action::ArtifactRead);
    let after = after.map(|name| (at.id, name));
    let mut types = Vec::new();
    for (_, id) in ARTIFACT_TYPE_BY_NAME.list(tx, &at.id, after.as_ref(), limit)? {
        let found = ARTIFACT_TYPES.get(tx, &id)?;
        types.extend(found.map(|artifact_type| at.project(|at| FoundType { at: at.clone(), id, artifact_type })));
    }
    Ok(types)
}

/// Which collections of a project.
#[derive(Debug, Clone, Copy)]
pub enum OfType {
    Any,
    /// Of this type alone.
    One(ArtifactTypeId),
}

/// The ids of collections by id, after the collection `after`. Fewer than `limit` means that there are no more.
pub fn collection_ids(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    of: OfType,
    after: Option<CollectionId>,
    limit: usize,
) -> Result<Vec<CollectionId>, DbError> {
    at.must_be(Action::ArtifactRead);
    match of {
        OfType::One(id) => {
            let after = after.map(|collection| (id, collection));
            let listed = COLLECTIONS_BY_TYPE.list(tx, &id, after.as_ref(), limit)?;
            Ok(listed.into_iter().map(|(_, collection)| collection).collect())
        }
        OfType::Any => {
            let mut ids: Vec<CollectionId> = Vec::new();
            let mut last = None;
            loop {
                let page = COLLECTION_BY_NAME.list(tx, &at.id, last.as_ref(), limit)?;
                let is_last = page.len() < limit;
                last = page.last().map(|(name, _)| name.clone());
                ids.extend(page.into_iter().map(|(_, id)| id).filter(|id| after.is_none_or(|after| *id > after)));
                if is_last {
                    break;
                }
            }
            ids.sort_unstable();
            ids.truncate(limit);
            Ok(ids)
        }
    }
}

/// Collections of the project by id; those that are gone meanwhile are left out.
pub fn collections(
    tx: &impl Read,
    at: &Allowed<FoundProject>,
    ids: &[CollectionId],
) -> Result<Vec<Allowed<FoundCollection>>, DbError> {
    at.must_be(Action::ArtifactRead);
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(collection) = COLLECTIONS.get(tx, id)?.filter(|collection| collection.project == at.id) else {
            continue;
        };
        let Some(artifact_type) = ARTIFACT_TYPES.get(tx, &collection.artifact_type)? else { continue };
        found.push(at.project(|at| FoundCollection { at: at.clone(), id: *id, collection, artifact_type }));
    }
    Ok(found)
}

/// Aliases of the collection by name, after the alias `after`.
pub fn aliases(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<(String, Alias)>, DbError> {
    within.must_be(Action::ArtifactRead);
    let after = after.map(|alias| (within.id, alias));
    let listed = ALIASES.list(tx, &within.id, after.as_ref(), limit)?;
    Ok(listed.into_iter().map(|((_, name), alias)| (name, alias)).collect())
}

/// The numbers of the versions in the collection, lowest first.
pub fn version_numbers(tx: &impl Read, within: &Allowed<FoundCollection>, limit: usize) -> Result<Vec<u32>, DbError> {
    within.must_be(Action::ArtifactRead);
    Ok(MEMBERSHIPS.keys(tx, &within.id, limit)?.into_iter().map(|(_, version)| version).collect())
}

/// The version of that number, if it is there.
pub fn version_numbered(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    version: u32,
) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    within.must_be(Action::ArtifactRead);
    let Some(membership) = MEMBERSHIPS.get(tx, &(within.id, version))? else { return Ok(None) };
    let id = membership.artifact;
    let artifact = ARTIFACTS.get(tx, &id)?.ok_or_else(|| DbError::Damaged(format!("artifact {id} is missing")))?;
    Ok(Some(within.project(|within| FoundArtifact { within: within.clone(), id, artifact, version: Some(version) })))
}

/// The version with the highest number.
pub fn newest(tx: &impl Read, within: &Allowed<FoundCollection>) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    let Some(((_, version), membership)) = MEMBERSHIPS.last(tx, &within.id)? else { return Ok(None) };
    let id = membership.artifact;
    let found = ARTIFACTS.get(tx, &id)?;
    Ok(found.map(|artifact| {
        within.project(|within| FoundArtifact { within: within.clone(), id, artifact, version: Some(version) })
    }))
}
