//! What a connection is doing: waiting, sending a request's head, or being answered. The socket's side and the
//! requests' side share one of these, and the socket's time-outs follow from it.

use axum::body::{Body, Bytes};
use futures_util::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Shared by a connection's socket and its requests.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Requests whose head was read and whose answer is not yet handed over.
    running: AtomicUsize,
    /// Requests ever begun.
    begun: AtomicUsize,
    /// When the last answer was handed over, in milliseconds after `opened`.
    rested_millis: AtomicU64,
    /// The connection, to be looked at when a request ends: its time to rest begins then.
    connection: AtomicWaker,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            rested_millis: AtomicU64::new(0),
            connection: AtomicWaker::new(),
        })
    }

    pub(super) fn begin_request(self: &Arc<Self>) -> RunningRequest {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        RunningRequest { activity: Arc::clone(self) }
    }

    /// `cx` is woken when a request ends.
    pub(super) fn wake_at_end(&self, cx: &Context<'_>) {
        self.connection.register(cx.waker());
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// Since when nothing is running; meaningless before the first request.
    pub(super) fn resting_since(&self) -> Instant {
        self.opened + Duration::from_millis(self.rested_millis.load(Ordering::Acquire))
    }
}

/// One request; dropping it ends it.
#[derive(Debug)]
pub(super) struct RunningRequest {
    activity: Arc<Activity>,
}

impl RunningRequest {
    /// Lets the request run until its answer's body is sent or given up.
    pub(super) fn until_sent(self, body: Body) -> SentBody {
        SentBody { body, _request: self }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        let millis = u64::try_from(self.activity.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.activity.rested_millis.store(millis, Ordering::Release);
        self.activity.running.fetch_sub(1, Ordering::AcqRel);
        self.activity.connection.wake();
    }
}

/// An answer's body that keeps its request running.
pub(super) struct SentBody {
    body: Body,
    _request: RunningRequest,
}

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
