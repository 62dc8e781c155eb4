//! Committing a draft: its manifests are read and joined, every file in them is found, and the entries are written in
//! portions that nobody sees; one transaction then makes it a version. May be cut off anywhere and asked for again.

use super::draft::fillable;
use super::upload::parse_md5;
use super::{FoundArtifact, gate::CommitGate};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::audit::{self, Event};
use crate::app::existing::{gone, missing};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::artifact::blob::{self, Arrival};
use crate::db::repo::artifact::commit::{self, CountingManifest, Finish, Portion, Version};
use crate::db::repo::artifact::{self, draft, manifest};
use crate::db::repo::garbage;
use crate::db::tx::Read;
use crate::domain::artifact::blob::Route;
use crate::domain::artifact::manifest::{Entry, EntrySource, Manifest, ManifestKind};
use crate::domain::artifact::manifest_file::{ListedEntry, ManifestFile, shortened};
use crate::domain::artifact::{Artifact, ArtifactState};
use crate::domain::audit::AuditAction;
use crate::domain::file::FileContents;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, EntityId, ManifestId, ObjectId};
use crate::storage::ObjectKey;
use crate::storage::download::Download;
use crate::storage::upload::{Expected, receive};
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Entries written in one transaction: others wait behind it.
const ENTRIES_AT_A_TIME: usize = 1_000;
/// Blobs looked up in one read.
const LOOKED_UP: usize = 10_000;
/// How often a commit begins again because its draft changed under it.
const ATTEMPTS: usize = 5;
/// Missing files that are named.
const NAMED: usize = 3;

/// Contents of an entity by MD5: object and size.
type Blobs = BTreeMap<[u8; 16], (ObjectId, u64)>;

/// A manifest with its lines looked up.
struct Resolved {
    entries: BTreeMap<String, Entry>,
    absent: Vec<Absent>,
}

/// A line whose content is not there.
struct Absent {
    path: String,
    md5: [u8; 16],
    birth: Option<ArtifactId>,
}

/// What the manifests of a draft come to.
struct Joined {
    file: Arc<ManifestFile>,
    /// The manifest that says it all; without it the server writes one.
    sent: Option<ManifestId>,
    read: Vec<(ManifestId, Manifest)>,
}

impl App {
    /// Makes a version of the draft. One that was committed before is answered as it is.
    pub async fn commit_artifact(&self, caller: &Caller, id: ArtifactId) -> Result<Allowed<FoundArtifact>, Error> {
        let gate: Arc<CommitGate> = Arc::clone(&self.commits);
        let _alone = gate.enter(id).await;
        for _ in 0..ATTEMPTS {
            let found = self.fillable(caller, id).await?;
            if found.artifact.state == ArtifactState::Committed {
                return Ok(caller.may(Action::ArtifactRead, found.again(), &self.licence())?);
            }
            self.try_commit(caller, &gate, &found).await?;
        }
        let why = "manifests kept coming while the artifact was committed; commit it when all processes have finished";
        Err(Error::Conflict(why.into()))
    }

    async fn fillable(&self, caller: &Caller, id: ArtifactId) -> Result<Allowed<FoundArtifact>, Error> {
        let (caller, licence) = (*caller, self.licence());
        self.db.read(move |tx| fillable(tx, &caller, id, &licence)).await
    }

    /// Commits, or returns because something was otherwise than when it began.
    async fn try_commit(
        &self,
        caller: &Caller,
        gate: &CommitGate,
        found: &Allowed<FoundArtifact>,
    ) -> Result<(), Error> {
        let id = found.id;
        self.take_in_manifests(id).await?;
        let read = self.db.read(move |tx| manifest::list_there(tx, id).map_err(Error::from)).await?;
        let base = self.base_manifest(found, &read).await?;
        let counting = counting(&read);
        let bytes = counting.iter().map(|(_, manifest)| manifest).chain(base.as_ref());
        let bytes = bytes.filter_map(|manifest| manifest.contents.as_ref()).map(|contents| contents.size_bytes).sum();
        let _room = gate.room(bytes).await;

        let joined = self.join(base, counting, read).await?;
        let file = Arc::clone(&joined.file);
        let digest = blocking(move || file.digest()).await?;
        if joined.sent.is_some() {
            check_digest(found, &digest)?;
        }
        let entries = self.entries(caller, found, &joined.file).await?;
        self.write_entries(found, &entries).await?;
        let size_bytes = entries.values().fold(0_u64, |sum, entry| sum.saturating_add(entry.size_bytes));
        let manifest = match joined.sent {
            Some(id) => CountingManifest::Sent(id),
            None => self.write_merged(found, &joined.file).await?,
        };
        let version = Version { digest, entry_count: entries.len() as u64, size_bytes, manifest, read: joined.read };
        let draft = found.project(Clone::clone);
        let asking = *caller;
        let finished = self.db.write(move |tx| {
            let finished = commit::finish(tx, &draft, &version)?;
            if let Finish::Committed(number) = finished {
                let artifact = Artifact { digest: version.digest.clone(), ..draft.artifact.clone() };
                let committed = FoundArtifact { artifact, version: Some(number), ..draft.clone() };
                audit::record(tx, &asking, Event::new(AuditAction::ArtifactCreate).artifact(&committed))?;
            }
            Ok::<_, Error>(finished)
        });
        let finished = finished.await?;
        if let Finish::Committed(_) = finished {
            tracing::info!(artifact.id = %id, entries = entries.len(), size_bytes, "committed an artifact");
        }
        Ok(())
    }

    /// The manifest of the version that a draft builds on, when its own only say what differs.
    async fn base_manifest(
        &self,
        found: &Allowed<FoundArtifact>,
        read: &[(ManifestId, Manifest)],
    ) -> Result<Option<Manifest>, Error> {
        let is_incremental = counting(read).iter().any(|(_, manifest)| manifest.kind == ManifestKind::Incremental);
        if !is_incremental {
            return Ok(None);
        }
        let within = found.project(|found| found.within.clone());
        let wanted = found.artifact.base;
        let base = self.db.read(move |tx| {
            let base = match wanted {
                Some(base) => draft::within(tx, &within, base)?,
                None => artifact::version(tx, &within, None)?,
            };
            let committed = base.filter(|base| base.artifact.state == ArtifactState::Committed);
            let Some(id) = committed.and_then(|base| base.artifact.manifest) else { return Ok(None) };
            Ok::<_, Error>(manifest::get(tx, id)?)
        });
        let base = base.await?;
        if wanted.is_some() && base.is_none() {
            return Err(Error::Conflict("the version that this artifact builds on was deleted; log it anew".into()));
        }
        Ok(base)
    }

    async fn join(
        &self,
        base: Option<Manifest>,
        counting: Vec<(ManifestId, Manifest)>,
        read: Vec<(ManifestId, Manifest)>,
    ) -> Result<Joined, Error> {
        let sent = match counting.as_slice() {
            [] => {
                let why = "the manifest of the artifact has not been sent; send it, then commit again";
                return Err(Error::invalid("artifactID", &why));
            }
            [(id, manifest)] if manifest.kind == ManifestKind::Full => Some(*id),
            _ => None,
        };
        let mut file: Option<ManifestFile> = None;
        for manifest in base.iter().chain(counting.iter().map(|(_, manifest)| manifest)) {
            let next = self.read_manifest(manifest).await?;
            match &mut file {
                None => file = Some(next),
                Some(file) => file.join(next),
            }
        }
        let file = file.ok_or_else(|| Error::invalid("artifactID", &"the artifact has no manifest"))?;
        Ok(Joined { file: Arc::new(file), sent, read })
    }

    async fn read_manifest(&self, manifest: &Manifest) -> Result<ManifestFile, Error> {
        let contents = manifest.contents.as_ref().ok_or_else(|| missing("manifest", &manifest.name))?;
        let key = ObjectKey::manifest(contents.object);
        let bytes = self.store_of(manifest.owner)?.get(&key).await?;
        let parsed = blocking(move || ManifestFile::parse(&bytes)).await?;
        parsed.map_err(|why| Error::invalid("artifactID", &why))
    }

    /// What the lines of the manifest lead to.
    async fn entries(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
        file: &Arc<ManifestFile>,
    ) -> Result<BTreeMap<String, Entry>, Error> {
        let listed = Arc::clone(file);
        let wanted = blocking(move || wanted(&listed)).await??;
        let owner = found.within.at.entity.id;
        let mut there = self.blobs(owner, wanted.clone()).await?;
        let absent: Vec<[u8; 16]> = wanted.into_iter().filter(|md5| !there.contains_key(md5)).collect();
        let refused = self.take_in_blobs(found.id, absent.clone()).await?;
        there.extend(self.blobs(owner, absent).await?);
        let there = Arc::new(there);
        let (listed, known) = (Arc::clone(file), Arc::clone(&there));
        let resolved = blocking(move || resolve(&listed, &known)).await??;
        if resolved.absent.is_empty() {
            return Ok(resolved.entries);
        }
        let mut there = Arc::unwrap_or_clone(there);
        for absent in resolved.absent {
            let copied = match absent.birth.filter(|_| !there.contains_key(&absent.md5)) {
                Some(birth) => self.copy_from(caller, found, birth, absent.md5).await?,
                None => None,
            };
            there.extend(copied.map(|blob| (absent.md5, blob)));
        }
        let listed = Arc::clone(file);
        let resolved = blocking(move || resolve(&listed, &there)).await??;
        if resolved.absent.is_empty() { Ok(resolved.entries) } else { Err(not_sent(&resolved.absent, &refused)) }
    }

    /// Those of the contents that the entity has, with object and size.
    async fn blobs(&self, owner: EntityId, wanted: Vec<[u8; 16]>) -> Result<Blobs, Error> {
        let mut there = BTreeMap::new();
        for portion in wanted.chunks(LOOKED_UP) {
            let portion = portion.to_vec();
            let found = self.db.read(move |tx| {
                let mut found = Vec::with_capacity(portion.len());
                for md5 in portion {
                    found.extend(blob::with_md5(tx, owner, md5)?.map(|(id, blob)| (md5, (id, blob.size_bytes))));
                }
                Ok::<_, Error>(found)
            });
            there.extend(found.await?);
        }
        Ok(there)
    }

    /// Content that an artifact of another entity has and the caller may fetch there, copied into this one.
    async fn copy_from(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
        birth: ArtifactId,
        md5: [u8; 16],
    ) -> Result<Option<(ObjectId, u64)>, Error> {
        let (asking, licence) = (*caller, self.licence());
        let from = self.db.read(move |tx| downloadable(tx, &asking, birth, md5, &licence)).await?;
        let Some((from, from_object)) = from else { return Ok(None) };
        let (draft, leave_secs) = (found.project(Clone::clone), self.write_url_secs());
        let permitted = self
            .db
            .write(move |tx| blob::permit_upload(tx, &draft, md5, Route::Proxy, leave_secs).map_err(Error::from));
        let (upload, permit) = permitted.await?;
        let download = Download::open(&self.store_of(from)?, &ObjectKey::blob(from_object)).await?;
        let size_bytes = download.size_bytes();
        let expected = Expected { md5: Some(md5), ..self.expected(Some(size_bytes), None) };
        let (store, key) = (&self.store_of(permit.owner)?, ObjectKey::blob(permit.object));
        receive(store, &key, download.into_stream(0..size_bytes), &expected).await?;
        let owner = permit.owner;
        let arrived = self.db.write(move |tx| blob::arrived(tx, upload, &permit, size_bytes).map_err(Error::from));
        match arrived.await? {
            Arrival::TooLate => Ok(None),
            Arrival::Kept => Ok(self.blobs(owner, vec![md5]).await?.remove(&md5)),
        }
    }

    /// Writes what is not there yet, after taking back what an earlier attempt has left and nobody wants any more.
    async fn write_entries(
        &self,
        found: &Allowed<FoundArtifact>,
        entries: &BTreeMap<String, Entry>,
    ) -> Result<(), Error> {
        let left = self.entries_left(found, entries).await?;
        let absent = entries.iter().filter(|(path, _)| !left.contains(*path));
        let absent: Vec<(String, Entry)> = absent.map(|(path, entry)| (path.clone(), entry.clone())).collect();
        for portion in absent.chunks(ENTRIES_AT_A_TIME) {
            let (draft, portion) = (found.project(Clone::clone), portion.to_vec());
            let written = self.db.write(move |tx| commit::put_entries(tx, &draft, &portion).map_err(Error::from));
            check_portion(written.await?)?;
        }
        Ok(())
    }

    /// The paths of wanted entries that an earlier attempt has written. Others that it wrote are taken back.
    async fn entries_left(
        &self,
        found: &Allowed<FoundArtifact>,
        entries: &BTreeMap<String, Entry>,
    ) -> Result<HashSet<String>, Error> {
        let (mut left, mut after, id) = (HashSet::new(), None::<String>, found.id);
        loop {
            let from = after.take();
            let page = self
                .db
                .read(move |tx| commit::entries(tx, id, from.as_deref(), ENTRIES_AT_A_TIME).map_err(Error::from));
            let page = page.await?;
            let is_last = page.len() < ENTRIES_AT_A_TIME;
            after = page.last().map(|(path, _)| path.clone());
            let mut unwanted = Vec::new();
            for (path, entry) in page {
                if entries.get(&path) == Some(&entry) {
                    left.insert(path);
                } else {
                    unwanted.push(path);
                }
            }
            if !unwanted.is_empty() {
                let draft = found.project(Clone::clone);
                let deleted =
                    self.db.write(move |tx| commit::delete_entries(tx, &draft, &unwanted).map_err(Error::from));
                check_portion(deleted.await?)?;
            }
            if is_last {
                return Ok(left);
            }
        }
    }

    /// Writes the joined manifest as a file of its own, which is what readers get.
    async fn write_merged(
        &self,
        found: &Allowed<FoundArtifact>,
        file: &Arc<ManifestFile>,
    ) -> Result<CountingManifest, Error> {
        let (owner, file) = (found.within.at.entity.id, Arc::clone(file));
        let bytes = blocking(move || file.to_bytes()).await?.map_err(|why| Error::invalid("artifactID", &why))?;
        let announced = self.db.write(move |tx| {
            let object = tx.new_id::<ObjectId>()?;
            let ticket = garbage::announce(tx, owner, StoredObject::Manifest(object))?;
            Ok::<_, Error>((object, ticket, tx.now()))
        });
        let (object, ticket, uploaded_at) = announced.await?;
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(bytes))]);
        let key = ObjectKey::manifest(object);
        let received = receive(&self.store_of(owner)?, &key, body, &self.expected(None, None)).await?;
        let contents =
            FileContents { object, owner, size_bytes: received.size_bytes, md5: Some(received.md5), uploaded_at };
        let merged = Manifest {
            artifact: found.id,
            owner,
            kind: ManifestKind::Full,
            name: "wandb_manifest.json".into(),
            md5: Some(received.md5),
            contents: Some(contents),
            coming: None,
        };
        Ok(CountingManifest::Merged(merged, ticket))
    }
}

/// Those that say what is in the version: the newest whole one, or else all that say a part.
fn counting(read: &[(ManifestId, Manifest)]) -> Vec<(ManifestId, Manifest)> {
    let whole = read.iter().rev().find(|(_, manifest)| manifest.kind == ManifestKind::Full);
    whole.map_or_else(|| read.to_vec(), |whole| vec![whole.clone()])
}

/// Work that takes longer than the runtime's own threads may be held.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let given_up = |_| Error::Db(DbError::Unavailable("the commit was given up".into()));
    tokio::task::spawn_blocking(work).await.map_err(given_up)
}

/// The contents that the lines of a manifest name.
fn wanted(file: &ManifestFile) -> Result<Vec<[u8; 16]>, Error> {
    let mut wanted = Vec::new();
    for (path, listed) in &file.contents.0 {
        if listed.reference.is_none() {
            wanted.push(md5_of(path, listed)?);
        }
    }
    Ok(wanted)
}

fn md5_of(path: &str, listed: &ListedEntry) -> Result<[u8; 16], Error> {
    parse_md5(&listed.digest).ok_or_else(|| {
        let why = format!("`{}` has a digest that is no MD5 in base64", shortened(path));
        Error::invalid("artifactID", &why)
    })
}

fn resolve(file: &ManifestFile, there: &Blobs) -> Result<Resolved, Error> {
    let mut resolved = Resolved { entries: BTreeMap::new(), absent: Vec::new() };
    for (path, listed) in &file.contents.0 {
        let birth = listed.birth();
        let (source, size_bytes) = match &listed.reference {
            Some(uri) => (EntrySource::Reference(uri.clone()), listed.size.unwrap_or(0)),
            None => {
                let md5 = md5_of(path, listed)?;
                let Some((object, size_bytes)) = there.get(&md5) else {
                    resolved.absent.push(Absent { path: path.clone(), md5, birth });
                    continue;
                };
                check_size(path, listed, *size_bytes)?;
                (EntrySource::Blob(*object), *size_bytes)
            }
        };
        let entry = Entry { digest: listed.digest.clone(), size_bytes, source, birth };
        resolved.entries.insert(path.clone(), entry);
    }
    Ok(resolved)
}

fn check_digest(found: &FoundArtifact, digest: &str) -> Result<(), Error> {
    let declared = &found.artifact.digest;
    if declared.is_empty() || declared == digest {
        return Ok(());
    }
    let why = format!(
        "the files in the manifest have the digest `{digest}`, but the artifact was begun with `{declared}`: it was \
         changed while it was logged; log it again"
    );
    Err(Error::invalid("artifactID", &why))
}

fn check_size(path: &str, listed: &ListedEntry, size_bytes: u64) -> Result<(), Error> {
    match listed.size {
        Some(says) if says != size_bytes => {
            let path = shortened(path);
            let why = format!("the manifest says that `{path}` has {says} bytes, but {size_bytes} were sent");
            Err(Error::invalid("artifactID", &why))
        }
        _ => Ok(()),
    }
}

fn check_portion(portion: Portion) -> Result<(), Error> {
    match portion {
        Portion::Written => Ok(()),
        Portion::NoDraft => Err(gone("artifact")),
        Portion::BlobGone(_) => {
            let why = "a file that was there already was deleted meanwhile with its artifact; log this one again";
            Err(Error::Conflict(why.into()))
        }
    }
}

/// What is missing and what came as something else, so that the client sends it again.
fn not_sent(absent: &[Absent], refused: &[[u8; 16]]) -> Error {
    let (wrong, absent): (Vec<&Absent>, Vec<&Absent>) = absent.iter().partition(|line| refused.contains(&line.md5));
    let mut whys = Vec::new();
    if !absent.is_empty() {
        whys.push(format!("these files have not been sent: {}", names(&absent)));
    }
    if !wrong.is_empty() {
        whys.push(format!("of these files other content was sent than declared: {}", names(&wrong)));
    }
    Error::invalid("artifactID", &format!("{}; send them, then commit again", whys.join("; ")))
}

fn names(lines: &[&Absent]) -> String {
    let named: Vec<String> = lines.iter().take(NAMED).map(|line| format!("`{}`", shortened(&line.path))).collect();
    match lines.len() - named.len() {
        0 => named.join(", "),
        others => format!("{} and {others} more", named.join(", ")),
    }
}

/// The entity and object of content that an artifact has and the caller may fetch.
fn downloadable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    md5: [u8; 16],
    licence: &Licence,
) -> Result<Option<(EntityId, ObjectId)>, Error> {
    let Some(owner) = artifact::owner(tx, id)? else { return Ok(None) };
    let Some((object, _)) = blob::with_md5(tx, owner, md5)? else { return Ok(None) };
    for place in artifact::places(tx, caller, id)? {
        let Ok(found) = caller.may(Action::ArtifactDownload, place, licence) else { continue };
        if found.artifact.state == ArtifactState::Committed && blob::is_used_by(tx, &found, object)? {
            return Ok(Some((owner, object)));
        }
    }
    Ok(None)
}
