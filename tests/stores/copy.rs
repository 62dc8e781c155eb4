//! Objects on their way from one kind of store to the next.

use super::case::{content, key};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use weighhouse::domain::scrub::Fault;
use weighhouse::domain::stored::Content;
use weighhouse::storage::copy::{CopyError, bring, fault_of_bytes};
use weighhouse::storage::{ObjectKey, Store, content_of};

/// Small ones; a large one goes in parts.
const OBJECTS: u64 = 100;
const LARGE_BYTES: usize = 20 << 20;

fn content_of_number(number: u64) -> Bytes {
    if number == 0 { content(LARGE_BYTES) } else { Bytes::from(format!("object {number}")) }
}

/// Puts objects into the first store, and copies all of them from each store into the next: every one arrives whole.
pub async fn through_all(stores: &[Store]) {
    let objects: Vec<(ObjectKey, Content)> =
        (0..=OBJECTS).map(|number| (key(10_000 + number), content_of(&content_of_number(number)))).collect();
    for (number, (key, _)) in (0..).zip(&objects) {
        stores[0].put_new(key, content_of_number(number)).await.unwrap();
    }
    for pair in stores.windows(2) {
        let (source, target) = (&pair[0], &pair[1]);
        let copy = |(key, content): &(ObjectKey, Content)| {
            let (key, content) = (key.clone(), *content);
            async move {
                assert_eq!(bring(source, target, &key, &content).await, Ok(true), "{key}");
                assert_eq!(bring(source, target, &key, &content).await, Ok(false), "{key} is there");
                assert_eq!(fault_of_bytes(target, &key, &content).await, Ok(None), "{key}");
            }
        };
        stream::iter(&objects).map(copy).buffer_unordered(8).collect::<Vec<()>>().await;
        what_is_not_whole_stays_out(source, target).await;
        for (key, _) in &objects {
            source.delete(key).await.unwrap();
        }
    }
}

async fn what_is_not_whole_stays_out(source: &Store, target: &Store) {
    let damaged = key(20_000);
    let bytes = Bytes::from(vec![7; 700_000]);
    source.put_new(&damaged, bytes.clone()).await.unwrap();
    let other = Content { md5: Some([0; 16]), ..content_of(&bytes) };

    let refused = bring(source, target, &damaged, &other).await;

    assert_eq!(refused, Err(CopyError::Source(Fault::OtherBytes)));
    assert_eq!(fault_of_bytes(target, &damaged, &other).await, Ok(Some(Fault::Missing)));
    source.delete(&damaged).await.unwrap();
}
