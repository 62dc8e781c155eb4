//! The queries: one file per noun, written once for all engines.
//! What is found is `Unchecked`; what writes takes the `Allowed` that a check made of it.

pub mod entity;
pub mod file;
pub mod organization;
pub mod project;
pub mod run;
pub mod team;
pub mod user;
