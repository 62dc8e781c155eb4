//! The objects of the schema, one file per noun. They hold what a caller was allowed to see and ask `app` for more.

pub(super) mod alert;
pub(super) mod artifact;
pub(super) mod entity;
pub(super) mod file;
pub(super) mod history;
pub(super) mod project;
pub(super) mod run;
pub(super) mod server;
pub(super) mod user;
