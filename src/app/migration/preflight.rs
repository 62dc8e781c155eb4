//! Whether a store can be moved into: it takes, gives and deletes an object, and it is not the store that is left.

use crate::app::{App, Error};
use crate::domain::connector::StoreId;
use crate::secrets::random_bytes;
use crate::storage::{ObjectKey, Store, StoreError};
use bytes::Bytes;

/// What the probe holds.
const CONTENT: &[u8] = b"whether this store works";

impl App {
    /// Says what is wrong with the target, in words for an administrator.
    pub(super) async fn check_target(&self, source: StoreId, target: StoreId, name: &str) -> Result<(), Error> {
        let (source, target) = (self.store_named(source)?, self.store_named(target)?);
        match probe(&source, &target).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let why = format!("store `{name}` is the same place as the one that the bytes are in now");
                Err(Error::Conflict(why))
            }
            Err(error) => Err(Error::Outside(format!("store `{name}` cannot be moved into: {error}"))),
        }
    }

    /// Whether two stores are one place. What is deleted from one would then be gone from the other.
    pub(super) async fn is_same_place(&self, one: &Store, other: &Store) -> Result<bool, Error> {
        Ok(!probe(one, other).await?)
    }
}

/// `false`: what is put into the target shows in the source.
async fn probe(source: &Store, target: &Store) -> Result<bool, StoreError> {
    let key = ObjectKey::probe(u64::from_ne_bytes(random_bytes()), "same-place");
    target.put_new(&key, Bytes::from_static(CONTENT)).await?;
    let read = target.get(&key).await;
    let elsewhere = source.head(&key).await;
    target.delete(&key).await?;
    if read? != CONTENT {
        return Err(StoreError::Unavailable("it gives other bytes than it was given".into()));
    }
    match elsewhere {
        Ok(_) => Ok(false),
        Err(StoreError::NotFound) => Ok(true),
        Err(error) => Err(error),
    }
}
