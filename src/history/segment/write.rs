//! Writing a segment: a plan per column, then arrays, then the file.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Float64Builder, StringBuilder, make_builder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use base64::Engine;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::shape::{Shape, is_big_int};
use super::{Ints, NOTES_KEY, Notes, REST, STEP, SegmentError, SegmentMeta};
use crate::domain::json::{Kind, Number, RawValue, write_string};
use crate::history::columns::{Cell, Gathered, Pick, gather};
use crate::history::keys::KeyStatistics;
use crate::history::summary::SummaryState;

const ROWS_PER_GROUP: usize = 128 << 10;
const ROWS_PER_PAGE: usize = 5_000;
/// Two bytes each in the pages, and the dictionary stays far below its own limit.
const MAX_DICTIONARY_VALUES: usize = 16 << 10;
/// Rows turned into arrays at a time.
const ROWS_PER_BATCH: usize = 8 << 10;
/// Columns of a file; its footer and the memory for writing it grow with them.
const MAX_COLUMNS: usize = 4096;
/// The same where columns have members.
const MAX_LEAVES: usize = 2 * MAX_COLUMNS;
/// Integers up to here are exact as floats.
const MAX_EXACT_INT: u64 = 1 << 53;

/// A written segment.
#[derive(Debug)]
pub struct Segment {
    pub bytes: Vec<u8>,
    pub meta: SegmentMeta,
    /// What a summary is made of.
    pub summary: SummaryState,
}

/// How the values of a column are held.
enum Plan {
    Typed(Shape),
    /// Integers and other numbers, as floats.
    Mixed,
    Json,
}

/// Writes the rows of `texts`, ordered by step. The texts and about 30 bytes for each value are held in memory, so the
/// caller bounds them (a segment of 50,000 rows is a good one, a million the most).
pub fn write_segment(texts: &[&str]) -> Result<Segment, SegmentError> {
    let mut gathered = gather(texts, Pick::Members)?;
    let (Some(&min_step), Some(&max_step)) = (gathered.steps.first(), gathered.steps.last()) else {
        return Err(SegmentError::Empty);
    };
    let rows = gathered.steps.len();
    let (keys, summary) = statistics(&gathered)?;
    let is_sparse = gathered.keys.iter().any(|(_, cells)| cells.len() < rows);
    let rest = split_rest(&mut gathered, rows);

    let mut notes = Notes::default();
    if !rest.is_empty() {
        let rest = rest.iter().map(|(row, text)| (*row, RawValue { raw: text })).collect();
        gathered.keys.push((REST.to_owned(), rest));
    }
    let mut leaves = 0;
    let mut plans = Vec::with_capacity(gathered.keys.len());
    for (name, cells) in &gathered.keys {
        plans.push(plan(name, cells, rows, &mut leaves, &mut notes)?);
    }
    let is_lossless = notes.json.is_empty();
    let bytes = write_file(&gathered, &plans, &notes)?;
    Ok(Segment {
        bytes,
        summary,
        meta: SegmentMeta { rows: rows as u64, min_step, max_step, is_lossless, is_sparse, keys },
    })
}

/// Takes out the keys there is no column for, the rarest ones, and gives back their members as one object per row.
fn split_rest(gathered: &mut Gathered<'_>, rows: usize) -> Vec<(u32, String)> {
    let mut counts: Vec<usize> = gathered.keys.iter().map(|(_, cells)| cells.len()).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let rarest = counts.get(MAX_COLUMNS).copied().unwrap_or(0);
    // Of keys as rare as the first that does not fit, the earlier ones stay.
    let mut room = MAX_COLUMNS - counts.iter().take(MAX_COLUMNS).filter(|count| **count > rarest).count();
    let mut objects: Vec<String> = Vec::new();
    gathered.keys.retain(|(name, cells)| {
        let is_among_rarest = cells.len() == rarest;
        if name != REST && (cells.len() > rarest || (is_among_rarest && room > 0)) {
            room -= usize::from(is_among_rarest);
            return true;
        }
        objects.resize(rows, String::new());
        for (row, value) in cells {
            let object = &mut objects[*row as usize];
            object.push(if object.is_empty() { '{' } else { ',' });
            write_string(name, object);
            object.push(':');
            object.push_str(value.raw);
        }
        false
    });
    let objects = (0u32..).zip(objects).filter(|(_, object)| !object.is_empty());
    objects.map(|(row, object)| (row, object + "}")).collect()
}

fn write_file(gathered: &Gathered<'_>, plans: &[Plan], notes: &Notes) -> Result<Vec<u8>, SegmentError> {
    let mut properties = properties();
    let mut fields = vec![Field::new(STEP, DataType::Int64, false)];
    for ((name, cells), plan) in gathered.keys.iter().zip(plans) {
        if !plan.repeats(cells) {
            properties = plan.encodings(name, properties);
        }
        fields.push(Field::new(name, plan.shape().data_type(), true));
    }
    let noted = KeyValue::new(NOTES_KEY.to_owned(), serde_json::to_string(notes)?);
    let properties = properties.set_key_value_metadata(Some(vec![noted])).build();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    // In stretches, because an array has a place for every row and most keys of wide runs are absent from most rows.
    for first in (0..gathered.steps.len()).step_by(ROWS_PER_BATCH) {
        let rows = first..gathered.steps.len().min(first + ROWS_PER_BATCH);
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(gathered.steps[rows.clone()].to_vec()))];
        for ((_, cells), plan) in gathered.keys.iter().zip(plans) {
            let start = cells.partition_point(|cell| (cell.0 as usize) < rows.start);
            let end = cells.partition_point(|cell| (cell.0 as usize) < rows.end);
            arrays.push(plan.array(&cells[start..end], &rows)?);
        }
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
    }
    Ok(writer.into_inner()?)
}

fn statistics(gathered: &Gathered<'_>) -> Result<(KeyStatistics, SummaryState), SegmentError> {
    let mut summary = SummaryState::default();
    let mut keys = KeyStatistics::default();
    keys.observe_steps(&gathered.steps);
    for (name, cells) in &gathered.keys {
        keys.observe_member(name, cells.iter().map(|cell| cell.1))?;
        summary.fold_member(name, cells.iter().map(|cell| cell.1))?;
    }
    let steps: Vec<String> = gathered.steps.iter().map(i64::to_string).collect();
    summary.fold_member(STEP, steps.iter().map(|step| RawValue { raw: step }))?;
    Ok((keys, summary))
}

fn properties() -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .set_data_page_row_count_limit(ROWS_PER_PAGE)
        // Page limits are looked at once per batch of values.
        .set_write_batch_size(ROWS_PER_PAGE)
        .set_sorting_columns(Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }]))
        .set_created_by("weighhouse".to_owned());
    encoded(properties, vec![STEP.to_owned()], Encoding::DELTA_BINARY_PACKED)
}

fn encoded(properties: WriterPropertiesBuilder, path: Vec<String>, encoding: Encoding) -> WriterPropertiesBuilder {
    let path = ColumnPath::new(path);
    properties.set_column_encoding(path.clone(), encoding).set_column_dictionary_enabled(path, false)
}

/// Finds the narrowest way to hold all values, and notes what it does not say by itself.
fn plan(
    name: &str,
    cells: &[Cell<'_>],
    rows: usize,
    leaves: &mut usize,
    notes: &mut Notes,
) -> Result<Plan, SegmentError> {
    let mut plan = if name == REST {
        Plan::Json
    } else if cells.iter().all(|cell| cell.1.kind() == Kind::Number) {
        plan_numbers(cells)
    } else {
        plan_shape(cells, rows)
    };
    let mut own_leaves = 0;
    plan.shape().leaves(Vec::new(), &mut |_, _| own_leaves += 1);
    if *leaves + own_leaves > MAX_LEAVES {
        (plan, own_leaves) = (Plan::Json, 1);
    }
    *leaves += own_leaves;
    match plan {
        Plan::Json => notes.json.push(name.to_owned()),
        Plan::Mixed => notes.ints.push((name.to_owned(), ints(cells, rows)?)),
        Plan::Typed(_) if cells.iter().any(|cell| cell.1.kind() == Kind::Null) => notes.nulls.push(name.to_owned()),
        Plan::Typed(_) => {}
    }
    Ok(plan)
}

fn plan_numbers(cells: &[Cell<'_>]) -> Plan {
    let mut ints = 0;
    let mut are_exact = true;
    for (_, value) in cells {
        match value.number() {
            Some(Number::Int(int)) => {
                ints += 1;
                are_exact &= int.unsigned_abs() <= MAX_EXACT_INT;
            }
            _ if is_big_int(*value) => return Plan::Json,
            _ => {}
        }
    }
    match ints {
        0 => Plan::Typed(Shape::Float),
        _ if ints == cells.len() => Plan::Typed(Shape::Int),
        _ if are_exact => Plan::Mixed,
        _ => Plan::Json,
    }
}

fn plan_shape(cells: &[Cell<'_>], rows: usize) -> Plan {
    let has_nulls = cells.iter().any(|cell| cell.1.kind() == Kind::Null);
    if has_nulls && cells.len() < rows {
        // A null could not be told from an absent value.
        return Plan::Json;
    }
    let merged = cells.iter().try_fold(Shape::Null, |shape, cell| shape.merge(Shape::of(cell.1)?));
    merged.map_or(Plan::Json, Plan::Typed)
}

fn ints(cells: &[Cell<'_>], rows: usize) -> Result<Ints, SegmentError> {
    let mut bits = vec![0u8; rows.div_ceil(8)];
    let mut is_told_by_fraction = true;
    for (row, value) in cells {
        match value.number() {
            Some(Number::Int(_)) => bits[*row as usize / 8] |= 1 << (row % 8),
            Some(Number::Float(float)) => is_told_by_fraction &= !is_integral(float),
            None => {}
        }
    }
    if is_told_by_fraction {
        return Ok(Ints::Integral);
    }
    let compressed = zstd::bulk::compress(&bits, 3)?;
    Ok(Ints::Rows(base64::engine::general_purpose::STANDARD.encode(compressed)))
}

/// Whether a float could have been an integer in the text.
pub(super) fn is_integral(float: f64) -> bool {
    float.fract() == 0.0 && float.abs() <= MAX_EXACT_INT as f64
}

impl Plan {
    /// The shape of the column in the file.
    fn shape(&self) -> &Shape {
        match self {
            Plan::Typed(shape) => shape,
            Plan::Mixed => &Shape::Float,
            Plan::Json => &Shape::Text,
        }
    }

    fn array(&self, cells: &[Cell<'_>], rows: &Range<usize>) -> Result<ArrayRef, SegmentError> {
        match self {
            Plan::Json => {
                let mut builder =
                    StringBuilder::with_capacity(rows.len(), cells.iter().map(|cell| cell.1.raw.len()).sum());
                each_row(cells, rows, |value| {
                    builder.append_option(value.map(|value| value.raw));
                    Ok(())
                })?;
                Ok(Arc::new(builder.finish()))
            }
            Plan::Mixed | Plan::Typed(Shape::Float) => {
                let mut builder = Float64Builder::with_capacity(rows.len());
                each_row(cells, rows, |value| {
                    builder.append_option(value.and_then(|value| value.as_f64()));
                    Ok(())
                })?;
                Ok(Arc::new(builder.finish()))
            }
            Plan::Typed(shape) => {
                let mut builder: Box<dyn ArrayBuilder> = make_builder(&shape.data_type(), rows.len());
                each_row(cells, rows, |value| shape.append(builder.as_mut(), value))?;
                Ok(builder.finish())
            }
        }
    }

    /// Whether a float column has few distinct values (rounded losses, learning rates): a dictionary is then smaller
    /// by half than splitting bytes.
    fn repeats(&self, cells: &[Cell<'_>]) -> bool {
        if !matches!(self, Plan::Mixed | Plan::Typed(Shape::Float)) {
            return false;
        }
        let most = (cells.len() / 4).min(MAX_DICTIONARY_VALUES);
        let mut distinct = HashSet::new();
        cells.iter().all(|cell| {
            distinct.insert(cell.1.raw);
            distinct.len() <= most
        })
    }

    fn encodings(&self, name: &str, properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let mut properties = Some(properties);
        self.shape().leaves(vec![name.to_owned()], &mut |path, leaf| {
            let encoding = match leaf {
                Shape::Float => Encoding::BYTE_STREAM_SPLIT,
                Shape::Int => Encoding::DELTA_BINARY_PACKED,
                _ => return,
            };
            properties = properties.take().map(|properties| encoded(properties, path, encoding));
        });
        properties.unwrap_or_default()
    }
}

/// Calls `each` for every row, with the value where there is one.
fn each_row<'a>(
    cells: &[Cell<'a>],
    rows: &Range<usize>,
    mut each: impl FnMut(Option<RawValue<'a>>) -> Result<(), SegmentError>,
) -> Result<(), SegmentError> {
    let mut cells = cells.iter().peekable();
    for row in rows.clone() {
        each(cells.next_if(|cell| cell.0 as usize == row).map(|cell| cell.1))?;
    }
    Ok(())
}
