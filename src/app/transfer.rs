//! Bytes behind signed tokens. Permission was asked for when the token was made; whoever holds one may use it until it
//! expires, so everything here acts as the system.

use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence, Unchecked};
use crate::db::repo::artifact::{blob, manifest};
use crate::db::repo::garbage::Ticket;
use crate::db::repo::run::FoundRun;
use crate::db::repo::{file, garbage, stream};
use crate::domain::file::FileContents;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{EntityId, FileId, ManifestId, ObjectId, SegmentId};
use crate::storage::ObjectKey;
use crate::storage::download::{ByteStream, Download};
use crate::storage::range::RangeRequest;
use crate::storage::sign::Grant;
use crate::storage::upload::{Received, receive};
use bytes::Bytes;
use futures_util::Stream;
use std::fmt::Display;

/// Stored bytes that a token leads to.
pub struct FileDownload {
    pub content_type: String,
    bytes: Download,
}

/// What of them to answer with.
pub struct Part {
    pub bytes: ByteStream,
    pub length: u64,
    /// The `Content-Range` header; with it the answer is not the whole.
    pub content_range: Option<String>,
    /// `false`: the range lies behind the end.
    pub is_satisfiable: bool,
}

impl FileDownload {
    pub(super) fn of(content_type: String, bytes: Download) -> Self {
        Self { content_type, bytes }
    }

    /// The part that a `Range` header asks for.
    pub fn part(self, range: Option<&str>) -> Part {
        let size_bytes = self.bytes.size_bytes();
        let request = RangeRequest::parse(range, size_bytes);
        let range = request.bytes(size_bytes);
        Part {
            length: range.end - range.start,
            content_range: request.content_range(size_bytes),
            is_satisfiable: request != RangeRequest::Unsatisfiable,
            bytes: self.bytes.into_stream(range),
        }
    }
}

impl App {
    /// Takes the bytes of a file and returns their MD5. The file is listed with them when this returns, and is as it was
    /// before when it fails.
    pub async fn receive_file<S, E>(
        &self,
        token: &str,
        declared_bytes: Option<u64>,
        wanted_md5: Option<Vec<u8>>,
        body: S,
    ) -> Result<[u8; 16], Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Display,
    {
        let id = match self.verify(token)? {
            Grant::PutFile(id) => id,
            Grant::PutBlob(id) => return self.receive_blob(id, declared_bytes, body).await,
            Grant::PutManifest(id) => return self.receive_manifest(id, declared_bytes, body).await,
            Grant::GetObject(_) | Grant::GetSegment(_) | Grant::GetBlob(_) | Grant::GetManifest(_) => {
                return Err(Error::BadUrl("it is not for sending".into()));
            }
        };
        let started = self.db.write(move |tx| {
            let Some(found) = file::run_of(tx, &Caller::SYSTEM, id)? else { return Ok(None) };
            let owner = as_system(Action::RunLog, found)?.at.entity.id;
            let object = tx.new_id::<ObjectId>()?;
            let ticket = garbage::announce(tx, owner, StoredObject::RunFile(object))?;
            Ok::<_, Error>(Some((owner, object, ticket)))
        });
        let (owner, object, ticket) = started.await?.ok_or_else(gone)?;
        let key = ObjectKey::run_file(object);
        let expected = self.expected(declared_bytes, self.settings.upload_bytes);
        let received = receive(self.stores.for_entity(owner), &key, body, &expected).await?;
        if wanted_md5.is_some_and(|wanted| wanted != received.md5) {
            let why = "the bytes that arrived have another MD5 than declared; send them again";
            return Err(Error::Interrupted(why.into()));
        }
        self.list_contents(id, (owner, object), received, ticket).await?;
        Ok(received.md5)
    }

    async fn list_contents(
        &self,
        id: FileId,
        (owner, object): (EntityId, ObjectId),
        received: Received,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let (size_bytes, md5) = (received.size_bytes, received.md5);
        let stored = self.db.write(move |tx| {
            let Some(found) = file::run_of(tx, &Caller::SYSTEM, id)? else { return Ok(false) };
            let found = as_system(Action::RunLog, found)?;
            let contents = FileContents { object, owner, size_bytes, md5, uploaded_at: tx.now() };
            let Some(replaced) = file::set_contents(tx, &found, id, contents)? else { return Ok(false) };
            if let Some(replaced) = replaced {
                garbage::discard(tx, replaced.owner, StoredObject::RunFile(replaced.object))?;
            }
            Ok::<_, Error>(garbage::keep(tx, &ticket)?)
        });
        if stored.await? { Ok(()) } else { Err(gone()) }
    }

    /// Opens what a token leads to.
    pub async fn open_download(&self, token: &str) -> Result<FileDownload, Error> {
        match self.verify(token)? {
            Grant::GetObject(object) => self.open_file(object).await,
            Grant::GetSegment(segment) => self.open_segment(segment).await,
            Grant::GetBlob(object) => self.open_blob(object).await,
            Grant::GetManifest(id) => self.open_manifest(id).await,
            Grant::PutFile(_) | Grant::PutBlob(_) | Grant::PutManifest(_) => {
                Err(Error::BadUrl("it is not for fetching".into()))
            }
        }
    }

    async fn open_file(&self, object: ObjectId) -> Result<FileDownload, Error> {
        let found = self.db.read(move |tx| {
            let Some((file, found)) = file::by_object(tx, &Caller::SYSTEM, object)? else { return Ok(None) };
            as_system(Action::RunRead, found)?;
            Ok::<_, Error>(file.contents.map(|contents| (file.path, contents.owner)))
        });
        let (path, owner) = found.await?.ok_or_else(gone)?;
        let content_type = mime_guess::from_path(path.as_str()).first_or_octet_stream().to_string();
        let bytes = Download::open(self.stores.for_entity(owner), &ObjectKey::run_file(object)).await?;
        Ok(FileDownload { content_type, bytes })
    }

    /// One key is looked up where the request is: artifacts have thousands of small files.
    async fn open_blob(&self, object: ObjectId) -> Result<FileDownload, Error> {
        let blob = self.db.look_up(|tx| blob::get(tx, object))?.ok_or_else(gone)?;
        let bytes = Download::open(self.stores.for_entity(blob.owner), &ObjectKey::blob(object)).await?;
        Ok(FileDownload { content_type: "application/octet-stream".into(), bytes })
    }

    async fn open_manifest(&self, id: ManifestId) -> Result<FileDownload, Error> {
        let found = self.db.look_up(|tx| manifest::get(tx, id))?.ok_or_else(gone)?;
        let contents = found.contents.ok_or_else(gone)?;
        let store = self.stores.for_entity(found.owner);
        let bytes = Download::open(store, &ObjectKey::manifest(contents.object)).await?;
        Ok(FileDownload { content_type: "application/json".into(), bytes })
    }

    async fn open_segment(&self, segment: SegmentId) -> Result<FileDownload, Error> {
        let owner = self.db.read(move |tx| stream::segment_owner(tx, segment).map_err(Error::from)).await?;
        let store = self.stores.for_entity(owner.ok_or_else(gone)?);
        let bytes = Download::open(store, &ObjectKey::segment(segment)).await?;
        Ok(FileDownload { content_type: "application/vnd.apache.parquet".into(), bytes })
    }

    fn verify(&self, token: &str) -> Result<Grant, Error> {
        self.signer.verify(token, self.clock.now()).map_err(|why| Error::BadUrl(why.to_string()))
    }
}

fn as_system(action: Action, found: Unchecked<FoundRun>) -> Result<Allowed<FoundRun>, Error> {
    Ok(Caller::SYSTEM.may(action, found, &Licence::none())?)
}

fn gone() -> Error {
    Error::NotFound("the file was replaced or deleted; ask for its URL again".into())
}
