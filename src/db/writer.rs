//! Group commit: one thread runs all waiting closures in one transaction, commits once, then answers them all.
//! There is no lingering: a batch is whatever queued while the commit before it ran.

use super::DbError;
use super::changed_run::{Watcher, changed_runs};
use super::engine::{Changes, Engine, EngineError};
use super::tx::{Batch, WriteTx};
use crate::domain::clock::Clock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

const BATCH_JOBS: usize = 4096;
const BATCH_BYTES: usize = 16 << 20;

/// A closure and the one who waits for it, without their types.
pub(super) struct Job(Box<dyn Work>);

impl Job {
    pub fn new<R, E, F>(change: F, answer: oneshot::Sender<Result<R, E>>) -> Self
    where
        R: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<R, E> + Send + 'static,
    {
        Self(Box::new(Waiting { change, outcome: None, answer }))
    }
}

trait Work: Send {
    /// Runs the closure; its changes join the batch only when it succeeds.
    fn run(&mut self, tx: WriteTx<'_>);
    /// The batch is on disk, or it is not and nothing of it remains.
    fn finish(self: Box<Self>, committed: Result<(), DbError>);
}

struct Waiting<R, E, F> {
    change: F,
    outcome: Option<Result<R, E>>,
    answer: oneshot::Sender<Result<R, E>>,
}

impl<R, E, F> Work for Waiting<R, E, F>
where
    R: Send + 'static,
    E: From<DbError> + Send + 'static,
    F: Fn(&mut WriteTx<'_>) -> Result<R, E> + Send + 'static,
{
    fn run(&mut self, mut tx: WriteTx<'_>) {
        let change = AssertUnwindSafe(|| (self.change)(&mut tx));
        let outcome = catch_unwind(change).unwrap_or_else(|_| {
            tracing::error!("a change to the database panicked and was undone");
            Err(DbError::Unavailable("the change failed unexpectedly".into()).into())
        });
        if outcome.is_ok() {
            tx.keep();
        }
        self.outcome = Some(outcome);
    }

    fn finish(self: Box<Self>, committed: Result<(), DbError>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            // Also for a refusal: it may rest on a change of this batch that now never happened.
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(DbError::Unavailable("the change was never run".into()).into()),
        };
        let _gone = self.answer.send(outcome); // the one who asked may have hung up
    }
}

/// Who hears of commits.
pub(super) struct Told {
    /// Counts them.
    pub commits: Arc<AtomicU64>,
    pub watcher: Arc<OnceLock<Watcher>>,
}

impl Told {
    fn tell(&self, changes: &Changes, is_committed: bool) {
        if let Some(watcher) = self.watcher.get() {
            let changed = changed_runs(changes);
            if !changed.is_empty() {
                watcher(&changed);
            }
        }
        if is_committed {
            self.commits.fetch_add(1, Ordering::Release);
        }
    }
}

pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(engine: Arc<dyn Engine>, clock: Clock, queued: usize, told: Told) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(queued);
        let thread = std::thread::Builder::new()
            .name("db-writer".into())
            .spawn(move || write_batches(engine.as_ref(), &clock, &jobs, &told))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub fn enqueue(&self, job: Job) -> Result<(), DbError> {
        let stopped = || DbError::Unavailable("the server is shutting down".into());
        self.queue.as_ref().ok_or_else(stopped)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => DbError::Busy,
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

impl Drop for Writer {
    /// Everything queued is still written.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn write_batches(engine: &dyn Engine, clock: &Clock, jobs: &Receiver<Job>, told: &Told) {
    let mut batch = Batch::default();
    while let Ok(first) = jobs.recv() {
        let mut waiting = vec![first];
        while let Err(EngineError::Conflict) = try_batch(engine, clock, jobs, &mut waiting, &mut batch, told) {
            tracing::debug!("another writer was faster; the batch runs again");
        }
    }
}

/// Runs and commits one batch, and answers it unless it has to run again.
fn try_batch(
    engine: &dyn Engine,
    clock: &Clock,
    jobs: &Receiver<Job>,
    waiting: &mut Vec<Job>,
    batch: &mut Batch,
    told: &Told,
) -> Result<(), EngineError> {
    batch.clear();
    // redb panics on some damaged files; the thread must outlive that, or nothing is ever written again.
    let run = AssertUnwindSafe(|| run_batch(engine, clock, jobs, waiting, batch));
    let committed =
        catch_unwind(run).unwrap_or_else(|_| Err(EngineError::Failed("the database file is damaged".into())));
    told.tell(&batch.changes, committed.is_ok());
    if committed.is_err() {
        batch.undo();
    }
    if committed == Err(EngineError::Conflict) {
        return committed;
    }
    if let Err(error) = &committed {
        tracing::error!(%error, "a batch of changes could not be written");
    }
    for job in waiting.drain(..) {
        job.0.finish(committed.clone().map_err(DbError::from));
    }
    Ok(())
}

fn run_batch(
    engine: &dyn Engine,
    clock: &Clock,
    jobs: &Receiver<Job>,
    waiting: &mut Vec<Job>,
    batch: &mut Batch,
) -> Result<(), EngineError> {
    let tx = engine.begin()?;
    let now = clock.now();
    let mut next = 0;
    while next < waiting.len() {
        waiting[next].0.run(WriteTx::new(&*tx as &dyn super::engine::Reader, batch, now));
        if batch.conflict.get() {
            return Err(EngineError::Conflict);
        }
        next += 1;
        if next == waiting.len() && next < BATCH_JOBS && batch.bytes < BATCH_BYTES {
            waiting.extend(jobs.try_recv());
        }
    }
    if batch.changes.is_empty() { Ok(()) } else { tx.commit(&batch.changes) }
}
