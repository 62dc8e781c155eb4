//! Weighhouse: a self-hosted server for machine-learning teams that keep using the `wandb` client.
//!
//! Layers, one way only; `tests/architecture.rs` holds every `use crate::…` against this line:
//!
//! ```text
//! domain <- access <- db <- secrets, storage, history, fetch, mail <- app <- jobs, api <- server, cli <- main
//! config, telemetry: leaves that server and cli read; plain values go down
//! ```

/// Who may do what: the permission table, callers, and the proof that a check was made.
pub mod access;
/// Adapters: HTTP, GraphQL and REST on the outside, calls to `app` on the inside.
pub mod api;
/// What the product does: one file per noun, one function per use case. The only writer.
pub mod app;
/// One file per subcommand of the `weighhouse` command.
pub mod cli;
/// The typed settings file.
pub mod config;
/// Metadata: typed tables over an ordered key-value engine.
pub mod db;
/// Nouns and their rules: no I/O, no async, no clock.
pub mod domain;
/// Fetching from hosts outside, within rules.
pub mod fetch;
/// Metric points: tail chunks, sealed Parquet segments, sampling.
pub mod history;
/// Background work: the queue, one file per job.
pub mod jobs;
/// Sending mail over SMTP, and what mails say.
pub mod mail;
/// Keys derived from the master key, and hashing of secrets at rest.
pub mod secrets;
/// Listener, TLS, time-outs, health, shutdown.
pub mod server;
/// Where bytes live: object stores, object keys, signed URLs, streaming.
pub mod storage;
/// Tracing and metrics.
pub mod telemetry;
