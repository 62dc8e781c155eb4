//! Reading an object: its size first, then any range of it as a stream of 1 MiB blocks. Of a local store the file
//! itself is read, because the store's own stream hands out 8 KiB at a time for twenty times the work.

use super::error::{StoreError, from_io};
use super::layout::ObjectKey;
use super::store::Store;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::GetResultPayload;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const BLOCK_BYTES: u64 = 1024 * 1024;
/// While one block is being sent, the next is being read.
const BLOCKS_AHEAD: usize = 2;

pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// How much of an object is going to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    All,
    /// Maybe less: a bucket is not made to begin sending all of it.
    Part,
}

/// An object opened for reading. It stays readable when it is deleted meanwhile, if the store is local.
pub struct Download {
    store: Store,
    key: ObjectKey,
    size_bytes: u64,
    /// `None` for a bucket that has not been asked for the bytes.
    payload: Option<GetResultPayload>,
}

impl Download {
    pub async fn open(store: &Store, key: &ObjectKey) -> Result<Self, StoreError> {
        Self::open_for(store, key, Wants::All).await
    }

    pub async fn open_for(store: &Store, key: &ObjectKey, wants: Wants) -> Result<Self, StoreError> {
        let (size_bytes, payload) = if wants == Wants::Part && !store.is_local() {
            (store.head(key).await?.size_bytes, None)
        } else {
            let opened = store.open(key).await?;
            (opened.meta.size, Some(opened.payload))
        };
        Ok(Self { store: store.clone(), key: key.clone(), size_bytes, payload })
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes of a range, cut to the object. An object that turns out shorter than its size ends in an error,
    /// never in silence.
    pub fn into_stream(self, range: Range<u64>) -> ByteStream {
        let range = range.start..range.end.min(self.size_bytes);
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let whole = range == (0..self.size_bytes);
        match self.payload {
            Some(GetResultPayload::File(file, _)) => file_blocks(self.store, file, range),
            Some(GetResultPayload::Stream(bytes)) if whole => checked(self.store, bytes, range),
            Some(GetResultPayload::Stream(_)) | None => {
                let (store, key) = (self.store, self.key);
                let open = async move {
                    let part = store.open_range(&key, range.clone()).await?;
                    Ok::<_, StoreError>(checked(store, part.into_stream(), range))
                };
                stream::once(open).try_flatten().boxed()
            }
        }
    }
}

fn file_blocks(store: Store, file: File, range: Range<u64>) -> ByteStream {
    let file = Arc::new(file);
    let blocks = blocks(range).map(move |block| {
        let (store, file) = (store.clone(), Arc::clone(&file));
        async move { store.on_blocking_pool(move || read_block(&file, block)).await }
    });
    stop_at_error(stream::iter(blocks).buffered(BLOCKS_AHEAD))
}

/// The range in pieces of one block; the last may be shorter.
fn blocks(range: Range<u64>) -> impl Iterator<Item = Range<u64>> + Send {
    std::iter::successors(Some(range.start), |start| start.checked_add(BLOCK_BYTES))
        .take_while(move |start| *start < range.end)
        .map(move |start| start..range.end.min(start.saturating_add(BLOCK_BYTES)))
}

fn read_block(file: &File, block: Range<u64>) -> Result<Bytes, StoreError> {
    let length = usize::try_from(block.end - block.start).expect("a block fits into memory");
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, block.start).map_err(|error| from_io(&error))?;
    Ok(bytes.into())
}

/// A stream of the store itself, with a time limit per piece, and an error if it ends before the range does.
fn checked(store: Store, bytes: BoxStream<'static, object_store::Result<Bytes>>, range: Range<u64>) -> ByteStream {
    let missing = range.end - range.start;
    stop_at_error(stream::unfold((store, bytes, missing), |(store, mut bytes, missing)| async move {
        let next = store.limited(async { bytes.try_next().await }).await;
        let piece = match next {
            Ok(Some(piece)) if piece.len() as u64 <= missing => Ok(piece),
            Ok(None) if missing == 0 => return None,
            Ok(_) => Err(StoreError::Unavailable("the object does not have the size it should have".into())),
            Err(error) => Err(error),
        };
        let missing = missing - piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Some((piece, (store, bytes, missing)))
    }))
}

/// Ends the stream after its first error: what follows a gap must not be sent.
fn stop_at_error(stream: impl futures_util::Stream<Item = Result<Bytes, StoreError>> + Send + 'static) -> ByteStream {
    stream
        .scan(false, |failed, item| {
            let ended = std::mem::replace(failed, item.is_err());
            std::future::ready((!ended).then_some(item))
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use object_store::memory::InMemory;
    use tempfile::{TempDir, tempdir};

    const SIZE: usize = 3 * BLOCK_BYTES as usize + 77;

    fn key() -> ObjectKey {
        ObjectKey::run_file(ObjectId(1))
    }

    fn content() -> Bytes {
        (0..SIZE).map(|at| (at / 7 % 251) as u8).collect()
    }

    async fn local() -> (TempDir, Store) {
        let dir = tempdir().unwrap();
        let store = Store::local(dir.path()).unwrap();
        store.put_new(&key(), content()).await.unwrap();
        (dir, store)
    }

    async fn read(store: &Store, range: Range<u64>) -> Vec<Bytes> {
        Download::open(store, &key()).await.unwrap().into_stream(range).try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn every_range_of_a_file_and_of_a_bucket_is_what_was_stored() {
        let (_dir, local) = local().await;
        let bucket = Store::new(Arc::new(InMemory::new()));
        bucket.put_new(&key(), content()).await.unwrap();
        let (block, size) = (BLOCK_BYTES, SIZE as u64);
        let ranges = [0..size, 0..1, 5..9, block - 1..block + 1, block..2 * block, 100..size, size - 1..size, 7..7];

        for store in [&local, &bucket] {
            for range in ranges.clone() {
                let wanted = content().slice(range.start as usize..range.end as usize);
                assert!(read(store, range.clone()).await.concat() == wanted, "{range:?}");
                let part = Download::open_for(store, &key(), Wants::Part).await.unwrap();
                assert_eq!(part.size_bytes(), size);
                let part: Vec<_> = part.into_stream(range.clone()).try_collect().await.unwrap();
                assert!(part.concat() == wanted, "{range:?}");
            }
            assert_eq!(read(store, 10..u64::MAX).await.concat().len(), SIZE - 10);
            assert!(read(store, size..size + 5).await.is_empty());
        }
    }

    #[tokio::test]
    async fn a_file_comes_in_blocks_of_one_mebibyte() {
        let (_dir, store) = local().await;

        let lengths: Vec<_> = read(&store, 10..SIZE as u64).await.iter().map(Bytes::len).collect();

        assert_eq!(lengths, [1 << 20, 1 << 20, 1 << 20, 67]);
    }

    #[tokio::test]
    async fn the_size_is_known_before_the_first_byte_and_a_missing_object_is_not_found() {
        let (_dir, store) = local().await;

        assert_eq!(Download::open(&store, &key()).await.unwrap().size_bytes(), SIZE as u64);
        let other = Download::open(&store, &ObjectKey::run_file(ObjectId(2))).await;
        assert_eq!(other.map(|found| found.size_bytes()), Err(StoreError::NotFound));
    }

    #[tokio::test]
    async fn a_file_cut_short_ends_in_an_error_and_nothing_follows_it() {
        let (dir, store) = local().await;
        let download = Download::open(&store, &key()).await.unwrap();
        let file = File::options().write(true).open(dir.path().join(key().as_str())).unwrap();
        file.set_len(BLOCK_BYTES + 10).unwrap();

        let pieces: Vec<_> = download.into_stream(0..SIZE as u64).collect().await;

        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].as_ref().map(Bytes::len), Ok(1 << 20));
        assert!(matches!(pieces[1], Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn an_opened_file_outlives_its_deletion() {
        let (_dir, store) = local().await;
        let download = Download::open(&store, &key()).await.unwrap();
        store.delete(&key()).await.unwrap();

        let bytes: Vec<_> = download.into_stream(0..SIZE as u64).try_collect().await.unwrap();

        assert!(bytes.concat() == content());
    }
}
