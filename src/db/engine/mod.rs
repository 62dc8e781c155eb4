//! The seam: what an engine must do. Queries are written once, above it.
//! Keys and values are bytes; keys sort as unsigned bytes.

pub mod memory;
pub mod redb;

use std::collections::BTreeMap;
use std::ops::Bound;

/// Keys to new values; `None` deletes.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
pub type Pair = (Vec<u8>, Vec<u8>);
/// From and to, in key order whatever the direction of the scan.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    #[error("no space left")]
    Full,
    /// Another writer changed what was read: run the closures again.
    #[error("conflict")]
    Conflict,
    #[error("{0}")]
    Failed(String),
}

pub trait Engine: Send + Sync + 'static {
    /// A consistent snapshot.
    fn read(&self) -> Result<Box<dyn Reader>, EngineError>;
    /// The one write transaction of a batch; only the writer thread calls this.
    fn begin(&self) -> Result<Box<dyn Transaction + '_>, EngineError>;
}

pub trait Reader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// At most `limit` pairs, from the low end, or from the high end when `reverse`. The range is not empty.
    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError>;

    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        keys.iter().map(|key| self.get(key)).collect()
    }
}

pub trait Transaction: Reader {
    /// Applies all changes durably, or none of them.
    fn commit(self: Box<Self>, changes: &Changes) -> Result<(), EngineError>;
}
