//! Writing a segment: a plan per column, then arrays, then the file.

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
use super::{Ints, NOTES_KEY, Notes, STEP, SegmentError, SegmentMeta};
use crate::domain::json::{Kind, Number};
use crate::history::columns::{Cell, Gathered, Pick, gather};
use crate::history::keys::KeyStatistics;

const ROWS_PER_GROUP: usize = 128 << 10;
const ROWS_PER_PAGE: usize = 5_000;
/// Integers up to here are exact as floats.
const MAX_EXACT_INT: u64 = 1 << 53;

/// A written segment.
#[derive(Debug)]
pub struct Segment {
    pub bytes: Vec<u8>,
    pub meta: SegmentMeta,
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
    let gathered = gather(texts, Pick::Members)?;
    let (Some(&min_step), Some(&max_step)) = (gathered.steps.first(), gathered.steps.last()) else {
        return Err(SegmentError::Empty);
    };
    let rows = gathered.steps.len();
    let keys = statistics(&gathered)?;
    let is_sparse = gathered.keys.iter().any(|(_, cells)| cells.len() < rows);

    let mut notes = Notes::default();
    let mut properties = properties();
    let mut fields = vec![Field::new(STEP, DataType::Int64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(gathered.steps))];
    for (name, cells) in &gathered.keys {
        let plan = plan(name, cells, rows, &mut notes)?;
        properties = plan.encodings(name, properties);
        let array = plan.array(cells, rows)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }

    let is_lossless = notes.json.is_empty();
    let noted = KeyValue::new(NOTES_KEY.to_owned(), serde_json::to_string(&notes)?);
    let properties = properties.set_key_value_metadata(Some(vec![noted])).build();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
    writer.write(&batch)?;
    let bytes = writer.into_inner()?;
    Ok(Segment { bytes, meta: SegmentMeta { rows: rows as u64, min_step, max_step, is_lossless, is_sparse, keys } })
}

fn statistics(gathered: &Gathered<'_>) -> Result<KeyStatistics, SegmentError> {
    let mut keys = KeyStatistics::default();
    keys.observe_steps(&gathered.steps);
    for (name, cells) in &gathered.keys {
        keys.observe_member(name, cells.iter().map(|cell| cell.1))?;
    }
    Ok(keys)
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
fn plan(name: &str, cells: &[Cell<'_>], rows: usize, notes: &mut Notes) -> Result<Plan, SegmentError> {
    let plan = if cells.iter().all(|cell| cell.1.kind() == Kind::Number) {
        plan_numbers(cells)
    } else {
        plan_shape(cells, rows)
    };
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
    fn array(&self, cells: &[Cell<'_>], rows: usize) -> Result<ArrayRef, SegmentError> {
        match self {
            Plan::Json => {
                let mut builder = StringBuilder::with_capacity(rows, cells.iter().map(|cell| cell.1.raw.len()).sum());
                each_row(cells, rows, |value| {
                    builder.append_option(value.map(|value| value.raw));
                    Ok(())
                })?;
                Ok(Arc::new(builder.finish()))
            }
            Plan::Mixed | Plan::Typed(Shape::Float) => {
                let mut builder = Float64Builder::with_capacity(rows);
                each_row(cells, rows, |value| {
                    builder.append_option(value.and_then(|value| value.as_f64()));
                    Ok(())
                })?;
                Ok(Arc::new(builder.finish()))
            }
            Plan::Typed(shape) => {
                let mut builder: Box<dyn ArrayBuilder> = make_builder(&shape.data_type(), rows);
                each_row(cells, rows, |value| shape.append(builder.as_mut(), value))?;
                Ok(builder.finish())
            }
        }
    }

    fn encodings(&self, name: &str, properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let shape = match self {
            Plan::Typed(shape) => shape,
            Plan::Mixed => &Shape::Float,
            Plan::Json => &Shape::Text,
        };
        let mut properties = Some(properties);
        shape.leaves(vec![name.to_owned()], &mut |path, leaf| {
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
    rows: usize,
    mut each: impl FnMut(Option<crate::domain::json::RawValue<'a>>) -> Result<(), SegmentError>,
) -> Result<(), SegmentError> {
    let mut cells = cells.iter().peekable();
    for row in (0u32..).take(rows) {
        each(cells.next_if(|cell| cell.0 == row).map(|cell| cell.1))?;
    }
    Ok(())
}
