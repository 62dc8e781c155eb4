//! `[artifacts]`: how large what is said about one may be, and when one that nobody commits is given up.

use super::{Problems, mib_to_bytes};
use serde::Deserialize;

/// `[artifacts]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Largest manifest, in MiB: some 200 bytes for each file. As much of manifests is read at once. Default: 128.
    pub manifest_mib: u64,
    /// Largest metadata, in KiB. Default: 1024.
    pub metadata_kib: u64,
    /// Hours after which an artifact that was begun and not committed is removed. Default: 72.
    pub draft_hours: u64,
}

impl Artifacts {
    pub fn manifest_bytes(&self) -> usize {
        mib_to_bytes(self.manifest_mib)
    }

    pub fn metadata_bytes(&self) -> usize {
        usize::try_from(self.metadata_kib.saturating_mul(1024)).unwrap_or(usize::MAX)
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        problems.range("artifacts.manifest_mib", self.manifest_mib, 1, 4096);
        problems.range("artifacts.metadata_kib", self.metadata_kib, 1, 64 * 1024);
        problems.range("artifacts.draft_hours", self.draft_hours, 1, 10_000);
    }
}
