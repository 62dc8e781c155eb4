//! One connection from its first byte to its end: TLS if there is any, then HTTP/1.1 or HTTP/2.

use super::activity::{Activity, SentBody};
use super::guarded_io::{GuardedIo, Protocol};
use super::options::Options;
use super::tls::Tls;
use crate::api::http::Peer;
use axum::Router;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::debug;

const HEADER_BYTES_MAX: usize = 64 * 1024;
const HTTP2_STREAMS_MAX: u32 = 64;
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What all connections of one router share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) options: Arc<Options>,
    /// Becomes true when the server stops: finish what runs, begin nothing new.
    pub(super) stop: watch::Receiver<bool>,
}

/// A connection on the public address.
pub(super) async fn run_public(stream: TcpStream, address: SocketAddr, tls: Option<Tls>, shared: Shared) {
    let Some(tls) = tls else {
        let peer = Peer { address: Some(address), is_tls: false };
        return run_http(stream, Protocol::Http1, peer, shared).await;
    };
    let handshake = tokio::time::timeout(shared.options.tls_handshake, tls.acceptor().accept(stream));
    let mut stop = shared.stop.clone();
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        _stopped = stop.wait_for(|stop| *stop) => return,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(reason)) => return debug!(%reason, "TLS handshake failed"),
        Err(_) => return debug!("TLS handshake took too long"),
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
    run_http(stream, protocol, Peer { address: Some(address), is_tls: true }, shared).await;
}

/// A connection on the admin socket.
pub(super) async fn run_admin(stream: UnixStream, shared: Shared) {
    run_http(stream, Protocol::Http1, Peer { address: None, is_tls: false }, shared).await;
}

async fn run_http<S>(stream: S, protocol: Protocol, peer: Peer, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Shared { router, options, mut stop } = shared;
    let activity = Activity::new();
    let io = TokioIo::new(GuardedIo::new(stream, protocol, Arc::clone(&activity), &options));
    let service = service_fn(move |request| answer(router.clone(), request, peer, Arc::clone(&activity)));

    match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            // `GuardedIo` keeps the time, for hyper has one limit for heads and for rest.
            builder.timer(TokioTimer::new()).header_read_timeout(None);
            builder.max_header_size(HEADER_BYTES_MAX).max_buf_size(2 * HEADER_BYTES_MAX);
            let mut connection = pin!(builder.serve_connection(io, service));
            tokio::select! {
                ended = connection.as_mut() => return log_end(ended),
                _stopped = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
            }
            log_end(connection.await);
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(StreamTasks::default());
            builder.timer(TokioTimer::new()).max_concurrent_streams(HTTP2_STREAMS_MAX);
            builder.keep_alive_interval(HTTP2_PING_INTERVAL).keep_alive_timeout(HTTP2_PING_TIMEOUT);
            builder.max_header_list_size(HEADER_BYTES_MAX as u32);
            let mut connection = pin!(builder.serve_connection(io, service));
            tokio::select! {
                ended = connection.as_mut() => return log_end(ended),
                _stopped = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
            }
            log_end(connection.await);
        }
    }
}

/// Hands a request to the router; it counts as running until its answer is sent.
async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: Peer,
    activity: Arc<Activity>,
) -> Result<Response<SentBody>, Infallible> {
    let running = activity.begin_request();
    request.extensions_mut().insert(peer);
    // HTTP/2 has it in the address; adapters look for the header.
    let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host
        && !request.headers().contains_key(HOST)
    {
        request.headers_mut().insert(HOST, host);
    }
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| running.until_sent(body)))
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(reason) = ended {
        // Clients come and go as they like: not a fault of the server.
        debug!(%reason, "connection ended early");
    }
}

/// The tasks of one HTTP/2 connection; they end with it.
#[derive(Clone, Default)]
struct StreamTasks(Arc<Mutex<JoinSet<()>>>);

impl<F> hyper::rt::Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Finished ones would pile up for as long as the connection lives.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
