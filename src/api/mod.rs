//! Adapters: HTTP, GraphQL and REST on the outside, calls to `app` on the inside.

mod file_stream;
/// What all adapters need of HTTP: bodies with limits, who is asking, the request's id.
pub mod http;
mod rest;
mod router;

pub use router::{Bodies, Door, router};
