//! `[runs]`: when a silent run counts as crashed, and how long a deleted one is kept.

use super::{Problems, mib_to_bytes};
use serde::Deserialize;

/// `[runs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Seconds without a heartbeat after which a running run counts as crashed. Default: 300.
    pub heartbeat_secs: u64,
    /// Seconds that a preempted run is given to come back. Default: 1800.
    pub preempted_secs: u64,
    /// Days that a deleted run can be restored. Default: 30.
    pub trash_days: u64,
    /// Memory for what lists of runs are filtered and ordered by, in MiB. Default: 128.
    pub index_mib: u64,
}

impl Runs {
    pub fn index_bytes(&self) -> usize {
        mib_to_bytes(self.index_mib)
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        // The client sends a heartbeat every 30 s; less than two of them would crash healthy runs.
        problems.range("runs.heartbeat_secs", self.heartbeat_secs, 60, 7 * 86_400);
        problems.range("runs.preempted_secs", self.preempted_secs, 60, 30 * 86_400);
        problems.range("runs.trash_days", self.trash_days, 0, 3650);
        problems.range("runs.index_mib", self.index_mib, 1, 1 << 20);
    }
}
