//! Content that comes in parts, because it is too large for one request. The bucket checks the MD5 of each part, which
//! says nothing of the whole: that is read once the parts are put together.

use super::{DirectStore, SIGNED_AT_ONCE, make_way};
use crate::access::Caller;
use crate::app::artifact::upload::{still_fillable, too_late};
use crate::app::{App, Error};
use crate::db::repo::artifact::blob::{self, Begun};
use crate::domain::artifact::blob::{PartsUpload, UploadState};
use crate::domain::id::{ArtifactId, BlobUploadId, ObjectId};
use crate::storage::{ObjectKey, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// As many as buckets take.
pub(in crate::app) const PARTS_MAX: usize = 10_000;
const ETAG_CHARS_MAX: usize = 128;

/// Leave to send content in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartsLeave {
    /// The client's word for it.
    pub upload: BlobUploadId,
    /// In the order of the parts, which are numbered from 1.
    pub urls: Vec<String>,
}

impl App {
    /// Begins an upload in parts of these MD5s.
    pub(in crate::app) async fn begin_parts(
        &self,
        store: &DirectStore,
        id: BlobUploadId,
        object: ObjectId,
        parts: &[[u8; 16]],
    ) -> Result<PartsLeave, Error> {
        let (key, urls) = (ObjectKey::blob(object), store.urls());
        self.check_at_home(store)?;
        let bucket_id = urls.begin_parts(&key).await?;
        let leave_secs = self.write_url_secs();
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let begun = Begun { store: store.id, bucket_id: bucket_id.clone(), count };
        let noted = self.db.write(move |tx| blob::parts_begun(tx, id, &begun, leave_secs).map_err(Error::from));
        if !noted.await? {
            urls.abort_parts(&key, &bucket_id).await?;
            return Err(too_late());
        }
        let secs = leave_secs.cast_unsigned();
        let sign = |(number, md5): (u32, &[u8; 16])| {
            let (key, bucket_id, md5) = (&key, &bucket_id, *md5);
            async move {
                make_way().await;
                urls.part_url(key, bucket_id, number, md5, secs).await
            }
        };
        let signed = stream::iter((1..).zip(parts).map(sign)).buffered(SIGNED_AT_ONCE);
        let urls = signed.map_ok(|signed| signed.url).try_collect().await?;
        Ok(PartsLeave { upload: id, urls })
    }

    /// Puts the parts together that a client has sent: their numbers, and what the bucket answered to each. Returns the
    /// MD5 that the whole is to have; the commit waits until it was read.
    pub async fn complete_parts(
        &self,
        caller: &Caller,
        artifact: ArtifactId,
        id: BlobUploadId,
        sent: Vec<(u32, String)>,
    ) -> Result<[u8; 16], Error> {
        let licence = self.licence();
        let (upload, parts) = self.db.look_up(|tx| {
            let upload = blob::upload(tx, id)?.filter(|upload| upload.artifact == artifact).ok_or_else(too_late)?;
            still_fillable(tx, caller, artifact, &licence)?;
            Ok::<_, Error>((upload, blob::parts(tx, id)?))
        })?;
        if upload.state == UploadState::Done {
            return Ok(upload.md5);
        }
        let parts = parts.ok_or_else(too_late)?;
        let etags = etags(&parts, sent)?;
        if !parts.is_complete {
            self.put_together(&parts, etags).await?;
            self.db.write(move |tx| blob::parts_complete(tx, id).map_err(Error::from)).await?;
        }
        self.arrivals.ask(id);
        Ok(upload.md5)
    }

    async fn put_together(&self, parts: &PartsUpload, etags: Vec<String>) -> Result<(), Error> {
        let store = self.store_named(parts.store)?;
        let urls = store.direct().ok_or_else(too_late)?;
        let key = ObjectKey::blob(parts.object);
        match urls.complete_parts(&key, &parts.bucket_id, etags).await {
            // It was done before, and the answer got lost.
            Err(StoreError::NotFound) => match store.head(&key).await {
                Err(StoreError::NotFound) => Err(too_late()),
                found => Ok(found.map(drop)?),
            },
            done => Ok(done?),
        }
    }

    /// Gives up parts that are not put together.
    pub(in crate::app) async fn give_up_parts(&self, id: BlobUploadId) -> Result<(), Error> {
        let Some(parts) = self.db.look_up(|tx| blob::parts(tx, id))? else { return Ok(()) };
        let store = self.store_named(parts.store)?;
        if let Some(urls) = store.direct().filter(|_| !parts.is_complete) {
            match urls.abort_parts(&ObjectKey::blob(parts.object), &parts.bucket_id).await {
                Ok(()) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.db.write(move |tx| blob::parts_gone(tx, id).map_err(Error::from)).await
    }
}

/// What the bucket answered to each part, in order, if all are there.
fn etags(parts: &PartsUpload, mut sent: Vec<(u32, String)>) -> Result<Vec<String>, Error> {
    sent.sort_by_key(|(number, _)| *number);
    if !sent.iter().map(|(number, _)| *number).eq(1..=parts.count) {
        let why = format!("name each of the {} parts once, by its number", parts.count);
        return Err(Error::invalid("completedParts", &why));
    }
    let is_etag = |etag: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"\"-_=+/".contains(&byte);
        !etag.is_empty() && etag.len() <= ETAG_CHARS_MAX && etag.bytes().all(plain)
    };
    if let Some((number, _)) = sent.iter().find(|(_, etag)| !is_etag(etag)) {
        let why = format!("`hexMD5` of part {number} has to be the `ETag` with which the bucket answered");
        return Err(Error::invalid("completedParts", &why));
    }
    Ok(sent.into_iter().map(|(_, etag)| etag).collect())
}
