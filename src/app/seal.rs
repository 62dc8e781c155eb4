//! Sealing: a run's newest lines become an immutable object in its team's store, and their chunks go.
//!
//! The object is announced first, then written, and then one transaction adds it to the run and counts the chunks as
//! sealed, if the run's stream is still as it was read. Whatever is cut off in between leaves an announced object that
//! the collector removes, and chunks that are sealed again.

use super::history::without_step;
use super::{App, Error, Settings};
use crate::db::DbError;
use crate::db::repo::garbage::{self, Ticket};
use crate::db::repo::stream;
use crate::db::tx::{ReadTx, WriteTx};
use crate::domain::chunk::Chunk;
use crate::domain::clock::Timestamp;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::{EntityId, RunId, SegmentId};
use crate::domain::stream::{SealedPart, Stream, StreamState};
use crate::history::columns::{Pick, gather};
use crate::history::console::encode_lines;
use crate::history::facts::{LastRow, RowFacts};
use crate::history::lod::write_lod;
use crate::history::newest::newest_rows;
use crate::history::segment::{Segment, SegmentError, write_segment};
use crate::storage::{ObjectKey, content_of};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Text of one segment, which is in memory while it is made.
const SEGMENT_TEXT_BYTES: usize = 16 << 20;
/// Compressed bytes read for one segment.
const SEGMENT_CHUNK_BYTES: usize = 8 << 20;
/// Larger facts are made from the rows again when somebody asks.
const FACTS_BYTES_MAX: usize = 1 << 20;
/// By how much sealing gives way to everything else, as `nice` counts.
const NICENESS: i32 = 10;
/// Runs looked at in one read.
const PAGE: usize = 1000;

/// The runs of this process that may have unsealed lines. A run that is missing here is found at the next start.
#[derive(Default)]
pub struct Tails {
    runs: Mutex<BTreeSet<RunId>>,
    /// A tail has become long enough, or its run has ended.
    pub due: tokio::sync::Notify,
    /// Where a test has sealing cut off, and how often it may pass there before.
    #[cfg(test)]
    pub(super) cut_off: Mutex<Option<(&'static str, usize)>>,
}

impl Tails {
    pub(super) fn add(&self, run: RunId) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(run);
    }

    fn remove(&self, run: RunId) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }

    fn all(&self) -> Vec<RunId> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// A tail to be sealed, as it was read.
struct Tail {
    run: RunId,
    stream: Stream,
    owner: EntityId,
    generation: u32,
    tail_from: u64,
    chunks: Vec<(u64, Chunk)>,
    has_more: bool,
}

/// Which object of a part.
type ObjectKind = fn(SegmentId) -> StoredObject;

/// What became of a tail: a part without its id, and the objects of that part.
struct Made {
    /// Nothing when no line was a row.
    part: Option<SealedPart>,
    objects: Vec<(ObjectKind, Bytes)>,
    facts: Option<Vec<u8>>,
}

pub(super) fn is_long(settings: &Settings, state: &StreamState) -> bool {
    state.tail_lines >= settings.seal_rows || state.tail_bytes >= settings.seal_bytes
}

/// Whether a stream's tail is to be sealed now.
fn is_due(settings: &Settings, state: &StreamState, is_open: bool, now: Timestamp) -> bool {
    let is_idle = state.tail_at.is_some_and(|at| now.secs_since(at) >= settings.seal_idle_secs);
    state.tail_lines > 0 && (is_long(settings, state) || is_idle || !is_open)
}

impl App {
    /// Looks for runs whose lines were not sealed when the server last stopped.
    pub async fn find_unsealed(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let (runs, next) = self.db.read(move |tx| Ok::<_, Error>(stream::unsealed(tx, after, PAGE)?)).await?;
            runs.into_iter().for_each(|run| self.tails.add(run));
            let Some(next) = next else { return Ok(()) };
            after = Some(next);
        }
    }

    /// Waits until a tail has become long or a run has ended.
    pub async fn tail_is_due(&self) {
        self.tails.due.notified().await;
    }

    /// Seals every tail that is long, idle, or of a run that has ended. Says how many segments were made.
    pub async fn seal_due(&self) -> Result<usize, Error> {
        let mut sealed = 0;
        let runs = self.tails.all();
        for page in runs.chunks(PAGE) {
            // Taken out before the read: a line that comes after it puts its run back in, and is not overlooked.
            page.iter().for_each(|run| self.tails.remove(*run));
            let (app, looked_at) = (self.clone(), page.to_vec());
            let found = self.db.read(move |tx| look_at(tx, &app, &looked_at)).await;
            let found = found.inspect_err(|_| page.iter().for_each(|run| self.tails.add(*run)))?;
            found.iter().for_each(|(run, _)| self.tails.add(*run));
            for (run, due) in found {
                for stream in due {
                    // One run that cannot be sealed must not keep the others from it.
                    match self.seal(run, stream).await {
                        Ok(segments) => sealed += segments,
                        Err(error) => {
                            tracing::error!(%error, run.id = %run, ?stream, "a run's lines could not be sealed");
                        }
                    }
                }
            }
        }
        Ok(sealed)
    }

    /// Seals the tail of one stream, segment by segment.
    pub async fn seal(&self, run: RunId, stream: Stream) -> Result<usize, Error> {
        let mut sealed = 0;
        loop {
            let Some(tail) = self.db.read(move |tx| read_tail(tx, run, stream)).await? else { return Ok(sealed) };
            let has_more = tail.has_more;
            if !self.seal_tail(tail).await? {
                return Ok(sealed); // something changed meanwhile; what is left comes up again
            }
            sealed += 1;
            if !has_more {
                return Ok(sealed);
            }
        }
    }

    async fn seal_tail(&self, tail: Tail) -> Result<bool, Error> {
        let (made, tail) = aside(move || Ok((make(&tail)?, tail))).await?;
        let (owner, kinds) = (tail.owner, made.objects.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
        let announced = self.db.write(move |tx| {
            let segment = tx.new_id::<SegmentId>()?;
            let tickets: Result<Vec<Ticket>, _> =
                kinds.iter().map(|kind| garbage::announce(tx, owner, kind(segment))).collect();
            Ok::<_, Error>((segment, tickets?))
        });
        let (segment, tickets) = announced.await?;
        self.may_be_cut_off("announced")?;
        for (kind, bytes) in &made.objects {
            self.store_of(owner)?.put_new(&ObjectKey::of_object(kind(segment)), bytes.clone()).await?;
            self.may_be_cut_off("object put")?;
        }
        let part = made.part.map(|part| SealedPart { segment, ..part });
        let facts = made.facts.map(|facts| (segment, facts));
        let is_current = self.db.write(move |tx| commit(tx, &tail, part.as_ref(), facts.clone(), &tickets)).await?;
        self.may_be_cut_off("committed")?;
        Ok(is_current)
    }

    /// A place where a crash would leave something half done. Does nothing outside of tests.
    #[cfg(not(test))]
    fn may_be_cut_off(&self, _place: &'static str) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(test)]
    fn may_be_cut_off(&self, place: &'static str) -> Result<(), Error> {
        match &mut *self.tails.cut_off.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((wanted, 0)) if *wanted == place => {
                Err(DbError::Unavailable(format!("a test cut it off: {place}")).into())
            }
            Some((wanted, passes)) if *wanted == place => {
                *passes -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Adds the part to its run and counts its chunks as sealed. `false`: the stream is no longer as it was read.
fn commit(
    tx: &mut WriteTx<'_>,
    tail: &Tail,
    part: Option<&SealedPart>,
    facts: Option<(SegmentId, Vec<u8>)>,
    tickets: &[Ticket],
) -> Result<bool, Error> {
    let Some((generation, mut streams)) = stream::generation_and_streams(tx, tail.run)? else { return Ok(false) };
    let state = streams.of_mut(tail.stream);
    let Some((last, _)) = tail.chunks.last() else { return Ok(false) };
    if generation != tail.generation || state.tail_from != tail.tail_from {
        return Ok(false);
    }
    for ticket in tickets {
        if !garbage::keep(tx, ticket)? {
            let why = "sealing took so long that its object is being removed; it begins again";
            return Err(DbError::Unavailable(why.into()).into());
        }
    }
    state.tail_from = last + 1;
    for (_, chunk) in &tail.chunks {
        state.tail_lines = state.tail_lines.saturating_sub(u64::from(chunk.lines));
        state.tail_bytes = state.tail_bytes.saturating_sub(chunk.compressed_bytes() as u64);
    }
    let before = state.tail_from;
    if let Some(part) = part {
        stream::add_part(tx, tail.run, tail.stream, part)?;
    }
    stream::put_sealed(tx, tail.run, &streams, facts)?;
    garbage::discard_lines(tx, Garbage::Chunks { run: tail.run, stream: tail.stream, generation, before })?;
    Ok(true)
}

/// Which streams of the runs are due. Runs without a tail are forgotten.
/// The runs that have unsealed lines, with the streams whose tails are due.
fn look_at(tx: &ReadTx, app: &App, runs: &[RunId]) -> Result<Vec<(RunId, Vec<Stream>)>, Error> {
    let now = app.clock.now();
    let mut found = Vec::new();
    for run in runs {
        let Some((_, streams)) = stream::generation_and_streams(tx, *run)? else { continue };
        if Stream::ALL.iter().all(|stream| streams.of(*stream).tail_lines == 0) {
            continue;
        }
        let is_open = stream::is_open(tx, *run)?;
        let due = Stream::ALL.into_iter().filter(|stream| is_due(&app.settings, streams.of(*stream), is_open, now));
        found.push((*run, due.collect()));
    }
    Ok(found)
}

fn read_tail(tx: &ReadTx, run: RunId, stream: Stream) -> Result<Option<Tail>, Error> {
    let Some((generation, streams)) = stream::generation_and_streams(tx, run)? else { return Ok(None) };
    let Some(owner) = stream::owner(tx, run)? else { return Ok(None) };
    let state = streams.of(stream);
    let of = (run, stream, generation);
    let (mut chunks, mut has_more) = stream::chunks(tx, of, state.tail_from, SEGMENT_CHUNK_BYTES)?;
    if chunks.is_empty() {
        return Ok(None);
    }
    let mut text_bytes = 0;
    let mut fitting = 0;
    for (_, chunk) in &chunks {
        text_bytes += chunk.text_bytes as usize;
        if fitting > 0 && text_bytes > SEGMENT_TEXT_BYTES {
            break;
        }
        fitting += 1;
    }
    has_more |= fitting < chunks.len();
    chunks.truncate(fitting);
    Ok(Some(Tail { run, stream, owner, generation, tail_from: state.tail_from, chunks, has_more }))
}

fn make(tail: &Tail) -> Result<Made, Error> {
    let part = SealedPart {
        segment: SegmentId(0),
        owner: tail.owner,
        first_line: tail.chunks.iter().map(|(_, chunk)| chunk.first_line).min().unwrap_or(0),
        end_line: tail.chunks.iter().map(|(_, chunk)| chunk.end_line()).max().unwrap_or(0),
        rows: 0,
        min_step: 0,
        max_step: 0,
        last_step: None,
        is_lossless: false,
        is_sparse: false,
        object: content_of(&[]),
        detail: None,
    };
    match tail.stream {
        Stream::Console => make_console(tail, &part),
        Stream::History | Stream::Events => make_rows(tail, &part),
    }
}

/// Of what was sent for a line the newest stays.
fn make_console(tail: &Tail, part: &SealedPart) -> Result<Made, Error> {
    let mut lines = BTreeMap::new();
    for (_, chunk) in &tail.chunks {
        let text = chunk.text()?;
        lines.extend((chunk.first_line..).zip(text.split_terminator('\n').map(str::to_owned)));
    }
    let bytes = Bytes::from(encode_lines(&lines).map_err(|why| DbError::Unavailable(why.to_string()))?);
    let part = SealedPart { rows: lines.len() as u64, object: content_of(&bytes), ..part.clone() };
    Ok(Made { part: Some(part), objects: vec![(StoredObject::Console, bytes)], facts: None })
}

/// Of rows with equal steps the newest stays, so that the steps of a segment ascend strictly. Events have no steps;
/// they are numbered by their lines.
fn make_rows(tail: &Tail, part: &SealedPart) -> Result<Made, Error> {
    let texts = texts(tail)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let newest = newest_rows(&texts)?;
    let kept: Vec<&str> = newest.as_ref().map_or(texts.clone(), |text| vec![text.as_str()]);
    let segment = match write_segment(&kept) {
        Err(SegmentError::Empty) => return Ok(Made { part: None, objects: Vec::new(), facts: None }),
        written => written?,
    };
    let facts = facts_of(tail.stream, &segment, &kept);
    let bytes = Bytes::from(segment.bytes);
    let mut part = SealedPart {
        rows: segment.meta.rows,
        min_step: segment.meta.min_step,
        max_step: segment.meta.max_step,
        is_lossless: segment.meta.is_lossless,
        is_sparse: segment.meta.is_sparse,
        object: content_of(&bytes),
        ..part.clone()
    };
    let mut objects: Vec<(ObjectKind, Bytes)> = vec![(StoredObject::Segment, bytes)];
    if tail.stream == Stream::History {
        let detail = write_lod(&gather(&kept, Pick::Leaves)?.into_columns())?;
        part.detail = detail.as_deref().map(content_of);
        objects.extend(detail.map(|detail| (StoredObject::Detail as ObjectKind, Bytes::from(detail))));
    }
    let facts = facts.encode()?;
    Ok(Made { part: Some(part), objects, facts: (facts.len() <= FACTS_BYTES_MAX).then_some(facts) })
}

fn texts(tail: &Tail) -> Result<Vec<String>, Error> {
    let numbered = |chunk: &Chunk| {
        let mut chunk = chunk.clone();
        chunk.number_steps(i64::try_from(chunk.first_line).unwrap_or(i64::MAX));
        chunk.text()
    };
    let text = |chunk: &Chunk| if tail.stream == Stream::Events { numbered(chunk) } else { chunk.text() };
    tail.chunks.iter().map(|(_, chunk)| Ok(text(chunk)?)).collect()
}

/// What writing the segment has found out, and the last row.
fn facts_of(stream: Stream, segment: &Segment, kept: &[&str]) -> RowFacts {
    let last = kept.iter().rev().find_map(|text| text.lines().rev().find(|row| !row.is_empty()));
    let last = match stream {
        Stream::Events => last.map(|row| LastRow { step: 0, row: without_step(row.to_owned()) }),
        Stream::History | Stream::Console => {
            last.map(|row| LastRow { step: segment.meta.max_step, row: row.to_owned() })
        }
    };
    RowFacts {
        keys: segment.meta.keys.clone(),
        summary: segment.summary.clone(),
        last,
        first_step: (stream == Stream::History).then_some(segment.meta.min_step),
        may_count_twice: false,
    }
}

/// Runs the work on a thread of its own that gives way to requests: nobody waits for sealing. The thread ends with the
/// work, and what it took of memory goes back with it.
async fn aside<R: Send + 'static>(work: impl FnOnce() -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    let (answer, done) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("sealing".into()).spawn(move || {
        // On Linux a thread has a priority of its own, and lowering it is always allowed.
        let _stays_as_it_was = rustix::process::nice(NICENESS);
        let _nobody_waits = answer.send(work());
    });
    thread.map_err(|why| DbError::Unavailable(why.to_string()))?;
    done.await.map_err(|_| DbError::Unavailable("sealing was given up".into()))?
}
