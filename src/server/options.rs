//! How many connections there may be, and how long each may take.

use crate::config;
use std::time::Duration;

const CONNECTIONS_MAX: usize = 10_000;
/// When the open-file limit is unlimited or unknown.
const CONNECTIONS_MIN: usize = 64;

/// Limits of the accept loop; plain values, so that tests can choose short ones.
#[derive(Debug, Clone)]
pub struct Options {
    /// Open connections at once.
    pub connections: usize,
    /// Open connections at once from one IPv4 address or IPv6 /64 network.
    pub connections_per_address: usize,
    pub tls_handshake: Duration,
    pub first_byte: Duration,
    pub header: Duration,
    pub idle: Duration,
    /// How long a client may leave an answer unread.
    pub write_stall: Duration,
    pub drain: Duration,
    /// How often the certificate files are looked at.
    pub tls_reload: Duration,
}

impl From<&config::Server> for Options {
    fn from(server: &config::Server) -> Self {
        let connections = match usize::try_from(server.connections) {
            Ok(0) => half_of_open_files(),
            Ok(connections) => connections,
            Err(_) => CONNECTIONS_MAX,
        };
        Self {
            connections,
            connections_per_address: usize::try_from(server.connections_per_address).unwrap_or(usize::MAX),
            tls_handshake: Duration::from_secs(server.tls_handshake_secs),
            first_byte: Duration::from_secs(server.first_byte_secs),
            header: Duration::from_secs(server.header_secs),
            idle: Duration::from_secs(server.idle_secs),
            write_stall: Duration::from_secs(server.body_idle_secs),
            drain: Duration::from_secs(server.drain_secs),
            tls_reload: Duration::from_secs(30),
        }
    }
}

/// The other half is for files, the database and object stores.
fn half_of_open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = limit.and_then(|limit| usize::try_from(limit / 2).ok()).unwrap_or(CONNECTIONS_MAX);
    half.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}
