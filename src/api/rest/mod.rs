//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

mod access;
pub mod error;
mod extract;
mod license;
mod member;
mod openapi;
mod organization;
mod project;
mod role;
pub mod routes;
mod run;
mod setting;
mod team;
mod team_setting;
mod user;

pub(super) use extract::Parameters;
