//! What every store has to do.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use std::collections::BTreeSet;
use std::convert::Infallible;
use weighhouse::domain::id::ObjectId;
use weighhouse::storage::download::Download;
use weighhouse::storage::upload::{Expected, receive};
use weighhouse::storage::{ObjectKey, Store, StoreError};

pub fn key(number: u64) -> ObjectKey {
    ObjectKey::blob(ObjectId(number))
}

/// Bytes that no block of is like another.
pub fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at / 7 % 251) as u8).collect()
}

/// `beside` is the same bucket under another prefix.
pub async fn all(store: &Store, beside: &Store) {
    what_was_put_is_read_back(store).await;
    an_object_is_never_overwritten(store).await;
    what_is_missing_is_not_found(store).await;
    a_long_body_arrives_in_parts(store).await;
    facts_are_told_without_reading(store).await;
    more_than_a_page_is_listed(store, beside).await;
}

async fn what_was_put_is_read_back(store: &Store) {
    let object = key(1);
    store.put_new(&object, Bytes::from_static(b"0123456789")).await.unwrap();
    store.put_new(&key(2), Bytes::new()).await.unwrap();

    assert_eq!(store.get(&object).await.unwrap(), "0123456789");
    assert_eq!(store.read_range(&object, 2..5).await.unwrap(), "234");
    assert_eq!(store.read_range(&object, 9..10).await.unwrap(), "9");
    assert!(store.read_range(&object, 5..11).await.is_err());
    assert_eq!(store.get(&key(2)).await.unwrap(), "");

    let download = Download::open(store, &object).await.unwrap();
    assert_eq!(download.size_bytes(), 10);
    let pieces: Vec<Bytes> = download.into_stream(3..7).try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"3456");
}

async fn an_object_is_never_overwritten(store: &Store) {
    assert_eq!(store.put_new(&key(1), Bytes::from_static(b"second")).await, Err(StoreError::AlreadyExists));
    assert_eq!(store.get(&key(1)).await.unwrap(), "0123456789");
}

async fn what_is_missing_is_not_found(store: &Store) {
    let missing = key(99);
    assert_eq!(store.get(&missing).await, Err(StoreError::NotFound));
    assert_eq!(store.head(&missing).await, Err(StoreError::NotFound));
    assert_eq!(store.read_range(&missing, 0..1).await, Err(StoreError::NotFound));

    assert_eq!(store.delete(&key(1)).await, Ok(()));
    assert_eq!(store.delete(&key(1)).await, Ok(()));
    assert_eq!(store.get(&key(1)).await, Err(StoreError::NotFound));
}

async fn a_long_body_arrives_in_parts(store: &Store) {
    let (object, content) = (key(3), content(20 << 20));
    let pieces = (0..content.len()).step_by(100_000).map(|at| content.slice(at..content.len().min(at + 100_000)));
    let body = stream::iter(pieces.map(Ok::<_, Infallible>).collect::<Vec<_>>());

    let received = receive(store, &object, body, &Expected::default()).await.unwrap();

    assert_eq!(received.md5, <[u8; 16]>::from(Md5::digest(&content)));
    assert_eq!(store.head(&object).await.unwrap().size_bytes, 20 << 20);
    assert_eq!(store.read_range(&object, 12_345_678..12_345_688).await.unwrap(), content.slice(12_345_678..12_345_688));
    assert!(store.get(&object).await.unwrap() == content);
}

/// An MD5 that is told is the right one; stores that have none tell none.
async fn facts_are_told_without_reading(store: &Store) {
    let (object, content) = (key(4), content(1000));
    store.put_new(&object, content.clone()).await.unwrap();

    let facts = store.head(&object).await.unwrap();

    assert_eq!(facts.size_bytes, 1000);
    let tells_md5 = store.direct().is_some_and(weighhouse::storage::Direct::binds_md5);
    assert_eq!(facts.md5, tells_md5.then(|| Md5::digest(&content).into()));
    // 2026-01-01: it is the store's clock that is told.
    assert!(facts.modified.0 > 1_767_225_600_000_000, "{:?}", facts.modified);
}

async fn more_than_a_page_is_listed(store: &Store, beside: &Store) {
    let numbers = 1000..2050;
    let put = |number| async move { store.put_new(&key(number), Bytes::from_static(b"x")).await.unwrap() };
    stream::iter(numbers.clone()).map(put).buffer_unordered(16).collect::<Vec<()>>().await;
    beside.put_new(&key(5), Bytes::from_static(b"beside")).await.unwrap();

    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    let listed_beside: Vec<_> = beside.list().try_collect().await.unwrap();

    let wanted: BTreeSet<_> = numbers.chain(2..=4).map(|number| key(number).to_string()).collect();
    assert_eq!(listed.len(), wanted.len());
    assert_eq!(listed.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>(), wanted);
    assert!(listed.iter().all(|(name, facts)| name == key(3).as_str() || facts.size_bytes <= 1000));
    assert_eq!(listed_beside.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [key(5).as_str()]);
}
