//! Turning a draft into a version: its entries go in portions, which nobody sees, and one transaction then makes it a
//! version. Also what runs have logged and used.

use super::{FoundArtifact, blob, manifest};
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::garbage::{self, Ticket};
use crate::db::repo::run::FoundRun;
use crate::db::schema::{
    ALIASES, ARTIFACT_INPUTS, ARTIFACT_OUTPUTS, ARTIFACTS, BLOBS, COLLECTIONS, ENTRIES, MANIFESTS, MEMBERSHIPS,
    MEMBERSHIPS_BY_ARTIFACT, RUNS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::collection::{Alias, Collection, Membership};
use crate::domain::artifact::manifest::{Entry, EntrySource, Manifest};
use crate::domain::artifact::{Artifact, ArtifactOutput, ArtifactState, ArtifactUse};
use crate::domain::garbage::Garbage;
use crate::domain::id::{ArtifactId, CollectionId, ManifestId, ObjectId, RunId};

/// Entries of an artifact by path, after the path `after`. A draft has those that an unfinished commit left.
pub fn entries(
    tx: &impl Read,
    artifact: ArtifactId,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, Entry)>, DbError> {
    let after = after.map(|path| (artifact, path.to_owned()));
    let page = ENTRIES.list(tx, &artifact, after.as_ref(), limit)?;
    Ok(page.into_iter().map(|((_, path), entry)| (path, entry)).collect())
}

/// Why a portion of entries was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    Written,
    /// The draft is none any more: it was committed or deleted meanwhile.
    NoDraft,
    /// Content was there when it was looked up, and is gone.
    BlobGone(ObjectId),
}

/// Writes entries of a draft and notes that it uses their blobs.
pub fn put_entries(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    entries: &[(String, Entry)],
) -> Result<Portion, PutError> {
    draft.must_be(Action::ArtifactCreate);
    if !is_draft(tx, draft.id)? {
        return Ok(Portion::NoDraft);
    }
    for (path, entry) in entries {
        if let EntrySource::Blob(object) = entry.source {
            if BLOBS.get(tx, &object)?.is_none() {
                return Ok(Portion::BlobGone(object));
            }
            blob::note_use(tx, draft.id, object)?;
        }
        ENTRIES.put(tx, &(draft.id, path.clone()), entry)?;
    }
    Ok(Portion::Written)
}

/// Takes back entries that an unfinished commit of the draft has left.
pub fn delete_entries(
    tx: &mut WriteTx<'_>,
    draft: &Allowed<FoundArtifact>,
    paths: &[String],
) -> Result<Portion, DbError> {
    draft.must_be(Action::ArtifactCreate);
    if !is_draft(tx, draft.id)? {
        return Ok(Portion::NoDraft);
    }
    for path in paths {
        ENTRIES.delete(tx, &(draft.id, path.clone()))?;
    }
    Ok(Portion::Written)
}

fn is_draft(tx: &impl Read, id: ArtifactId) -> Result<bool, DbError> {
    Ok(ARTIFACTS.get(tx, &id)?.is_some_and(|artifact| artifact.state == ArtifactState::Draft))
}

/// What a draft becomes: all its entries are written.
#[derive(Debug, Clone)]
pub struct Version {
    /// Over the entries.
    pub digest: String,
    pub entry_count: u64,
    pub size_bytes: u64,
    pub manifest: CountingManifest,
    /// The manifests that were read for it, to notice when others have come.
    pub read: Vec<(ManifestId, Manifest)>,
}

/// The manifest that says what is in a version.
#[derive(Debug, Clone)]
pub enum CountingManifest {
    /// One that a client has sent.
    Sent(ManifestId),
    /// One that was made of several, with the announcement of its object.
    Merged(Manifest, Ticket),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// With this number.
    Committed(u32),
    NoDraft,
    /// Manifests came while the entries were written: read them all again.
    OtherManifests,
    /// It took so long that the merged manifest is being removed: make it again.
    TooLate,
}

/// Makes the draft a version of its sequence, with a number, its aliases, and its place in what its run has logged.
pub fn finish(tx: &mut WriteTx<'_>, draft: &Allowed<FoundArtifact>, version: &Version) -> Result<Finish, PutError> {
    draft.must_be(Action::ArtifactCreate);
    let Some(artifact) = ARTIFACTS.get(tx, &draft.id)?.filter(|artifact| artifact.state == ArtifactState::Draft) else {
        return Ok(Finish::NoDraft);
    };
    let Some(collection) = COLLECTIONS.get(tx, &artifact.sequence)? else { return Ok(Finish::NoDraft) };
    if manifest::list_there(tx, draft.id)? != version.read {
        return Ok(Finish::OtherManifests);
    }
    let manifest = match &version.manifest {
        CountingManifest::Sent(id) => *id,
        CountingManifest::Merged(manifest, ticket) => {
            if !garbage::keep(tx, ticket)? {
                return Ok(Finish::TooLate);
            }
            let id = tx.new_id::<ManifestId>()?;
            MANIFESTS.put(tx, &id, manifest)?;
            id
        }
    };
    let (sequence, number, now) = (artifact.sequence, collection.next_version, tx.now());
    let committed = Artifact {
        state: ArtifactState::Committed,
        digest: version.digest.clone(),
        version: Some(number),
        manifest: Some(manifest),
        entry_count: version.entry_count,
        size_bytes: version.size_bytes,
        updated_at: now,
        ..artifact
    };
    let counted = Collection { next_version: number + 1, updated_at: now, ..collection };
    COLLECTIONS.put(tx, &sequence, &counted)?;
    ARTIFACTS.put(tx, &draft.id, &committed)?;
    MEMBERSHIPS.put(tx, &(sequence, number), &Membership { artifact: draft.id, created_at: now })?;
    give_aliases(tx, sequence, number, &committed.wanted_aliases)?;
    if let Some(run) = committed.run {
        note_output(tx, run, draft.id)?;
    }
    garbage::discard_lines(tx, Garbage::BlobUploads { artifact: draft.id })?;
    Ok(Finish::Committed(number))
}

/// Gives a version more aliases, and its place in what another run has logged: for content that was logged again.
pub fn log_again(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundArtifact>,
    aliases: &[String],
    run: Option<RunId>,
) -> Result<(), PutError> {
    found.must_be(Action::ArtifactCreate);
    let (sequence, artifact) = (found.artifact.sequence, found.id);
    for (_, _, number) in MEMBERSHIPS_BY_ARTIFACT.list(tx, &(artifact, sequence), None, 1)? {
        give_aliases(tx, sequence, number, aliases)?;
    }
    if let Some(run) = run {
        note_output(tx, run, artifact)?;
    }
    Ok(())
}

fn give_aliases(
    tx: &mut WriteTx<'_>,
    collection: CollectionId,
    version: u32,
    aliases: &[String],
) -> Result<(), PutError> {
    for name in aliases {
        let key = (collection, name.clone());
        let is_given = ALIASES.get(tx, &key)?.is_some_and(|alias| alias.version == version);
        if !is_given {
            ALIASES.put(tx, &key, &Alias { version, created_at: tx.now() })?;
        }
    }
    Ok(())
}

/// A run may have been removed for good since it began the draft.
fn note_output(tx: &mut WriteTx<'_>, run: RunId, artifact: ArtifactId) -> Result<(), PutError> {
    if RUNS.get(tx, &run)?.is_none() || ARTIFACT_OUTPUTS.get(tx, &(run, artifact))?.is_some() {
        return Ok(());
    }
    ARTIFACT_OUTPUTS.put(tx, &(run, artifact), &ArtifactOutput { logged_at: tx.now() })
}

/// Notes that the run has used the version. The first time counts, the last word on the part it plays.
pub fn note_input(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    found: &Allowed<FoundArtifact>,
    used_as: Option<String>,
) -> Result<(), PutError> {
    assert!([Action::RunLog, Action::RunUpdate].contains(&run.action()), "checked for {}", run.action());
    found.must_be(Action::ArtifactRead);
    let key = (run.id, found.id);
    let before = ARTIFACT_INPUTS.get(tx, &key)?;
    let used_at = before.as_ref().map_or(tx.now(), |before| before.used_at);
    let used_as = used_as.or(before.and_then(|before| before.used_as));
    ARTIFACT_INPUTS.put(tx, &key, &ArtifactUse { used_at, used_as })
}
