//! Whole rows of a run's history or events as the JSON text that was logged.

use super::columns::{Sealed, texts};
use super::source::{self, Snapshot, too_much};
use crate::access::{Action, Allowed};
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::domain::json::{JsonError, Wanted, project};
use crate::domain::stream::{SealedPart, Stream};
use crate::history::newest::newest;
use crate::history::sample::evenly_spaced;
use std::ops::RangeInclusive;

/// Text in one answer.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Which rows. Events have no steps: they are numbered by their lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowQuery {
    pub stream: Stream,
    pub steps: RangeInclusive<i64>,
    /// When there are more rows, this many of them, evenly spaced, first and last among them.
    pub samples: usize,
}

/// A row by its step: in which source it is, and where in that.
type Located = (i64, u32, u32);

/// Rows of the tail, in the order in which they came.
struct TailRows {
    texts: Vec<String>,
    /// Steps, and where each row is: text, first byte, end.
    rows: Vec<(i64, (u32, u32, u32))>,
}

impl App {
    /// Rows in the order of steps, each without its newline; of those with equal steps the newest.
    pub async fn history_rows(&self, run: &Allowed<FoundRun>, query: &RowQuery) -> Result<Vec<String>, Error> {
        run.must_be(Action::RunRead);
        let (id, stream) = (run.id, query.stream);
        let snapshot = self.db.read(move |tx| source::snapshot(tx, id, stream, |_| false)).await?;
        let sealed = self.sealed(&snapshot, &[], &query.steps).await?;
        let parts: Vec<SealedPart> =
            snapshot.parts_within(&query.steps).iter().map(|(part, _)| (*part).clone()).collect();
        let (asked, cache) = (query.clone(), std::sync::Arc::clone(&self.history));
        let located = self.on_pool(move || {
            let mut located = Vec::new();
            for (source, part) in (0u32..).zip(sealed) {
                locate_sealed(part, &cache, source, &mut located)?;
            }
            let tail = TailRows::read(&snapshot, &asked)?;
            let source = u32::try_from(snapshot.parts.len()).unwrap_or(u32::MAX);
            for (place, (step, _)) in (0u32..).zip(&tail.rows) {
                if asked.steps.contains(step) {
                    located.push((*step, source, place));
                }
            }
            Ok((pick(located, asked.samples), tail, source))
        });
        let (picked, tail, tail_source) = located.await?;
        self.texts_of(&picked, &parts, &tail, tail_source, query.stream).await
    }

    /// Reads the picked rows part by part, so that one part at a time is in memory.
    async fn texts_of(
        &self,
        picked: &[Located],
        parts: &[SealedPart],
        tail: &TailRows,
        tail_source: u32,
        stream: Stream,
    ) -> Result<Vec<String>, Error> {
        let mut rows: Vec<String> = vec![String::new(); picked.len()];
        let mut bytes = 0;
        for (source, part) in (0u32..).zip(parts) {
            // Places ascend within a source: a part's steps do.
            let at: Vec<usize> = (0..picked.len()).filter(|at| picked[*at].1 == source).collect();
            if at.is_empty() {
                continue;
            }
            let places: Vec<usize> = at.iter().map(|at| picked[*at].2 as usize).collect();
            let reader = self.segment(part).await?;
            let texts = self.on_pool(move || Ok(reader.rows_at(&places)?)).await?;
            for (at, text) in at.into_iter().zip(texts) {
                let text = if stream == Stream::Events { without_step(text) } else { text };
                bytes += text.len();
                rows[at] = text;
            }
            if bytes > TEXT_BYTES_MAX {
                return Err(too_much());
            }
        }
        for (row, (_, source, place)) in rows.iter_mut().zip(picked) {
            if *source == tail_source {
                row.push_str(tail.text(*place as usize));
                bytes += row.len();
            }
        }
        if bytes > TEXT_BYTES_MAX { Err(too_much()) } else { Ok(rows) }
    }
}

fn locate_sealed(
    part: Sealed,
    cache: &super::cache::Cache,
    source: u32,
    located: &mut Vec<Located>,
) -> Result<(), Error> {
    let piece = part.piece(cache, &[])?;
    for place in piece.rows {
        located.push((piece.steps[place], source, u32::try_from(place).unwrap_or(u32::MAX)));
    }
    Ok(())
}

/// Of equal steps the newest, then evenly spaced ones.
fn pick(mut located: Vec<Located>, samples: usize) -> Vec<Located> {
    if !located.is_sorted_by_key(|row| row.0) {
        located.sort_by_key(|row| row.0);
    }
    let steps: Vec<i64> = located.iter().map(|row| row.0).collect();
    let newest = newest(&steps);
    evenly_spaced(newest.len(), samples).into_iter().map(|at| located[newest[at]]).collect()
}

impl TailRows {
    fn read(snapshot: &Snapshot, query: &RowQuery) -> Result<TailRows, Error> {
        let may_hold = |min: Option<i64>, max: Option<i64>| match (min, max) {
            (Some(min), Some(max)) => min <= *query.steps.end() && max >= *query.steps.start(),
            _ => true,
        };
        let chunks: Vec<_> =
            snapshot.chunks.iter().filter(|(_, chunk)| may_hold(chunk.min_step, chunk.max_step)).cloned().collect();
        let texts = texts(&chunks)?;
        let mut rows = Vec::new();
        let wanted = Wanted::new(["_step"]);
        let mut last_step = 0;
        for (index, (text, (_, chunk))) in (0u32..).zip(texts.iter().zip(&chunks)) {
            let mut at = 0u32;
            for (line, row) in (chunk.first_line..).zip(text.split_inclusive('\n')) {
                let first = at;
                at += u32::try_from(row.len()).unwrap_or(u32::MAX);
                let row = row.trim_end_matches('\n');
                if row.is_empty() {
                    continue;
                }
                last_step = match query.stream {
                    Stream::History => own_step(row, &wanted)?.unwrap_or(last_step),
                    Stream::Events | Stream::Console => i64::try_from(line).unwrap_or(i64::MAX),
                };
                rows.push((last_step, (index, first, first + u32::try_from(row.len()).unwrap_or(u32::MAX))));
            }
        }
        Ok(TailRows { texts, rows })
    }

    fn text(&self, place: usize) -> &str {
        let (text, first, end) = self.rows[place].1;
        &self.texts[text as usize][first as usize..end as usize]
    }
}

fn own_step(row: &str, wanted: &Wanted) -> Result<Option<i64>, JsonError> {
    let mut step = None;
    project(row, wanted, |_, value| step = value.as_i64())?;
    Ok(step)
}

/// Events got their line numbers for steps when they were sealed; they did not come with them.
pub(in crate::app) fn without_step(row: String) -> String {
    let rest =
        row.strip_prefix("{\"_step\":").map(|rest| rest.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()));
    match rest {
        Some(rest) => format!("{{{}", rest.strip_prefix(',').unwrap_or(rest)),
        None => row,
    }
}
