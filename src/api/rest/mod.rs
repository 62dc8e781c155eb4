//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

pub mod error;
mod extract;
mod member;
mod openapi;
mod organization;
pub mod routes;
mod run;
mod team;
mod user;

pub(super) use extract::Parameters;
