//! Metric points: tail chunks, sealed Parquet segments, sampling.
//! The files here are pure: bytes in, bytes out. Where the bytes are kept is decided by those who call.

/// Lines of one writer, compressed, as the database keeps them until they are sealed.
pub mod chunk;
/// Typed columns made from rows, and their merge by step.
pub mod columns;
/// Console lines as people read them.
pub mod console;
/// What is known about the rows of a stream.
pub mod facts;
/// Whether sealed objects are as they should be.
pub mod inspect;
/// What is known about each key of a run's history.
pub mod keys;
/// Level of detail: what 64 rows at a time look like.
pub mod lod;
/// Of rows with equal steps the newest counts.
pub mod newest;
/// Which lines of a request are new.
pub mod positions;
/// Evenly spaced rows and deterministic buckets.
pub mod sample;
/// Immutable Parquet files of ordered rows.
pub mod segment;
/// A run's summary folded from its rows.
pub mod summary;
