//! Rewinding a run to a step, and forking one from another. Both are one transaction that reads no object: a sealed part
//! that goes beyond the step stays as it is and gets a last step, and a fork shares its parent's parts.

use crate::access::Allowed;
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::run::{self, FoundRun};
use crate::db::repo::{garbage, stream};
use crate::db::tx::{Read, WriteTx};
use crate::domain::chunk::Chunk;
use crate::domain::garbage::Garbage;
use crate::domain::id::{RunId, SegmentId};
use crate::domain::run::Run;
use crate::domain::stream::{RunStreams, SealedPart, Stream, StreamState};
use std::collections::HashMap;

/// Compressed bytes of a tail that are cut in one transaction: sealing keeps tails far below.
const TAIL_BYTES_MAX: usize = 64 << 20;

/// Where a history is cut: behind this step. Holds what has to be known of the objects before the transaction.
#[derive(Debug, Clone)]
pub struct Cut {
    step: i64,
    /// Of parts that go beyond the step, how many rows come before that.
    rows: HashMap<SegmentId, u64>,
}

/// What is left of a history.
struct Left {
    parts: Vec<(u32, SealedPart)>,
    /// Parts of which nothing is left.
    dropped: Vec<(u32, SealedPart)>,
    chunks: Vec<(u64, Chunk)>,
    state: StreamState,
}

impl App {
    /// Prepares a cut of the run's history, for [`rewind`] or [`fork`].
    pub async fn plan_cut(&self, run: &Allowed<FoundRun>, step: i64) -> Result<Cut, Error> {
        let id = run.id;
        let parts = self.db.read(move |tx| stream::parts(tx, id, Stream::History)).await?;
        let mut rows = HashMap::new();
        for (_, part) in parts {
            if part.min_step <= step && part.end_step() > step {
                let reader = self.segment(&part).await?;
                let steps = self.on_pool(move || Ok(reader.steps()?)).await?;
                rows.insert(part.segment, steps.partition_point(|own| *own <= step) as u64);
            }
        }
        Ok(Cut { step, rows })
    }
}

/// Takes back everything after the step: the run begins a new generation, its console and events are empty, and its
/// summary follows from the rows that are left until the client says something of it again.
pub fn rewind(tx: &mut WriteTx<'_>, found: Allowed<FoundRun>, cut: &Cut) -> Result<Allowed<FoundRun>, Error> {
    let streams = run::streams(tx, &found)?;
    let (id, old) = (found.id, found.run.generation);
    let left = left(tx, id, old, &streams, cut)?;
    for (place, part) in &left.dropped {
        stream::release_part(tx, id, Stream::History, (*place, part))?;
    }
    for (place, part) in &left.parts {
        stream::put_part(tx, &found, Stream::History, *place, part)?;
    }
    for stream in [Stream::Events, Stream::Console] {
        for (place, part) in stream::parts(tx, id, stream)? {
            stream::release_part(tx, id, stream, (place, &part))?;
        }
    }
    for stream in Stream::ALL {
        let chunks = Garbage::Chunks { run: id, stream, generation: old, before: u64::MAX };
        garbage::discard_lines(tx, chunks)?;
    }
    let rewound = Run { generation: old + 1, ..found.run.clone() };
    run::put(tx, &found, &rewound)?;
    let found = found.map(|found| FoundRun { run: rewound, ..found });
    begin_at(tx, &found, &left, cut, &streams)?;
    run::put_summary(tx, &found, "{}".to_owned())?;
    Ok(found)
}

/// Gives a new run the parent's history up to the step.
pub fn fork(
    tx: &mut WriteTx<'_>,
    parent: &Allowed<FoundRun>,
    child: &Allowed<FoundRun>,
    cut: &Cut,
) -> Result<(), Error> {
    let streams = run::streams(tx, parent)?;
    let left = left(tx, parent.id, parent.run.generation, &streams, cut)?;
    for (_, part) in &left.parts {
        stream::add_part(tx, child.id, Stream::History, part)?;
    }
    begin_at(tx, child, &left, cut, &RunStreams::default())
}

/// Writes the tail and the state of a run whose history was cut.
fn begin_at(
    tx: &mut WriteTx<'_>,
    found: &Allowed<FoundRun>,
    left: &Left,
    cut: &Cut,
    before: &RunStreams,
) -> Result<(), Error> {
    for (place, chunk) in &left.chunks {
        stream::put_chunk(tx, found, Stream::History, *place, chunk)?;
    }
    let next_step = if left.state.lines == 0 { 0 } else { cut.step.saturating_add(1) };
    let streams = RunStreams {
        heartbeat_at: Some(tx.now()),
        history: left.state,
        next_step,
        derives_summary: true,
        removed_values: before.removed_values,
        rejected_lines: before.rejected_lines,
        ..RunStreams::default()
    };
    Ok(stream::put_streams(tx, found, &streams)?)
}

fn left(tx: &impl Read, run: RunId, generation: u32, streams: &RunStreams, cut: &Cut) -> Result<Left, Error> {
    let state = &streams.history;
    let mut left = Left { parts: Vec::new(), dropped: Vec::new(), chunks: Vec::new(), state: StreamState::default() };
    for (place, part) in stream::parts(tx, run, Stream::History)? {
        if part.min_step > cut.step {
            left.dropped.push((place, part));
            continue;
        }
        let part = if part.end_step() > cut.step { cut_part(&part, cut)? } else { part };
        left.state.lines = left.state.lines.max(part.end_line);
        left.parts.push((place, part));
    }
    let of = (run, Stream::History, generation);
    let (chunks, has_more) = stream::chunks(tx, of, state.tail_from, TAIL_BYTES_MAX)?;
    if has_more {
        return Err(changed());
    }
    for (place, chunk) in chunks {
        let Some(chunk) = chunk.keep_steps_up_to(cut.step)? else { continue };
        left.state.lines = left.state.lines.max(chunk.end_line());
        left.state.tail_lines += u64::from(chunk.lines);
        left.state.tail_bytes += chunk.compressed_bytes() as u64;
        left.state.tail_at = state.tail_at;
        left.chunks.push((place, chunk));
    }
    Ok(left)
}

fn cut_part(part: &SealedPart, cut: &Cut) -> Result<SealedPart, Error> {
    let rows = *cut.rows.get(&part.segment).ok_or_else(changed)?;
    Ok(SealedPart { end_line: part.first_line.saturating_add(rows), last_step: Some(cut.step), ..part.clone() })
}

/// Lines were sealed between the plan and the transaction: the next try sees them.
fn changed() -> Error {
    DbError::Unavailable("the run's history is being sealed; try again".into()).into()
}
