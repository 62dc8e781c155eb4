//! Tail chunks: consecutive lines of one writer, compressed, as the database keeps them until they are sealed.
//! Level 1 of zstd was chosen by measuring: on metric rows it halves what the faster negative levels leave (9.1 against
//! 16.4 to 19.3 bytes a point) for a quarter more time, and the levels above 1 compress these rows worse.
//! What a chunk is made of is `domain::chunk`.

pub use crate::domain::chunk::Chunk;
use crate::domain::json::{RawValue, RowFacts, RowLimits, RowOutcome, Scanner, Wanted, append_row, project};
use std::cell::RefCell;

const LEVEL: i32 = 1;
/// No chunk decompresses to more: a request body has at most half of it.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    #[error("a chunk of {0} bytes of text is over the limit")]
    TooLarge(usize),
    #[error("chunk is damaged: {0}")]
    Damaged(&'static str),
    #[error("compression failed: {0}")]
    Compression(#[from] std::io::Error),
}

/// Collects the lines of one request for one file.
#[derive(Debug, Default)]
pub struct ChunkBuilder {
    first_line: u64,
    lines: u32,
    steps: StepRange,
    text: String,
    pub rejected_lines: u32,
    pub removed_values: u32,
    /// Rows that say no step: the server has to number them.
    pub rows_without_step: u32,
    /// Facts of the last kept row.
    pub last: Option<RowFacts>,
}

#[derive(Debug, Default, Clone, Copy)]
struct StepRange {
    min: Option<i64>,
    max: Option<i64>,
}

impl StepRange {
    fn add(&mut self, step: i64) {
        self.min = Some(self.min.map_or(step, |min| min.min(step)));
        self.max = Some(self.max.map_or(step, |max| max.max(step)));
    }
}

impl ChunkBuilder {
    pub fn new(first_line: u64) -> Self {
        ChunkBuilder { first_line, ..ChunkBuilder::default() }
    }

    /// Checks and takes one line. A rejected line leaves an empty one, so that the numbers of the others stay.
    pub fn push(&mut self, line: &str, limits: &RowLimits) -> RowOutcome {
        let outcome = append_row(line, limits, &mut self.text);
        match outcome {
            RowOutcome::Stored(facts) => {
                match facts.step {
                    Some(step) => self.steps.add(step),
                    None => self.rows_without_step += 1,
                }
                self.removed_values += facts.removed_values;
                self.last = Some(facts);
            }
            RowOutcome::Rejected => {
                self.rejected_lines += 1;
                self.text.push('\n');
            }
        }
        self.lines += 1;
        outcome
    }

    pub fn line_count(&self) -> u32 {
        self.lines
    }

    /// The lines taken so far, each with its newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn finish(self) -> Result<Chunk, ChunkError> {
        Chunk::encode(self.first_line, self.lines, self.steps, &self.text)
    }
}

impl Chunk {
    fn encode(first_line: u64, lines: u32, steps: StepRange, text: &str) -> Result<Chunk, ChunkError> {
        let text_bytes = u32::try_from(text.len()).ok().filter(|bytes| *bytes as usize <= MAX_TEXT_BYTES);
        Ok(Chunk {
            first_line,
            lines,
            min_step: steps.min,
            max_step: steps.max,
            text_bytes: text_bytes.ok_or(ChunkError::TooLarge(text.len()))?,
            first_step: None,
            compressed: compress(text.as_bytes())?,
        })
    }

    /// Lines that are no rows, such as those of a console; a newline inside one has been replaced before.
    pub fn of_lines(first_line: u64, lines: u32, text: &str) -> Result<Chunk, ChunkError> {
        Chunk::encode(first_line, lines, StepRange::default(), text)
    }

    /// Gives the rows steps of the server's own, one after another from `first`. Costs nothing until they are read.
    pub fn number_steps(&mut self, first: i64) {
        self.first_step = Some(first);
        self.min_step = Some(first);
        self.max_step = Some(first.saturating_add(i64::from(self.lines.saturating_sub(1))));
    }

    /// Makes a chunk of rows checked before, each with its newline.
    pub fn from_rows(first_line: u64, text: &str) -> Result<Chunk, ChunkError> {
        let mut steps = StepRange::default();
        let wanted = Wanted::new(["_step"]);
        for row in text.lines() {
            if let Some(step) = step_of(row, &wanted)? {
                steps.add(step);
            }
        }
        let lines = u32::try_from(text.lines().count()).map_err(|_| ChunkError::TooLarge(text.len()))?;
        Chunk::encode(first_line, lines, steps, text)
    }

    pub fn end_line(&self) -> u64 {
        self.first_line.saturating_add(u64::from(self.lines))
    }

    pub fn compressed_bytes(&self) -> usize {
        self.compressed.len()
    }

    /// The lines, each with its newline; rejected lines are empty.
    pub fn text(&self) -> Result<String, ChunkError> {
        let size = self.text_bytes as usize;
        if size > MAX_TEXT_BYTES {
            return Err(ChunkError::TooLarge(size));
        }
        let bytes = decompress(&self.compressed, size)?;
        if bytes.len() != size {
            return Err(ChunkError::Damaged("its text has another length than recorded"));
        }
        let text = String::from_utf8(bytes).map_err(|_| ChunkError::Damaged("its text is not UTF-8"))?;
        match self.first_step {
            None => Ok(text),
            Some(first) => numbered(&text, first),
        }
    }

    /// The part with line numbers in `from..to`, or `None` when no line is left.
    pub fn take_lines(&self, from: u64, to: u64) -> Result<Option<Chunk>, ChunkError> {
        if from <= self.first_line && to >= self.end_line() {
            return Ok(Some(self.clone()));
        }
        let from = from.max(self.first_line);
        let to = to.min(self.end_line());
        if from >= to {
            return Ok(None);
        }
        let text = self.text()?;
        let skip = usize::try_from(from - self.first_line).unwrap_or(usize::MAX);
        let count = usize::try_from(to - from).unwrap_or(usize::MAX);
        let kept: String = text.split_inclusive('\n').skip(skip).take(count).collect();
        if self.min_step.is_none() {
            let lines = u32::try_from(count).unwrap_or(u32::MAX);
            return Chunk::of_lines(from, lines, &kept).map(Some); // maybe no rows at all, but console lines
        }
        Chunk::from_rows(from, &kept).map(Some)
    }

    /// The rows at or before `step`, for a rewind or a fork. Their numbers stay as long as steps only grow, which the
    /// client sees to; otherwise the rows move together. Rows without a step stay.
    pub fn keep_steps_up_to(&self, step: i64) -> Result<Option<Chunk>, ChunkError> {
        if self.max_step.is_none_or(|max| max <= step) {
            return Ok(Some(self.clone()));
        }
        let text = self.text()?;
        let wanted = Wanted::new(["_step"]);
        let mut kept = String::new();
        for row in text.split_inclusive('\n') {
            if step_of(row, &wanted)?.is_none_or(|own| own <= step) {
                kept.push_str(row);
            }
        }
        if kept.is_empty() { Ok(None) } else { Chunk::from_rows(self.first_line, &kept).map(Some) }
    }
}

/// Making a context costs more than compressing a row with it, so each thread keeps its own.
fn compress(text: &[u8]) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|context| match context {
        Some(context) => context.compress(text),
        None => context.insert(zstd::bulk::Compressor::new(LEVEL)?).compress(text),
    })
}

fn decompress(compressed: &[u8], size: usize) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|context| match context {
        Some(context) => context.decompress(compressed, size),
        None => context.insert(zstd::bulk::Decompressor::new()?).decompress(compressed, size),
    })
}

/// The rows with the server's steps in the place of their own.
fn numbered(text: &str, first: i64) -> Result<String, ChunkError> {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for (index, row) in (0i64..).zip(text.split_inclusive('\n')) {
        if row.len() <= 1 {
            out.push_str(row);
            continue;
        }
        let step = first.saturating_add(index).to_string();
        match own_step(row).map_err(|_| ChunkError::Damaged("a line is no JSON object"))? {
            Some(own) => {
                // Both are slices of one text.
                let at = own.raw.as_ptr() as usize - row.as_ptr() as usize;
                out.push_str(&row[..at]);
                out.push_str(&step);
                out.push_str(&row[at + own.raw.len()..]);
            }
            None => {
                out.push_str("{\"_step\":");
                out.push_str(&step);
                out.push_str(if row.starts_with("{}") { "" } else { "," });
                out.push_str(&row[1..]);
            }
        }
    }
    Ok(out)
}

/// What the row itself has for a step; of several the last one, which is the one that counts.
fn own_step(row: &str) -> Result<Option<RawValue<'_>>, crate::domain::json::JsonError> {
    let mut scanner = Scanner::new(row);
    let mut own = None;
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let value = scanner.value()?;
        if key.text() == "_step" {
            own = Some(value);
        }
    }
    Ok(own)
}

/// The step of a row checked before; rejected lines are empty and have none.
fn step_of(row: &str, wanted: &Wanted) -> Result<Option<i64>, ChunkError> {
    let mut step = None;
    if row.trim_end().is_empty() {
        return Ok(None);
    }
    project(row, wanted, |_, value| step = value.as_i64())
        .map_err(|_| ChunkError::Damaged("a line is no JSON object"))?;
    Ok(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(first_line: u64, lines: &[&str]) -> Chunk {
        let mut builder = ChunkBuilder::new(first_line);
        for line in lines {
            builder.push(line, &RowLimits::default());
        }
        builder.finish().unwrap()
    }

    fn four() -> Chunk {
        chunk(10, &[r#"{"_step":1,"a":NaN}"#, "broken", r#"{"_step":2}"#, r#"{"_step":5}"#])
    }

    #[test]
    fn a_chunk_gives_back_its_rows_and_knows_its_steps() {
        let chunk = four();

        assert_eq!(chunk.text().unwrap(), "{\"_step\":1,\"a\":NaN}\n\n{\"_step\":2}\n{\"_step\":5}\n");
        assert_eq!((chunk.first_line, chunk.end_line()), (10, 14));
        assert_eq!((chunk.min_step, chunk.max_step), (Some(1), Some(5)));
    }

    #[test]
    fn lines_are_cut_by_their_numbers() {
        let cut = four().take_lines(11, 13).unwrap().unwrap();

        assert_eq!((cut.first_line, cut.lines, cut.max_step), (11, 2, Some(2)));
        assert_eq!(cut.text().unwrap(), "\n{\"_step\":2}\n");
        assert_eq!(four().take_lines(0, 99).unwrap(), Some(four()));
        assert_eq!(four().take_lines(14, 99).unwrap(), None);
    }

    #[test]
    fn steps_after_a_rewind_are_gone() {
        let cut = four().keep_steps_up_to(2).unwrap().unwrap();

        assert_eq!((cut.first_line, cut.lines, cut.max_step), (10, 3, Some(2)));
        assert_eq!(chunk(0, &[r#"{"_step":7}"#]).keep_steps_up_to(6).unwrap(), None);
        assert_eq!(four().keep_steps_up_to(5).unwrap(), Some(four()));
    }

    #[test]
    fn rows_get_the_server_s_steps_whatever_steps_they_had() {
        let mut chunk = chunk(4, &[r#"{"a":1}"#, "broken", r#"{"_step":0,"b":2}"#, "{}", r#"{"c":3,"_step":7}"#]);
        chunk.number_steps(10);

        let text = chunk.text().unwrap();

        assert_eq!(text, "{\"_step\":10,\"a\":1}\n\n{\"_step\":12,\"b\":2}\n{\"_step\":13}\n{\"c\":3,\"_step\":14}\n");
        assert_eq!((chunk.min_step, chunk.max_step), (Some(10), Some(14)));
        let cut = chunk.take_lines(6, 8).unwrap().unwrap();
        assert_eq!(cut.text().unwrap(), "{\"_step\":12,\"b\":2}\n{\"_step\":13}\n");
        assert_eq!(chunk.keep_steps_up_to(11).unwrap().unwrap().lines, 2);
    }

    #[test]
    fn a_damaged_chunk_is_an_error_and_not_a_bomb() {
        let mut lying = four();
        lying.text_bytes = 4;
        assert!(lying.text().is_err());
        lying.text_bytes = u32::MAX;
        assert!(matches!(lying.text(), Err(ChunkError::TooLarge(_))));
        let mut torn = four();
        torn.compressed.truncate(5);
        assert!(torn.text().is_err());
    }
}
