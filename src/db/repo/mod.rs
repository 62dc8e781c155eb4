//! The queries: one file per noun, written once for all engines.
//! What is found is `Unchecked`; what writes takes the `Allowed` that a check made of it.

/// Artifacts and what holds them.
pub mod artifact;
pub mod entity;
pub mod file;
/// What is to be removed later.
pub mod garbage;
pub mod organization;
pub mod project;
pub mod run;
/// What is streamed into a run: its newest lines, and what they are sealed into.
pub mod stream;
pub mod team;
pub mod user;
