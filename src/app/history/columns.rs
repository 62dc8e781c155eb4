//! Some keys of a run's history as columns, from sealed parts and tail, decoded once and kept.

use super::cache::{Cache, Key};
use super::source::{Reader, Snapshot, TailState};
use crate::app::{App, Error};
use crate::domain::chunk::Chunk;
use crate::domain::id::RunId;
use crate::domain::stream::SealedPart;
use crate::history::columns::{Column, Columns, Pick, Presence, Values, gather};
use crate::history::newest::is_strict;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Columns of one part or of the tail, and which of its rows are asked for.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub steps: Arc<Vec<i64>>,
    /// One per key, in the order of the keys; `None` where no row has it.
    pub columns: Vec<Option<Arc<Column>>>,
    pub rows: Range<usize>,
}

/// A key's values in the tail, or their absence, and the state of the tail that they are of.
#[derive(Debug)]
struct TailColumn {
    state: TailState,
    steps: Arc<Vec<i64>>,
    column: Option<Arc<Column>>,
}

/// A part whose columns are wanted: what memory had of them, and the segment for the rest.
pub(super) struct Sealed {
    part: SealedPart,
    steps: RangeInclusive<i64>,
    known_steps: Option<Arc<Vec<i64>>>,
    known: Vec<Option<Arc<Option<Arc<Column>>>>>,
    reader: Option<Arc<Reader>>,
}

impl Sealed {
    /// Decodes what is not known yet.
    pub fn piece(self, cache: &Cache, keys: &[String]) -> Result<Piece, Error> {
        let Sealed { part, steps, mut known_steps, mut known, reader } = self;
        if let Some(reader) = reader {
            let missing: Vec<usize> = (0..keys.len()).filter(|at| known[*at].is_none()).collect();
            let names: Vec<String> = missing.iter().map(|at| keys[*at].clone()).collect();
            let mut read = reader.columns(&names, i64::MIN..=i64::MAX)?;
            let all_steps = Arc::new(std::mem::take(&mut read.steps));
            cache.put(Key::Steps(part.segment), Arc::clone(&all_steps), 8 * all_steps.len());
            known_steps = Some(all_steps);
            for (at, name) in missing.into_iter().zip(names) {
                let place = read.columns.iter().position(|column| column.key == name);
                let column = Arc::new(place.map(|place| Arc::new(read.columns.swap_remove(place))));
                let bytes = column.as_deref().map_or(0, column_bytes);
                cache.put(Key::Column(part.segment, name), Arc::clone(&column), bytes);
                known[at] = Some(column);
            }
        }
        let all_steps = known_steps.unwrap_or_default();
        let rows = rows_within(&all_steps, &steps);
        let columns = known.into_iter().map(|column| column.and_then(|column| (*column).clone())).collect();
        Ok(Piece { steps: all_steps, columns, rows })
    }
}

fn rows_within(all: &[i64], steps: &RangeInclusive<i64>) -> Range<usize> {
    let start = all.partition_point(|step| step < steps.start());
    let end = all.partition_point(|step| step <= steps.end());
    start..end.max(start)
}

fn column_bytes(column: &Column) -> usize {
    let rows = match &column.presence {
        Presence::All => 0,
        Presence::Rows(rows) => 4 * rows.len(),
    };
    rows + match &column.values {
        Values::Int(values) => 8 * values.len(),
        Values::Float(values) => 8 * values.len(),
        Values::Text(values) | Values::Json(values) => values.iter().map(|text| 24 + text.len()).sum(),
    }
}

/// Whether all these keys of the tail are in memory, in this state of it.
pub(super) fn knows_tail(cache: &Cache, run: RunId, keys: &[String], state: &TailState) -> bool {
    keys.iter().all(|key| tail_column(cache, run, key, state).is_some())
}

fn tail_column(cache: &Cache, run: RunId, key: &str, state: &TailState) -> Option<Arc<TailColumn>> {
    cache.get::<TailColumn>(&Key::TailColumn(run, key.to_owned())).filter(|known| known.state == *state)
}

/// The tail's columns: those that memory has, or those that the chunks hold.
pub(super) fn tail_piece(
    cache: &Cache,
    run: RunId,
    state: TailState,
    chunks: &[(u64, Chunk)],
    keys: &[String],
    steps: &RangeInclusive<i64>,
) -> Result<Piece, Error> {
    if chunks.is_empty() {
        let known: Vec<_> = keys.iter().filter_map(|key| tail_column(cache, run, key, &state)).collect();
        if known.len() == keys.len()
            && let Some(first) = known.first()
        {
            let (rows, all) = (rows_within(&first.steps, steps), Arc::clone(&first.steps));
            return Ok(Piece { steps: all, columns: known.iter().map(|known| known.column.clone()).collect(), rows });
        }
    }
    let texts = texts(chunks)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut read = gather(&texts, Pick::Keys(keys))?.into_columns();
    let all = Arc::new(std::mem::take(&mut read.steps));
    let mut columns = Vec::with_capacity(keys.len());
    for key in keys {
        let place = read.columns.iter().position(|column| column.key == *key);
        let column = place.map(|place| Arc::new(read.columns.swap_remove(place)));
        let bytes = 8 * all.len() / keys.len().max(1) + column.as_deref().map_or(0, column_bytes);
        let known = TailColumn { state, steps: Arc::clone(&all), column: column.clone() };
        cache.put(Key::TailColumn(run, key.clone()), Arc::new(known), bytes);
        columns.push(column);
    }
    let rows = rows_within(&all, steps);
    Ok(Piece { steps: all, columns, rows })
}

pub(super) fn texts(chunks: &[(u64, Chunk)]) -> Result<Vec<String>, Error> {
    chunks.iter().map(|(_, chunk)| Ok(chunk.text()?)).collect()
}

/// Whether the pieces, one after another, have each step once.
pub(super) fn follow_each_other(pieces: &[Piece]) -> bool {
    let mut last = None;
    pieces.iter().all(|piece| {
        let steps = &piece.steps[piece.rows.clone()];
        let follows = steps.first().is_none_or(|first| last.is_none_or(|last| last < *first));
        last = steps.last().copied().or(last);
        follows && is_strict(steps)
    })
}

/// One table of all pieces, in which every step has its newest row.
pub(super) fn joined(pieces: &[Piece]) -> Columns {
    let parts = pieces.iter().map(|piece| {
        let rows: Vec<usize> = piece.rows.clone().collect();
        let columns = piece.columns.iter().flatten().map(|column| column.only_rows(&rows));
        Columns {
            columns: columns.filter(|column| !column.values.is_empty()).collect(),
            steps: piece.steps[piece.rows.clone()].to_vec(),
        }
    });
    Columns::merge(parts.collect()).keep_newest()
}

impl App {
    /// The parts of the snapshot that hold steps of the range; segments are fetched only for what memory lacks.
    pub(super) async fn sealed(
        &self,
        snapshot: &Snapshot,
        keys: &[String],
        steps: &RangeInclusive<i64>,
    ) -> Result<Vec<Sealed>, Error> {
        let mut sealed = Vec::new();
        for (part, steps) in snapshot.parts_within(steps) {
            let known_steps = self.history.get::<Vec<i64>>(&Key::Steps(part.segment));
            let column = |key: &String| self.history.get(&Key::Column(part.segment, key.clone()));
            let known: Vec<_> = keys.iter().map(column).collect();
            let is_complete = known_steps.is_some() && known.iter().all(Option::is_some);
            let reader = if is_complete { None } else { Some(self.segment(part).await?) };
            sealed.push(Sealed { part: part.clone(), steps, known_steps, known, reader });
        }
        Ok(sealed)
    }

    /// All pieces of the snapshot for these keys, the tail's last.
    pub(super) async fn pieces(
        &self,
        snapshot: Snapshot,
        keys: &[String],
        steps: RangeInclusive<i64>,
    ) -> Result<Vec<Piece>, Error> {
        let sealed = self.sealed(&snapshot, keys, &steps).await?;
        let (cache, keys) = (Arc::clone(&self.history), keys.to_vec());
        self.on_pool(move || {
            let mut pieces = Vec::with_capacity(sealed.len() + 1);
            for part in sealed {
                pieces.push(part.piece(&cache, &keys)?);
            }
            let tail = tail_piece(&cache, snapshot.run, snapshot.state, &snapshot.chunks, &keys, &steps)?;
            pieces.push(tail);
            Ok(pieces)
        })
        .await
    }
}
