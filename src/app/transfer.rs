//! Bytes behind signed tokens. A token says who asked for it, and is worth what they may do now: it dies with the key,
//! the session or the place in the team that it was asked for with, and in any case when it expires. Those are a few look-ups.

use super::existing::existing;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence, Principal, Refusal};
use crate::db::repo::api_key::{self, KeyUse};
use crate::db::repo::artifact::{self, FoundArtifact, blob, manifest};
use crate::db::repo::garbage::Ticket;
use crate::db::repo::{file, garbage, run, session, stream};
use crate::db::tx::Read;
use crate::domain::file::{FileContents, FilePath};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, EntityId, FileId, ManifestId, ObjectId, RunId, SegmentId};
use crate::storage::ObjectKey;
pub use crate::storage::download::Wants;
use crate::storage::download::{ByteStream, Download};
use crate::storage::range::RangeRequest;
use crate::storage::sign::{Bearer, Claim, Grant};
use crate::storage::upload::{Received, receive};
use bytes::Bytes;
use futures_util::Stream;
use std::fmt::Display;

pub(super) const PARQUET: &str = "application/vnd.apache.parquet";

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
        let (grant, caller) = self.opened_by(token)?;
        let id = match grant {
            Grant::PutFile(id) => id,
            Grant::PutBlob(id) => return self.receive_blob(&caller, id, declared_bytes, body).await,
            Grant::PutManifest(id) => return self.receive_manifest(&caller, id, declared_bytes, body).await,
            Grant::GetObject(_) | Grant::GetSegment(..) | Grant::GetBlob(..) | Grant::GetManifest(_) => {
                return Err(Error::BadUrl("it is not for sending".into()));
            }
        };
        let licence = self.licence();
        let started = self.db.write(move |tx| {
            let found = file::run_of(tx, &caller, id)?;
            let owner = existing(&caller, Action::RunLog, found, &licence, gone)?.at.entity.id;
            let object = tx.new_id::<ObjectId>()?;
            let ticket = garbage::announce(tx, owner, StoredObject::RunFile(object))?;
            Ok::<_, Error>((owner, object, ticket))
        });
        let (owner, object, ticket) = started.await?;
        let key = ObjectKey::run_file(object);
        let expected = self.expected(declared_bytes, self.settings.upload_bytes);
        let received = receive(&self.store_of(owner)?, &key, body, &expected).await?;
        if wanted_md5.is_some_and(|wanted| wanted != received.md5) {
            let why = "the bytes that arrived have another MD5 than declared; send them again";
            return Err(Error::Interrupted(why.into()));
        }
        self.list_contents(caller, id, (owner, object), received, ticket).await?;
        Ok(received.md5)
    }

    async fn list_contents(
        &self,
        caller: Caller,
        id: FileId,
        (owner, object): (EntityId, ObjectId),
        received: Received,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let (size_bytes, md5) = (received.size_bytes, Some(received.md5));
        let licence = self.licence();
        let stored = self.db.write(move |tx| {
            let found = existing(&caller, Action::RunLog, file::run_of(tx, &caller, id)?, &licence, gone)?;
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
    pub async fn open_download(&self, token: &str, wants: Wants) -> Result<FileDownload, Error> {
        let (grant, caller) = self.opened_by(token)?;
        match grant {
            Grant::GetObject(object) => self.open_file(caller, object, wants).await,
            Grant::GetSegment(segment, run) => self.open_segment(caller, segment, run, wants).await,
            Grant::GetBlob(object, artifact) => self.open_blob(&caller, object, artifact, wants).await,
            Grant::GetManifest(id) => self.open_manifest(&caller, id, wants).await,
            Grant::PutFile(_) | Grant::PutBlob(_) | Grant::PutManifest(_) => {
                Err(Error::BadUrl("it is not for fetching".into()))
            }
        }
    }

    async fn open_file(&self, caller: Caller, object: ObjectId, wants: Wants) -> Result<FileDownload, Error> {
        let licence = self.licence();
        let found = self.db.read(move |tx| {
            let (file, run) = file::by_object(tx, &caller, object)?.ok_or_else(gone)?;
            existing(&caller, Action::RunRead, Some(run), &licence, gone)?;
            Ok::<_, Error>(file.contents.map(|contents| (file.path, contents.owner)))
        });
        let (path, owner) = found.await?.ok_or_else(gone)?;
        let content_type = content_type_of(&path);
        let bytes = Download::open_for(&self.store_of(owner)?, &ObjectKey::run_file(object), wants).await?;
        Ok(FileDownload { content_type, bytes })
    }

    /// Looked up where the request is: artifacts have thousands of small files.
    async fn open_blob(
        &self,
        caller: &Caller,
        object: ObjectId,
        artifact: ArtifactId,
        wants: Wants,
    ) -> Result<FileDownload, Error> {
        let licence = self.licence();
        let blob = self.db.look_up(|tx| {
            let found = through_any_place(tx, caller, artifact, Action::ArtifactDownload, &licence)?;
            let blob = blob::get(tx, object)?.ok_or_else(gone)?;
            if blob::is_used_by(tx, &found, object)? { Ok(blob) } else { Err(gone()) }
        })?;
        let bytes = Download::open_for(&self.store_of(blob.owner)?, &ObjectKey::blob(object), wants).await?;
        Ok(FileDownload { content_type: "application/octet-stream".into(), bytes })
    }

    async fn open_manifest(&self, caller: &Caller, id: ManifestId, wants: Wants) -> Result<FileDownload, Error> {
        let licence = self.licence();
        let found = self.db.look_up(|tx| {
            let found = manifest::get(tx, id)?.ok_or_else(gone)?;
            through_any_place(tx, caller, found.artifact, Action::ArtifactRead, &licence)?;
            Ok::<_, Error>(found)
        })?;
        let contents = found.contents.ok_or_else(gone)?;
        let store = &self.store_of(found.owner)?;
        let bytes = Download::open_for(store, &ObjectKey::manifest(contents.object), wants).await?;
        Ok(FileDownload { content_type: "application/json".into(), bytes })
    }

    async fn open_segment(
        &self,
        caller: Caller,
        segment: SegmentId,
        run: RunId,
        wants: Wants,
    ) -> Result<FileDownload, Error> {
        let licence = self.licence();
        let owner = self.db.read(move |tx| {
            let found = existing(&caller, Action::RunRead, run::get(tx, &caller, run)?, &licence, gone)?;
            Ok::<_, Error>(stream::segment_owner(tx, &found, segment)?)
        });
        let store = &self.store_of(owner.await?.ok_or_else(gone)?)?;
        let bytes = Download::open_for(store, &ObjectKey::segment(segment), wants).await?;
        Ok(FileDownload { content_type: PARQUET.into(), bytes })
    }

    /// A token that gives the caller this, for so long.
    pub(super) fn token_for(&self, caller: &Caller, grant: Grant, secs: i64) -> String {
        let bearer = match (caller.key, caller.session, caller.principal) {
            (Some(key), _, _) => Bearer::Key(key.id),
            (None, Some(session), _) => Bearer::Session(session),
            (None, None, Principal::Operator | Principal::System) => Bearer::Operator,
            // Nobody comes in as a person by neither, so nothing that a person may do would end with anything.
            (None, None, Principal::Anonymous | Principal::User { .. }) => Bearer::Anonymous,
        };
        self.signer.sign(Claim { grant, bearer }, self.clock.now().plus_secs(secs))
    }

    /// What a token is for, and whoever asked for it, as they are now.
    fn opened_by(&self, token: &str) -> Result<(Grant, Caller), Error> {
        let now = self.clock.now();
        let Claim { grant, bearer } = self.signer.verify(token, now).map_err(|why| Error::BadUrl(why.to_string()))?;
        let found = match bearer {
            Bearer::Anonymous => Some(Caller::ANONYMOUS),
            Bearer::Operator => Some(Caller::OPERATOR),
            Bearer::Session(id) => {
                let found = self.db.look_up(|tx| session::caller_by(tx, id))?;
                let limits = self.session_limits();
                found.filter(|(session, _)| session.ends_at(limits) > now).map(|(_, caller)| caller)
            }
            Bearer::Key(id) => match self.db.look_up(|tx| api_key::use_of(tx, id, now))? {
                KeyUse::Good(_, caller) => Some(caller),
                KeyUse::Expired | KeyUse::Resting | KeyUse::Unknown => None,
            },
        };
        let dead = || Error::BadUrl("whoever asked for it lost the right to it; ask for a new one".into());
        let caller = found.ok_or_else(dead)?;
        Ok((grant, Caller { instance: self.instance_rules(), ..caller }))
    }
}

/// Guessed from the name.
pub(super) fn content_type_of(path: &FilePath) -> String {
    mime_guess::from_path(path.as_str()).first_or_octet_stream().to_string()
}

/// The artifact by any of its places that gives the right.
fn through_any_place(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    action: Action,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    let mut refused = gone();
    for place in artifact::places(tx, caller, id)? {
        match caller.may(action, place, licence) {
            Ok(found) => return Ok(found),
            Err(Refusal::Hidden) => {}
            Err(refusal) => refused = refusal.into(),
        }
    }
    Err(refused)
}

pub(super) fn gone() -> Error {
    Error::NotFound("the file was replaced or deleted; ask for its URL again".into())
}
