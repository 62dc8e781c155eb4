//! The bytes of a draft: which content is there already, leave to send the rest, manifests, and taking in what comes.

use super::draft::{existing_draft_of, fillable};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::gone;
use crate::app::{App, Error};
use crate::db::repo::artifact::blob::{self, Arrival};
use crate::db::repo::artifact::{FoundArtifact, draft, manifest};
use crate::db::repo::garbage;
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::Artifact;
use crate::domain::artifact::blob::BlobUpload;
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
use futures_util::Stream;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

/// As many files as a client may name in one request.
const FILES_PER_REQUEST: usize = 10_000;
/// As many of them in one transaction: others wait behind it.
const FILES_AT_A_TIME: usize = 1_000;
const MANIFEST_NAME_BYTES_MAX: usize = 1024;

/// A file that a draft is to have.
#[derive(Debug, Clone)]
pub struct NewFile {
    pub artifact: ArtifactId,
    pub path: String,
    /// In base64, as the client sends it.
    pub md5: String,
}

/// What is to be done for one of them.
#[derive(Debug, Clone)]
pub struct FileUpload {
    /// The draft, for reading.
    pub draft: Arc<Allowed<FoundArtifact>>,
    pub path: String,
    pub md5: String,
    /// Without it the content is there already.
    pub token: Option<String>,
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

/// A manifest record, and the token with which its file is sent.
#[derive(Debug, Clone)]
pub struct ManifestUpload {
    pub id: ManifestId,
    pub name: String,
    pub md5: Option<[u8; 16]>,
    pub token: String,
}

/// The draft, and the upload that it permits if there is something to send.
type Leave = (Arc<Allowed<FoundArtifact>>, Option<BlobUploadId>);

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
        let mut leave = Vec::with_capacity(files.len());
        for portion in checked.chunks(FILES_AT_A_TIME) {
            leave.extend(self.permit_uploads(caller, portion.to_vec()).await?);
        }
        let sign = |id| self.token_for(caller, Grant::PutBlob(id), self.write_url_secs());
        let upload = |(file, (draft, id)): (NewFile, Leave)| FileUpload {
            draft,
            path: file.path,
            md5: file.md5,
            token: id.map(sign),
        };
        Ok(files.into_iter().zip(leave).map(upload).collect())
    }

    async fn permit_uploads(&self, caller: &Caller, files: Vec<(ArtifactId, [u8; 16])>) -> Result<Vec<Leave>, Error> {
        let (caller, licence, leave_secs) = (*caller, self.licence(), self.write_url_secs());
        let permitted = self.db.write(move |tx| {
            let mut drafts = HashMap::new();
            let mut leave = Vec::with_capacity(files.len());
            for (id, md5) in &files {
                if !drafts.contains_key(id) {
                    let draft = existing_draft_of(tx, &caller, *id, &licence)?;
                    let read = caller.may(Action::ArtifactRead, draft.project(Clone::clone).again(), &licence)?;
                    drafts.insert(*id, (draft, Arc::new(read)));
                }
                let (draft, read) = &drafts[id];
                let upload = match blob::use_existing(tx, draft, *md5)? {
                    true => None,
                    false => Some(blob::permit_upload(tx, draft, *md5, leave_secs)?.0),
                };
                leave.push((Arc::clone(read), upload));
            }
            Ok::<_, Error>(leave)
        });
        permitted.await
    }

    /// Makes a manifest of a draft, whose file is sent with the token.
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
            let new =
                Manifest { artifact: found.id, owner, kind: input.kind, name: input.name.clone(), md5, contents: None };
            Ok::<_, Error>(manifest::create(tx, &found, &new)?)
        });
        let id = created.await?;
        Ok(ManifestUpload { id, name, md5, token: self.manifest_upload_token(&caller, id) })
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
            Ok::<_, Error>(changed)
        });
        let changed = updated.await?;
        Ok(ManifestUpload { id, name: changed.name, md5: changed.md5, token: self.manifest_upload_token(&caller, id) })
    }

    fn manifest_upload_token(&self, caller: &Caller, id: ManifestId) -> String {
        self.token_for(caller, Grant::PutManifest(id), self.write_url_secs())
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
            Ok::<_, Error>(permitted)
        })?;
        let BlobUpload { owner, object, md5, is_done, .. } = permitted;
        let expected = Expected { md5: Some(md5), ..self.expected(declared_bytes, self.settings.upload_bytes) };
        if is_done {
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
        let already = known.contents.filter(|contents| known.md5 == Some(contents.md5));
        if let Some(contents) = already {
            upload::read_to_end(body, &expected).await?;
            return Ok(contents.md5);
        }
        let key = ObjectKey::manifest(object);
        let received = receive(&self.store_of(known.owner)?, &key, body, &expected).await?;
        let (size_bytes, md5, owner) = (received.size_bytes, received.md5, known.owner);
        let arrived = self.db.write(move |tx| {
            let contents = FileContents { object, owner, size_bytes, md5, uploaded_at: tx.now() };
            Ok::<_, Error>(manifest::arrived(tx, id, &contents, &ticket)?)
        });
        if arrived.await? { Ok(md5) } else { Err(too_late()) }
    }

    pub(in crate::app) fn expected(&self, declared_bytes: Option<u64>, max_bytes: Option<u64>) -> Expected {
        Expected { declared_bytes, max_bytes, idle_timeout: self.settings.upload_idle, md5: None }
    }
}

/// What was permitted when the token was made has to be allowed still.
fn still_fillable(tx: &impl Read, caller: &Caller, id: ArtifactId, licence: &Licence) -> Result<(), Error> {
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

fn check_file(file: &NewFile) -> Result<[u8; 16], Error> {
    let name = || file.path.chars().take(100).collect::<String>();
    FilePath::parse(&file.path).map_err(|why| Error::invalid("artifactFiles", &format!("`{}`: {why}", name())))?;
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

/// The bearer of the token cannot do more than begin anew.
fn too_late() -> Error {
    Error::NotFound("the artifact was deleted, or its upload took too long; log it again".into())
}
