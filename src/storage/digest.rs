//! Reading an object only to see whether it is what it should be.

use super::download::Download;
use super::error::StoreError;
use super::layout::ObjectKey;
use super::store::Store;
use futures_util::TryStreamExt;
use md5::{Digest, Md5};

/// Size and MD5 of an object as it lies in its store.
pub async fn digest(store: &Store, key: &ObjectKey) -> Result<(u64, [u8; 16]), StoreError> {
    let download = Download::open(store, key).await?;
    let size_bytes = download.size_bytes();
    let (mut blocks, mut md5) = (download.into_stream(0..size_bytes), Md5::new());
    while let Some(block) = blocks.try_next().await? {
        // A block takes milliseconds, which the runtime's own threads must not spend.
        let hash = move || {
            md5.update(&block);
            Ok(md5)
        };
        md5 = store.on_blocking_pool(hash).await?;
    }
    Ok((size_bytes, md5.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use bytes::Bytes;

    #[tokio::test]
    async fn an_object_of_several_blocks_has_the_digest_of_all_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::local(directory.path()).unwrap();
        let key = ObjectKey::run_file(ObjectId(1));
        let content: Vec<u8> = (0..2_500_000_u32).map(|n| n as u8).collect();
        store.put_new(&key, Bytes::from(content.clone())).await.unwrap();

        let found = digest(&store, &key).await.unwrap();

        assert_eq!(found, (2_500_000, Md5::digest(&content).into()));
    }
}
