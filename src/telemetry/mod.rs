//! Tracing and metrics.
//!
//! What a request line may carry: method, matched route, status, duration, request id. Never the query
//! (signed URLs), headers (keys, cookies) or bodies. `server::middleware` is the one place that writes it.

mod log;
mod metrics;

pub use log::{Format, LogError, init_log, log_to};
pub use metrics::{Metrics, MetricsError};
