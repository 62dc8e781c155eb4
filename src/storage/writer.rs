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
/// After so many parts of a bucket's object they get twice as large.
const PARTS_OF_A_SIZE: usize = 1500;
/// After so many bytes the disk is asked to take what is there, while more is coming. Left to the end, all of a large
/// object would be waited for once its last byte is in.
const SYNC_BYTES: usize = 32 << 20;

/// An object that is being written. Dropping it leaves nothing in a local store.
pub(super) struct Writer {
    store: Store,
    key: ObjectKey,
    upload: Box<dyn MultipartUpload>,
    /// Blocks of the next part.
    gathered: Vec<Bytes>,
    parts: usize,
    writes: JoinSet<Result<(), StoreError>>,
    unsynced_bytes: usize,
    sync: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn new(store: Store, key: ObjectKey, upload: Box<dyn MultipartUpload>) -> Self {
        let (gathered, writes) = (Vec::new(), JoinSet::new());
        Self { store, key, upload, gathered, parts: 0, writes, unsynced_bytes: 0, sync: None }
    }

    /// Hands over the next block; waits only while too many are on their way. An error may be that of an earlier block.
    pub(super) async fn write(&mut self, block: Bytes) -> Result<(), StoreError> {
        self.gathered.push(block);
        let gathered: usize = self.gathered.iter().map(Bytes::len).sum();
        if gathered < self.least_part_bytes() { Ok(()) } else { self.send_part().await }
    }

    /// A bucket takes 10,000 parts. They grow, so that an object of any likely size fits into these, and the first ones
    /// are of equal size, which some stores want of all.
    fn least_part_bytes(&self) -> usize {
        self.store.part_bytes() << (self.parts / PARTS_OF_A_SIZE).min(4)
    }

    async fn send_part(&mut self) -> Result<(), StoreError> {
        while self.writes.len() >= WRITES_IN_FLIGHT {
            self.wait_for_one().await?;
        }
        let blocks = std::mem::take(&mut self.gathered);
        self.unsynced_bytes += blocks.iter().map(Bytes::len).sum::<usize>();
        self.parts += 1;
        let part = self.upload.put_part(PutPayload::from_iter(blocks));
        self.writes.spawn(limited_to(self.store.call_timeout(), part));
        self.sync_meanwhile();
        Ok(())
    }

    /// Waits for all blocks and publishes the object: after `Ok` it is visible and on disk.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        if !self.gathered.is_empty() {
            self.send_part().await?;
        }
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
    use object_store::memory::InMemory;
    use std::sync::Arc;
    use tempfile::tempdir;

    #[tokio::test]
    async fn ten_thousand_parts_of_a_bucket_hold_600_gibibytes() {
        let store = Store::bucket(Arc::new(InMemory::new()), false, None);
        let key = ObjectKey::run_file(ObjectId(1));
        let mut writer = store.begin(&key).await.unwrap();

        let mut total = 0;
        for parts in 0..10_000 {
            writer.parts = parts;
            total += writer.least_part_bytes();
        }

        assert!(total >= 600 << 30, "{total}");
        writer.parts = 0;
        for block in [vec![1; 4 << 20], vec![2; 4 << 20], vec![3; 100]] {
            writer.write(block.into()).await.unwrap();
        }
        assert_eq!(writer.parts, 1);
        writer.finish().await.unwrap();
        assert_eq!(writer.parts, 2);
        assert_eq!(store.get(&key).await.unwrap().len(), (8 << 20) + 100);
    }

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
