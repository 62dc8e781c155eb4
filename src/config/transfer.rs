//! `[transfer]`: how long signed upload and download URLs are valid.

use super::Problems;
use serde::Deserialize;

/// `[transfer]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Seconds that a signed download URL is valid. Default: 3600.
    pub read_url_secs: u64,
    /// Seconds that a signed upload URL is valid. Default: 86400.
    pub write_url_secs: u64,
}

impl Transfer {
    pub(super) fn check(&self, problems: &mut Problems) {
        // Object stores sign URLs for seven days at most.
        problems.range("transfer.read_url_secs", self.read_url_secs, 60, 7 * 86_400);
        problems.range("transfer.write_url_secs", self.write_url_secs, 60, 7 * 86_400);
    }
}
