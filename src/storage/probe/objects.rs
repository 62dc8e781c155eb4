//! Reading, writing and deleting objects, as the server does it.

use super::log::{Done, Log, Trouble};
use super::{Keys, Probe};
use crate::domain::connector::probe::ProbeStep;
use crate::storage::writer::PART_BYTES;
use crate::storage::{Store, StoreError};
use bytes::Bytes;
use futures_util::StreamExt;
use std::time::Duration;

pub(super) const SMALL: &[u8] = b"This object is part of a self-test, which removes it again.\n";
/// Beyond the first part, so that there are two.
const LAST_PART_BYTES: usize = 1024;
/// Removing what is left after all.
const CLEAN_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(probe: &Probe<'_>, keys: &Keys, log: &mut Log<'_>) {
    use ProbeStep as Step;
    let store = probe.store;
    let written: &[Step] = &[Step::Connect, Step::Put];
    log.step(Step::List, &[Step::Connect], list(store)).await;
    log.step(Step::Put, &[Step::Connect], async {
        store.put_new(&keys.small, Bytes::from_static(SMALL)).await?;
        Ok(None)
    })
    .await;
    log.step(Step::Head, written, async {
        let size = store.head(&keys.small).await?.size_bytes;
        same(size == SMALL.len() as u64, || format!("an object of {} bytes has {size}", SMALL.len()))
    })
    .await;
    log.step(Step::Get, written, async {
        let bytes = store.get(&keys.small).await?;
        same(bytes == SMALL, || "what was written is read back as something else".into())
    })
    .await;
    log.step(Step::Range, written, async {
        let bytes = store.read_range(&keys.small, 5..11).await?;
        same(bytes == SMALL[5..11], || "a range of what was written is read back as something else".into())
    })
    .await;
    log.step(Step::ConditionalPut, written, overwrite(store, keys)).await;
    log.step(Step::Multipart, &[Step::Connect, Step::Put], in_parts(store, keys)).await;
}

/// Removes what the test has written, which is a step of it.
pub(super) async fn delete(probe: &Probe<'_>, keys: &Keys, log: &mut Log<'_>) {
    let store = probe.store;
    log.step(ProbeStep::Delete, &[ProbeStep::Connect, ProbeStep::Put], async {
        for key in keys.all() {
            store.delete(key).await?;
        }
        match store.head(&keys.small).await {
            Err(StoreError::NotFound) => Ok(None),
            Ok(_) => same(false, || "an object is still there after it was deleted".into()),
            Err(error) => Err(error.into()),
        }
    })
    .await;
    if log.has_failed(ProbeStep::Delete) && !log.has_failed(ProbeStep::Connect) {
        // Something may be there: a request without an answer may have been carried out.
        let clean = async {
            for key in keys.all() {
                let _left_behind = store.delete(key).await;
            }
        };
        let _gave_up = tokio::time::timeout(CLEAN_WITHIN, clean).await;
    }
}

async fn list(store: &Store) -> Done {
    match store.list().next().await {
        Some(Err(error)) => Err(error.into()),
        Some(Ok(_)) | None => Ok(None),
    }
}

async fn overwrite(store: &Store, keys: &Keys) -> Done {
    match store.put_new(&keys.small, Bytes::from_static(b"something else")).await {
        Err(StoreError::AlreadyExists) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Trouble::seen(
            "an object that exists was overwritten",
            "conditional writes: the store has to refuse a `PUT` with `If-None-Match: *` where there is an object",
        )),
    }
}

async fn in_parts(store: &Store, keys: &Keys) -> Done {
    let mut writer = store.begin(&keys.large, None).await?;
    let sent = async {
        writer.write(Bytes::from(vec![b'x'; PART_BYTES])).await?;
        writer.write(Bytes::from(vec![b'y'; LAST_PART_BYTES])).await?;
        writer.finish().await
    };
    if let Err(error) = sent.await {
        writer.abort().await;
        return Err(error.into());
    }
    let (size, sent) = (store.head(&keys.large).await?.size_bytes, (PART_BYTES + LAST_PART_BYTES) as u64);
    same(size == sent, || format!("an object of {sent} bytes in two parts has {size}"))
}

pub(super) fn same(is_same: bool, words: impl FnOnce() -> String) -> Done {
    if is_same { Ok(None) } else { Err(Trouble::Seen { words: words(), missing: None }) }
}
