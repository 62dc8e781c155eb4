//! `/api/v1`: JSON for administrators and scripts. Errors are `{"error": {"code", "message", "field"?}}`.

mod csv;
pub mod error;
mod extract;
mod member;
mod openapi;
mod organization;
mod organization_people;
pub mod routes;
mod run;
mod team;
mod user;
