//! Listener, TLS, time-outs, health, shutdown.
//!
//! An accept loop of our own: the usual ones leave a silent connection open for ever.

mod activity;
mod address_count;
mod connection;
mod data_directory;
mod guarded_io;
pub mod health;
mod listen;
mod lock;
pub mod middleware;
mod options;
mod ready_file;
mod serve;
mod tls;

pub use data_directory::{is_open_to_others, make_data_directory};
pub use listen::{Listeners, bind_admin, bind_public};
pub use lock::{DataLock, LockError};
pub use options::Options;
pub use ready_file::{ReadyFileError, write_ready_file};
pub use serve::serve;
pub use tls::{Tls, TlsError};
