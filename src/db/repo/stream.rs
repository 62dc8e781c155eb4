//! What is streamed into a run: how far it has come, its newest lines, and the parts they are sealed into.

use super::garbage;
use super::run::FoundRun;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{
    ALIVE_RUNS, Facts, JsonText, PARTS_BY_SEGMENT, PROJECTS, RUN_CONFIGS, RUN_STREAMS, RUN_SUMMARIES, RUNS,
    SEALED_PARTS, SEGMENT_FACTS, SHARED_WRITERS, TAIL_CHUNKS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::chunk::Chunk;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{EntityId, RunId, SegmentId};
use crate::domain::run::{Run, RunState};
use crate::domain::stream::{RunStreams, SealedPart, SharedWriter, Stream};

/// A chunk may have hundreds of kilobytes, so few are read before their sizes are looked at.
const CHUNKS_AT_ONCE: usize = 16;
/// More parts than a run can get: each holds thousands of rows, or ended a session.
const PARTS_MAX: usize = 100_000;

/// Where a chunk is in its stream: the number of its first line, or for the console its place in the order of writing.
pub type Place = u64;

/// Names a part: its run, its stream, and its place among the parts of that stream.
pub type PartKey = (RunId, Stream, u32);

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
    Ok(run_and_streams(tx, run)?.map(|(found, streams)| (found.generation, streams)))
}

/// For the server's own work.
pub fn run_and_streams(tx: &impl Read, run: RunId) -> Result<Option<(Run, RunStreams)>, DbError> {
    let Some(found) = RUNS.get(tx, &run)? else { return Ok(None) };
    Ok(Some((found, RUN_STREAMS.get(tx, &run)?.unwrap_or_default())))
}

/// The runs that something is expected to write to, after the run `after`.
pub fn alive(tx: &impl Read, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>, DbError> {
    ALIVE_RUNS.list(tx, &(), after.as_ref(), limit)
}

/// What the client said of the summary, and the config.
pub fn summary_and_config(tx: &impl Read, run: RunId) -> Result<(Option<String>, Option<String>), DbError> {
    let text = |found: Option<JsonText>| found.map(|text| text.0);
    Ok((text(RUN_SUMMARIES.get(tx, &run)?), text(RUN_CONFIGS.get(tx, &run)?)))
}

/// Chunks of the tail from a place on, in order, until `bytes` of them are together; and whether there are more.
pub fn chunks(
    tx: &impl Read,
    (run, stream, generation): (RunId, Stream, u32),
    from: Place,
    bytes: usize,
) -> Result<(Vec<(Place, Chunk)>, bool), DbError> {
    let mut found: Vec<(Place, Chunk)> = Vec::new();
    let mut total = 0;
    let mut after = from.checked_sub(1);
    loop {
        let key = after.map(|place| (run, stream, generation, place));
        let page = TAIL_CHUNKS.list(tx, &(run, stream, generation), key.as_ref(), CHUNKS_AT_ONCE)?;
        let is_last = page.len() < CHUNKS_AT_ONCE;
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

/// Whether a client is expected to go on writing to the run.
pub fn is_open(tx: &impl Read, run: RunId) -> Result<bool, DbError> {
    let found = RUNS.get(tx, &run)?;
    Ok(found.is_some_and(|run| run.state.is_alive() || run.state == RunState::Pending))
}

/// Whose store a run's new objects go to.
pub fn owner(tx: &impl Read, run: RunId) -> Result<Option<EntityId>, DbError> {
    let Some(run) = RUNS.get(tx, &run)? else { return Ok(None) };
    Ok(PROJECTS.get(tx, &run.project)?.map(|project| project.entity))
}

/// The runs with lines that are not sealed, after the run `after`, and where the next page starts.
pub fn unsealed(tx: &impl Read, after: Option<RunId>, limit: usize) -> Result<(Vec<RunId>, Option<RunId>), DbError> {
    let page = RUN_STREAMS.list(tx, &(), after.as_ref(), limit)?;
    let next = page.last().filter(|_| page.len() == limit).map(|(run, _)| *run);
    let has_tail = |streams: &RunStreams| Stream::ALL.iter().any(|stream| streams.of(*stream).tail_lines > 0);
    Ok((page.into_iter().filter(|(_, streams)| has_tail(streams)).map(|(run, _)| run).collect(), next))
}

/// The sealed parts of a stream, in order.
pub fn parts(tx: &impl Read, run: RunId, stream: Stream) -> Result<Vec<(u32, SealedPart)>, DbError> {
    let listed = SEALED_PARTS.list(tx, &(run, stream), None, PARTS_MAX)?;
    Ok(listed.into_iter().map(|((.., place), part)| (place, part)).collect())
}

/// A part of any run, for a check of everything.
pub struct ListedPart {
    pub key: PartKey,
    pub part: SealedPart,
    /// The part of another run that has the same objects and is listed before this one.
    pub shared_with: Option<SealedPart>,
}

/// The parts of all runs after the part `after`.
pub fn all_parts(tx: &impl Read, after: Option<PartKey>, limit: usize) -> Result<Vec<ListedPart>, DbError> {
    let listed = SEALED_PARTS.list(tx, &(), after.as_ref(), limit)?;
    let with_first = listed.into_iter().map(|(key, part)| {
        let first = PARTS_BY_SEGMENT.list(tx, &part.segment, None, 1)?.pop();
        let first = first.map(|(_, run, stream, place)| (run, stream, place)).filter(|first| *first < key);
        let shared_with = first.map(|first| SEALED_PARTS.get(tx, &first)).transpose()?.flatten();
        Ok(ListedPart { key, part, shared_with })
    });
    with_first.collect()
}

pub fn part(tx: &impl Read, key: &PartKey) -> Result<Option<SealedPart>, DbError> {
    SEALED_PARTS.get(tx, key)
}

/// Adds a part behind those that the stream has. For the server's own work on a run, and for copies of a run's parts.
pub fn add_part(tx: &mut WriteTx<'_>, run: RunId, stream: Stream, part: &SealedPart) -> Result<(), PutError> {
    let last = SEALED_PARTS.last(tx, &(run, stream))?;
    let place = last.map_or(0, |((.., place), _)| place + 1);
    SEALED_PARTS.put(tx, &(run, stream, place), part)
}

/// Changes what a run uses of a part.
pub fn put_part(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    stream: Stream,
    place: u32,
    part: &SealedPart,
) -> Result<(), PutError> {
    run.must_be(Action::RunLog);
    SEALED_PARTS.put(tx, &(run.id, stream, place), part)
}

/// Takes a part from a run; its objects go when no other run uses them.
pub fn release_part(
    tx: &mut WriteTx<'_>,
    run: RunId,
    stream: Stream,
    (place, part): (u32, &SealedPart),
) -> Result<(), PutError> {
    SEALED_PARTS.delete(tx, &(run, stream, place))?;
    if PARTS_BY_SEGMENT.list(tx, &part.segment, None, 1)?.is_empty() {
        SEGMENT_FACTS.delete(tx, &part.segment)?;
        for object in StoredObject::of_part(stream, part.segment) {
            garbage::discard(tx, part.owner, object)?;
        }
    }
    Ok(())
}

/// Removes everything that was streamed into a run that is being removed for good. `false`: only `limit` of its lines
/// and writers, and there is more. Lines never outlast their run, not even as garbage: a check would miss the run.
pub fn purge(tx: &mut WriteTx<'_>, run: RunId, limit: usize) -> Result<bool, PutError> {
    let chunks = TAIL_CHUNKS.keys(tx, &run, limit)?;
    for key in &chunks {
        TAIL_CHUNKS.delete(tx, key)?;
    }
    let writers = SHARED_WRITERS.keys(tx, &run, limit)?;
    for key in &writers {
        SHARED_WRITERS.delete(tx, key)?;
    }
    if chunks.len() == limit || writers.len() == limit {
        return Ok(false);
    }
    for stream in Stream::ALL {
        for (place, part) in parts(tx, run, stream)? {
            release_part(tx, run, stream, (place, &part))?;
        }
    }
    RUN_STREAMS.delete(tx, &run)?;
    Ok(true)
}

/// Counts lines as sealed: for the server's own work on a run, which no client asked for.
pub fn put_sealed(
    tx: &mut WriteTx<'_>,
    run: RunId,
    streams: &RunStreams,
    facts: Option<(SegmentId, Vec<u8>)>,
) -> Result<(), PutError> {
    if let Some((segment, facts)) = facts {
        SEGMENT_FACTS.put(tx, &segment, &Facts(facts))?;
    }
    RUN_STREAMS.put(tx, &run, streams)
}

/// What is known about the rows of a segment; nothing when that was too much to keep.
pub fn facts(tx: &impl Read, segment: SegmentId) -> Result<Option<Vec<u8>>, DbError> {
    Ok(SEGMENT_FACTS.get(tx, &segment)?.map(|facts| facts.0))
}

/// Whose store a segment is in, while the history of any run has it that is not in the trash.
pub fn segment_owner(
    tx: &impl Read,
    found: &Allowed<FoundRun>,
    segment: SegmentId,
) -> Result<Option<EntityId>, DbError> {
    found.must_be(Action::RunRead);
    let part = PARTS_BY_SEGMENT.list(tx, &(segment, found.id), None, 1)?.pop();
    let Some((_, run, stream, place)) = part else { return Ok(None) };
    Ok(SEALED_PARTS.get(tx, &(run, stream, place))?.map(|part| part.owner))
}
