//! Where the rows of a stream are: a snapshot of its parts and its tail, taken in one short read, and the open segments.

use super::cache::Key;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::stream::{self, Place};
use crate::db::tx::ReadTx;
use crate::domain::chunk::Chunk;
use crate::domain::id::RunId;
use crate::domain::stream::{RunStreams, SealedPart, Stream};
use crate::history::segment::SegmentReader;
use crate::storage::ObjectKey;
use bytes::Bytes;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Compressed bytes of a tail that are read at once. Sealing keeps tails far below, unless the store is down for long.
pub(super) const TAIL_BYTES_MAX: usize = 64 << 20;

pub(super) type Reader = SegmentReader<Bytes>;

/// Names one state of a tail: whatever is written to it or sealed of it makes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TailState {
    pub generation: u32,
    pub lines: u64,
    pub tail_lines: u64,
    pub writes: u64,
}

/// One stream of one run as it was at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub run: RunId,
    pub state: TailState,
    pub parts: Vec<SealedPart>,
    /// Empty when the reader said that it knows this state already.
    pub chunks: Vec<(Place, Chunk)>,
}

impl Snapshot {
    /// The parts that hold steps of the range, and the steps in them that count.
    pub fn parts_within(&self, steps: &RangeInclusive<i64>) -> Vec<(&SealedPart, RangeInclusive<i64>)> {
        let cut = |part: &SealedPart| *steps.start().max(&part.min_step)..=*steps.end().min(&part.end_step());
        let within = self.parts.iter().map(|part| (part, cut(part)));
        within.filter(|(_, steps)| !steps.is_empty()).collect()
    }
}

/// The stream's place in the tables, and what a run's record adds to it.
pub(super) fn snapshot(
    tx: &ReadTx,
    run: RunId,
    stream: Stream,
    is_known: impl FnOnce(&TailState) -> bool,
) -> Result<Snapshot, Error> {
    let (generation, streams) = stream::generation_and_streams(tx, run)?.ok_or_else(gone)?;
    let state = tail_state(generation, &streams, stream);
    let parts = stream::parts(tx, run, stream)?.into_iter().map(|(_, part)| part).collect();
    let mut chunks = Vec::new();
    if state.tail_lines > 0 && !is_known(&state) {
        let (found, has_more) =
            stream::chunks(tx, (run, stream, generation), streams.of(stream).tail_from, TAIL_BYTES_MAX)?;
        if has_more {
            return Err(too_much());
        }
        chunks = found;
    }
    Ok(Snapshot { run, state, parts, chunks })
}

pub(super) fn tail_state(generation: u32, streams: &RunStreams, stream: Stream) -> TailState {
    let state = streams.of(stream);
    TailState { generation, lines: state.lines, tail_lines: state.tail_lines, writes: state.writes }
}

fn gone() -> Error {
    Error::NotFound("this run was deleted".into())
}

pub(super) fn too_much() -> Error {
    Error::Invalid { field: "samples", message: "this is too much at once; ask for fewer rows or steps".into() }
}

impl App {
    /// The part's segment, from memory or from its store.
    pub(in crate::app) async fn segment(&self, part: &SealedPart) -> Result<Arc<Reader>, Error> {
        let key = Key::Segment(part.segment);
        if let Some(reader) = self.history.get::<Reader>(&key) {
            return Ok(reader);
        }
        let bytes = self.store_of(part.owner)?.get(&ObjectKey::segment(part.segment)).await;
        let bytes = bytes?;
        let size = bytes.len();
        let reader = self.on_pool(move || Ok(Reader::open(bytes)?)).await?;
        let reader = Arc::new(reader);
        self.history.put(key, Arc::clone(&reader), size + size / 8);
        Ok(reader)
    }

    /// Runs work that would hold up other requests.
    pub(in crate::app) async fn on_pool<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| DbError::Unavailable("the work was given up".into()))?
    }
}
