//! Checking that versions have all that they say of themselves.

use crate::db::DbError;
use crate::db::schema::{ARTIFACTS, BLOB_USES, ENTRIES, MANIFESTS};
use crate::db::tx::Read;
use crate::domain::artifact::manifest::EntrySource;
use crate::domain::artifact::{Artifact, ArtifactState, Digest};
use crate::domain::id::ArtifactId;

/// Entries read at a time.
const PAGE: usize = 1_000;

/// All artifacts by id, after the artifact `after`: for a check of everything.
pub fn stored(tx: &impl Read, after: Option<ArtifactId>, limit: usize) -> Result<Vec<(ArtifactId, Artifact)>, DbError> {
    ARTIFACTS.list(tx, &(), after.as_ref(), limit)
}

/// What a version lacks of what it says of itself, a few words each. A draft says nothing yet.
pub fn faults(tx: &impl Read, id: ArtifactId, artifact: &Artifact) -> Result<Vec<String>, DbError> {
    if artifact.state != ArtifactState::Committed {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    let (mut count, mut size_bytes, mut digest) = (0_u64, 0_u64, Digest::default());
    let mut after: Option<(ArtifactId, String)> = None;
    loop {
        let page = ENTRIES.list(tx, &id, after.as_ref(), PAGE)?;
        for ((_, path), entry) in &page {
            count += 1;
            size_bytes = size_bytes.saturating_add(entry.size_bytes);
            digest.add(path, &entry.digest);
            let EntrySource::Blob(object) = entry.source else { continue };
            if BLOB_USES.get(tx, &(id, object))?.is_none() {
                faults.push(format!("has `{path}` and does not hold its bytes"));
            }
        }
        let is_last = page.len() < PAGE;
        after = page.into_iter().last().map(|(key, _)| key);
        if is_last {
            break;
        }
    }
    if (count, size_bytes) != (artifact.entry_count, artifact.size_bytes) {
        let (says, of) = (artifact.entry_count, artifact.size_bytes);
        faults.push(format!("has {count} entries of {size_bytes} bytes and should have {says} of {of}"));
    }
    if digest.finish() != artifact.digest {
        faults.push("has another digest than its entries".to_owned());
    }
    let manifest = artifact.manifest.map(|manifest| MANIFESTS.get(tx, &manifest)).transpose()?.flatten();
    if manifest.is_none_or(|manifest| manifest.contents.is_none()) {
        faults.push("has no manifest".to_owned());
    }
    Ok(faults)
}
