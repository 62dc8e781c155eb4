//! What a client streams into a run line by line, and how far it has come.

use super::clock::Timestamp;
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

/// How far a run's streams have come. Written with every request, so it stays small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStreams {
    /// When the client was last heard of.
    pub heartbeat_at: Option<Timestamp>,
    pub history: StreamState,
    pub events: StreamState,
    pub console: StreamState,
    /// Values over a limit that were replaced by a marker.
    #[serde(default)]
    pub removed_values: u64,
    /// Lines that were no JSON object.
    #[serde(default)]
    pub rejected_lines: u64,
}

/// How far one stream has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Where a resuming client goes on: the number of lines there are.
    pub lines: u64,
    /// Lines, and their compressed bytes, that are not sealed yet.
    pub tail_lines: u64,
    pub tail_bytes: u64,
    /// When the oldest of those came.
    pub tail_since: Option<Timestamp>,
}

impl RunStreams {
    pub fn of(&self, stream: Stream) -> &StreamState {
        match stream {
            Stream::History => &self.history,
            Stream::Events => &self.events,
            Stream::Console => &self.console,
        }
    }
}
