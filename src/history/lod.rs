//! Level of detail: for each numeric key of a segment, what 64 rows at a time look like. A small Parquet object of its
//! own, one row group per key, from which a long run is drawn without reading its rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::columns::Columns;
use super::sample::Bucket;
use super::segment::SegmentError;

pub const ROWS_PER_BUCKET: usize = 64;
/// Lists the keys in the order of their row groups.
const KEYS_KEY: &str = "weighhouse.keys";
const INTS: [&str; 4] = ["first_step", "last_step", "count", "nans"];
const FLOATS: [&str; 5] = ["min", "max", "first", "last", "sum"];

/// The buckets of one column: stretches of 64 rows of the segment, those without a value left out.
pub fn buckets(columns: &Columns, key: &str) -> Vec<Bucket> {
    let mut buckets: Vec<(usize, Bucket)> = Vec::new();
    let Some(column) = columns.column(key) else { return Vec::new() };
    for (row, number) in column.numbers() {
        let bucket = Bucket::of(columns.steps[row], number);
        match buckets.last_mut() {
            Some((stretch, open)) if *stretch == row / ROWS_PER_BUCKET => open.append(&bucket),
            _ => buckets.push((row / ROWS_PER_BUCKET, bucket)),
        }
    }
    buckets.into_iter().map(|(_, bucket)| bucket).collect()
}

/// Writes the side table of all numeric columns, or nothing when there are none.
pub fn write_lod(columns: &Columns) -> Result<Option<Vec<u8>>, SegmentError> {
    let tables = columns.columns.iter().map(|column| (&column.key, buckets(columns, &column.key)));
    let tables: Vec<_> = tables.filter(|(_, buckets)| !buckets.is_empty()).collect();
    if tables.is_empty() {
        return Ok(None);
    }
    let keys: Vec<&String> = tables.iter().map(|(key, _)| *key).collect();
    let noted = KeyValue::new(KEYS_KEY.to_owned(), serde_json::to_string(&keys)?);
    let schema = schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties(noted)))?;
    for (_, buckets) in &tables {
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays(buckets))?)?;
        writer.flush()?;
    }
    Ok(Some(writer.into_inner()?))
}

fn schema() -> Arc<Schema> {
    let ints = INTS.iter().map(|name| Field::new(*name, DataType::Int64, false));
    let floats = FLOATS.iter().map(|name| Field::new(*name, DataType::Float64, false));
    Arc::new(Schema::new(ints.chain(floats).collect::<Vec<_>>()))
}

fn properties(noted: KeyValue) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_key_value_metadata(Some(vec![noted]));
    for name in INTS {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in FLOATS {
        properties = properties.set_column_encoding(ColumnPath::from(name), Encoding::BYTE_STREAM_SPLIT);
    }
    properties.build()
}

fn arrays(buckets: &[Bucket]) -> Vec<ArrayRef> {
    let ints = |of: fn(&Bucket) -> i64| Arc::new(buckets.iter().map(of).collect::<Int64Array>()) as ArrayRef;
    let floats = |of: fn(&Bucket) -> f64| Arc::new(buckets.iter().map(of).collect::<Float64Array>()) as ArrayRef;
    let counted = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let count: Int64Array = buckets.iter().map(|bucket| counted(bucket.count)).collect();
    let nans: Int64Array = buckets.iter().map(|bucket| counted(bucket.nans)).collect();
    vec![
        ints(|bucket| bucket.first_step),
        ints(|bucket| bucket.last_step),
        Arc::new(count),
        Arc::new(nans),
        floats(|bucket| bucket.min),
        floats(|bucket| bucket.max),
        floats(|bucket| bucket.first),
        floats(|bucket| bucket.last),
        floats(|bucket| bucket.sum),
    ]
}

/// An open side table.
#[derive(Debug, Clone)]
pub struct LodReader {
    source: Bytes,
    metadata: ArrowReaderMetadata,
    keys: Arc<Vec<String>>,
}

impl LodReader {
    pub fn open(source: Bytes) -> Result<Self, SegmentError> {
        let metadata = ArrowReaderMetadata::load(&source, ArrowReaderOptions::new())?;
        let values = metadata.metadata().file_metadata().key_value_metadata();
        let noted = values.and_then(|values| values.iter().find(|value| value.key == KEYS_KEY)?.value.as_deref());
        let keys: Vec<String> = serde_json::from_str(noted.ok_or(SegmentError::Damaged("it does not list its keys"))?)?;
        if keys.len() != metadata.metadata().num_row_groups() {
            return Err(SegmentError::Damaged("it has another number of keys than row groups"));
        }
        if metadata.schema().fields() != schema().fields() {
            return Err(SegmentError::Damaged("its columns are not those of a level of detail"));
        }
        Ok(LodReader { source, metadata, keys: Arc::new(keys) })
    }

    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The buckets of one key in the order of steps; none when the key has no numbers here.
    pub fn buckets(&self, key: &str) -> Result<Vec<Bucket>, SegmentError> {
        let Some(group) = self.keys.iter().position(|known| known == key) else { return Ok(Vec::new()) };
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.source.clone(), self.metadata.clone());
        let mut buckets = Vec::new();
        for batch in builder.with_row_groups(vec![group]).with_batch_size(8192).build()? {
            append_buckets(&batch?, &mut buckets);
        }
        Ok(buckets)
    }
}

fn append_buckets(batch: &RecordBatch, buckets: &mut Vec<Bucket>) {
    let int = |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
    let float = |column: usize, row: usize| batch.column(column).as_primitive::<Float64Type>().value(row);
    for row in 0..batch.num_rows() {
        buckets.push(Bucket {
            first_step: int(0, row),
            last_step: int(1, row),
            count: int(2, row).unsigned_abs(),
            nans: int(3, row).unsigned_abs(),
            min: float(4, row),
            max: float(5, row),
            first: float(6, row),
            last: float(7, row),
            sum: float(8, row),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::columns::{Pick, gather};
    use crate::history::sample::Buckets;

    fn columns() -> Columns {
        let row = |step: i64| {
            let value = (step * 37 % 101) as f64 / 8.0;
            let sparse = if step % 200 < 50 { ",\"b\":NaN,\"t\":\"x\"" } else { "" };
            format!("{{\"_step\":{step},\"a\":{value}{sparse}}}\n")
        };
        gather(&[&(0..1000).map(row).collect::<String>()], Pick::Leaves).unwrap().into_columns()
    }

    #[test]
    fn each_numeric_key_comes_back_as_it_was_described() {
        let columns = columns();

        let reader = LodReader::open(write_lod(&columns).unwrap().unwrap().into()).unwrap();

        assert_eq!(reader.keys(), ["a", "b"]);
        assert_eq!(reader.buckets("a").unwrap(), buckets(&columns, "a"));
        assert_eq!(reader.buckets("a").unwrap().len(), 16);
        let sparse = reader.buckets("b").unwrap();
        assert_eq!(sparse.iter().map(|bucket| bucket.nans).sum::<u64>(), 250);
        assert!(sparse.iter().all(|bucket| bucket.count == 0 && bucket.max.is_nan()));
        assert_eq!(reader.buckets("t").unwrap(), []);
    }

    #[test]
    fn wide_buckets_of_it_have_the_extremes_of_the_rows() {
        let columns = columns();
        let mut exact = Buckets::new(0, 999, 1);
        columns.column("a").unwrap().numbers().for_each(|(row, value)| exact.add_value(columns.steps[row], value));
        let mut coarse = Buckets::new(0, 999, 1);
        buckets(&columns, "a").iter().for_each(|bucket| coarse.add(bucket));

        assert_eq!(exact.finish(), coarse.finish());
    }

    #[test]
    fn without_numbers_there_is_nothing_to_write() {
        let columns = gather(&["{\"_step\":0,\"t\":\"x\"}\n"], Pick::Leaves).unwrap().into_columns();

        assert_eq!(write_lod(&columns).unwrap(), None);
    }
}
