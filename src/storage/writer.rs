//! Writing one object of any size, block by block.

use super::error::StoreError;
use super::layout::ObjectKey;
use super::store::{Store, limited_to};
use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload};
use std::fs::File;
use std::path::Path;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// Publishing waits until the disk has taken everything the kernel still holds of a large object.
const FINISH_TIMEOUT: Duration = Duration::from_secs(600);
/// Blocks of one upload that may be on their way to the store at once.
const WRITES_IN_FLIGHT: usize = 2;
/// After so many bytes the disk is asked to take what is there, while more is coming. Left to the end, all of a large
/// object would be waited for once its last byte is in.
const SYNC_BYTES: usize = 32 << 20;

/// An object that is being written. Dropping it leaves nothing in a local store.
pub(super) struct Writer {
    store: Store,
    key: ObjectKey,
    upload: Box<dyn MultipartUpload>,
    writes: JoinSet<Result<(), StoreError>>,
    unsynced_bytes: usize,
    sync: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn new(store: Store, key: ObjectKey, upload: Box<dyn MultipartUpload>) -> Self {
        Self { store, key, upload, writes: JoinSet::new(), unsynced_bytes: 0, sync: None }
    }

    /// Hands over the next block; waits only while too many are on their way. An error may be that of an earlier block.
    pub(super) async fn write(&mut self, block: Bytes) -> Result<(), StoreError> {
        while self.writes.len() >= WRITES_IN_FLIGHT {
            self.wait_for_one().await?;
        }
        self.unsynced_bytes += block.len();
        let part = self.upload.put_part(PutPayload::from(block));
        self.writes.spawn(limited_to(self.store.call_timeout(), part));
        self.sync_meanwhile();
        Ok(())
    }

    /// Waits for all blocks and publishes the object: after `Ok` it is visible and on disk.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        while !self.writes.is_empty() {
            self.wait_for_one().await?;
        }
        limited_to(FINISH_TIMEOUT, self.upload.complete()).await.map(drop)
    }

    /// Gives up, and removes what was written.
    pub(super) async fn abort(mut self) {
        self.writes.shutdown().await;
        // It refuses once `finish` was tried, which leaves the parts to us; either way they get removed.
        let _ = self.store.limited(self.upload.abort()).await;
        self.store.discard_unfinished(&self.key).await;
    }

    async fn wait_for_one(&mut self) -> Result<(), StoreError> {
        match self.writes.join_next().await {
            Some(Ok(written)) => written,
            Some(Err(panicked)) => Err(StoreError::Unavailable(panicked.to_string())),
            None => Ok(()),
        }
    }

    /// Starts the next sync once enough has come in and the one before is done.
    fn sync_meanwhile(&mut self) {
        let is_under_way = self.sync.as_ref().is_some_and(|sync| !sync.is_finished());
        if self.unsynced_bytes < SYNC_BYTES || is_under_way {
            return;
        }
        let Some(file) = self.store.unfinished_file(&self.key) else { return };
        self.unsynced_bytes = 0;
        self.sync = Some(tokio::task::spawn_blocking(move || sync_quietly(&file)));
    }
}

/// Only saves time: publishing syncs the file by a handle of its own, and is told there of every error.
fn sync_quietly(file: &Path) {
    let _published_or_failed_later = File::open(file).and_then(|file| file.sync_data());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use tempfile::tempdir;

    #[tokio::test]
    async fn the_file_that_is_synced_meanwhile_is_the_one_that_gets_published() {
        let dir = tempdir().unwrap();
        let store = Store::local(dir.path()).unwrap();
        let key = ObjectKey::run_file(ObjectId(1));
        let block = Bytes::from(vec![7; SYNC_BYTES]);

        let mut writer = store.begin(&key).await.unwrap();
        writer.write(block.clone()).await.unwrap();
        let sync = writer.sync.take().unwrap();
        sync.await.unwrap();
        while !writer.writes.is_empty() {
            writer.wait_for_one().await.unwrap();
        }

        let gathered = std::fs::metadata(store.unfinished_file(&key).unwrap()).unwrap();
        assert_eq!(gathered.len(), SYNC_BYTES as u64);
        writer.finish().await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), block);
        assert!(!store.unfinished_file(&key).unwrap().exists());
    }
}
