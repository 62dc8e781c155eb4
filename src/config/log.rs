//! `[log]`: form and detail of the log on standard error.

use super::Problems;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` for people, `json` for log collectors. Default: `text`.
    pub format: LogFormat,
    /// A level, or levels by part: `info,weighhouse::request=debug`. Default: `info`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Log {
    pub(super) fn check(&self, problems: &mut Problems) {
        if self.filter.trim().is_empty() {
            problems.add("`log.filter` is empty");
        } else if let Err(error) = EnvFilter::try_new(&self.filter) {
            problems.add(format!("`log.filter`: `{}`: {error}", self.filter));
        }
    }
}
