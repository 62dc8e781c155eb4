//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

pub mod error;
mod extract;
mod invitation;
mod mail;
mod member;
mod openapi;
mod organization;
mod password;
mod project;
mod role;
pub mod routes;
mod run;
mod second_factor;
mod session;
mod setting;
mod setup;
mod team;
mod team_setting;
mod user;

pub(super) use extract::Parameters;
