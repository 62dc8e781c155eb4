//! The stores of this server: the one of the instance, and those of connectors once they are opened.

use super::error::{StoreError, from_io};
use super::store::Store;
use crate::domain::id::ConnectorId;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// All stores of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stores {
    default: Store,
    /// Something is in the directory.
    has_objects: bool,
    /// The connector whose store is that of the instance, in place of the directory.
    default_connector: Arc<OnceLock<ConnectorId>>,
    /// By connector, with the version of it that was opened.
    opened: Arc<Mutex<HashMap<ConnectorId, (u32, Store)>>>,
}

impl Stores {
    /// Everything in a local directory, which is made if it is missing. Blocks: call it at start.
    pub fn local(directory: &Path) -> Result<Self, StoreError> {
        let default = Store::local(directory)?;
        let has_objects = holds_a_file(directory).map_err(|error| from_io(&error))?;
        Ok(Self { default, has_objects, default_connector: Arc::default(), opened: Arc::default() })
    }

    /// The directory: the store of the instance, unless a connector is.
    pub fn default_store(&self) -> &Store {
        &self.default
    }

    /// The directory, if something was in it at the start: an instance may have kept its bytes there before it had a
    /// connector for them.
    pub fn left_in_directory(&self) -> Option<&Store> {
        self.has_objects.then_some(&self.default)
    }

    /// The connector whose store is that of the instance.
    pub fn default_connector(&self) -> Option<ConnectorId> {
        self.default_connector.get().copied()
    }

    /// Once, at start.
    pub fn set_default_connector(&self, id: ConnectorId) {
        let _was_set_before = self.default_connector.set(id);
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

fn holds_a_file(directory: &Path) -> std::io::Result<bool> {
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                return Ok(true);
            }
            directories.push(entry.path());
        }
    }
    Ok(false)
}
