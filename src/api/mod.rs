//! Adapters: HTTP, GraphQL and REST on the outside, calls to `app` on the inside.

mod admin;
/// Going through stores, for the operator.
mod admin_storage;
/// How requests about one's own account arrive.
mod arrival;
mod artifact_file;
/// The audit log for its readers.
mod audit_log;
mod file_stream;
mod graphql;
/// What all adapters need of HTTP: bodies with limits, who is asking, the request's id.
pub mod http;
mod rest;
mod router;
mod session_cookie;
/// Status codes, chosen once for all adapters.
mod status;
/// Bytes behind signed URLs.
mod storage;

pub use router::{Door, Options, router};
