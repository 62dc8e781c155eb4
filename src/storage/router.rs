//! The one place that turns an owner into a store.

use super::store::{Store, StoreError};
use crate::domain::id::EntityId;
use std::path::Path;

/// All stores of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stores {
    default: Store,
}

impl Stores {
    /// Everything in a local directory, which is made if it is missing. Blocks: call it at start.
    pub fn local(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self { default: Store::local(directory)? })
    }

    /// The store that holds the bytes of a user or team.
    pub fn for_entity(&self, _owner: EntityId) -> &Store {
        &self.default
    }

    /// Removes what uploads left behind that a crash cut off, and says how many. Call it before the first upload.
    pub async fn remove_unfinished(&self) -> Result<u64, StoreError> {
        self.default.remove_unfinished().await
    }
}
