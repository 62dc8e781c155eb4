//! `[limits]`: how much one request, row or value may hold.

use super::{Problems, mib_to_bytes};
use serde::Deserialize;

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest body of one file_stream request, in MiB after decompression. Default: 32.
    pub file_stream_body_mib: u64,
    /// Largest body of one GraphQL request, in MiB after decompression. Default: 16.
    pub graphql_body_mib: u64,
    /// Most texts in one GraphQL answer, in MiB: configs, summaries and rows together. Default: 64.
    pub graphql_answer_mib: u64,
    /// Largest single value in history or summary, in KiB. Default: 1024.
    pub value_kib: u64,
    /// Largest history row, in MiB. Default: 25.
    pub row_mib: u64,
    /// Largest run config, in MiB. Default: 10.
    pub config_mib: u64,
    /// Deepest nesting of JSON that is accepted. Default: 128.
    pub json_depth: u64,
    /// Bytes of request bodies in memory at once, all requests together, in MiB. Default: 128.
    pub in_flight_mib: u64,
    /// Largest uploaded file, in GiB; 0 = unlimited. Default: 0.
    pub upload_gib: u64,
}

impl Limits {
    pub fn file_stream_body_bytes(&self) -> usize {
        mib_to_bytes(self.file_stream_body_mib)
    }

    pub fn graphql_body_bytes(&self) -> usize {
        mib_to_bytes(self.graphql_body_mib)
    }

    pub fn graphql_answer_bytes(&self) -> usize {
        mib_to_bytes(self.graphql_answer_mib)
    }

    pub fn value_bytes(&self) -> usize {
        usize::try_from(self.value_kib.saturating_mul(1024)).unwrap_or(usize::MAX)
    }

    pub fn row_bytes(&self) -> usize {
        mib_to_bytes(self.row_mib)
    }

    pub fn config_bytes(&self) -> usize {
        mib_to_bytes(self.config_mib)
    }

    pub fn in_flight_bytes(&self) -> usize {
        mib_to_bytes(self.in_flight_mib)
    }

    /// `None`: unlimited.
    pub fn upload_bytes(&self) -> Option<u64> {
        (self.upload_gib > 0).then(|| self.upload_gib.saturating_mul(1 << 30))
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.range("limits.file_stream_body_mib", self.file_stream_body_mib, 1, 1024);
        problems.range("limits.graphql_body_mib", self.graphql_body_mib, 1, 1024);
        problems.range("limits.graphql_answer_mib", self.graphql_answer_mib, 1, 1024);
        problems.range("limits.value_kib", self.value_kib, 1, 1024 * 1024);
        problems.range("limits.row_mib", self.row_mib, 1, 1024);
        problems.range("limits.config_mib", self.config_mib, 1, 1024);
        problems.range("limits.json_depth", self.json_depth, 8, 512);
        problems.range("limits.in_flight_mib", self.in_flight_mib, 1, 1024 * 1024);
        problems.range("limits.upload_gib", self.upload_gib, 0, 1024 * 1024);
        // A compressed body and its decoded form are in memory together.
        let largest_body_mib = self.file_stream_body_mib.max(self.graphql_body_mib);
        if self.in_flight_mib < largest_body_mib.saturating_mul(2) {
            problems.add(format!(
                "`limits.in_flight_mib` is {}, but must be at least twice the largest body, {} MiB",
                self.in_flight_mib, largest_body_mib
            ));
        }
    }
}
