//! `[history]`: when metric points move from the database into sealed segments.

use super::{Problems, mib_to_bytes};
use serde::Deserialize;

/// `[history]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Rows of a run after which its newest history is sealed. Default: 50000.
    pub seal_rows: u64,
    /// Size of a run's newest history, in MiB, after which it is sealed. Default: 4.
    pub seal_mib: u64,
    /// Seconds without new rows after which a run's history is sealed. Default: 900.
    pub seal_idle_secs: u64,
    /// Memory for decoded history, in MiB. Default: 32.
    pub cache_mib: u64,
}

impl History {
    pub fn seal_bytes(&self) -> usize {
        mib_to_bytes(self.seal_mib)
    }

    pub fn cache_bytes(&self) -> usize {
        mib_to_bytes(self.cache_mib)
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.range("history.seal_rows", self.seal_rows, 1, 10_000_000);
        problems.range("history.seal_mib", self.seal_mib, 1, 1024);
        problems.range("history.seal_idle_secs", self.seal_idle_secs, 1, 7 * 86_400);
        problems.range("history.cache_mib", self.cache_mib, 1, 1024 * 1024);
    }
}
