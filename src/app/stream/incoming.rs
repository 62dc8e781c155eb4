//! A request's body, read and compressed, before anything is known about its run.

use super::state::Signals;
use crate::app::Error;
use crate::domain::chunk::Chunk;
use crate::domain::json::{RowLimits, RowOutcome, StreamBody, StreamFile, append_row};
use crate::history::chunk::ChunkBuilder;

// The names of the client's files (wandb 0.17.9 to 0.31.0).
const HISTORY: &str = "wandb-history.jsonl";
const EVENTS: &str = "wandb-events.jsonl";
const SUMMARY: &str = "wandb-summary.json";
const CONSOLE: &str = "output.log";

/// Higher line numbers are not believed: sums of them must not run over.
const LINE_MAX: u64 = 1 << 50;

#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Lines under the numbers that the client gave them.
    pub history: Option<Rows>,
    pub events: Option<Rows>,
    pub console: Option<Chunk>,
    /// The whole summary that the client has.
    pub summary: Option<String>,
    pub signals: Signals,
    /// The client says that it has sent files.
    pub has_uploaded: bool,
    pub removed_values: u64,
    pub rejected_lines: u64,
}

#[derive(Debug)]
pub(super) struct Rows {
    pub chunk: Chunk,
    /// None of the rows says a step.
    pub lack_steps: bool,
}

impl Incoming {
    pub fn read(body: &[u8], limits: &RowLimits) -> Result<Self, Error> {
        let body = StreamBody::parse(body, &[HISTORY, EVENTS, SUMMARY, CONSOLE])
            .map_err(|why| Error::invalid("body", &why))?;
        let mut incoming = Incoming::default();
        if let Some(file) = body.file(HISTORY) {
            incoming.history = incoming.rows(file, limits)?;
        }
        if let Some(file) = body.file(EVENTS) {
            incoming.events = incoming.rows(file, limits)?;
        }
        incoming.console = body.file(CONSOLE).map(|file| console(file, limits)).transpose()?.flatten();
        if let Some(line) = body.file(SUMMARY).and_then(|file| file.line(file.line_count().checked_sub(1)?)) {
            incoming.take_summary(line, limits);
        }
        incoming.has_uploaded = body.has_uploaded;
        incoming.signals = Signals {
            has_lines: incoming.history.is_some() || incoming.events.is_some() || incoming.console.is_some(),
            complete: body.complete,
            exit_code: body.exit_code,
            preempting: body.preempting,
        };
        Ok(incoming)
    }

    fn rows(&mut self, file: &StreamFile, limits: &RowLimits) -> Result<Option<Rows>, Error> {
        if file.line_count() == 0 {
            return Ok(None);
        }
        let mut builder = ChunkBuilder::new(file.offset.min(LINE_MAX));
        for line in file.lines() {
            builder.push(line, limits);
        }
        self.removed_values += u64::from(builder.removed_values);
        self.rejected_lines += u64::from(builder.rejected_lines);
        let lack_steps = builder.rows_without_step > 0;
        let chunk = builder.finish()?;
        Ok(Some(Rows { lack_steps: lack_steps && chunk.min_step.is_none(), chunk }))
    }

    /// A summary that is no object says nothing; what the client said before stays.
    fn take_summary(&mut self, line: &str, limits: &RowLimits) {
        let mut text = String::new();
        match append_row(line, limits, &mut text) {
            RowOutcome::Stored(facts) => {
                self.removed_values += u64::from(facts.removed_values);
                text.truncate(text.trim_end().len());
                self.summary = Some(text);
            }
            RowOutcome::Rejected => self.rejected_lines += 1,
        }
    }
}

/// Console lines as they are: JSON, or plain text with a newline at its end (0.17.9). One that is over the limit of a
/// value is cut.
fn console(file: &StreamFile, limits: &RowLimits) -> Result<Option<Chunk>, Error> {
    let mut text = String::with_capacity(file.text_bytes());
    for line in file.lines() {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let end = line.floor_char_boundary(limits.max_value_bytes);
        let at = text.len();
        text.push_str(&line[..end]);
        if text[at..].contains('\n') {
            let one_line = text[at..].replace('\n', " ");
            text.replace_range(at.., &one_line);
        }
        text.push('\n');
    }
    let lines = u32::try_from(file.line_count()).map_err(|why| Error::invalid("body", &why))?;
    if lines == 0 {
        return Ok(None);
    }
    Chunk::of_lines(file.offset.min(LINE_MAX), lines, &text).map(Some).map_err(Error::from)
}
