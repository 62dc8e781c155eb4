//! Which lines of a request are new, and where they go. Lines count per run, stream and generation; a client's own
//! numbers become the run's by a shift that its session's first line decides. In a shared run each writer has numbers
//! of its own, and its new lines go behind all others.

use super::incoming::{Incoming, Rows};
use crate::access::Allowed;
use crate::app::Error;
use crate::db::repo::run::{self, FoundRun};
use crate::db::repo::stream;
use crate::db::table::PutError;
use crate::db::tx::WriteTx;
use crate::domain::chunk::Chunk;
use crate::domain::stream::{ConsoleBlock, RunStreams, SharedWriter, Stream, StreamState};
use crate::history::positions::Position;

/// The client rewrites its last 32 lines at most; older ones of a shared run's writer are not found again.
const REWRITTEN_LINES: u64 = 64;

/// Says that a client has begun a session with a run that exists. One that goes on sends the numbers it was told; one
/// that begins anew sends its first line as number zero, and the lines there are stay before it.
///
/// To be called by the first upsert of a process, not by the later ones that bring changes of config.
pub fn begin_session(tx: &mut WriteTx<'_>, run: &Allowed<FoundRun>) -> Result<(), PutError> {
    let mut streams = run::streams(tx, run)?;
    for stream in Stream::ALL {
        let state = streams.of_mut(stream);
        state.is_fresh = state.lines > 0;
    }
    streams.heartbeat_at = Some(tx.now());
    stream::put_streams(tx, run, &streams)
}

pub(super) struct Placing<'p, 'b> {
    pub tx: &'p mut WriteTx<'b>,
    pub run: &'p Allowed<FoundRun>,
    pub streams: &'p mut RunStreams,
}

impl Placing<'_, '_> {
    /// Lines of the only writer.
    pub fn single(&mut self, incoming: &Incoming) -> Result<(), Error> {
        for (stream, rows) in [(Stream::History, &incoming.history), (Stream::Events, &incoming.events)] {
            let Some(rows) = rows else { continue };
            let state = self.streams.of_mut(stream);
            let shift = settle_shift(state, rows.chunk.first_line);
            let mut position = Position { next_line: state.lines };
            let accepted = position.accept(rows.chunk.first_line + shift, rows.chunk.lines as usize);
            let Some(mut chunk) = kept(rows, accepted.lines.start)? else { continue };
            chunk.first_line = accepted.first_line;
            self.keep_rows(stream, chunk, stream == Stream::History && rows.lack_steps)?;
        }
        if let Some(chunk) = &incoming.console {
            let shift = settle_shift(&mut self.streams.console, chunk.first_line);
            let chunk = Chunk { first_line: chunk.first_line + shift, ..chunk.clone() };
            self.keep_console(&chunk)?;
        }
        Ok(())
    }

    /// Lines of one of several writers.
    pub fn shared(&mut self, incoming: &Incoming, writer: &mut SharedWriter) -> Result<(), Error> {
        let rows = [
            (Stream::History, &incoming.history, &mut writer.history),
            (Stream::Events, &incoming.events, &mut writer.events),
        ];
        for (stream, rows, known) in rows {
            let Some(rows) = rows else { continue };
            let mut position = Position { next_line: known.unwrap_or(rows.chunk.first_line) };
            let accepted = position.accept(rows.chunk.first_line, rows.chunk.lines as usize);
            *known = Some(position.next_line);
            let Some(mut chunk) = kept(rows, accepted.lines.start)? else { continue };
            chunk.first_line = self.streams.of(stream).lines;
            self.keep_rows(stream, chunk, stream == Stream::History)?;
        }
        if let Some(chunk) = &incoming.console {
            for block in split_console(&mut writer.console, chunk, self.streams.console.lines) {
                let part = chunk.take_lines(block.own_line, block.own_line + block.count)?;
                let Some(part) = part else { continue };
                self.keep_console(&Chunk { first_line: block.line, ..part })?;
            }
        }
        Ok(())
    }

    fn keep_rows(&mut self, stream: Stream, mut chunk: Chunk, number: bool) -> Result<(), Error> {
        if stream == Stream::History {
            if number {
                chunk.number_steps(self.streams.next_step);
            }
            let next_step = chunk.max_step.map_or(0, |step| step.saturating_add(1));
            self.streams.next_step = self.streams.next_step.max(next_step);
        }
        stream::put_chunk(self.tx, self.run, stream, chunk.first_line, &chunk)?;
        let now = self.tx.now();
        count(self.streams.of_mut(stream), &chunk, now);
        Ok(())
    }

    fn keep_console(&mut self, chunk: &Chunk) -> Result<(), Error> {
        stream::put_chunk(self.tx, self.run, Stream::Console, self.streams.console.writes, chunk)?;
        let now = self.tx.now();
        count(&mut self.streams.console, chunk, now);
        Ok(())
    }
}

fn count(state: &mut StreamState, chunk: &Chunk, now: crate::domain::clock::Timestamp) {
    state.lines = state.lines.max(chunk.end_line());
    state.tail_lines += u64::from(chunk.lines);
    state.tail_bytes += chunk.compressed_bytes() as u64;
    state.tail_at = Some(now);
    state.writes += 1;
}

/// What to add to the client's line numbers. A session's first line decides: zero where there are lines already means
/// that it counts by itself.
fn settle_shift(state: &mut StreamState, first_line: u64) -> u64 {
    if state.is_fresh {
        state.is_fresh = false;
        state.shift = if first_line == 0 { state.lines } else { 0 };
    }
    state.shift
}

/// The chunk without its first `known` lines, or nothing when all are known.
fn kept(rows: &Rows, known: usize) -> Result<Option<Chunk>, Error> {
    let chunk = &rows.chunk;
    let from = chunk.first_line + known as u64;
    if from >= chunk.end_line() {
        return Ok(None);
    }
    Ok(chunk.take_lines(from, chunk.end_line())?)
}

/// Where the lines of a chunk go that one of several writers sent: known lines to their places, new ones behind `end`.
/// Lines that are neither (older than what is remembered) go nowhere.
fn split_console(known: &mut Vec<ConsoleBlock>, chunk: &Chunk, end: u64) -> Vec<ConsoleBlock> {
    let (first, last) = (chunk.first_line, chunk.end_line());
    let next = known.last().map_or(first, |block| block.own_line + block.count);
    let mut places = Vec::new();
    for block in known.iter() {
        let from = first.max(block.own_line);
        let to = last.min(block.own_line + block.count);
        if from < to {
            places.push(ConsoleBlock { own_line: from, line: block.line + (from - block.own_line), count: to - from });
        }
    }
    let from = first.max(next);
    if from < last {
        let new = ConsoleBlock { own_line: from, line: end, count: last - from };
        places.push(new);
        match known.last_mut() {
            Some(open) if open.own_line + open.count == from && open.line + open.count == end => {
                open.count += new.count;
            }
            _ => known.push(new),
        }
        known.retain(|block| block.own_line + block.count + REWRITTEN_LINES > last);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(first: u64, count: u32) -> Chunk {
        Chunk::of_lines(first, count, &"x\n".repeat(count as usize)).unwrap()
    }

    fn place(known: &mut Vec<ConsoleBlock>, chunk: &Chunk, end: u64) -> Vec<(u64, u64, u64)> {
        split_console(known, chunk, end).iter().map(|block| (block.own_line, block.line, block.count)).collect()
    }

    #[test]
    fn a_shared_writer_s_console_lines_keep_their_places_when_rewritten() {
        let mut known = Vec::new();

        assert_eq!(place(&mut known, &lines(0, 3), 10), [(0, 10, 3)]);
        // Another writer took the lines 13 to 19 meanwhile.
        assert_eq!(place(&mut known, &lines(2, 2), 20), [(2, 12, 1), (3, 20, 1)]);
        assert_eq!(place(&mut known, &lines(3, 2), 21), [(3, 20, 1), (4, 21, 1)]);
        assert_eq!(place(&mut known, &lines(0, 5), 22), [(0, 10, 3), (3, 20, 2)]);
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn only_the_newest_console_lines_of_a_writer_are_remembered() {
        let mut known = Vec::new();
        for own in 0..500 {
            place(&mut known, &lines(own, 1), own * 2);
        }

        assert!(known.len() <= 64, "{}", known.len());
        assert_eq!(place(&mut known, &lines(0, 1), 2000), []);
        assert_eq!(place(&mut known, &lines(499, 1), 2000), [(499, 998, 1)]);
    }
}
