//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

mod access;
mod api_key;
mod connector;
mod connector_view;
mod csv;
pub mod error;
mod extract;
mod invitation;
mod license;
mod mail;
mod member;
mod migration;
mod openapi;
mod organization;
mod organization_people;
mod password;
pub(in crate::api) mod profile;
mod project;
mod role;
pub mod routes;
mod run;
mod sealing_key;
mod second_factor;
mod service_account;
mod session;
mod setting;
mod setup;
mod storage;
mod team;
mod team_setting;
mod user;

pub(super) use extract::Parameters;
