//! Tail chunks: consecutive lines of one writer, compressed, as the database keeps them until they are sealed.
//! Level 1 of zstd was chosen by measuring: on metric rows it halves what the faster negative levels leave (9.1 against
//! 16.4 to 19.3 bytes a point) for a quarter more time, and the levels above 1 compress these rows worse.

use serde::{Deserialize, Serialize};

use crate::domain::json::{RowFacts, RowLimits, RowOutcome, Wanted, append_row, project};

const LEVEL: i32 = 1;
/// No chunk decompresses to more: a request body has at most half of it.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Number of the first line.
    pub first_line: u64,
    /// Line numbers taken up, rejected lines included.
    pub lines: u32,
    pub min_step: Option<i64>,
    pub max_step: Option<i64>,
    /// Bytes of the text before compression.
    pub text_bytes: u32,
    #[serde(with = "as_bytes")]
    compressed: Vec<u8>,
}

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
                if let Some(step) = facts.step {
                    self.steps.add(step);
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
            compressed: zstd::bulk::compress(text.as_bytes(), LEVEL)?,
        })
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
        self.first_line + u64::from(self.lines)
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
        let bytes = zstd::bulk::decompress(&self.compressed, size)?;
        if bytes.len() != size {
            return Err(ChunkError::Damaged("its text has another length than recorded"));
        }
        String::from_utf8(bytes).map_err(|_| ChunkError::Damaged("its text is not UTF-8"))
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

/// Bytes as bytes: a derived `Vec<u8>` would become a list of numbers, half as large again.
mod as_bytes {
    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("bytes")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = items.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
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
    fn bytes_are_stored_as_bytes() {
        let chunk = four();

        let packed = rmp_serde::to_vec_named(&chunk).unwrap();

        assert_eq!(rmp_serde::from_slice::<Chunk>(&packed).unwrap(), chunk);
        let at = packed.windows(chunk.compressed.len()).position(|window| window == chunk.compressed).unwrap();
        assert_eq!(packed[at - 2..at], [0xc4, u8::try_from(chunk.compressed.len()).unwrap()]);
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
