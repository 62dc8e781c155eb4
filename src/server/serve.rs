//! The accept loop: takes connections within the limits, and at shutdown lets running requests finish.

use super::address_count::AddressCount;
use super::connection::{self, Shared};
use super::listen::Listeners;
use super::options::Options;
use super::tls::Tls;
use crate::telemetry::Metrics;
use axum::Router;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, warn};

/// The admin socket's own places, so that a full house does not lock the operator out.
const ADMIN_CONNECTIONS: usize = 32;
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// After an error of `accept` itself (no file descriptors left): time for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown` is done, then stops accepting, gives running requests `options.drain` to finish, and
/// ends the rest. Every task it started has ended when it returns.
pub async fn serve(
    listeners: Listeners,
    app: Router,
    admin: Router,
    options: Options,
    metrics: Option<Metrics>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop_sender, stop) = watch::channel(false);
    let options = Arc::new(options);
    let shared = |router| Shared { router, options: Arc::clone(&options), stop: stop.clone() };
    let mut loops = JoinSet::new();
    if let Some(tls) = listeners.tls.clone() {
        let hangups = signal(SignalKind::hangup())?;
        loops.spawn(reload_certificate(tls, hangups, options.tls_reload, stop.clone()));
    }
    if let Some(metrics) = metrics {
        loops.spawn(keep_up_metrics(metrics, stop.clone()));
    }
    loops.spawn(accept_public(listeners.public, listeners.tls, shared(app)));
    if let Some(socket) = listeners.admin {
        loops.spawn(accept_admin(socket, shared(admin)));
    }

    tokio::select! {
        () = shutdown => {}
        // A loop ends before the shutdown only by a defect: without it the server would be deaf.
        Some(ended) = loops.join_next() => {
            return Err(io::Error::other(format!("a server task ended early: {ended:?}")));
        }
    }
    info!("stopping: running requests may finish");
    // The receivers are in the loops; the send cannot miss them.
    let _all_see_it = stop_sender.send(true);
    while let Some(ended) = loops.join_next().await {
        if let Err(reason) = ended {
            error!(%reason, "a server task failed at shutdown");
        }
    }
    Ok(())
}

async fn accept_public(listener: TcpListener, tls: Option<Tls>, shared: Shared) {
    let addresses = AddressCount::new(shared.options.connections_per_address);
    let refused = metrics::counter!("weighhouse_connections_refused_total");
    let open = metrics::gauge!("weighhouse_connections");
    let (places, connections) = (shared.options.connections, shared.clone());
    let start = move |(stream, address): (TcpStream, SocketAddr), place, tasks: &mut JoinSet<()>| {
        let Some(counted) = addresses.enter(address.ip()) else {
            refused.increment(1);
            debug!(%address, "refused a connection: too many from this address");
            return;
        };
        if let Err(reason) = stream.set_nodelay(true) {
            debug!(%reason, "cannot set TCP_NODELAY");
        }
        let (tls, shared) = (tls.clone(), connections.clone());
        tasks.spawn(async move {
            let _held: (OwnedSemaphorePermit, _) = (place, counted);
            connection::run_public(stream, address, tls, shared).await;
        });
        open.set(tasks.len() as f64);
    };
    accept_loop(listener, places, shared, start).await;
}

async fn accept_admin(listener: UnixListener, shared: Shared) {
    let connections = shared.clone();
    let start = move |stream: UnixStream, place, tasks: &mut JoinSet<()>| {
        let shared = connections.clone();
        tasks.spawn(async move {
            let _held: OwnedSemaphorePermit = place;
            connection::run_admin(stream, shared).await;
        });
    };
    accept_loop(listener, ADMIN_CONNECTIONS, shared, start).await;
}

/// What the accept loop needs of a listener.
trait Source: Send + Sync {
    type Connection: Send;
    fn next(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;
}

impl Source for TcpListener {
    type Connection = (TcpStream, SocketAddr);

    async fn next(&self) -> io::Result<Self::Connection> {
        self.accept().await
    }
}

impl Source for UnixListener {
    type Connection = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Starts a task per connection until the server stops, then ends the tasks, running requests last.
async fn accept_loop<S: Source>(
    listener: S,
    places: usize,
    shared: Shared,
    mut start: impl FnMut(S::Connection, OwnedSemaphorePermit, &mut JoinSet<()>) + Send,
) {
    let places = Arc::new(Semaphore::new(places));
    let mut stop = shared.stop;
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _stopped = stop.wait_for(|stop| *stop) => break,
            Some(ended) = tasks.join_next() => note_end(ended),
            (connection, place) = next_connection(&listener, &places) => start(connection, place, &mut tasks),
        }
    }
    drop(listener);
    let drained = tokio::time::timeout(shared.options.drain, async {
        while let Some(ended) = tasks.join_next().await {
            note_end(ended);
        }
    });
    if drained.await.is_err() {
        warn!(connections = tasks.len(), "ended connections whose requests did not finish in time");
        tasks.shutdown().await;
    }
}

/// Waits for a free place first: while there is none, new connections wait in the kernel.
async fn next_connection<S: Source>(listener: &S, places: &Arc<Semaphore>) -> (S::Connection, OwnedSemaphorePermit) {
    let Ok(place) = Arc::clone(places).acquire_owned().await else {
        return pending().await; // nobody closes the semaphore
    };
    loop {
        match listener.next().await {
            Ok(connection) => return (connection, place),
            Err(error) if is_of_the_client(&error) => debug!(%error, "a connection broke before it was accepted"),
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn note_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(reason) = ended {
        error!(%reason, "a connection's task failed; please report this");
    }
}

/// Looks at the certificate files now and then, and at once when told to by SIGHUP.
async fn reload_certificate(tls: Tls, mut hangups: Signal, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_told = tokio::select! {
            _stopped = stop.wait_for(|stop| *stop) => return,
            _tick = ticks.tick() => false,
            told = hangups.recv() => told.is_some(),
        };
        let tls = tls.clone();
        let reloading = move || if is_told { tls.reload() } else { tls.reload_if_changed() };
        if let Err(reason) = tokio::task::spawn_blocking(reloading).await {
            error!(%reason, "looking at the TLS certificate failed");
        }
    }
}

async fn keep_up_metrics(metrics: Metrics, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _stopped = stop.wait_for(|stop| *stop) => return,
            _tick = ticks.tick() => metrics.upkeep(),
        }
    }
}
