//! One object store, local directory or bucket, behind the few calls we make. Each call has a time limit, and each
//! error is something that a caller can act on.

use super::both::Both;
use super::breaker::Breaker;
use super::direct::Direct;
use super::error::{StoreError, from_io};
use super::layout::ObjectKey;
use super::writer::{Pace, Writer};
use crate::domain::clock::Timestamp;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// What a store knows of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFacts {
    pub size_bytes: u64,
    /// Where the store tells it by the ETag. One that is as expected proves the content; one that is not proves nothing,
    /// because buckets that encrypt with keys of their own tell something else that looks the same.
    pub md5: Option<[u8; 16]>,
    pub modified: Timestamp,
}

/// An object store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    local_root: Option<Arc<Path>>,
    call_timeout: Duration,
    /// The ETag of an object that came in one piece is its MD5.
    tells_md5: bool,
    direct: Option<Arc<Direct>>,
    /// Of a store that several teams and jobs come back to.
    breaker: Option<Arc<Breaker>>,
}

impl Store {
    /// A local directory, made if it is missing. Blocks: call it at start.
    pub fn local(directory: &Path) -> Result<Self, StoreError> {
        create_synced(directory).map_err(|error| from_io(&error))?;
        let inner = LocalFileSystem::new_with_prefix(directory)?.with_fsync(true);
        Ok(Self { local_root: Some(directory.into()), ..Self::new(Arc::new(inner)) })
    }

    /// Any other store.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, local_root: None, call_timeout: CALL_TIMEOUT, tells_md5: false, direct: None, breaker: None }
    }

    /// A bucket, as a provider describes it.
    pub(super) fn bucket(inner: Arc<dyn ObjectStore>, tells_md5: bool, direct: Option<Direct>) -> Self {
        Self { tells_md5, direct: direct.map(Arc::new), ..Self::new(inner) }
    }

    /// The same, left alone for a while whenever it does not answer.
    pub(super) fn guarded(self) -> Self {
        Self { breaker: Some(Arc::default()), ..self }
    }

    /// The same without that, for who wants to hear what is wrong with it each time.
    pub fn unguarded(&self) -> Self {
        Self { breaker: None, ..self.clone() }
    }

    /// Signed URLs for clients; `None` where the store cannot have any.
    pub fn direct(&self) -> Option<&Direct> {
        self.direct.as_deref()
    }

    /// This store, with what is missing in it read from another. It signs nothing: a URL leads to one store only.
    pub fn reading_also(&self, also: &Store) -> Self {
        let both = Both { home: Arc::clone(&self.inner), also: Arc::clone(&also.inner) };
        Self { inner: Arc::new(both), direct: None, ..self.clone() }
    }

    /// Stores an object that must not exist yet. After `Ok` it is on disk; after an error it may still
    /// appear if the error was a time-out, so use a new key to try again.
    pub async fn put_new(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        self.put_new_payload(key, bytes.into()).await
    }

    pub(super) async fn put_new_payload(&self, key: &ObjectKey, payload: PutPayload) -> Result<(), StoreError> {
        let options = PutOptions::from(PutMode::Create);
        let put = self.limited(self.inner.put_opts(&key.path(), payload, options)).await;
        if matches!(put, Err(StoreError::Full | StoreError::Unavailable(_))) {
            self.discard_unfinished(key).await;
        }
        put.map(drop)
    }

    /// The whole object, in memory: for objects whose size we decided ourselves.
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, StoreError> {
        let path = key.path();
        self.limited(async { self.inner.get(&path).await?.bytes().await }).await
    }

    /// A range that lies within the object.
    pub async fn read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end - range.start;
        let bytes = self.limited(self.inner.get_range(&key.path(), range)).await?;
        if bytes.len() as u64 != wanted {
            return Err(StoreError::Unavailable(format!("{key} ended early: {} of {wanted} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// What is known of the object without reading it.
    pub async fn head(&self, key: &ObjectKey) -> Result<ObjectFacts, StoreError> {
        let found = self.limited(self.inner.head(&key.path())).await?;
        Ok(facts(&found, self.tells_md5))
    }

    /// Every object with its key, in no order that could be relied on. Ends after its first error.
    pub fn list(&self) -> BoxStream<'static, Result<(String, ObjectFacts), StoreError>> {
        let listing = self.inner.list(None);
        let (limit, tells_md5) = (self.call_timeout, self.tells_md5);
        stream::try_unfold(listing, move |mut listing| async move {
            let next = limited_to(limit, async { listing.try_next().await }).await?;
            Ok(next.map(|found| ((found.location.to_string(), facts(&found, tells_md5)), listing)))
        })
        .boxed()
    }

    /// Removes the object. One that is not there is as good as removed.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        match self.limited(self.inner.delete(&key.path())).await {
            Err(StoreError::NotFound) => Ok(()),
            done => done,
        }
    }

    /// Opens the object with whatever the store answers to a read from the start.
    pub(super) async fn open(&self, key: &ObjectKey) -> Result<object_store::GetResult, StoreError> {
        self.limited(self.inner.get(&key.path())).await
    }

    pub(super) async fn open_range(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<object_store::GetResult, StoreError> {
        let options = object_store::GetOptions::new().with_range(Some(range));
        self.limited(self.inner.get_opts(&key.path(), options)).await
    }

    /// Begins an object of any size. Nothing shows under the key before [`Writer::finish`].
    pub(super) async fn begin(&self, key: &ObjectKey, declared_bytes: Option<u64>) -> Result<Writer, StoreError> {
        if !self.is_local() {
            return Ok(Writer::new(self.clone(), key.clone(), Pace::bucket(declared_bytes), None));
        }
        let (inner, path, limit) = (Arc::clone(&self.inner), key.path(), self.call_timeout);
        // A local directory makes files and directories right where it is called, which would block the runtime.
        // The limit is inside: a store that stays silent must not keep a thread of the pool for ever.
        let runtime = tokio::runtime::Handle::current();
        let begin = move || runtime.block_on(async { limited_to(limit, inner.put_multipart(&path)).await });
        let upload = self.on_blocking_pool(begin).await?;
        Ok(Writer::new(self.clone(), key.clone(), Pace::DISK, Some(upload)))
    }

    /// Begins an object in parts, in a bucket.
    pub(super) async fn begin_parts(&self, key: &ObjectKey) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.limited(self.inner.put_multipart(&key.path())).await
    }

    /// Runs blocking work within the time limit of a call. The work itself goes on after the limit.
    pub(super) async fn on_blocking_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.call_timeout, tokio::task::spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(panicked)) => Err(StoreError::Unavailable(panicked.to_string())),
            Err(_) => Err(timed_out(self.call_timeout)),
        }
    }

    pub(super) async fn limited<T>(
        &self,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        let Some(breaker) = &self.breaker else { return limited_to(self.call_timeout, call).await };
        breaker.check(Instant::now())?;
        let outcome = limited_to(self.call_timeout, call).await;
        breaker.note(&outcome, Instant::now());
        outcome
    }

    /// Removes the parts of uploads that a crash cut off. Nothing may be uploading meanwhile.
    pub async fn remove_unfinished(&self) -> Result<u64, StoreError> {
        let Some(root) = self.local_root.clone() else {
            return Ok(0); // a bucket drops unfinished uploads by its own life-cycle rule
        };
        match tokio::task::spawn_blocking(move || remove_parts_below(&root)).await {
            Ok(done) => done.map_err(|error| from_io(&error)),
            Err(panicked) => Err(StoreError::Unavailable(panicked.to_string())),
        }
    }

    /// Removes the parts of one failed upload. The error that made it fail is the one worth reporting, not ours.
    pub(super) async fn discard_unfinished(&self, key: &ObjectKey) {
        let Some(root) = &self.local_root else { return };
        let target = root.join(key.as_str());
        let _ = self.on_blocking_pool(move || remove_parts_of(&target).map_err(|error| from_io(&error))).await;
    }

    /// Where the bytes of an object gather until it is published; `None` where no file does.
    pub(super) fn unfinished_file(&self, key: &ObjectKey) -> Option<PathBuf> {
        let root = self.local_root.as_ref()?;
        Some(part_of(&root.join(key.as_str()), 1))
    }

    /// A directory of this machine.
    pub(super) fn is_local(&self) -> bool {
        self.local_root.is_some()
    }

    #[cfg(test)]
    pub(super) fn with_call_timeout(self, call_timeout: Duration) -> Self {
        Self { call_timeout, ..self }
    }
}

/// Without what the library would print of its settings: some of that is secret.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.inner)
    }
}

fn facts(found: &ObjectMeta, tells_md5: bool) -> ObjectFacts {
    let e_tag = found.e_tag.as_deref().filter(|_| tells_md5);
    ObjectFacts {
        size_bytes: found.size,
        md5: e_tag.and_then(md5_of_e_tag),
        modified: Timestamp(found.last_modified.timestamp_micros()),
    }
}

/// `"0123…"` in 32 hexadecimal digits. An object that came in parts has a `-` and their number behind it.
fn md5_of_e_tag(e_tag: &str) -> Option<[u8; 16]> {
    let digits = e_tag.trim_matches('"');
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

pub(super) async fn limited_to<T>(
    limit: Duration,
    call: impl Future<Output = object_store::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, call).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(timed_out(limit)),
    }
}

fn timed_out(limit: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {limit:?}"))
}

/// Makes a directory whose name survives a power cut.
fn create_synced(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let parent = std::fs::canonicalize(directory)?.parent().map(Path::to_owned);
    parent.map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The local store writes an object as `name#1`, `name#2` … and then gives it its name.
fn is_part_name(name: &str) -> bool {
    let part = name.rsplit_once('#').map(|(_, part)| part);
    part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn part_of(target: &Path, number: u32) -> PathBuf {
    let mut part = target.as_os_str().to_owned();
    part.push(format!("#{number}"));
    part.into()
}

fn remove_parts_below(root: &Path) -> io::Result<u64> {
    let mut removed = 0;
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            } else if entry.file_name().to_str().is_some_and(is_part_name) {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn remove_parts_of(target: &Path) -> io::Result<()> {
    for number in 1.. {
        match std::fs::remove_file(part_of(target, number)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use crate::storage::broken_store::{Broken, Fault};
    use tempfile::{TempDir, tempdir};

    fn key(number: u64) -> ObjectKey {
        ObjectKey::run_file(ObjectId(number))
    }

    fn local() -> (TempDir, Store) {
        let dir = tempdir().unwrap();
        let store = Store::local(&dir.path().join("objects")).unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn what_was_put_is_read_back_whole_and_in_part() {
        let (_dir, store) = local();

        store.put_new(&key(1), Bytes::from_static(b"0123456789")).await.unwrap();
        store.put_new(&key(2), Bytes::new()).await.unwrap();

        assert_eq!(store.get(&key(1)).await.unwrap(), "0123456789");
        assert_eq!(store.read_range(&key(1), 2..5).await.unwrap(), "234");
        assert_eq!(store.read_range(&key(1), 9..10).await.unwrap(), "9");
        assert_eq!(store.read_range(&key(1), 3..3).await.unwrap(), "");
        assert_eq!(store.get(&key(2)).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_range_beyond_the_end_is_an_error_and_not_fewer_bytes() {
        let (_dir, store) = local();
        store.put_new(&key(1), Bytes::from_static(b"0123456789")).await.unwrap();

        assert!(matches!(store.read_range(&key(1), 5..11).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.read_range(&key(1), 50..60).await, Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn an_object_is_never_overwritten() {
        let (_dir, store) = local();
        store.put_new(&key(1), Bytes::from_static(b"first")).await.unwrap();

        let second = store.put_new(&key(1), Bytes::from_static(b"second")).await;

        assert_eq!(second, Err(StoreError::AlreadyExists));
        assert_eq!(store.get(&key(1)).await.unwrap(), "first");
    }

    #[tokio::test]
    async fn deleting_twice_is_deleting_once() {
        let (_dir, store) = local();
        store.put_new(&key(1), Bytes::from_static(b"x")).await.unwrap();

        assert_eq!(store.delete(&key(1)).await, Ok(()));
        assert_eq!(store.delete(&key(1)).await, Ok(()));

        assert_eq!(store.get(&key(1)).await, Err(StoreError::NotFound));
        assert_eq!(store.read_range(&key(1), 0..1).await, Err(StoreError::NotFound));
    }

    #[tokio::test]
    async fn a_directory_opened_again_has_its_objects() {
        let (dir, store) = local();
        store.put_new(&key(1), Bytes::from_static(b"x")).await.unwrap();
        drop(store);

        let again = Store::local(&dir.path().join("objects")).unwrap();

        assert_eq!(again.get(&key(1)).await.unwrap(), "x");
    }

    #[tokio::test]
    async fn only_the_parts_that_a_crash_left_are_removed() {
        let (dir, store) = local();
        store.put_new(&key(1), Bytes::from_static(b"x")).await.unwrap();
        let directory = dir.path().join("objects").join(key(1).as_str()).parent().unwrap().to_owned();
        std::fs::write(directory.join("0000000000000001#1"), "left").unwrap();
        std::fs::write(directory.join("0000000000000002#17"), "left").unwrap();
        std::fs::write(directory.join("somebody#s notes"), "kept").unwrap();

        assert_eq!(store.remove_unfinished().await, Ok(2));
        assert_eq!(store.remove_unfinished().await, Ok(0));

        assert_eq!(store.get(&key(1)).await.unwrap(), "x");
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn a_full_disk_and_an_exhausted_quota_are_full_and_other_trouble_is_unavailable() {
        let put = async |fault| Store::new(Arc::new(Broken::new(fault))).put_new(&key(1), Bytes::new()).await;

        assert_eq!(put(Fault::NoSpace).await, Err(StoreError::Full));
        assert_eq!(put(Fault::NoQuota).await, Err(StoreError::Full));
        assert!(matches!(put(Fault::Disk).await, Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_unavailable() {
        let store = Store::new(Arc::new(Broken::new(Fault::Silence))).with_call_timeout(Duration::from_millis(1));

        assert!(matches!(store.put_new(&key(1), Bytes::new()).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.get(&key(1)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.delete(&key(1)).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.read_range(&key(1), 0..1).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.begin_parts(&key(1)).await.map(drop), Err(StoreError::Unavailable(_))));
    }
}
