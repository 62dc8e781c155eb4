//! Large content that has to be read before it is believed: that takes longer than a client waits for an answer, so it
//! goes on without the client, who asks again.

use super::blob::Checked;
use crate::app::{App, Error};
use crate::db::repo::artifact::blob;
use crate::domain::artifact::blob::{BlobUpload, UploadState};
use crate::domain::id::{BlobUploadId, RunId};
use futures_util::{StreamExt, stream};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Objects read at the same time.
const READS_AT_ONCE: usize = 4;
/// How long a client waits for them before it is told to come again.
const WAIT: Duration = Duration::from_secs(20);

/// What of direct uploads this process is to look at. What is missing here is found by the next look, or the next time
/// that a client asks.
pub struct Arrivals {
    state: Mutex<State>,
    /// A client says that it has sent run files.
    due: Notify,
    /// Some have come, whose MD5 is not known.
    pub(super) unhashed: Notify,
    asked: Notify,
    /// Rises whenever content was read.
    read: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Runs whose clients say that they have sent files.
    runs: BTreeSet<RunId>,
    /// Content that waits to be read.
    queue: VecDeque<BlobUploadId>,
    /// The same, and what is being read.
    reading: BTreeSet<BlobUploadId>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            due: Notify::new(),
            unhashed: Notify::new(),
            asked: Notify::new(),
            read: watch::Sender::new(0),
        }
    }
}

impl Arrivals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client says that it has sent files of the run.
    pub(in crate::app) fn note_run(&self, run: RunId) {
        self.state().runs.insert(run);
        self.due.notify_one();
    }

    pub(super) fn take_runs(&self) -> BTreeSet<RunId> {
        std::mem::take(&mut self.state().runs)
    }

    /// Has content read, unless it is being read already.
    pub(super) fn ask(&self, id: BlobUploadId) {
        let mut state = self.state();
        if state.reading.insert(id) {
            state.queue.push_back(id);
            self.asked.notify_one();
        }
    }

    async fn next(&self) -> BlobUploadId {
        loop {
            let next = self.state().queue.pop_front();
            if let Some(id) = next {
                return id;
            }
            self.asked.notified().await;
        }
    }

    fn done(&self, id: BlobUploadId) {
        self.state().reading.remove(&id);
        self.read.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl App {
    /// Waits until run files may have come.
    pub async fn arrival_is_due(&self) {
        self.arrivals.due.notified().await;
    }

    /// Waits until there is a file whose MD5 is not known.
    pub async fn file_is_unhashed(&self) {
        self.arrivals.unhashed.notified().await;
    }

    /// Reads what commits have asked for, for ever.
    pub async fn read_back_arrivals(&self) {
        let asked = stream::unfold((), |()| async { Some((self.arrivals.next().await, ())) });
        asked.for_each_concurrent(READS_AT_ONCE, |id| self.read_back_asked(id)).await;
    }

    async fn read_back_asked(&self, id: BlobUploadId) {
        match self.read_back_open(id).await {
            Ok(Checked::Done) => tracing::debug!(upload.id = %id, "read content that was sent to a bucket"),
            Ok(outcome) => tracing::warn!(upload.id = %id, ?outcome, "content that was sent to a bucket is not used"),
            Err(error) => tracing::warn!(upload.id = %id, %error, "cannot read content in a bucket"),
        }
        self.arrivals.done(id);
    }

    async fn read_back_open(&self, id: BlobUploadId) -> Result<Checked, Error> {
        let upload = self.db.look_up(|tx| blob::upload(tx, id))?;
        match upload {
            Some(upload) if upload.state == UploadState::Open => self.read_back(id, &upload).await,
            Some(BlobUpload { state: UploadState::Done, .. }) => Ok(Checked::Done),
            Some(_) => Ok(Checked::Refused),
            None => Ok(Checked::Absent),
        }
    }

    /// Waits until content was read; a client that has waited long enough is told to come again.
    pub(super) async fn wait_for_reads(&self, ids: Vec<BlobUploadId>) -> Result<(), Error> {
        let mut read = self.arrivals.read.subscribe();
        ids.iter().for_each(|id| self.arrivals.ask(*id));
        let wait = async {
            while self.is_any_open(&ids)? {
                // The sender is in the app, which outlives this.
                let _always_there = read.changed().await;
                let is_given_up = !ids.iter().any(|id| self.arrivals.state().reading.contains(id));
                if is_given_up {
                    break;
                }
            }
            Ok(())
        };
        match tokio::time::timeout(WAIT, wait).await {
            Ok(waited) => waited,
            Err(_) => {
                let why = "large files are still being read to check what was sent; ask again in a moment";
                Err(Error::Later(why.into()))
            }
        }
    }

    fn is_any_open(&self, ids: &[BlobUploadId]) -> Result<bool, Error> {
        let is_open = |upload: Option<BlobUpload>| upload.is_some_and(|upload| upload.state == UploadState::Open);
        self.db.look_up(|tx| {
            for id in ids {
                if is_open(blob::upload(tx, *id)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
