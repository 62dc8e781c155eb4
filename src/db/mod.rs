//! Metadata: typed tables over an ordered key-value engine.
//! Queries are short synchronous closures; all waiting writes share one durable commit.

/// Tables whatever they hold.
pub mod any_table;
/// Which runs a commit changed.
pub mod changed_run;
pub mod engine;
/// Keys as bytes that sort like their values.
pub mod key;
/// Values as MessagePack with a version byte.
pub mod record;
/// The queries, one file per noun.
pub mod repo;
/// Every table and index.
pub mod schema;
/// Typed tables and the indexes they keep.
pub mod table;
/// Transactions: what a closure reads and writes through.
pub mod tx;
/// Checking and writing out everything.
pub mod verify;
mod writer;

use crate::domain::clock::Clock;
use changed_run::Watcher;
use engine::{Engine, EngineError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tx::{ReadTx, WriteTx};
use writer::Writer;

/// Why the database did not do what it was asked. Nothing of the closure's work remains.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    #[error("too many changes are waiting to be written; try again shortly")]
    Busy,
    #[error("the disk of the data directory is full; free some space and try again")]
    Full,
    #[error("the database is not available: {0}")]
    Unavailable(String),
    #[error("the read took longer than {0:?}; ask for less at a time")]
    TooLong(Duration),
    #[error("a stored record cannot be read: {0}")]
    Damaged(String),
}

impl From<EngineError> for DbError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Full => Self::Full,
            EngineError::Conflict => Self::Busy,
            EngineError::Failed(why) => Self::Unavailable(why),
        }
    }
}

/// Bounds that keep memory and file growth in check.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Closures waiting for the writer; more are refused with [`DbError::Busy`].
    pub queued_writes: usize,
    /// Read transactions open at the same time; more wait.
    pub open_reads: usize,
    /// A read transaction older than this fails: while it lives, the file cannot reuse space.
    pub read_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queued_writes: 4096, open_reads: 8, read_age: Duration::from_secs(10) }
    }
}

/// The handle that everybody shares. Dropping the last clone stops the writer thread.
#[derive(Clone)]
pub struct Db {
    engine: Arc<dyn Engine>,
    writer: Arc<Writer>,
    reads: Arc<Semaphore>,
    read_age: Duration,
    commits: Arc<AtomicU64>,
    watcher: Arc<OnceLock<Watcher>>,
}

impl Db {
    pub fn new(engine: Arc<dyn Engine>, clock: Clock, limits: &Limits) -> std::io::Result<Self> {
        let commits = Arc::new(AtomicU64::new(0));
        let watcher = Arc::default();
        let told = writer::Told { commits: Arc::clone(&commits), watcher: Arc::clone(&watcher) };
        let writer = Writer::start(engine.clone(), clock, limits.queued_writes, told)?;
        Ok(Self {
            engine,
            writer: Arc::new(writer),
            reads: Arc::new(Semaphore::new(limits.open_reads)),
            read_age: limits.read_age,
            commits,
            watcher,
        })
    }

    /// How many commits this process has made: what a cache compares, instead of a clock.
    pub fn sequence(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// From now on `watcher` is told which runs change. There is one; a second is not heard.
    pub fn watch_runs(&self, watcher: Watcher) {
        let _second = self.watcher.set(watcher);
    }

    /// Whether a snapshot can be taken.
    pub fn check(&self) -> Result<(), DbError> {
        self.engine.read().map(drop).map_err(DbError::from)
    }

    /// Runs `query` on a consistent snapshot, on the blocking pool.
    pub async fn read<R, E>(&self, query: impl FnOnce(&ReadTx) -> Result<R, E> + Send + 'static) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.read_within(self.read_age, query).await
    }

    async fn read_within<R, E>(
        &self,
        read_age: Duration,
        query: impl FnOnce(&ReadTx) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let closed = || DbError::Unavailable("the server is shutting down".into());
        let permit = self.reads.clone().acquire_owned().await.map_err(|_| closed())?;
        let engine = self.engine.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let reader = engine.read().map_err(DbError::from)?;
            query(&ReadTx::new(reader, read_age))
        });
        work.await.map_err(|_| DbError::Unavailable("a read was given up".into()))?
    }

    /// Like [`Db::read`], for as long as it takes: for an operator's check of everything. While it runs, the file
    /// cannot reuse space.
    pub async fn read_at_length<R, E>(
        &self,
        query: impl FnOnce(&ReadTx) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.read_within(Duration::MAX, query).await
    }

    /// Looks up a handful of keys right here, for what every request asks before anything else: handing it to another
    /// thread would cost more than the look-up. Nothing that lists, decodes much or waits belongs here.
    pub fn look_up<R, E: From<DbError>>(&self, query: impl FnOnce(&ReadTx) -> Result<R, E>) -> Result<R, E> {
        let reader = self.engine.read().map_err(DbError::from)?;
        query(&ReadTx::new(reader, self.read_age))
    }

    /// Runs `change` on the writer thread and returns when its commit is on disk.
    /// `Err` undoes everything; the closure may run more than once, hence `Fn`: it cannot use up what it captured.
    pub async fn write<R, E>(&self, change: impl Fn(&mut WriteTx<'_>) -> Result<R, E> + Send + 'static) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (answer, outcome) = tokio::sync::oneshot::channel();
        self.writer.enqueue(writer::Job::new(move |tx| change(tx), answer))?;
        outcome.await.map_err(|_| DbError::Unavailable("the change was given up before it was written".into()))?
    }
}
