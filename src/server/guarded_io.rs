//! A socket that gives up on a client that is silent, sends a head byte by byte, rests too long, or does not read.
//! HTTP libraries time the head at most; the rest is done here, where every byte passes.

use super::activity::Activity;
use super::options::Options;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The two protocols differ in what bytes between requests mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    first_byte: Duration,
    header: Duration,
    idle: Duration,
    write_stall: Duration,
}

pub(super) struct GuardedIo<S> {
    inner: S,
    protocol: Protocol,
    activity: Arc<Activity>,
    limits: Limits,
    /// When the head being read began, and how many requests had begun by then: once there are more, it is read.
    head: Option<(Instant, usize)>,
    read_timer: Pin<Box<Sleep>>,
    /// Set while the client does not take what we send.
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<S> GuardedIo<S> {
    pub(super) fn new(inner: S, protocol: Protocol, activity: Arc<Activity>, options: &Options) -> Self {
        let limits = Limits {
            first_byte: options.first_byte,
            header: options.header,
            idle: options.idle,
            write_stall: options.write_stall,
        };
        let read_timer = Box::pin(sleep_until(activity.opened() + limits.first_byte));
        Self { inner, protocol, activity, limits, head: None, read_timer, write_timer: None }
    }

    fn note_bytes(&mut self) {
        let begun = self.activity.begun();
        // Between the requests of an HTTP/2 connection there are pings: only silence of requests counts there.
        let may_be_head = begun == 0 || self.protocol == Protocol::Http1;
        if may_be_head && !self.activity.is_running() && self.head.is_none_or(|(_, at)| at != begun) {
            self.head = Some((Instant::now(), begun));
        }
    }

    /// When the client must have gone on; `None` while we are the ones who work.
    fn read_deadline(&self) -> Option<Instant> {
        if self.activity.is_running() {
            return None;
        }
        let begun = self.activity.begun();
        Some(match self.head {
            Some((since, at)) if at == begun => since + self.limits.header,
            _ if begun == 0 => self.activity.opened() + self.limits.first_byte,
            _ => self.activity.resting_since() + self.limits.idle,
        })
    }

    /// Whether the client's time is up; if not, `cx` is woken when it will be.
    fn is_read_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        // Before the look at what is running: a request that ends in between wakes us all the same.
        self.activity.wake_at_end(cx);
        let Some(deadline) = self.read_deadline() else { return false };
        if self.read_timer.deadline() != deadline {
            self.read_timer.as_mut().reset(deadline);
        }
        self.read_timer.as_mut().poll(cx).is_ready()
    }

    fn guard_write<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write_timer = None;
            return polled;
        }
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(self.limits.write_stall)));
        if timer.as_mut().poll(cx).is_ready() { Poll::Ready(Err(timed_out())) } else { Poll::Pending }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client took too long")
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled_before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > filled_before {
            self.note_bytes();
        }
        // Also when bytes came: a head that arrives byte by byte would be ready for ever.
        if self.is_read_overdue(cx) { Poll::Ready(Err(timed_out())) } else { polled }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.guard_write(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.guard_write(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.guard_write(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.guard_write(polled, cx)
    }
}
