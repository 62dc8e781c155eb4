//! Nouns and their rules: no I/O, no async, no clock.

pub mod clock;
pub mod id;
pub mod json;
