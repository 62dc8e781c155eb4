//! Reading what was logged: rows, columns, charts, facts, console lines, files. A read of the database is short and takes
//! compressed bytes out; decoding them is done afterwards, and what was decoded is kept in a bounded memory.

mod buckets;
mod cache;
mod columns;
mod console;
mod facts;
mod parquet;
mod rows;
mod sampled;
mod source;
#[cfg(test)]
mod tests;

pub use buckets::{BucketQuery, MetricBuckets};
pub use cache::Cache;
pub use console::{ConsoleLine, ConsolePage, ConsoleRange};
pub use facts::{EventFacts, HistoryFacts};
pub use parquet::ParquetHistory;
pub use rows::RowQuery;
pub(in crate::app) use rows::without_step;
pub use sampled::SampleSpec;
