//! What is streamed into a run: how far it has come, its newest lines, and the parts they are sealed into.

use super::run::FoundRun;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    JsonText, RUN_CONFIGS, RUN_STREAMS, RUN_SUMMARIES, RUNS, SEALED_PARTS, SEGMENT_FACTS, SHARED_WRITERS, TAIL_CHUNKS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::chunk::Chunk;
use crate::domain::id::{RunId, SegmentId};
use crate::domain::stream::{RunStreams, SealedPart, SharedWriter, Stream};

/// Chunks read at a time.
const PAGE: usize = 256;
/// More parts than a run can get: each holds thousands of rows, or ended a session.
const PARTS_MAX: usize = 100_000;

/// Where a chunk is in its stream: the number of its first line, or for the console its place in the order of writing.
pub type Place = u64;

pub fn put_streams(tx: &mut WriteTx<'_>, run: &Allowed<FoundRun>, streams: &RunStreams) -> Result<(), PutError> {
    run.must_be(Action::RunLog);
    RUN_STREAMS.put(tx, &run.id, streams)
}

pub fn put_chunk(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    stream: Stream,
    place: Place,
    chunk: &Chunk,
) -> Result<(), PutError> {
    run.must_be(Action::RunLog);
    TAIL_CHUNKS.put(tx, &(run.id, stream, run.run.generation, place), chunk)
}

/// What is known of one of the writers of a shared run; nothing before its first request.
pub fn writer(tx: &impl Read, run: &Allowed<FoundRun>, writer: [u8; 16]) -> Result<SharedWriter, DbError> {
    Ok(SHARED_WRITERS.get(tx, &(run.id, run.run.generation, writer))?.unwrap_or_default())
}

pub fn put_writer(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    writer: [u8; 16],
    changed: &SharedWriter,
) -> Result<(), PutError> {
    run.must_be(Action::RunLog);
    SHARED_WRITERS.put(tx, &(run.id, run.run.generation, writer), changed)
}

/// How often the run was rewound, and how far its streams have come; nothing when it is no more. For readers that were
/// allowed to read the run a moment ago.
pub fn generation_and_streams(tx: &impl Read, run: RunId) -> Result<Option<(u32, RunStreams)>, DbError> {
    let Some(found) = RUNS.get(tx, &run)? else { return Ok(None) };
    Ok(Some((found.generation, RUN_STREAMS.get(tx, &run)?.unwrap_or_default())))
}

/// What the client said of the summary, and the config.
pub fn summary_and_config(tx: &impl Read, run: RunId) -> Result<(Option<String>, Option<String>), DbError> {
    let text = |found: Option<JsonText>| found.map(|text| text.0);
    Ok((text(RUN_SUMMARIES.get(tx, &run)?), text(RUN_CONFIGS.get(tx, &run)?)))
}

/// Chunks of the tail, in order, until `bytes` of them are together: with where to go on when there are more.
pub fn chunks(
    tx: &impl Read,
    (run, stream, generation): (RunId, Stream, u32),
    after: Option<Place>,
    bytes: usize,
) -> Result<(Vec<(Place, Chunk)>, bool), DbError> {
    let mut found: Vec<(Place, Chunk)> = Vec::new();
    let mut total = 0;
    let mut after = after;
    loop {
        let key = after.map(|place| (run, stream, generation, place));
        let page = TAIL_CHUNKS.list(tx, &(run, stream, generation), key.as_ref(), PAGE)?;
        let is_last = page.len() < PAGE;
        for ((.., place), chunk) in page {
            total += chunk.compressed.len();
            after = Some(place);
            found.push((place, chunk));
        }
        if is_last || total >= bytes {
            return Ok((found, !is_last));
        }
    }
}

/// The sealed parts of a stream, in order.
pub fn parts(tx: &impl Read, run: RunId, stream: Stream) -> Result<Vec<(u32, SealedPart)>, DbError> {
    let listed = SEALED_PARTS.list(tx, &(run, stream), None, PARTS_MAX)?;
    Ok(listed.into_iter().map(|((.., place), part)| (place, part)).collect())
}

/// What is known about the rows of a segment; nothing when that was too much to keep.
pub fn facts(tx: &impl Read, segment: SegmentId) -> Result<Option<Vec<u8>>, DbError> {
    Ok(SEGMENT_FACTS.get(tx, &segment)?.map(|facts| facts.0))
}
