//! `[database]`: memory and queues of the metadata database.

use super::{Problems, mib_to_bytes};
use serde::Deserialize;

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Memory for database pages, in MiB. Default: 64.
    pub cache_mib: u64,
    /// Writes that may wait for the next commit. Default: 4096.
    pub queue_requests: u64,
    /// Bytes of writes that may wait for the next commit, in MiB. Default: 64.
    pub queue_mib: u64,
    /// Read transactions at once. Default: 8.
    pub read_transactions: u64,
    /// Seconds that one read transaction may stay open. Default: 10.
    pub read_transaction_secs: u64,
    /// Free disk space, in MiB, below which no writes are accepted. Default: 256.
    pub min_free_mib: u64,
}

impl Database {
    pub fn cache_bytes(&self) -> usize {
        mib_to_bytes(self.cache_mib)
    }

    pub fn queue_bytes(&self) -> usize {
        mib_to_bytes(self.queue_mib)
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.range("database.cache_mib", self.cache_mib, 1, 1024 * 1024);
        problems.range("database.queue_requests", self.queue_requests, 1, 1_000_000);
        problems.range("database.queue_mib", self.queue_mib, 1, 64 * 1024);
        problems.range("database.read_transactions", self.read_transactions, 1, 1024);
        problems.range("database.read_transaction_secs", self.read_transaction_secs, 1, 3600);
        problems.range("database.min_free_mib", self.min_free_mib, 1, 1024 * 1024 * 1024);
    }
}
