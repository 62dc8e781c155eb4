//! What the benchmarks share: a real server on a real disk, a cheap client, and the numbers of `/proc`.
//! Each benchmark uses part of it.

/// What was asked for on the command line and in the environment.
pub mod arguments;
/// Logging artifacts.
pub mod artifact;
/// The least that the way of bytes costs.
pub mod bare_server;
/// The requests of the `wandb` client that the benchmarks make.
pub mod client;
/// What a directory takes up.
pub mod files;
/// Requests over one kept connection, by hand.
pub mod http;
/// A server that throws requests away: what the generator itself can do.
pub mod null_server;
/// CPU time and memory, from `/proc`.
pub mod process;
/// One JSON line per workload.
pub mod report;
/// Rows as a training script logs them.
pub mod rows;
/// The release binary as a child, with a fresh directory.
pub mod server;
/// Prepared file-stream requests, changed in place before each is sent.
pub mod stream;
