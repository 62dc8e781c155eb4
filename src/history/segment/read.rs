//! Reading a segment: some keys as typed columns, or whole rows as the JSON text they came as.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use base64::Engine;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;

use super::write::is_integral;
use super::{Ints, NOTES_KEY, Notes, REST, STEP, SegmentError};
use crate::domain::json::{Wanted, project, write_float, write_string};
use crate::history::columns::{Column, Columns, Presence, Values};

const BATCH_ROWS: usize = 64 << 10;
/// A bitmap over the rows of a file of any size we write.
const MAX_BITMAP_BYTES: usize = 16 << 20;

/// An open segment; cheap to clone, and worth keeping: opening reads the file's footer.
#[derive(Debug, Clone)]
pub struct SegmentReader<R> {
    source: R,
    metadata: ArrowReaderMetadata,
    notes: Arc<Notes>,
}

/// Consecutive rows of the file, and the row groups that hold them.
struct Found {
    groups: Vec<usize>,
    /// Of the first row in those groups.
    first_row: usize,
    group_rows: usize,
    /// Within those groups.
    rows: Range<usize>,
}

impl<R: ChunkReader + Clone + 'static> SegmentReader<R> {
    pub fn open(source: R) -> Result<Self, SegmentError> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&source, options)?;
        let values = metadata.metadata().file_metadata().key_value_metadata();
        let noted = values.and_then(|values| values.iter().find(|value| value.key == NOTES_KEY)?.value.as_deref());
        let notes = serde_json::from_str(noted.ok_or(SegmentError::Damaged("it has no notes of its columns"))?)?;
        Ok(SegmentReader { source, metadata, notes: Arc::new(notes) })
    }

    /// The values of dotted keys in rows with a step in `steps`. Keys that do not occur have no column.
    pub fn columns(&self, keys: &[String], steps: RangeInclusive<i64>) -> Result<Columns, SegmentError> {
        let found = self.find(steps)?;
        let sources: Vec<Source> = keys.iter().flat_map(|key| self.sources(key)).collect();
        let mask = self.mask(&sources);
        let mut columns = Columns::default();
        let mut read: Vec<Option<Column>> = vec![None; keys.len()];
        for batch in self.batches(&found, mask)? {
            let batch = batch?;
            let first = columns.steps.len();
            columns.steps.extend_from_slice(step_column(&batch)?);
            for source in &sources {
                let at = keys.iter().position(|key| *key == source.key).unwrap_or(0);
                self.take(source, &batch, first, &mut read[at])?;
            }
        }
        let rows = columns.steps.len();
        columns.columns = read.into_iter().flatten().filter(|column| !column.values.is_empty()).collect();
        for column in &mut columns.columns {
            if column.values.len() == rows {
                column.presence = Presence::All;
            }
        }
        Ok(columns)
    }

    /// Whole rows with a step in `steps`, each with its newline, as tail chunks hold them.
    pub fn rows(&self, steps: RangeInclusive<i64>) -> Result<String, SegmentError> {
        let found = self.find(steps)?;
        let mut row = found.first_row + found.rows.start;
        let mut text = String::new();
        for batch in self.batches(&found, ProjectionMask::all())? {
            let batch = batch?;
            let writers = self.writers(&batch)?;
            for (index, step) in step_column(&batch)?.iter().enumerate() {
                text.push_str("{\"_step\":");
                text.push_str(&step.to_string());
                for writer in &writers {
                    writer.write(index, row, &mut text);
                }
                text.push_str("}\n");
                row += 1;
            }
        }
        Ok(text)
    }

    /// The steps of all rows.
    pub fn steps(&self) -> Result<Vec<i64>, SegmentError> {
        Ok(self.columns(&[], i64::MIN..=i64::MAX)?.steps)
    }

    /// The rows at these places, which ascend, each without its newline.
    pub fn rows_at(&self, places: &[usize]) -> Result<Vec<String>, SegmentError> {
        let selected = self.select(places);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.source.clone(), self.metadata.clone())
            .with_batch_size(places.len().clamp(1, BATCH_ROWS))
            .with_row_selection(selected);
        let mut rows = Vec::with_capacity(places.len());
        let mut places = places.iter();
        for batch in builder.build()? {
            let batch = batch?;
            let writers = self.writers(&batch)?;
            for (index, (step, place)) in step_column(&batch)?.iter().zip(&mut places).enumerate() {
                let mut text = format!("{{\"_step\":{step}");
                for writer in &writers {
                    writer.write(index, *place, &mut text);
                }
                text.push('}');
                rows.push(text);
            }
        }
        Ok(rows)
    }

    fn select(&self, places: &[usize]) -> RowSelection {
        let mut selectors: Vec<RowSelector> = Vec::new();
        let mut next = 0;
        for place in places {
            match selectors.last_mut() {
                Some(last) if !last.skip && *place == next => last.row_count += 1,
                _ => {
                    selectors.push(RowSelector::skip(place.saturating_sub(next)));
                    selectors.push(RowSelector::select(1));
                }
            }
            next = place + 1;
        }
        let rows = usize::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        selectors.push(RowSelector::skip(rows.saturating_sub(next)));
        RowSelection::from(selectors)
    }

    /// Finds the rows of a range of steps: row groups by their statistics, then rows by their steps.
    fn find(&self, steps: RangeInclusive<i64>) -> Result<Found, SegmentError> {
        let metadata = self.metadata.metadata();
        let mut found = Found { groups: Vec::new(), first_row: 0, group_rows: 0, rows: 0..0 };
        let mut is_whole = true;
        for (index, group) in metadata.row_groups().iter().enumerate() {
            let rows = usize::try_from(group.num_rows()).unwrap_or(0);
            let (min, max) = match group.column(0).statistics() {
                Some(Statistics::Int64(known)) => {
                    (known.min_opt().copied().unwrap_or(i64::MIN), known.max_opt().copied().unwrap_or(i64::MAX))
                }
                _ => (i64::MIN, i64::MAX),
            };
            if max < *steps.start() {
                found.first_row += rows;
            } else if min <= *steps.end() {
                is_whole &= steps.contains(&min) && steps.contains(&max);
                found.groups.push(index);
                found.group_rows += rows;
            }
        }
        found.rows = 0..found.group_rows;
        if !is_whole {
            let only_steps = ProjectionMask::leaves(self.metadata.parquet_schema(), [0]);
            let mut known = Vec::with_capacity(found.group_rows);
            for batch in self.batches(&found, only_steps)? {
                known.extend_from_slice(step_column(&batch?)?);
            }
            let start = known.partition_point(|step| step < steps.start());
            let end = known.partition_point(|step| step <= steps.end());
            found.rows = start..end.max(start);
        }
        Ok(found)
    }

    fn batches(&self, found: &Found, mask: ProjectionMask) -> Result<ParquetRecordBatchReader, SegmentError> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.source.clone(), self.metadata.clone())
            .with_row_groups(found.groups.clone())
            .with_projection(mask)
            .with_batch_size(found.rows.len().clamp(1, BATCH_ROWS));
        if found.rows == (0..found.group_rows) {
            return Ok(builder.build()?);
        }
        let selection = RowSelection::from(vec![
            RowSelector::skip(found.rows.start),
            RowSelector::select(found.rows.len()),
            RowSelector::skip(found.group_rows - found.rows.end),
        ]);
        Ok(builder.with_row_selection(selection).build()?)
    }

    /// Where the values of a dotted key are: its own column, or inside that of a parent, or both.
    fn sources(&self, key: &str) -> Vec<Source> {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let sources = fields.filter_map(|(root, field)| {
            let inner = match key.strip_prefix(field.name().as_str())? {
                "" => None,
                rest => Some(rest.strip_prefix('.')?.to_owned()),
            };
            Some(Source { key: key.to_owned(), root, name: field.name().clone(), inner })
        });
        let mut sources: Vec<Source> = sources.filter(|source| source.name != STEP && source.name != REST).collect();
        if let Some((root, _)) = self.metadata.schema().fields().find(REST) {
            sources.push(Source { key: key.to_owned(), root, name: REST.to_owned(), inner: Some(key.to_owned()) });
        }
        sources
    }

    /// The leaf columns of the sources, and the step.
    fn mask(&self, sources: &[Source]) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let is_wanted = |leaf: usize| {
            let root = schema.get_column_root_idx(leaf);
            let path = schema.column(leaf).path().parts().get(1..).unwrap_or_default().join(".");
            sources.iter().filter(|source| source.root == root).any(|source| match &source.inner {
                None => true,
                Some(inner) => {
                    path.is_empty()
                        || path == *inner
                        || path.strip_prefix(inner.as_str()).is_some_and(|rest| rest.starts_with('.'))
                }
            })
        };
        ProjectionMask::leaves(schema, (0..schema.num_columns()).filter(|leaf| *leaf == 0 || is_wanted(*leaf)))
    }

    /// Appends the values of one source in one batch to the column of its key.
    fn take(
        &self,
        source: &Source,
        batch: &RecordBatch,
        first_row: usize,
        column: &mut Option<Column>,
    ) -> Result<(), SegmentError> {
        let Some(array) = batch.column_by_name(&source.name) else { return Ok(()) };
        let (rows, values) = match &source.inner {
            None if self.notes.is_json(&source.name) => json_texts(array, None)?,
            Some(inner) if self.notes.is_json(&source.name) => json_texts(array, Some(inner))?,
            None => {
                let has_nulls = self.notes.has_nulls(&source.name);
                let rows = all_rows(array).filter(|row| has_nulls || array.is_valid(*row as usize)).collect();
                typed_values(array, rows)
            }
            Some(inner) => match descend(array, inner, all_rows(array).collect()) {
                Some((array, rows)) => typed_values(&array, rows),
                None => return Ok(()),
            },
        };
        if values.is_empty() {
            return Ok(());
        }
        let shift = u32::try_from(first_row).unwrap_or(u32::MAX);
        let rows = rows.into_iter().map(|row| row + shift);
        match column {
            None => {
                let presence = Presence::Rows(rows.collect());
                *column = Some(Column { key: source.key.clone(), presence, values });
            }
            Some(column) => column.append_later(rows.collect(), values),
        }
        Ok(())
    }

    fn writers<'b>(&self, batch: &'b RecordBatch) -> Result<Vec<CellWriter<'b>>, SegmentError> {
        let schema = batch.schema();
        let mut writers = Vec::new();
        for (field, array) in schema.fields().iter().zip(batch.columns()).skip(1) {
            let mut prefix = String::from(",");
            write_string(field.name(), &mut prefix);
            prefix.push(':');
            if field.name() == REST {
                prefix.clear();
                writers.push(CellWriter { prefix, array, form: Form::Rest, has_nulls: false });
                continue;
            }
            let form = match self.notes.ints(field.name()) {
                Some(Ints::Integral) => Form::IntegralAsInt,
                Some(Ints::Rows(bits)) => Form::IntsAt(bitmap(bits)?),
                None if self.notes.is_json(field.name()) => Form::Json,
                None => Form::Typed,
            };
            writers.push(CellWriter { prefix, array, form, has_nulls: self.notes.has_nulls(field.name()) });
        }
        Ok(writers)
    }
}

struct Source {
    key: String,
    root: usize,
    name: String,
    /// The rest of the key, inside the values of the column.
    inner: Option<String>,
}

fn step_column(batch: &RecordBatch) -> Result<&[i64], SegmentError> {
    let steps = batch.column(0).as_primitive_opt::<Int64Type>();
    steps.map(|steps| &**steps.values()).ok_or(SegmentError::Damaged("its steps are no integers"))
}

fn bitmap(bits: &str) -> Result<Vec<u8>, SegmentError> {
    let compressed = base64::engine::general_purpose::STANDARD.decode(bits);
    let compressed = compressed.map_err(|_| SegmentError::Damaged("a note is not base64"))?;
    Ok(zstd::bulk::decompress(&compressed, MAX_BITMAP_BYTES)?)
}

fn all_rows(array: &ArrayRef) -> impl Iterator<Item = u32> + use<> {
    (0u32..).take(array.len())
}

/// The values of a typed column in the rows that have one; a null among them is a value.
fn typed_values(array: &ArrayRef, rows: Vec<u32>) -> (Vec<u32>, Values) {
    if rows.iter().any(|row| array.is_null(*row as usize)) {
        let texts = json_of_rows(array, &rows);
        return (rows, texts);
    }
    let at = |row: &u32| *row as usize;
    let values = match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Values::Float(match rows.len() == array.len() {
                true => values.values().to_vec(),
                false => rows.iter().map(|row| values.value(at(row))).collect(),
            })
        }
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>();
            Values::Int(rows.iter().map(|row| values.value(at(row))).collect())
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            Values::Text(rows.iter().map(|row| values.value(at(row)).to_owned()).collect())
        }
        _ => json_of_rows(array, &rows),
    };
    (rows, values)
}

fn json_of_rows(array: &ArrayRef, rows: &[u32]) -> Values {
    let text = |row: &u32| {
        let mut text = String::new();
        write_json(array, *row as usize, &mut text);
        text
    };
    Values::Json(rows.iter().map(text).collect())
}

/// The values of a column of JSON texts, or what is inside them under a dotted key.
fn json_texts(array: &ArrayRef, inner: Option<&str>) -> Result<(Vec<u32>, Values), SegmentError> {
    let texts = array.as_string_opt::<i32>().ok_or(SegmentError::Damaged("a column of JSON is no text"))?;
    let mut rows = Vec::new();
    let mut found = Vec::new();
    let wanted = Wanted::new(inner);
    for (row, text) in (0u32..).zip(texts) {
        let Some(text) = text else { continue };
        let mut value = inner.is_none().then_some(text);
        if inner.is_some() && text.starts_with('{') {
            project(text, &wanted, |_, inner| value = Some(inner.raw))?;
        }
        if let Some(value) = value {
            rows.push(row);
            found.push(crate::domain::json::RawValue { raw: value });
        }
    }
    Ok((rows, Values::from_raw(&found)))
}

/// The array of a member of structs, and the rows whose structs exist: those have the member, be it null. The key may
/// have dots of its own.
fn descend(array: &ArrayRef, inner: &str, rows: Vec<u32>) -> Option<(ArrayRef, Vec<u32>)> {
    let structs = array.as_struct_opt()?;
    let (child, rest) = structs.fields().iter().zip(structs.columns()).find_map(|(field, child)| {
        let rest = inner.strip_prefix(field.name().as_str())?;
        if rest.is_empty() { Some((child, None)) } else { Some((child, Some(rest.strip_prefix('.')?))) }
    })?;
    let rows: Vec<u32> = rows.into_iter().filter(|row| array.is_valid(*row as usize)).collect();
    match rest {
        None => Some((Arc::clone(child), rows)),
        Some(rest) => descend(child, rest, rows),
    }
}

/// Writes the members of one column into rows.
struct CellWriter<'b> {
    /// Comma, key and colon.
    prefix: String,
    array: &'b ArrayRef,
    form: Form,
    has_nulls: bool,
}

enum Form {
    Typed,
    Json,
    /// Members of the row itself.
    Rest,
    IntegralAsInt,
    IntsAt(Vec<u8>),
}

impl CellWriter<'_> {
    /// `row` counts in the file, `index` in the batch.
    fn write(&self, index: usize, row: usize, out: &mut String) {
        if self.array.is_null(index) && !self.has_nulls {
            return;
        }
        out.push_str(&self.prefix);
        match &self.form {
            Form::Typed => write_json(self.array, index, out),
            Form::Json => out.push_str(self.array.as_string::<i32>().value(index)),
            Form::Rest => {
                let object = self.array.as_string::<i32>().value(index);
                out.push(',');
                out.push_str(object.get(1..object.len().saturating_sub(1)).unwrap_or_default());
            }
            Form::IntegralAsInt => {
                let number = self.array.as_primitive::<Float64Type>().value(index);
                write_number(number, is_integral(number), out);
            }
            Form::IntsAt(bits) => {
                let is_int = bits.get(row / 8).is_some_and(|byte| byte & (1 << (row % 8)) != 0);
                write_number(self.array.as_primitive::<Float64Type>().value(index), is_int, out);
            }
        }
    }
}

fn write_number(number: f64, is_int: bool, out: &mut String) {
    if is_int {
        out.push_str(&(number as i64).to_string());
    } else {
        write_float(number, out);
    }
}

/// Appends one value of a typed array as JSON text.
fn write_json(array: &ArrayRef, index: usize, out: &mut String) {
    if array.is_null(index) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(index) { "true" } else { "false" }),
        DataType::Int64 => out.push_str(&array.as_primitive::<Int64Type>().value(index).to_string()),
        DataType::Float64 => write_float(array.as_primitive::<Float64Type>().value(index), out),
        DataType::Utf8 => write_string(array.as_string::<i32>().value(index), out),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(index);
            out.push('[');
            for item in 0..items.len() {
                if item > 0 {
                    out.push(',');
                }
                write_json(&items, item, out);
            }
            out.push(']');
        }
        DataType::Struct(fields) => {
            let structs = array.as_struct();
            out.push('{');
            for (at, (field, child)) in fields.iter().zip(structs.columns()).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(field.name(), out);
                out.push(':');
                write_json(child, index, out);
            }
            out.push('}');
        }
        // Our own files have no other types.
        _ => out.push_str("null"),
    }
}
