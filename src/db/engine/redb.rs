//! The default engine: redb, one file, one fsynced commit per batch.
//! Commits are two-phase with quick repair: values are a client's bytes, and a crash must cost no repair walk.
//! After an I/O error redb refuses further writes on a handle, so the file is opened again for the next batch.

use super::{Changes, Engine, EngineError, KeyRange, Pair, Reader, Transaction};
use redb::{Builder, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, TableDefinition};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

#[expect(clippy::disallowed_types, reason = "this is the engine that wraps it")]
type Handle = redb::Database;

/// All tables of ours share one tree: a commit then touches one root, and the seam stays plain bytes.
const TREE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("weighhouse");

/// Opens the file, or a test's fault-injecting backend, again after an error.
type Open = Box<dyn Fn() -> Result<Handle, redb::DatabaseError> + Send + Sync>;

#[derive(Debug, Clone)]
pub struct RedbOptions {
    pub cache_bytes: usize,
    /// Below this much free space on the file's disk, writes are refused and reads go on.
    pub min_free_bytes: u64,
}

pub struct RedbEngine {
    open: Open,
    handle: RwLock<Option<Handle>>,
    /// A commit failed: the handle must be opened again before the next one.
    latched: AtomicBool,
    space: Option<(PathBuf, u64)>,
}

impl RedbEngine {
    /// Opens or creates the file at `path`.
    pub fn open(path: PathBuf, options: &RedbOptions) -> Result<Self, EngineError> {
        if !path.exists() {
            create(&path)?;
        }
        let directory = path.parent().map(PathBuf::from).unwrap_or_default();
        let (cache, min_free) = (options.cache_bytes, options.min_free_bytes);
        let open: Open = Box::new(move || Builder::new().set_cache_size(cache).open(&path));
        Self::with(open, Some((directory, min_free)))
    }

    /// Runs on backends that the caller makes; the crash simulator's way in.
    pub fn on_backend<B: StorageBackend>(
        cache_bytes: usize,
        backend: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let open = move || Builder::new().set_cache_size(cache_bytes).create_with_backend(backend());
        Self::with(Box::new(open), None)
    }

    fn with(open: Open, space: Option<(PathBuf, u64)>) -> Result<Self, EngineError> {
        let handle = open().map_err(failed)?;
        let engine = Self { open, handle: RwLock::new(Some(handle)), latched: AtomicBool::new(false), space };
        let missing = engine.with_handle(|handle| {
            let tx = handle.begin_read().map_err(failed)?;
            Ok(tx.open_table(TREE).is_err())
        })?;
        if missing {
            engine.commit(&Changes::new())?; // reading wants the tree to exist
        }
        Ok(engine)
    }

    fn with_handle<R>(&self, work: impl FnOnce(&Handle) -> Result<R, EngineError>) -> Result<R, EngineError> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        work(handle.as_ref().ok_or_else(|| EngineError::Failed("the database file is closed after an error".into()))?)
    }

    fn reopen(&self) -> Result<(), EngineError> {
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        *handle = None; // the file's lock goes with it
        *handle = Some((self.open)().map_err(failed)?);
        self.latched.store(false, Ordering::Release);
        Ok(())
    }

    fn commit(&self, changes: &Changes) -> Result<(), EngineError> {
        self.latched.store(true, Ordering::Release); // stays so if redb panics
        let outcome = self.with_handle(|handle| {
            let mut tx = handle.begin_write().map_err(failed)?;
            tx.set_durability(Durability::Immediate).map_err(failed)?;
            tx.set_quick_repair(true);
            {
                let mut tree = tx.open_table(TREE).map_err(failed)?;
                for (key, value) in changes {
                    match value {
                        Some(value) => tree.insert(key.as_slice(), value.as_slice()).map_err(failed)?,
                        None => tree.remove(key.as_slice()).map_err(failed)?,
                    };
                }
            }
            tx.commit().map_err(failed)
        });
        self.latched.store(outcome.is_err(), Ordering::Release);
        outcome
    }

    fn has_space(&self) -> bool {
        let Some((directory, min_free)) = &self.space else { return true };
        let Ok(stat) = rustix::fs::statvfs(directory) else { return true };
        stat.f_bavail.saturating_mul(stat.f_frsize) >= *min_free
    }

    fn snapshot(&self) -> Result<Snapshot, EngineError> {
        self.with_handle(|handle| {
            let tx = handle.begin_read().map_err(failed)?;
            Ok(Snapshot(tx.open_table(TREE).map_err(failed)?))
        })
    }
}

impl Engine for RedbEngine {
    fn read(&self) -> Result<Box<dyn Reader>, EngineError> {
        Ok(Box::new(self.snapshot()?))
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, EngineError> {
        if !self.has_space() {
            return Err(EngineError::Full);
        }
        if self.latched.load(Ordering::Acquire) {
            self.reopen()?;
        }
        Ok(Box::new(RedbTransaction { engine: self, snapshot: self.snapshot()? }))
    }
}

struct Snapshot(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Reader for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(key).map_err(failed)?.map(|value| value.value().to_vec()))
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError> {
        let bounds = (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice));
        let mut found = self.0.range::<&[u8]>(bounds).map_err(failed)?;
        let mut pairs = Vec::new();
        while pairs.len() < limit {
            let Some(next) = (if reverse { found.next_back() } else { found.next() }) else { break };
            let (key, value) = next.map_err(failed)?;
            pairs.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(pairs)
    }
}

/// Reads come from a snapshot: there is one writer, and its own changes are in the overlay above the seam.
struct RedbTransaction<'e> {
    engine: &'e RedbEngine,
    snapshot: Snapshot,
}

impl Reader for RedbTransaction<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.snapshot.get(key)
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError> {
        self.snapshot.scan(range, reverse, limit)
    }
}

impl Transaction for RedbTransaction<'_> {
    fn commit(self: Box<Self>, changes: &Changes) -> Result<(), EngineError> {
        let Self { engine, snapshot } = *self;
        drop(snapshot); // a live snapshot would keep this commit from reusing freed pages
        engine.commit(changes)
    }
}

/// A file cut off while it was made can never be opened again, so it is made under another name. It only gets its own
/// once it is whole; from then on it is opened and never created: a missing file is not an empty database.
fn create(path: &Path) -> Result<(), EngineError> {
    let unfinished = path.with_extension("unfinished");
    let io = |error: std::io::Error| failed(redb::StorageError::Io(error));
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    // Hashes of passwords and keys will be in it. An empty file is to redb as good as none.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(io)?;
    let handle = Builder::new().create(&unfinished).map_err(failed)?;
    drop(handle);
    std::fs::rename(&unfinished, path).map_err(io)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
}

/// A full disk is told apart: the person can do something about it.
fn failed(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        redb::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => EngineError::Full,
        redb::Error::Io(io) if io.kind() == std::io::ErrorKind::QuotaExceeded => EngineError::Full,
        other => EngineError::Failed(other.to_string()),
    }
}
