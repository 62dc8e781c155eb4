//! Content of artifacts that goes straight to a bucket. Nothing of it is used, and nothing de-duplicated by it, before
//! the bucket vouches for its MD5 or the server has read it.

use crate::app::{App, Error};
use crate::db::repo::artifact::blob::{self, Arrival};
use crate::domain::artifact::blob::{BlobUpload, Route, UploadState};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ArtifactId, BlobUploadId};
use crate::storage::download::Download;
use crate::storage::upload::{Expected, UploadError, receive};
use crate::storage::{self, ObjectKey, Store, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Content of one commit that is looked for at the same time.
const LOOKS_AT_ONCE: usize = 32;
/// Content of at most this size is read while the client waits, more of it in the background.
const READ_AT_ONCE_BYTES: u64 = 16 << 20;
/// MD5s looked up in one read.
const LOOKED_UP: usize = 10_000;

/// What is known of content that a draft has leave to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Checked {
    /// It is there, and the draft uses it.
    Done,
    Absent,
    /// Other content is there.
    Refused,
    /// Something is there, and has to be read first.
    ToBeRead,
}

/// The uploads of one MD5.
type Uploads = ([u8; 16], Vec<(BlobUploadId, BlobUpload)>);

impl App {
    /// Has the draft use what has come of these contents. Returns those of which something else has come.
    pub(in crate::app) async fn take_in_blobs(
        &self,
        draft: ArtifactId,
        md5s: Vec<[u8; 16]>,
    ) -> Result<Vec<[u8; 16]>, Error> {
        let uploads = self.direct_uploads(draft, md5s).await?;
        let (mut refused, mut to_be_read) = (Vec::new(), Vec::new());
        let looks = uploads.into_iter().map(|(md5, uploads)| async move {
            let mut outcome = (Checked::Absent, None);
            // What was sent last is what counts.
            for (id, upload) in uploads.iter().rev() {
                match self.check_blob(*id, upload).await? {
                    Checked::Absent => {}
                    checked => outcome = (checked, Some(*id)),
                }
                if matches!(outcome.0, Checked::Done | Checked::ToBeRead) {
                    break;
                }
            }
            Ok::<_, Error>((md5, outcome))
        });
        let mut looked = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        while let Some((md5, outcome)) = looked.try_next().await? {
            match outcome {
                (Checked::Refused, _) => refused.push(md5),
                (Checked::ToBeRead, Some(id)) => to_be_read.push((md5, id)),
                _ => {}
            }
        }
        drop(looked);
        if !to_be_read.is_empty() {
            self.wait_for_reads(to_be_read.iter().map(|(_, id)| *id).collect()).await?;
            for (md5, id) in to_be_read {
                let upload = self.db.look_up(|tx| blob::upload(tx, id))?;
                match upload.map(|upload| upload.state) {
                    Some(UploadState::Refused) => refused.push(md5),
                    Some(UploadState::Open) => {
                        return Err(Error::Later("the bucket cannot be read at the moment; ask again".into()));
                    }
                    Some(UploadState::Done) | None => {}
                }
            }
        }
        Ok(refused)
    }

    async fn direct_uploads(&self, draft: ArtifactId, md5s: Vec<[u8; 16]>) -> Result<Vec<Uploads>, Error> {
        let mut all = Vec::new();
        for portion in md5s.chunks(LOOKED_UP) {
            let portion = portion.to_vec();
            let found = self.db.read(move |tx| {
                let mut found = Vec::new();
                for md5 in portion {
                    let uploads = blob::direct_uploads(tx, draft, md5)?;
                    if !uploads.is_empty() {
                        found.push((md5, uploads));
                    }
                }
                Ok::<_, Error>(found)
            });
            all.extend(found.await?);
        }
        Ok(all)
    }

    /// Looks whether an upload has come, and takes it in if that takes no time.
    pub(super) async fn check_blob(&self, id: BlobUploadId, upload: &BlobUpload) -> Result<Checked, Error> {
        match upload.state {
            UploadState::Done => return Ok(Checked::Done),
            UploadState::Refused => return Ok(Checked::Refused),
            UploadState::Open => {}
        }
        if upload.route == Route::Parts {
            let parts = self.db.look_up(|tx| blob::parts(tx, id))?;
            if !parts.is_some_and(|parts| parts.is_complete) {
                return Ok(Checked::Absent);
            }
        }
        let store = self.store_of(upload.owner)?;
        let facts = match store.head(&ObjectKey::blob(upload.object)).await {
            Ok(facts) => facts,
            Err(StoreError::NotFound) => return Ok(Checked::Absent),
            Err(error) => return Err(error.into()),
        };
        if self.settings.upload_bytes.is_some_and(|max| facts.size_bytes > max) {
            return self.refuse_blob(id).await;
        }
        if upload.route == Route::Bound && facts.md5 == Some(upload.md5) {
            return self.use_blob(id, upload, facts.size_bytes).await;
        }
        if facts.size_bytes > READ_AT_ONCE_BYTES {
            return Ok(Checked::ToBeRead);
        }
        self.read_back(id, upload).await
    }

    /// Reads what has come, and takes it in if it is what was said.
    pub(super) async fn read_back(&self, id: BlobUploadId, upload: &BlobUpload) -> Result<Checked, Error> {
        let store = self.store_of(upload.owner)?;
        if upload.route == Route::Loose {
            return self.take_over(&store, id, upload).await;
        }
        match storage::digest(&store, &ObjectKey::blob(upload.object)).await {
            Ok((size_bytes, md5)) if md5 == upload.md5 => self.use_blob(id, upload, size_bytes).await,
            Ok(_) => self.refuse_blob(id).await,
            Err(StoreError::NotFound) => Ok(Checked::Absent),
            Err(error) => Err(error.into()),
        }
    }

    /// Copies what has come where its client can write into an object where none can.
    async fn take_over(&self, store: &Store, id: BlobUploadId, upload: &BlobUpload) -> Result<Checked, Error> {
        let promised = upload.clone();
        let announced = self.db.write(move |tx| blob::announce_taken(tx, &promised).map_err(Error::from));
        let taken = announced.await?;
        let (from, to) = (StoredObject::Blob(upload.object), StoredObject::Blob(taken.object));
        match copy_checked(store, from, to, upload.md5).await? {
            Some(size_bytes) => self.use_blob(id, &taken, size_bytes).await,
            None => self.refuse_blob(id).await,
        }
    }

    async fn use_blob(&self, id: BlobUploadId, upload: &BlobUpload, size_bytes: u64) -> Result<Checked, Error> {
        let upload = upload.clone();
        let arrived = self.db.write(move |tx| blob::arrived(tx, id, &upload, size_bytes).map_err(Error::from));
        match arrived.await? {
            Arrival::Kept => Ok(Checked::Done),
            Arrival::TooLate => Ok(Checked::Absent),
        }
    }

    async fn refuse_blob(&self, id: BlobUploadId) -> Result<Checked, Error> {
        self.db.write(move |tx| blob::refuse(tx, id).map_err(Error::from)).await?;
        Ok(Checked::Refused)
    }
}

/// Copies an object that may change while it is read; the copy has this MD5, or there is none. Says its size.
pub(super) async fn copy_checked(
    store: &Store,
    from: StoredObject,
    to: StoredObject,
    md5: [u8; 16],
) -> Result<Option<u64>, Error> {
    let download = Download::open(store, &ObjectKey::of_object(from)).await?;
    let size_bytes = download.size_bytes();
    let expected = Expected { declared_bytes: Some(size_bytes), md5: Some(md5), ..Expected::default() };
    match receive(store, &ObjectKey::of_object(to), download.into_stream(0..size_bytes), &expected).await {
        Ok(received) => Ok(Some(received.size_bytes)),
        Err(UploadError::OtherContent) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
