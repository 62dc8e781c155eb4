//! What the product does: one file per noun, one function per use case. The only writer.

mod error;
/// People.
pub mod user;

pub use error::{Error, Trouble};

use crate::access::Licence;
use crate::db::engine::EngineError;
use crate::db::engine::redb::{RedbEngine, RedbOptions};
use crate::db::{Db, Limits};
use crate::domain::clock::Clock;
use crate::secrets::{KeyHasher, MasterKey, MasterKeyError, Secret};
use crate::storage::{StoreError, Stores};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What `App::open` needs to know; plain values from the settings.
pub struct Opening {
    pub data_dir: PathBuf,
    pub cache_bytes: usize,
    /// Below this much free space the database refuses writes and goes on reading.
    pub min_free_bytes: u64,
    pub queued_writes: usize,
    pub open_reads: usize,
    pub read_secs: u64,
    /// Without it the key file of the data directory is used, and made at the first start.
    pub master_key: Option<Secret>,
}

/// Why the data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the database in {}: {reason}", .directory.display())]
    Database { directory: PathBuf, reason: EngineError },
    #[error("cannot start the database's writer: {0}")]
    Writer(std::io::Error),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("cannot open the object store in {}: {reason}", .directory.display())]
    Store { directory: PathBuf, reason: StoreError },
}

/// Everything behind the adapters. Cheap to clone.
#[derive(Clone)]
pub struct App {
    db: Db,
    keys: Arc<KeyHasher>,
    licence: Licence,
}

impl App {
    /// Opens a data directory whose lock the caller holds; makes what is missing.
    pub async fn open(opening: Opening) -> Result<Self, OpenError> {
        let directory = opening.data_dir.clone();
        let master = match &opening.master_key {
            Some(text) => MasterKey::from_text(text.expose())?,
            None => MasterKey::load_or_create(&directory)?,
        };
        let objects = directory.join("objects");
        let failed = |reason| OpenError::Store { directory: objects.clone(), reason };
        let removed = Stores::local(&objects).map_err(failed)?.remove_unfinished().await.map_err(failed)?;
        if removed > 0 {
            tracing::info!(removed, "removed the parts of uploads that were cut off");
        }
        let db = tokio::task::spawn_blocking(move || open_db(&opening));
        let db = db.await.map_err(|_| OpenError::Database { directory, reason: damaged() })??;
        Ok(Self { db, keys: Arc::new(KeyHasher::new(&master)), licence: Licence::none() })
    }

    /// Whether the database answers, for `/ready`. Reads one key: quick.
    pub fn check_database(&self) -> Result<(), String> {
        self.db.check().map_err(|error| error.to_string())
    }
}

fn open_db(opening: &Opening) -> Result<Db, OpenError> {
    let options = RedbOptions { cache_bytes: opening.cache_bytes, min_free_bytes: opening.min_free_bytes };
    let limits = Limits {
        queued_writes: opening.queued_writes,
        open_reads: opening.open_reads,
        read_age: Duration::from_secs(opening.read_secs),
    };
    let engine = RedbEngine::open(opening.data_dir.join("metadata.redb"), &options)
        .map_err(|reason| OpenError::Database { directory: opening.data_dir.clone(), reason })?;
    Db::new(Arc::new(engine), Clock::system(), &limits).map_err(OpenError::Writer)
}

/// redb may panic on a damaged file instead of saying so.
fn damaged() -> EngineError {
    EngineError::Failed("the file is damaged; restore the newest backup".into())
}
