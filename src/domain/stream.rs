//! What a client streams into a run line by line, and how far it has come.

use super::clock::Timestamp;
use super::id::{EntityId, SegmentId};
use super::stored::Content;
use serde::{Deserialize, Serialize};

/// The files of a file_stream request that hold lines. The numbers are stored: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stream {
    /// `wandb-history.jsonl`: what was logged.
    History = 1,
    /// `wandb-events.jsonl`: system metrics.
    Events = 2,
    /// `output.log`: console lines, which may be rewritten.
    Console = 3,
}

impl Stream {
    pub const ALL: [Stream; 3] = [Stream::History, Stream::Events, Stream::Console];
}

/// How far a run's streams have come. Written with every request, so it stays small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStreams {
    /// When the client was last heard of.
    pub heartbeat_at: Option<Timestamp>,
    pub history: StreamState,
    pub events: StreamState,
    pub console: StreamState,
    /// Values over a limit that were replaced by a marker.
    #[serde(default, skip_serializing_if = "is_default")]
    pub removed_values: u64,
    /// Lines that were no JSON object.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rejected_lines: u64,
    /// Behind the largest step there is: where steps that the server gives go on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub next_step: i64,
    /// What people read as the summary is derived from the rows, with what the client says itself on top.
    #[serde(default, skip_serializing_if = "is_default")]
    pub derives_summary: bool,
    /// When a client last said that the run is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// How far one stream has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Where a resuming client goes on: the number of lines there are.
    pub lines: u64,
    /// Lines, and their compressed bytes, that are not sealed yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tail_lines: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tail_bytes: u64,
    /// When the newest of those came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_at: Option<Timestamp>,
    /// Chunks before this place are sealed, and gone or about to go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tail_from: u64,
    /// What this session's line numbers lack to be the run's: a client that began again at zero.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shift: u64,
    /// A session has begun and sent no line yet: its first one tells where it counts from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_fresh: bool,
    /// Chunks ever written, for streams whose newest chunk wins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub writes: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl RunStreams {
    pub fn of(&self, stream: Stream) -> &StreamState {
        match stream {
            Stream::History => &self.history,
            Stream::Events => &self.events,
            Stream::Console => &self.console,
        }
    }

    pub fn of_mut(&mut self, stream: Stream) -> &mut StreamState {
        match stream {
            Stream::History => &mut self.history,
            Stream::Events => &mut self.events,
            Stream::Console => &mut self.console,
        }
    }
}

/// One of several processes that write to a run at once. Each counts its lines by itself, from wherever it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedWriter {
    /// Its first line not seen yet, once it has sent one.
    pub history: Option<u64>,
    pub events: Option<u64>,
    /// Where its newest console lines went, so that it can rewrite them.
    pub console: Vec<ConsoleBlock>,
}

/// Consecutive console lines of one writer, and where they are in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleBlock {
    pub own_line: u64,
    pub line: u64,
    pub count: u64,
}

/// A sealed stretch of a run's stream: which lines, and what is known of the object that holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPart {
    pub segment: SegmentId,
    /// Whose store the object is in.
    pub owner: EntityId,
    pub first_line: u64,
    pub end_line: u64,
    /// Rows in the object, also those that `last_step` cuts off.
    pub rows: u64,
    pub min_step: i64,
    pub max_step: i64,
    /// Rows after this step belong to the run no longer, or never did: it was rewound, or forked here.
    pub last_step: Option<i64>,
    pub is_lossless: bool,
    pub is_sparse: bool,
    pub object: Content,
    /// The level-of-detail object beside it, if there is one.
    pub detail: Option<Content>,
}

impl SealedPart {
    /// The largest step that it gives to the run.
    pub fn end_step(&self) -> i64 {
        self.last_step.map_or(self.max_step, |last| last.min(self.max_step))
    }
}
