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
/// After so many bytes the disk is asked to take what is there, while more is coming. Left to the end, all of a large
/// object would be waited for once its last byte is in.
const SYNC_BYTES: usize = 32 << 20;
/// Buckets take parts of 5 MiB and more, and each costs a request.
pub(super) const PART_BYTES: usize = 8 << 20;
/// As many as all buckets take.
const PARTS_MAX: u64 = 10_000;
/// After so many parts of a body of unknown length they get twice as large.
const PARTS_OF_A_SIZE: usize = 1_500;
const DOUBLINGS: usize = 4;

/// How an object is sent to its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Blocks are gathered until they are so many bytes.
    part_bytes: usize,
    /// Parts that may be on their way at once, beside the one that is being gathered.
    in_flight: usize,
    /// Nobody knows how many parts there will be.
    grows: bool,
}

impl Pace {
    /// To a disk: block by block.
    pub(super) const DISK: Self = Self { part_bytes: 0, in_flight: 2, grows: false };

    /// To a bucket, two parts in memory, all of one size, which some stores want. They are larger for a body that would
    /// have too many of them.
    pub(super) fn bucket(declared_bytes: Option<u64>) -> Self {
        let needed = declared_bytes.unwrap_or(0).div_ceil(PARTS_MAX);
        let part_bytes = usize::try_from(needed).unwrap_or(usize::MAX).max(PART_BYTES);
        Self { part_bytes, in_flight: 1, grows: declared_bytes.is_none() }
    }

    /// How large the next part is at the least, after so many.
    fn part_bytes(&self, parts: usize) -> usize {
        if self.grows { self.part_bytes << (parts / PARTS_OF_A_SIZE).min(DOUBLINGS) } else { self.part_bytes }
    }
}

/// An object that is being written. Dropping it leaves nothing in a local store.
pub(super) struct Writer {
    store: Store,
    key: ObjectKey,
    pace: Pace,
    /// Begun with the first part: what fits into one is put whole.
    upload: Option<Box<dyn MultipartUpload>>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    parts: usize,
    writes: JoinSet<Result<(), StoreError>>,
    unsynced_bytes: usize,
    sync: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn new(store: Store, key: ObjectKey, pace: Pace, upload: Option<Box<dyn MultipartUpload>>) -> Self {
        Self {
            store,
            key,
            pace,
            upload,
            gathered: Vec::new(),
            gathered_bytes: 0,
            parts: 0,
            writes: JoinSet::new(),
            unsynced_bytes: 0,
            sync: None,
        }
    }

    /// Hands over the next block; waits only while too much is on its way. An error may be that of an earlier block.
    pub(super) async fn write(&mut self, block: Bytes) -> Result<(), StoreError> {
        self.gathered_bytes += block.len();
        self.gathered.push(block);
        if self.gathered_bytes < self.pace.part_bytes(self.parts) {
            return Ok(());
        }
        self.send_part().await
    }

    async fn send_part(&mut self) -> Result<(), StoreError> {
        while self.writes.len() >= self.pace.in_flight {
            self.wait_for_one().await?;
        }
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.store.begin_parts(&self.key).await?),
        };
        let part: PutPayload = std::mem::take(&mut self.gathered).into_iter().collect();
        self.unsynced_bytes += std::mem::take(&mut self.gathered_bytes);
        self.parts += 1;
        let (store, part) = (self.store.clone(), upload.put_part(part));
        self.writes.spawn(async move { store.limited(part).await });
        self.sync_meanwhile();
        Ok(())
    }

    /// Waits for all blocks and publishes the object: after `Ok` it is visible and on disk.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        if self.upload.is_none() {
            let whole: PutPayload = std::mem::take(&mut self.gathered).into_iter().collect();
            return self.store.put_new_payload(&self.key, whole).await;
        }
        if !self.gathered.is_empty() {
            self.send_part().await?;
        }
        while !self.writes.is_empty() {
            self.wait_for_one().await?;
        }
        match &mut self.upload {
            Some(upload) => limited_to(FINISH_TIMEOUT, upload.complete()).await.map(drop),
            None => Ok(()),
        }
    }

    /// Gives up, and removes what was written.
    pub(super) async fn abort(mut self) {
        self.writes.shutdown().await;
        if let Some(upload) = &mut self.upload {
            // It refuses once `finish` was tried, which leaves the parts to us; either way they get removed.
            let _ = self.store.limited(upload.abort()).await;
        }
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

    #[test]
    fn parts_are_as_small_as_may_be_and_never_too_many() {
        assert_eq!(Pace::bucket(None).part_bytes, PART_BYTES);
        assert_eq!(Pace::bucket(Some(1)).part_bytes, PART_BYTES);
        let large = Pace::bucket(Some(1 << 40));
        assert!((1_u64 << 40).div_ceil(large.part_bytes as u64) <= PARTS_MAX, "{large:?}");
    }

    #[tokio::test]
    async fn ten_thousand_parts_of_a_bucket_hold_600_gibibytes() {
        let store = Store::bucket(Arc::new(InMemory::new()), false, None);
        let key = ObjectKey::run_file(ObjectId(1));
        let mut writer = store.begin(&key, None).await.unwrap();

        let total: usize = (0..10_000).map(|parts| writer.pace.part_bytes(parts)).sum();

        assert!(total >= 600 << 30, "{total}");
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

        let mut writer = store.begin(&key, None).await.unwrap();
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
