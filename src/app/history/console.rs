//! Console lines by their numbers. Lines are rewritten: of what was sent for a number the newest counts.

use super::cache::Key;
use super::source;
use crate::access::{Action, Allowed};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::run::FoundRun;
use crate::domain::stream::{SealedPart, Stream};
pub use crate::history::console::ConsoleLine;
use crate::history::console::decode_lines;
use crate::storage::ObjectKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines in one answer.
const LINES_MAX: u64 = 10_000;

/// Which lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleRange {
    /// So many, behind the line `after`, or from the first one.
    First { count: u64, after: Option<u64> },
    /// The last ones.
    Last(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsolePage {
    /// Ascending numbers, from 0; numbers that no line ever had are left out.
    pub lines: Vec<(u64, ConsoleLine)>,
    /// There are lines behind these.
    pub has_more: bool,
    /// How many numbers there are in all.
    pub line_count: u64,
}

impl App {
    /// The lines of a sealed part, by number.
    async fn sealed_console(&self, part: &SealedPart) -> Result<Arc<BTreeMap<u64, String>>, Error> {
        let key = Key::Console(part.segment);
        if let Some(known) = self.history.get(&key) {
            return Ok(known);
        }
        let bytes = self.store_of(part.owner)?.get(&ObjectKey::console(part.segment)).await;
        let bytes = bytes?;
        let lines = self.on_pool(move || decode_lines(&bytes).map_err(|e| DbError::Damaged(e.to_string()).into()));
        let lines = Arc::new(lines.await?);
        let size = lines.values().map(|text| 80 + text.len()).sum();
        self.history.put(key, Arc::clone(&lines), size);
        Ok(lines)
    }

    pub async fn console_lines(&self, run: &Allowed<FoundRun>, range: ConsoleRange) -> Result<ConsolePage, Error> {
        run.must_be(Action::RunRead);
        let id = run.id;
        let snapshot = self.db.read(move |tx| source::snapshot(tx, id, Stream::Console, |_| false)).await?;
        let line_count = snapshot.state.lines;
        let (from, count) = match range {
            ConsoleRange::First { count, after } => (after.map_or(0, |after| after.saturating_add(1)), count),
            ConsoleRange::Last(count) => (line_count.saturating_sub(count.min(LINES_MAX)), count),
        };
        let count = count.min(LINES_MAX);
        let mut older: Vec<Arc<BTreeMap<u64, String>>> = Vec::new();
        for part in snapshot.parts.iter().filter(|part| part.end_line > from) {
            older.push(self.sealed_console(part).await?);
        }
        self.on_pool(move || {
            // A window of numbers; behind a gap it is moved to the next line there is.
            let starts = older.iter().flat_map(|lines| lines.range(from..).next().map(|(line, _)| *line));
            let tail = snapshot.chunks.iter().filter(|(_, chunk)| chunk.end_line() > from);
            let starts = starts.chain(tail.map(|(_, chunk)| chunk.first_line.max(from)));
            let from = starts.min().unwrap_or(from);
            let to = from.saturating_add(count);
            let mut lines: BTreeMap<u64, String> = BTreeMap::new();
            for part in &older {
                lines.extend(part.range(from..to).map(|(line, text)| (*line, text.clone())));
            }
            for (_, chunk) in &snapshot.chunks {
                if chunk.first_line >= to || chunk.end_line() <= from {
                    continue;
                }
                let text = chunk.text()?;
                let numbered = (chunk.first_line..).zip(text.split_terminator('\n'));
                lines.extend(
                    numbered.filter(|(line, _)| (from..to).contains(line)).map(|(at, text)| (at, text.to_owned())),
                );
            }
            Ok(ConsolePage {
                lines: lines.into_iter().map(|(line, text)| (line, ConsoleLine::parse(&text))).collect(),
                has_more: to < line_count,
                line_count,
            })
        })
        .await
    }
}
