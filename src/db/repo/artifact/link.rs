//! Portfolios, and the versions that are linked to them.

use super::edit::renew_latest;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller};
use crate::db::DbError;
use crate::db::repo::project::FoundProject;
use crate::db::schema::{ALIASES, ALIASES_BY_VERSION, ARTIFACTS, COLLECTIONS, MEMBERSHIPS};
use crate::db::table::PutError;
use crate::db::tx::WriteTx;
use crate::domain::artifact::collection::{Alias, Collection, CollectionKind, CollectionName, LATEST, Membership};
use crate::domain::artifact::{Artifact, Ttl};
use crate::domain::id::{ArtifactTypeId, CollectionId};

/// Makes an empty portfolio, which is the caller's.
pub fn create_portfolio(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    at: &Allowed<FoundProject>,
    (name, artifact_type): (&CollectionName, ArtifactTypeId),
) -> Result<CollectionId, PutError> {
    at.must_be(Action::ArtifactCreate);
    let id = tx.new_id::<CollectionId>()?;
    let made = Collection {
        project: at.id,
        artifact_type,
        name: name.clone(),
        kind: CollectionKind::Portfolio,
        description: None,
        tags: Vec::new(),
        owner: caller.user_id(),
        created_at: tx.now(),
        updated_at: tx.now(),
        next_version: 0,
        default_ttl_secs: None,
        client_id: None,
    };
    COLLECTIONS.put(tx, &id, &made)?;
    Ok(id)
}

/// Gives a version the next number in the portfolio, and `latest`. From then on it does not expire: whoever looks after the
/// portfolio relies on it.
pub fn link(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    found: &Allowed<FoundArtifact>,
) -> Result<u32, PutError> {
    within.must_be(Action::ArtifactCreate);
    found.must_be(Action::ArtifactDownload);
    let now = tx.now();
    let version = within.collection.next_version;
    let counted = Collection { next_version: version + 1, updated_at: now, ..within.collection.clone() };
    COLLECTIONS.put(tx, &within.id, &counted)?;
    MEMBERSHIPS.put(tx, &(within.id, version), &Membership { artifact: found.id, created_at: now })?;
    ALIASES.put(tx, &(within.id, LATEST.to_owned()), &Alias { version, created_at: now })?;
    if found.artifact.ttl != Ttl::Off {
        ARTIFACTS.put(tx, &found.id, &Artifact { ttl: Ttl::Off, ..found.artifact.clone() })?;
    }
    Ok(version)
}

/// Takes a version out of the portfolio, with its aliases there.
pub fn unlink(tx: &mut WriteTx<'_>, within: &Allowed<FoundCollection>, version: u32) -> Result<(), PutError> {
    within.must_be(Action::ArtifactDelete);
    remove_place(tx, within.id, version)?;
    renew_latest(tx, within.id)
}

/// Removes a place and its aliases.
pub(super) fn remove_place(tx: &mut WriteTx<'_>, within: CollectionId, version: u32) -> Result<(), DbError> {
    for (_, _, alias) in ALIASES_BY_VERSION.list(tx, &(within, version), None, usize::MAX)? {
        ALIASES.delete(tx, &(within, alias))?;
    }
    MEMBERSHIPS.delete(tx, &(within, version))?;
    Ok(())
}
