//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

pub mod error;
pub mod user;
