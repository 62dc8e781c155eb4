//! The bytes of a draft: which content is there already, leave to send the rest, manifests, and taking in what comes.

use super::draft::{existing_draft_of, fillable};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::direct::{DirectStore, PARTS_MAX, PartsLeave, SignedUrl, TransferUrl};
use crate::app::existing::gone;
use crate::app::{App, Error};
use crate::db::repo::artifact::blob::{self, Arrival};
use crate::db::repo::artifact::{FoundArtifact, draft, manifest};
use crate::db::repo::garbage;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::Artifact;
use crate::domain::artifact::blob::{BlobUpload, Route, UploadState};
use crate::domain::artifact::manifest::{Manifest, ManifestKind};
use crate::domain::file::{FileContents, FilePath};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, BlobUploadId, ManifestId, ObjectId};
use crate::storage::ObjectKey;
use crate::storage::sign::Grant;
use crate::storage::upload::{self, Expected, receive};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::sync::Arc;

/// As many files as a client may name in one request.
const FILES_PER_REQUEST: usize = 10_000;
/// As many of them in one transaction: others wait behind it.
const FILES_AT_A_TIME: usize = 1_000;
/// Files whose URLs are signed at the same time: some buckets have to be asked for each.
const ANSWERED_AT_ONCE: usize = 16;
const MANIFEST_NAME_BYTES_MAX: usize = 1024;

/// A file that a draft is to have.
#[derive(Debug, Clone)]
pub struct NewFile {
    pub artifact: ArtifactId,
    pub path: String,
    /// In base64, as the client sends it.
    pub md5: String,
    /// The MD5s of the parts that a large file can be sent in.
    pub parts: Vec<[u8; 16]>,
}

/// What is to be done for one of them.
#[derive(Debug, Clone)]
pub struct FileUpload {
    /// The draft, for reading.
    pub draft: Arc<Allowed<FoundArtifact>>,
    pub path: String,
    pub md5: String,
    /// Without it the content is there already.
    pub url: Option<TransferUrl>,
    /// The same in parts, for who can.
    pub parts: Option<PartsLeave>,
}

/// A manifest that a client is going to send.
#[derive(Debug, Clone)]
pub struct CreateManifest {
    pub artifact: ArtifactId,
    pub kind: ManifestKind,
    pub name: String,
    /// The file's MD5 in base64; not known yet when empty.
    pub md5: String,
    pub base: Option<ArtifactId>,
}

/// A manifest record, and where its file is sent.
#[derive(Debug, Clone)]
pub struct ManifestUpload {
    pub id: ManifestId,
    pub name: String,
    pub md5: Option<[u8; 16]>,
    pub url: TransferUrl,
}

/// The draft, and what is to be done for a file of it.
type Leave = (Arc<Allowed<FoundArtifact>>, ToSend);

enum ToSend {
    Nothing,
    /// The content, under this leave.
    New(BlobUploadId, ObjectId),
}

/// Stores to which files of drafts go directly; the other drafts' files come through the server.
type DirectStores = HashMap<ArtifactId, DirectStore>;

impl App {
    /// Leave to send files of drafts: the same number and order as they were named in.
    pub async fn create_artifact_files(&self, caller: &Caller, files: Vec<NewFile>) -> Result<Vec<FileUpload>, Error> {
        if files.len() > FILES_PER_REQUEST {
            let why = format!("at most {FILES_PER_REQUEST} files of artifacts can be named in one request");
            return Err(Error::TooLarge(why));
        }
        let mut checked = Vec::with_capacity(files.len());
        for file in &files {
            checked.push((file.artifact, check_file(file)?));
        }
        let stores = self.direct_stores_of(caller, &checked)?;
        self.take_in_earlier(&stores, &checked).await?;
        let mut leave = Vec::with_capacity(files.len());
        let routed = files.iter().zip(&checked).map(|(file, (draft, md5))| (*draft, *md5, route_of(&stores, file)));
        for portion in routed.collect::<Vec<_>>().chunks(FILES_AT_A_TIME) {
            leave.extend(self.permit_uploads(caller, portion.to_vec()).await?);
        }
        let answers = files.into_iter().zip(checked).zip(leave);
        let answers = answers.map(|((file, (_, md5)), leave)| self.upload_of(caller, &stores, file, md5, leave));
        stream::iter(answers).buffered(ANSWERED_AT_ONCE).try_collect().await
    }

    fn direct_stores_of(&self, caller: &Caller, files: &[(ArtifactId, [u8; 16])]) -> Result<DirectStores, Error> {
        let (mut stores, licence) = (HashMap::new(), self.licence());
        let drafts: BTreeSet<ArtifactId> = files.iter().map(|(draft, _)| *draft).collect();
        for draft in drafts {
            let found = self.db.look_up(|tx| existing_draft_of(tx, caller, draft, &licence))?;
            stores.extend(self.direct_store_of(found.within.at.entity.id)?.map(|store| (draft, store)));
        }
        Ok(stores)
    }

    /// A client that did not hear of its success asks again, and must not have to send again: the bucket would refuse.
    async fn take_in_earlier(&self, stores: &DirectStores, files: &[(ArtifactId, [u8; 16])]) -> Result<(), Error> {
        for draft in stores.keys() {
            let md5s = files.iter().filter(|(of, _)| of == draft).map(|(_, md5)| *md5).collect();
            // What came as something else is to be sent again like what did not come.
            let _refused = self.take_in_blobs(*draft, md5s).await?;
        }
        Ok(())
    }

    async fn permit_uploads(
        &self,
        caller: &Caller,
        files: Vec<(ArtifactId, [u8; 16], Route)>,
    ) -> Result<Vec<Leave>, Error> {
        let (caller, licence, leave_secs) = (*caller, self.licence(), self.write_url_secs());
        let permitted = self.db.write(move |tx| {
            let mut drafts = HashMap::new();
            let mut leave = Vec::with_capacity(files.len());
            for (id, md5, route) in &files {
                if !drafts.contains_key(id) {
                    let draft = existing_draft_of(tx, &caller, *id, &licence)?;
                    let read = caller.may(Action::ArtifactRead, draft.project(Clone::clone).again(), &licence)?;
                    drafts.insert(*id, (draft, Arc::new(read)));
                }
                let (draft, read) = &drafts[id];
                let to_send = match blob::use_existing(tx, draft, *md5)? {
                    true => ToSend::Nothing,
                    false => {
                        let (upload, permitted) = blob::permit_upload(tx, draft, *md5, *route, leave_secs)?;
                        ToSend::New(upload, permitted.object)
                    }
                };
                leave.push((Arc::clone(read), to_send));
            }
            Ok::<_, Error>(leave)
        });
        permitted.await
    }

    async fn upload_of(
        &self,
        caller: &Caller,
        stores: &DirectStores,
        file: NewFile,
        md5: [u8; 16],
        (draft, to_send): Leave,
    ) -> Result<FileUpload, Error> {
        let route = route_of(stores, &file);
        let NewFile { artifact, path, md5: text, parts } = file;
        let answer = |url, parts| FileUpload { draft, path, md5: text, url, parts };
        let ToSend::New(id, object) = to_send else { return Ok(answer(None, None)) };
        let Some(store) = stores.get(&artifact) else {
            let token = self.token_for(caller, Grant::PutBlob(id), self.write_url_secs());
            return Ok(answer(Some(TransferUrl::Token(token)), None));
        };
        if route == Route::Parts {
            let leave = self.begin_parts(store, id, object, &parts).await?;
            // Clients take a file without a URL for one that is there.
            let first =
                leave.urls.first().map(|url| TransferUrl::Signed(SignedUrl { url: url.clone(), headers: Vec::new() }));
            return Ok(answer(first, Some(leave)));
        }
        let url = self.send_url(store, StoredObject::Blob(object), Some(md5)).await?;
        Ok(answer(Some(url), None))
    }

    /// Makes a manifest of a draft, and says where its file is sent.
    pub async fn create_artifact_manifest(
        &self,
        caller: &Caller,
        input: CreateManifest,
    ) -> Result<ManifestUpload, Error> {
        if input.name.len() > MANIFEST_NAME_BYTES_MAX {
            return Err(Error::invalid("name", &"the name of a manifest has at most 1024 bytes"));
        }
        let md5 = check_manifest_md5(&input.md5)?;
        let (caller, licence, name) = (*caller, self.licence(), input.name.clone());
        let created = self.db.write(move |tx| {
            let found = existing_draft_of(tx, &caller, input.artifact, &licence)?;
            if manifest::count(tx, found.id)? >= manifest::MANIFESTS_MAX {
                let most = manifest::MANIFESTS_MAX;
                return Err(Error::TooLarge(format!("an artifact has at most {most} manifests")));
            }
            set_base(tx, &found, input.kind, input.base)?;
            let owner = found.within.at.entity.id;
            let new = Manifest {
                artifact: found.id,
                owner,
                kind: input.kind,
                name: input.name.clone(),
                md5,
                contents: None,
                coming: None,
            };
            let id = manifest::create(tx, &found, &new)?;
            Ok::<_, Error>((found, id))
        });
        let (found, id) = created.await?;
        Ok(ManifestUpload { id, name, md5, url: self.manifest_upload_url(&caller, &found, id, md5).await? })
    }

    /// Says anew what a manifest's file is going to be.
    pub async fn update_artifact_manifest(
        &self,
        caller: &Caller,
        id: ManifestId,
        md5: Option<String>,
        base: Option<ArtifactId>,
    ) -> Result<ManifestUpload, Error> {
        let md5 = md5.as_deref().map(check_manifest_md5).transpose()?;
        let (caller, licence) = (*caller, self.licence());
        let updated = self.db.write(move |tx| {
            let known = manifest::get(tx, id)?.ok_or_else(|| gone("manifest"))?;
            let found = existing_draft_of(tx, &caller, known.artifact, &licence).map_err(|error| match error {
                Error::NotFound(_) => gone("manifest"),
                other => other,
            })?;
            set_base(tx, &found, known.kind, base)?;
            let changed = Manifest { md5: md5.unwrap_or(known.md5), ..known };
            manifest::update(tx, &found, id, &changed)?;
            Ok::<_, Error>((found, changed))
        });
        let (found, Manifest { name, md5, .. }) = updated.await?;
        Ok(ManifestUpload { id, name, md5, url: self.manifest_upload_url(&caller, &found, id, md5).await? })
    }

    /// A bucket is only given what it can be held to, so a manifest whose MD5 is not said comes through the server.
    async fn manifest_upload_url(
        &self,
        caller: &Caller,
        draft: &Allowed<FoundArtifact>,
        id: ManifestId,
        md5: Option<[u8; 16]>,
    ) -> Result<TransferUrl, Error> {
        if let Some(md5) = md5
            && let Some(store) = self.direct_store_of(draft.within.at.entity.id)?
            && let Some(url) = self.send_manifest(draft, &store, id, md5).await?
        {
            return Ok(url);
        }
        Ok(TransferUrl::Token(self.token_for(caller, Grant::PutManifest(id), self.write_url_secs())))
    }

    /// Takes the bytes of a blob. When this returns they are there, and the draft uses them.
    pub(in crate::app) async fn receive_blob<S, E>(
        &self,
        caller: &Caller,
        id: BlobUploadId,
        declared_bytes: Option<u64>,
        body: S,
    ) -> Result<[u8; 16], Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        let licence = self.licence();
        let permitted = self.db.look_up(|tx| {
            let permitted = blob::upload(tx, id)?.ok_or_else(too_late)?;
            still_fillable(tx, caller, permitted.artifact, &licence)?;
            let is_at_home = garbage::is_at_home(tx, &permitted.ticket)?;
            Ok::<_, Error>((permitted, is_at_home))
        })?;
        let (permitted, is_at_home) = permitted;
        if !is_at_home {
            // Leave was given before the team got another store.
            let ticket = permitted.ticket;
            self.db.write(move |tx| Ok::<_, Error>(garbage::bring_home(tx, &ticket)?)).await?;
        }
        let BlobUpload { owner, object, md5, state, .. } = permitted;
        let expected = Expected { md5: Some(md5), ..self.expected(declared_bytes, self.settings.upload_bytes) };
        if state == UploadState::Done {
            upload::read_to_end(body, &expected).await?;
            return Ok(md5);
        }
        let received = receive(&self.store_of(owner)?, &ObjectKey::blob(object), body, &expected).await?;
        let size_bytes = received.size_bytes;
        let arrived = self.db.write(move |tx| blob::arrived(tx, id, &permitted, size_bytes).map_err(Error::from));
        match arrived.await? {
            Arrival::Kept => Ok(md5),
            Arrival::TooLate => Err(too_late()),
        }
    }

    /// Takes the bytes of a manifest. What is in them is looked at by the commit.
    pub(in crate::app) async fn receive_manifest<S, E>(
        &self,
        caller: &Caller,
        id: ManifestId,
        declared_bytes: Option<u64>,
        body: S,
    ) -> Result<[u8; 16], Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        let (caller, licence) = (*caller, self.licence());
        let started = self.db.write(move |tx| {
            let known = manifest::get(tx, id)?.ok_or_else(too_late)?;
            still_fillable(tx, &caller, known.artifact, &licence)?;
            let object = tx.new_id::<ObjectId>()?;
            let ticket = garbage::announce(tx, known.owner, StoredObject::Manifest(object))?;
            Ok::<_, Error>((known, object, ticket))
        });
        let (known, object, ticket) = started.await?;
        let most = self.settings.manifest_bytes as u64;
        let expected = Expected { md5: known.md5, ..self.expected(declared_bytes, Some(most)) };
        let already = known.contents.and_then(|contents| contents.md5).filter(|md5| known.md5 == Some(*md5));
        if let Some(md5) = already {
            upload::read_to_end(body, &expected).await?;
            return Ok(md5);
        }
        let key = ObjectKey::manifest(object);
        let received = receive(&self.store_of(known.owner)?, &key, body, &expected).await?;
        let (size_bytes, md5, owner) = (received.size_bytes, received.md5, known.owner);
        let arrived = self.db.write(move |tx| {
            let contents = FileContents { object, owner, size_bytes, md5: Some(md5), uploaded_at: tx.now() };
            Ok::<_, Error>(manifest::arrived(tx, id, &contents, &ticket)?)
        });
        if arrived.await? { Ok(md5) } else { Err(too_late()) }
    }

    pub(in crate::app) fn expected(&self, declared_bytes: Option<u64>, max_bytes: Option<u64>) -> Expected {
        Expected { declared_bytes, max_bytes, idle_timeout: self.settings.upload_idle, md5: None }
    }
}

/// What was permitted when the token was made has to be allowed still.
pub(in crate::app) fn still_fillable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<(), Error> {
    match fillable(tx, caller, id, licence) {
        Err(Error::NotFound(_)) => Err(too_late()),
        other => other.map(drop),
    }
}

/// A draft whose manifest only says what differs remembers from what.
fn set_base(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundArtifact>,
    kind: ManifestKind,
    base: Option<ArtifactId>,
) -> Result<(), Error> {
    let is_partial = kind == ManifestKind::Incremental;
    let Some(base) = base.filter(|base| is_partial && found.artifact.base != Some(*base)) else { return Ok(()) };
    let is_sibling = is_version_of(tx, found, base)?;
    if !is_sibling {
        let name = &found.within.collection.name;
        let why = format!("the base is no version of artifact `{name}`; leave it out to build on the latest one");
        return Err(Error::invalid("baseArtifactID", &why));
    }
    draft::update(tx, found, &Artifact { base: Some(base), ..found.artifact.clone() })?;
    Ok(())
}

fn is_version_of(tx: &impl Read, found: &Allowed<FoundArtifact>, base: ArtifactId) -> Result<bool, Error> {
    let within = found.project(|found| found.within.clone());
    within.must_be(Action::ArtifactCreate);
    Ok(draft::within(tx, &within, base)?.is_some_and(|base| base.artifact.version.is_some()))
}

/// How the content of a file comes.
fn route_of(stores: &DirectStores, file: &NewFile) -> Route {
    match stores.get(&file.artifact) {
        None => Route::Proxy,
        Some(store) if !file.parts.is_empty() && store.urls().signs_parts() => Route::Parts,
        Some(store) => store.route(),
    }
}

fn check_file(file: &NewFile) -> Result<[u8; 16], Error> {
    let name = || file.path.chars().take(100).collect::<String>();
    FilePath::parse(&file.path).map_err(|why| Error::invalid("artifactFiles", &format!("`{}`: {why}", name())))?;
    if file.parts.len() > PARTS_MAX {
        let why = format!("`{}`: a file has at most {PARTS_MAX} parts", name());
        return Err(Error::invalid("uploadPartsInput", &why));
    }
    parse_md5(&file.md5).ok_or_else(|| {
        let why = format!("`{}`: `md5` has to be 16 bytes in base64", name());
        Error::invalid("artifactFiles", &why)
    })
}

fn check_manifest_md5(text: &str) -> Result<Option<[u8; 16]>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let md5 = parse_md5(text);
    md5.map(Some).ok_or_else(|| Error::invalid("digest", &"the digest of a manifest is an MD5: 16 bytes in base64"))
}

pub(super) fn parse_md5(base64: &str) -> Option<[u8; 16]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

/// Whoever sends cannot do more than begin anew.
pub(in crate::app) fn too_late() -> Error {
    Error::NotFound("the artifact was deleted, or its upload took too long; log it again".into())
}
