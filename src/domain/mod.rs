//! Nouns and their rules: no I/O, no async, no clock.

pub mod clock;
pub mod id;
pub mod json;
/// Names of people, teams and organizations.
pub mod name;
/// People, their personal entities and their API keys.
pub mod user;
