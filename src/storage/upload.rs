//! Receiving an object: the body is streamed into the store in large blocks while its MD5 is reckoned beside, in
//! memory that does not depend on its size. Nothing is visible under the key before all of it is on disk.

use super::error::StoreError;
use super::layout::ObjectKey;
use super::store::Store;
use super::writer::Writer;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use md5::{Digest, Md5};
use std::fmt::Display;
use std::time::Duration;
use tokio::task::JoinHandle;

/// One block is being filled, two are on their way to the store and one of those is being hashed: 768 KiB at most, so
/// that fifty uploads at once stay within some 40 MiB.
const BLOCK_BYTES: usize = 256 * 1024;
/// A block this small is hashed in less time than the blocking pool needs to take it over.
const HASH_INLINE_BYTES: usize = 64 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What is known of a body before it arrives.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The `Content-Length`. A body of any other length is refused.
    pub declared_bytes: Option<u64>,
    /// The largest body to take.
    pub max_bytes: Option<u64>,
    /// How long to wait for the next piece of the body.
    pub idle_timeout: Duration,
    /// What the bytes have to be; others are not stored. Everybody who writes the key says the same.
    pub md5: Option<[u8; 16]>,
}

impl Default for Expected {
    fn default() -> Self {
        Self { declared_bytes: None, max_bytes: None, idle_timeout: IDLE_TIMEOUT, md5: None }
    }
}

/// An object that is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub size_bytes: u64,
    pub md5: [u8; 16],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("the body has {received} bytes or more where {declared} were declared")]
    TooLong { declared: u64, received: u64 },
    #[error("the body ended after {received} of {declared} bytes")]
    TooShort { declared: u64, received: u64 },
    #[error("the body is larger than the limit of {max} bytes")]
    TooLarge { max: u64 },
    #[error("the client sent nothing for too long")]
    Stalled,
    #[error("the body broke off: {0}")]
    BrokenOff(String),
    #[error("the bytes that arrived have another MD5 than declared; send them again")]
    OtherContent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Streams the body into a new object. On an error, and when the future is dropped, the store keeps nothing, with one
/// exception: what is given up while it is being published may still appear. So use a new key to try again, unless the
/// MD5 is known before: then whatever is under the key has the right bytes, and being there already is success.
pub async fn receive<S, E>(
    store: &Store,
    key: &ObjectKey,
    body: S,
    expected: &Expected,
) -> Result<Received, UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Display,
{
    let body = std::pin::pin!(body);
    let mut blocks = Blocks::new(body, expected)?;
    let first = blocks.next().await?;
    if blocks.ended {
        let md5 = put_whole(store, key, first, expected).await?;
        return Ok(Received { size_bytes: blocks.received, md5 });
    }

    let mut writer = store.begin(key, expected.declared_bytes).await?;
    match write_all(&mut writer, first, &mut blocks).await {
        Ok(md5) => Ok(Received { size_bytes: blocks.received, md5 }),
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

/// Takes a body that is not needed, because its client waits until it has sent all of it.
pub async fn read_to_end<S, E>(body: S, expected: &Expected) -> Result<u64, UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Display,
{
    let body = std::pin::pin!(body);
    let mut blocks = Blocks::new(body, expected)?;
    while blocks.next_piece().await?.is_some() {}
    Ok(blocks.received)
}

/// A body of one block. It is hashed while it is written, unless nothing may be written before its hash is known.
async fn put_whole(store: &Store, key: &ObjectKey, body: Bytes, expected: &Expected) -> Result<[u8; 16], UploadError> {
    let Some(wanted) = expected.md5 else {
        let (hash, put) = tokio::join!(Hash::default().update(body.clone()), store.put_new(key, body));
        put?;
        return Ok(hash?.finish().await?);
    };
    if Hash::default().update(body.clone()).await?.finish().await? != wanted {
        return Err(UploadError::OtherContent);
    }
    match store.put_new(key, body).await {
        Ok(()) | Err(StoreError::AlreadyExists) => Ok(wanted),
        Err(error) => Err(error.into()),
    }
}

/// Writes, hashes and fills blocks at the same time; whichever is slowest sets the pace.
async fn write_all<S, E>(writer: &mut Writer, first: Bytes, blocks: &mut Blocks<'_, S>) -> Result<[u8; 16], UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let mut hash = Hash::default();
    let mut block = first;
    loop {
        writer.write(block.clone()).await?;
        hash = hash.update(block).await?;
        if blocks.ended {
            break;
        }
        block = blocks.next().await?;
    }
    let md5 = hash.finish().await?;
    if blocks.expected.md5.is_some_and(|wanted| wanted != md5) {
        return Err(UploadError::OtherContent);
    }
    match writer.finish().await {
        Err(StoreError::AlreadyExists) if blocks.expected.md5.is_some() => Ok(md5),
        finished => Ok(finished.map(|()| md5)?),
    }
}

/// An MD5 over blocks, at most one of which is being hashed on the blocking pool.
enum Hash {
    Idle(Md5),
    Busy(JoinHandle<Md5>),
}

impl Default for Hash {
    fn default() -> Self {
        Self::Idle(Md5::new())
    }
}

impl Hash {
    async fn update(self, block: Bytes) -> Result<Self, StoreError> {
        let mut md5 = self.idle().await?;
        if block.len() <= HASH_INLINE_BYTES {
            md5.update(&block);
            return Ok(Self::Idle(md5));
        }
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            md5.update(&block);
            md5
        })))
    }

    async fn finish(self) -> Result<[u8; 16], StoreError> {
        Ok(self.idle().await?.finalize().into())
    }

    async fn idle(self) -> Result<Md5, StoreError> {
        match self {
            Self::Idle(md5) => Ok(md5),
            Self::Busy(task) => task.await.map_err(|panicked| StoreError::Unavailable(panicked.to_string())),
        }
    }
}

/// The body, cut into blocks of equal size, with every bound checked as it comes in. Pieces are copied: a body sent
/// byte by byte would otherwise hold a network buffer for each byte.
struct Blocks<'a, S> {
    body: S,
    expected: &'a Expected,
    /// What the last piece held beyond the end of a block.
    rest: Bytes,
    received: u64,
    /// The block given out last was the last one.
    ended: bool,
}

impl<'a, S, E> Blocks<'a, S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    fn new(body: S, expected: &'a Expected) -> Result<Self, UploadError> {
        match (expected.declared_bytes, expected.max_bytes) {
            (Some(declared), Some(max)) if declared > max => Err(UploadError::TooLarge { max }),
            _ => Ok(Self { body, expected, rest: Bytes::new(), received: 0, ended: false }),
        }
    }

    /// The next block. All but the last are full; only the first may be empty. Must not be called after the last.
    async fn next(&mut self) -> Result<Bytes, UploadError> {
        let mut block = BytesMut::with_capacity(self.likely_block_bytes());
        loop {
            let fits = self.rest.len().min(BLOCK_BYTES - block.len());
            block.extend_from_slice(&self.rest.split_to(fits));
            if !self.rest.is_empty() {
                return Ok(block.freeze());
            }
            // A full block is given out only when more is known to come, so that the last one is known as such.
            match self.next_piece().await? {
                Some(piece) => self.rest = piece,
                None => {
                    self.ended = true;
                    return Ok(block.freeze());
                }
            }
        }
    }

    /// The next piece that is not empty, counted and checked.
    async fn next_piece(&mut self) -> Result<Option<Bytes>, UploadError> {
        loop {
            let next = tokio::time::timeout(self.expected.idle_timeout, self.body.next()).await;
            match next.map_err(|_| UploadError::Stalled)? {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.received += piece.len() as u64;
                    self.check_bounds()?;
                    return Ok(Some(piece));
                }
                Some(Err(error)) => return Err(UploadError::BrokenOff(error.to_string())),
                None => return self.check_end().map(|()| None),
            }
        }
    }

    fn check_bounds(&self) -> Result<(), UploadError> {
        match (self.expected.declared_bytes, self.expected.max_bytes) {
            (_, Some(max)) if self.received > max => Err(UploadError::TooLarge { max }),
            (Some(declared), _) if self.received > declared => {
                Err(UploadError::TooLong { declared, received: self.received })
            }
            _ => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), UploadError> {
        match self.expected.declared_bytes {
            Some(declared) if self.received < declared => {
                Err(UploadError::TooShort { declared, received: self.received })
            }
            _ => Ok(()),
        }
    }

    /// A small upload gets a small buffer, a large one its block at once.
    fn likely_block_bytes(&self) -> usize {
        let consumed = self.received - self.rest.len() as u64;
        match self.expected.declared_bytes {
            Some(declared) => usize::try_from(declared.saturating_sub(consumed)).unwrap_or(usize::MAX).min(BLOCK_BYTES),
            None if consumed == 0 => HASH_INLINE_BYTES,
            None => BLOCK_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use crate::storage::broken_store::{Broken, Fault, Stage};
    use futures_util::stream;
    use std::convert::Infallible;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tempfile::{TempDir, tempdir};

    const LARGE: usize = 3 * BLOCK_BYTES + 12345;

    fn local() -> (TempDir, Store) {
        let dir = tempdir().unwrap();
        let store = Store::local(dir.path()).unwrap();
        (dir, store)
    }

    fn key() -> ObjectKey {
        ObjectKey::run_file(ObjectId(1))
    }

    fn noise(length: usize) -> Bytes {
        let mut state = 1_u32;
        let byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(byte).take(length).collect()
    }

    fn pieces(content: &Bytes, size: usize) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
        let content = content.clone();
        let starts = (0..content.len()).step_by(size);
        stream::iter(starts.map(move |at| Ok(content.slice(at..content.len().min(at + size)))))
    }

    fn declared(length: usize) -> Expected {
        Expected { declared_bytes: Some(length as u64), ..Expected::default() }
    }

    /// Every file below the directory, whatever its name.
    fn files(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => found.extend(files(&entry.path())),
                false => found.push(entry.file_name().into_string().unwrap()),
            }
        }
        found
    }

    #[tokio::test]
    async fn a_body_of_any_size_and_cut_arrives_whole_with_its_md5() {
        let lengths = [0, 1, 10_000, HASH_INLINE_BYTES + 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, LARGE];
        for (length, piece) in
            lengths.into_iter().flat_map(|length| [4093, 16384, 5 << 20].map(|piece| (length, piece)))
        {
            let (dir, store) = local();
            let content = noise(length);
            for expected in [declared(length), Expected::default()] {
                store.delete(&key()).await.unwrap();

                let received = receive(&store, &key(), pieces(&content, piece), &expected).await.unwrap();

                assert_eq!(received.size_bytes, length as u64);
                assert_eq!(received.md5, <[u8; 16]>::from(Md5::digest(&content)));
                assert!(store.get(&key()).await.unwrap() == content, "{length} bytes in pieces of {piece}");
                assert_eq!(files(dir.path()).len(), 1);
            }
        }
    }

    #[tokio::test]
    async fn a_body_arrives_whole_in_a_bucket_in_one_piece_and_in_parts() {
        const PART: usize = 8 << 20;
        let content = noise(2 * PART + 1);
        for length in [0, 1, BLOCK_BYTES + 1, PART - 1, PART, PART + 1, 2 * PART + 1] {
            let store = Store::new(Arc::new(object_store::memory::InMemory::new()));
            let body = content.slice(..length);

            let received = receive(&store, &key(), pieces(&body, 1 << 20), &declared(length)).await.unwrap();

            assert_eq!(received.md5, <[u8; 16]>::from(Md5::digest(&body)));
            assert!(store.get(&key()).await.unwrap() == body, "{length} bytes");
        }
    }

    #[tokio::test]
    async fn what_is_in_a_bucket_already_under_a_known_md5_is_right_and_other_content_never_gets_there() {
        let store = Store::new(Arc::new(object_store::memory::InMemory::new()));
        for length in [1000, LARGE] {
            let content = noise(length);
            let expected = Expected { md5: Some(Md5::digest(&content).into()), ..Expected::default() };
            store.delete(&key()).await.unwrap();

            let wrong = receive(&store, &key(), pieces(&noise(length - 1), 65536), &expected).await;
            assert_eq!(wrong, Err(UploadError::OtherContent));
            assert_eq!(store.get(&key()).await, Err(StoreError::NotFound));
            for _ in 0..2 {
                receive(&store, &key(), pieces(&content, 65536), &expected).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_declared_leaves_nothing() {
        for length in [1000, LARGE] {
            let (dir, store) = local();
            let content = noise(length);

            let short = receive(&store, &key(), pieces(&content, 65536), &declared(length + 1)).await;
            let long = receive(&store, &key(), pieces(&content, 65536), &declared(length - 1)).await;

            assert!(matches!(short, Err(UploadError::TooShort { received, .. }) if received == length as u64));
            assert!(matches!(long, Err(UploadError::TooLong { declared, .. }) if declared == length as u64 - 1));
            assert_eq!(files(dir.path()), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_refused_before_or_while_it_arrives() {
        let (dir, store) = local();
        let content = noise(LARGE);
        let limit = |max: usize, declared: Option<usize>| Expected {
            declared_bytes: declared.map(|bytes| bytes as u64),
            max_bytes: Some(max as u64),
            ..Expected::default()
        };

        let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, Infallible>>> { panic!("was read") });
        let before = receive(&store, &key(), unread, &limit(LARGE - 1, Some(LARGE))).await;
        let meanwhile = receive(&store, &key(), pieces(&content, 65536), &limit(LARGE - 1, None)).await;

        assert_eq!(before, Err(UploadError::TooLarge { max: LARGE as u64 - 1 }));
        assert_eq!(meanwhile, before);
        assert_eq!(files(dir.path()), [""; 0]);
        receive(&store, &key(), pieces(&content, 65536), &limit(LARGE, None)).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_leaves_nothing() {
        for length in [1000, LARGE] {
            let (dir, store) = local();
            let broken = pieces(&noise(length), 65536)
                .map(|piece| Ok(piece.unwrap()))
                .chain(stream::iter([Err("connection reset")]));

            let outcome = receive(&store, &key(), broken, &Expected::default()).await;

            assert_eq!(outcome, Err(UploadError::BrokenOff("connection reset".into())));
            assert_eq!(files(dir.path()), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up_and_leaves_nothing() {
        for length in [1000, LARGE] {
            let (dir, store) = local();
            let stalled = pieces(&noise(length), 65536).chain(stream::pending());
            let expected = Expected { idle_timeout: Duration::from_millis(5), ..Expected::default() };

            let outcome = receive(&store, &key(), stalled, &expected).await;

            assert_eq!(outcome, Err(UploadError::Stalled));
            assert_eq!(files(dir.path()), [""; 0]);
        }
    }

    #[test]
    fn an_upload_whose_request_went_away_leaves_nothing() {
        let (dir, store) = local();
        // With one thread for blocking work, what is queued last runs last.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();

        runtime.block_on(async {
            let all_sent = Arc::new(tokio::sync::Notify::new());
            let sent = Arc::clone(&all_sent);
            let hanging = pieces(&noise(LARGE), 65536).chain(stream::poll_fn(move |_| {
                sent.notify_one();
                std::task::Poll::Pending
            }));
            let (key, expected) = (key(), Expected::default());
            let mut upload = Box::pin(receive(&store, &key, hanging, &expected));
            tokio::select! {
                _ = &mut upload => panic!("the body never ends"),
                () = all_sent.notified() => assert_eq!(files(dir.path()), ["0000000000000001#1"]),
            }

            drop(upload);
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });

        assert_eq!(files(dir.path()), [""; 0]);
    }

    #[tokio::test]
    async fn nothing_is_visible_before_the_end() {
        let (_dir, store) = local();
        let (watched, seen) = (store.clone(), Arc::new(AtomicUsize::new(0)));
        let body = pieces(&noise(LARGE), BLOCK_BYTES / 2).then(|piece| {
            let (store, seen) = (watched.clone(), Arc::clone(&seen));
            async move {
                if store.get(&key()).await != Err(StoreError::NotFound) {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                piece
            }
        });

        receive(&store, &key(), body, &Expected::default()).await.unwrap();

        assert_eq!(seen.load(Ordering::SeqCst), 0);
        assert_eq!(store.get(&key()).await.unwrap().len(), LARGE);
    }

    #[tokio::test]
    async fn a_store_that_fills_up_at_any_stage_is_full_and_the_upload_is_aborted() {
        let content = noise(3 * (8 << 20) + 5);
        for (stage, aborts) in [(Stage::Begin, 0), (Stage::Part(0), 1), (Stage::Part(3), 1), (Stage::Finish, 1)] {
            let broken = Broken::at(stage, Fault::NoSpace);
            let aborted = Arc::clone(&broken.aborted);
            let store = Store::new(Arc::new(broken));

            let outcome = receive(&store, &key(), pieces(&content, 65536), &Expected::default()).await;

            assert_eq!(outcome, Err(UploadError::Store(StoreError::Full)), "{stage:?}");
            assert_eq!(aborted.load(Ordering::SeqCst), aborts, "{stage:?}");
        }
        let small = Store::new(Arc::new(Broken::new(Fault::NoSpace)));
        let outcome = receive(&small, &key(), pieces(&noise(10), 10), &Expected::default()).await;
        assert_eq!(outcome, Err(UploadError::Store(StoreError::Full)));
    }

    #[tokio::test]
    async fn a_publication_that_fails_leaves_no_part_behind() {
        let (dir, store) = local();
        // A directory with something in it where the object should be: the last step cannot succeed.
        std::fs::create_dir_all(dir.path().join(key().as_str()).join("in the way")).unwrap();

        let outcome = receive(&store, &key(), pieces(&noise(LARGE), 65536), &Expected::default()).await;

        assert!(matches!(outcome, Err(UploadError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
        assert_eq!(files(dir.path()), [""; 0]);
    }
}
