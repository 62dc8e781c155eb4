//! Copying one object into another store, and comparing one with what it should be. The target never has half an
//! object, nor one with other bytes than were stored once.

use super::digest::digest;
use super::download::Download;
use super::error::StoreError;
use super::layout::ObjectKey;
use super::store::Store;
use super::upload::{Expected, UploadError, receive};
use crate::domain::scrub::Fault;
use crate::domain::stored::Content;

/// Why an object was not copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    #[error("it {0} in the source")]
    Source(Fault),
    /// It is not overwritten: it may be somebody else's.
    #[error("it {0} in the target; remove it there by hand if it is nobody else's")]
    Target(Fault),
    /// Trying again may help.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with an object, if anything is.
pub async fn fault_of(store: &Store, key: &ObjectKey, content: &Content) -> Result<Option<Fault>, StoreError> {
    let facts = match store.head(key).await {
        Err(StoreError::NotFound) => return Ok(Some(Fault::Missing)),
        facts => facts?,
    };
    if facts.size_bytes != content.size_bytes {
        return Ok(Some(Fault::OtherSize { found: facts.size_bytes, wanted: content.size_bytes }));
    }
    match (content.md5, facts.md5) {
        (None, _) => Ok(None),
        (Some(wanted), Some(md5)) if md5 == wanted => Ok(None),
        // What a store tells may be something else than the MD5 of the bytes, so only the right one proves anything.
        (Some(_), _) => fault_of_bytes(store, key, content).await,
    }
}

/// The same, whatever the store says of the object: all of it is read.
pub async fn fault_of_bytes(store: &Store, key: &ObjectKey, content: &Content) -> Result<Option<Fault>, StoreError> {
    match digest(store, key).await {
        Ok((found, _)) if found != content.size_bytes => {
            Ok(Some(Fault::OtherSize { found, wanted: content.size_bytes }))
        }
        Ok((_, md5)) => Ok(content.md5.filter(|wanted| *wanted != md5).map(|_| Fault::OtherBytes)),
        Err(StoreError::NotFound) => Ok(Some(Fault::Missing)),
        Err(error) => Err(error),
    }
}

/// Brings an object to the target unless it is there. `false`: it was there.
pub async fn bring(source: &Store, target: &Store, key: &ObjectKey, content: &Content) -> Result<bool, CopyError> {
    let content = &known_content(source, key, content).await?;
    match fault_of(target, key, content).await? {
        None => return Ok(false),
        Some(Fault::Missing) => {}
        Some(other) => return Err(CopyError::Target(other)),
    }
    let download = match Download::open(source, key).await {
        Err(StoreError::NotFound) => return Err(CopyError::Source(Fault::Missing)),
        opened => opened?,
    };
    let size_bytes = download.size_bytes();
    if size_bytes != content.size_bytes {
        return Err(CopyError::Source(Fault::OtherSize { found: size_bytes, wanted: content.size_bytes }));
    }
    let expected = Expected { declared_bytes: Some(size_bytes), md5: content.md5, ..Expected::default() };
    match receive(target, key, download.into_stream(0..size_bytes), &expected).await {
        Ok(_) => Ok(true),
        Err(UploadError::OtherContent) => Err(CopyError::Source(Fault::OtherBytes)),
        // Somebody else has brought it meanwhile.
        Err(UploadError::Store(StoreError::AlreadyExists)) => match fault_of(target, key, content).await? {
            None => Ok(false),
            Some(fault) => Err(CopyError::Target(fault)),
        },
        Err(UploadError::Store(error)) => Err(error.into()),
        Err(other) => Err(StoreError::Unavailable(format!("reading from the source: {other}")).into()),
    }
}

/// With the digest that the source's bytes have, where no record knows it: the target is then held to that.
async fn known_content(source: &Store, key: &ObjectKey, content: &Content) -> Result<Content, StoreError> {
    if content.md5.is_some() {
        return Ok(*content);
    }
    match digest(source, key).await {
        Ok((_, md5)) => Ok(Content { md5: Some(md5), ..*content }),
        Err(StoreError::NotFound) => Ok(*content),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ObjectId;
    use crate::storage::content_of;
    use bytes::Bytes;
    use object_store::memory::InMemory;
    use std::sync::Arc;

    /// A local source, a bucket as target, and an object of several blocks.
    async fn stores() -> (tempfile::TempDir, Store, Store, ObjectKey, Bytes) {
        let directory = tempfile::tempdir().unwrap();
        let source = Store::local(directory.path()).unwrap();
        let (key, bytes) = (ObjectKey::blob(ObjectId(1)), Bytes::from(vec![7; 700_000]));
        source.put_new(&key, bytes.clone()).await.unwrap();
        (directory, source, Store::new(Arc::new(InMemory::new())), key, bytes)
    }

    #[tokio::test]
    async fn an_object_is_copied_once() {
        let (_directory, source, target, key, bytes) = stores().await;
        let content = content_of(&bytes);

        assert_eq!(bring(&source, &target, &key, &content).await, Ok(true));
        assert_eq!(bring(&source, &target, &key, &content).await, Ok(false));

        assert_eq!(target.get(&key).await.unwrap(), bytes);
        assert_eq!(fault_of(&target, &key, &content).await, Ok(None));
    }

    #[tokio::test]
    async fn what_the_source_has_not_whole_never_shows_in_the_target() {
        let (_directory, source, target, key, bytes) = stores().await;
        let other = Content { md5: Some([0; 16]), ..content_of(&bytes) };
        let longer = Content { size_bytes: 700_001, ..content_of(&bytes) };
        let missing = ObjectKey::blob(ObjectId(2));

        for (key, content, fault) in [
            (&key, other, Fault::OtherBytes),
            (&key, longer, Fault::OtherSize { found: 700_000, wanted: 700_001 }),
            (&missing, other, Fault::Missing),
        ] {
            assert_eq!(bring(&source, &target, key, &content).await, Err(CopyError::Source(fault)));
            assert_eq!(target.get(key).await, Err(StoreError::NotFound));
        }
    }

    #[tokio::test]
    async fn bytes_whose_digest_nobody_knows_are_held_to_those_of_the_source() {
        let (_directory, source, target, key, bytes) = stores().await;
        let unknown = Content { md5: None, ..content_of(&bytes) };

        assert_eq!(bring(&source, &target, &key, &unknown).await, Ok(true));
        assert_eq!(bring(&source, &target, &key, &unknown).await, Ok(false));
        target.delete(&key).await.unwrap();
        target.put_new(&key, Bytes::from(vec![8; 700_000])).await.unwrap();

        assert_eq!(bring(&source, &target, &key, &unknown).await, Err(CopyError::Target(Fault::OtherBytes)));
    }

    #[tokio::test]
    async fn what_is_in_the_target_is_not_overwritten() {
        let (_directory, source, target, key, bytes) = stores().await;
        target.put_new(&key, Bytes::from(vec![8; 700_000])).await.unwrap();

        let refused = bring(&source, &target, &key, &content_of(&bytes)).await;

        assert_eq!(refused, Err(CopyError::Target(Fault::OtherBytes)));
        assert_eq!(target.get(&key).await.unwrap()[0], 8);
    }
}
