//! Immutable Parquet files of ordered rows: one column per member of the rows, readable by the client's own reader, and
//! by ours to the exact values that were logged. What a column's type cannot say is noted in the file.

mod read;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};

pub use read::SegmentReader;
pub use write::{Segment, write_segment};

use super::keys::KeyStatistics;
use crate::domain::json::JsonError;

const STEP: &str = "_step";
/// Holds, as one object per row, the members there is no column for.
const REST: &str = "weighhouse.rest";
/// Key of our notes in the file's metadata.
const NOTES_KEY: &str = "weighhouse.columns";

/// What the manifest keeps of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentMeta {
    pub rows: u64,
    pub min_step: i64,
    pub max_step: i64,
    /// Every column has the type of its values. Otherwise some are JSON text, which only our own reader undoes.
    pub is_lossless: bool,
    /// Some column has no value in some row. The client's reader then shows `None` where live rows have no key.
    pub is_sparse: bool,
    pub keys: KeyStatistics,
}

#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("a segment needs at least one row")]
    Empty,
    #[error("row is not readable: {0}")]
    Row(#[from] JsonError),
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error("arrow: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    #[error("segment is damaged: {0}")]
    Damaged(&'static str),
    #[error("notes of the columns: {0}")]
    Notes(#[from] serde_json::Error),
    #[error("compression failed: {0}")]
    Compression(#[from] std::io::Error),
}

/// What the types of the columns do not say, by column name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Notes {
    /// Text columns that hold JSON.
    json: Vec<String>,
    /// Columns present in every row, where null is a value.
    nulls: Vec<String>,
    /// Float columns in which some numbers were integers.
    ints: Vec<(String, Ints)>,
}

/// Which values of a float column were integers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Ints {
    /// Exactly those without a fraction.
    Integral,
    /// One bit per row of the file, compressed, in base64.
    Rows(String),
}

impl Notes {
    fn is_json(&self, column: &str) -> bool {
        self.json.iter().any(|name| name == column)
    }

    fn has_nulls(&self, column: &str) -> bool {
        self.nulls.iter().any(|name| name == column)
    }

    fn ints(&self, column: &str) -> Option<&Ints> {
        self.ints.iter().find(|(name, _)| name == column).map(|(_, ints)| ints)
    }
}
