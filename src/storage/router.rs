//! The stores of this server: the one of the instance, and those of connectors once they are opened.

use super::error::StoreError;
use super::store::Store;
use crate::domain::id::ConnectorId;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// All stores of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stores {
    default: Store,
    /// By connector, with the version of it that was opened.
    opened: Arc<Mutex<HashMap<ConnectorId, (u32, Store)>>>,
}

impl Stores {
    /// Everything in a local directory, which is made if it is missing. Blocks: call it at start.
    pub fn local(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self { default: Store::local(directory)?, opened: Arc::default() })
    }

    /// The store of the instance.
    pub fn default_store(&self) -> &Store {
        &self.default
    }

    /// The store of a connector of this version, which `open` opens if it is not open yet. Opening asks nobody outside.
    pub fn of_connector(
        &self,
        id: ConnectorId,
        version: u32,
        open: impl FnOnce() -> Result<Store, StoreError>,
    ) -> Result<Store, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, store)) = opened.get(&id).filter(|(known, _)| *known == version) {
            return Ok(store.clone());
        }
        let store = open()?.guarded();
        opened.insert(id, (version, store.clone()));
        Ok(store)
    }

    /// Removes what uploads left behind that a crash cut off, and says how many. Call it before the first upload.
    pub async fn remove_unfinished(&self) -> Result<u64, StoreError> {
        self.default.remove_unfinished().await
    }
}
