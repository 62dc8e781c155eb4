//! Changing what is said about versions and collections: aliases, descriptions, tags, names, how long they are kept.

use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    ALIASES, ARTIFACT_METADATA, ARTIFACTS, ArtifactMetadata, COLLECTIONS, MEMBERSHIPS, MEMBERSHIPS_BY_ARTIFACT,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::Artifact;
use crate::domain::artifact::collection::{Alias, Collection, LATEST};
use crate::domain::id::{ArtifactId, CollectionId};

/// The number that a version has in the collection.
pub fn number_in(tx: &impl Read, within: CollectionId, id: ArtifactId) -> Result<Option<u32>, DbError> {
    let places = MEMBERSHIPS_BY_ARTIFACT.list(tx, &(id, within), None, 1)?;
    Ok(places.first().map(|(_, _, version)| *version))
}

/// Gives the alias to a version of the collection; another one loses it.
pub fn give_alias(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    version: u32,
    alias: &str,
) -> Result<(), PutError> {
    let gives = [Action::ArtifactAliasUpdate, Action::ArtifactCreate].contains(&within.action());
    assert!(gives, "checked for {} and used for giving an alias", within.action());
    let key = (within.id, alias.to_owned());
    if ALIASES.get(tx, &key)?.is_some_and(|held| held.version == version) {
        return Ok(());
    }
    ALIASES.put(tx, &key, &Alias { version, created_at: tx.now() })
}

/// Takes the alias from the version; `false` when it does not have it.
pub fn take_alias(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    version: u32,
    alias: &str,
) -> Result<bool, DbError> {
    within.must_be(Action::ArtifactAliasDelete);
    let key = (within.id, alias.to_owned());
    if ALIASES.get(tx, &key)?.is_none_or(|held| held.version != version) {
        return Ok(false);
    }
    ALIASES.delete(tx, &key)
}

/// Gives `latest` to the version with the highest number, if no version has it: a name without an alias means it.
pub(super) fn renew_latest(tx: &mut WriteTx<'_>, within: CollectionId) -> Result<(), PutError> {
    let key = (within, LATEST.to_owned());
    if ALIASES.get(tx, &key)?.is_some() {
        return Ok(());
    }
    let Some(((_, version), _)) = MEMBERSHIPS.last(tx, &within)? else { return Ok(()) };
    ALIASES.put(tx, &key, &Alias { version, created_at: tx.now() })
}

/// Stores what people changed about a version.
pub fn update_version(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundArtifact>,
    changed: &Artifact,
) -> Result<(), PutError> {
    found.must_be(Action::ArtifactMetadataUpdate);
    ARTIFACTS.put(tx, &found.id, changed)
}

pub fn put_metadata(tx: &mut WriteTx<'_>, found: &Allowed<FoundArtifact>, text: String) -> Result<(), PutError> {
    found.must_be(Action::ArtifactMetadataUpdate);
    ARTIFACT_METADATA.put(tx, &found.id, &ArtifactMetadata(text))
}

/// Stores what people changed about a collection.
pub fn update_collection(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    changed: &Collection,
) -> Result<(), PutError> {
    within.must_be(Action::ArtifactMetadataUpdate);
    COLLECTIONS.put(tx, &within.id, changed)
}
