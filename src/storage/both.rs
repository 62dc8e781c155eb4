//! Two stores seen as one, while the objects of a team move from one to the other: what is new goes to the first, and
//! what is not there is read from the second. A key means the same bytes in both.

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Both {
    pub home: Arc<dyn ObjectStore>,
    pub also: Arc<dyn ObjectStore>,
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, then {}", self.home, self.also)
    }
}

#[async_trait]
impl ObjectStore for Both {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.home.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.home.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.home.get_opts(path, options.clone()).await {
            Err(Error::NotFound { .. }) => self.also.get_opts(path, options).await,
            found => found,
        }
    }

    /// From both, one after the other: an object is gone when neither has it.
    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (home, also) = (Arc::clone(&self.home), Arc::clone(&self.also));
        paths
            .then(move |path| {
                let (home, also) = (Arc::clone(&home), Arc::clone(&also));
                async move {
                    let path = path?;
                    for store in [home, also] {
                        match store.delete(&path).await {
                            Ok(()) | Err(Error::NotFound { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                    Ok(path)
                }
            })
            .boxed()
    }

    /// What is in either; an object that is in both comes twice.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.home.list(prefix).chain(self.also.list(prefix)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.home.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.home.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::id::ObjectId;
    use crate::storage::{ObjectKey, Store, StoreError};
    use bytes::Bytes;
    use object_store::memory::InMemory;
    use std::sync::Arc;

    #[tokio::test]
    async fn what_is_new_goes_home_and_what_is_missing_there_comes_from_the_other() {
        let (home, also) = (Store::new(Arc::new(InMemory::new())), Store::new(Arc::new(InMemory::new())));
        let (old, new) = (ObjectKey::blob(ObjectId(1)), ObjectKey::blob(ObjectId(2)));
        also.put_new(&old, Bytes::from_static(b"old")).await.unwrap();
        let both = home.reading_also(&also);

        both.put_new(&new, Bytes::from_static(b"new")).await.unwrap();

        assert_eq!(both.get(&old).await.unwrap(), "old");
        assert_eq!(both.read_range(&old, 1..3).await.unwrap(), "ld");
        assert_eq!(both.get(&new).await.unwrap(), "new");
        assert_eq!(home.get(&new).await.unwrap(), "new");
        assert_eq!(also.get(&new).await, Err(StoreError::NotFound));
    }

    #[tokio::test]
    async fn what_is_deleted_is_gone_from_both() {
        let (home, also) = (Store::new(Arc::new(InMemory::new())), Store::new(Arc::new(InMemory::new())));
        let key = ObjectKey::blob(ObjectId(1));
        for store in [&home, &also] {
            store.put_new(&key, Bytes::from_static(b"x")).await.unwrap();
        }

        home.reading_also(&also).delete(&key).await.unwrap();

        assert_eq!(home.get(&key).await, Err(StoreError::NotFound));
        assert_eq!(also.get(&key).await, Err(StoreError::NotFound));
    }
}
