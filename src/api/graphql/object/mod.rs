//! The objects of the schema, one file per noun. They hold what a caller was allowed to see and ask `app` for more.

pub(super) mod alert;
pub(super) mod artifact;
mod batch;
pub(super) mod entity;
pub(super) mod file;
pub(super) mod history;
pub(super) mod member;
pub(super) mod project;
pub(super) mod run;
mod run_info;
pub(super) mod server;
pub(super) mod sweep;
pub(super) mod user;
