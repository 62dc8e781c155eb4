//! Time is UTC microseconds, and comes from a clock that tests can move.
//! Wall time orders nothing that must be right.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to `self`; negative when the clock went back.
    pub fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }

    /// From RFC 3339, in any time zone.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|date| Self(date.timestamp_micros()))
    }

    /// `2026-01-31T12:00:00.000000Z`, the form every API of ours uses.
    pub fn to_rfc3339(self) -> String {
        chrono::DateTime::from_timestamp_micros(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    }

    /// `2026-01-31T12:00:00Z`, the form that the client's users see.
    pub fn to_rfc3339_secs(self) -> String {
        chrono::DateTime::from_timestamp_micros(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }
}

/// The source of "now". Cheap to clone; all clones show the same time.
#[derive(Clone, Default)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { fixed: None }
    }

    /// A clock that stands still until a test moves it.
    pub fn fixed_at(start: Timestamp) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(start.0))) }
    }

    pub fn advance_secs(&self, secs: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.fetch_add(secs * 1_000_000, Ordering::SeqCst);
        }
    }

    pub fn now(&self) -> Timestamp {
        match &self.fixed {
            Some(fixed) => Timestamp(fixed.load(Ordering::SeqCst)),
            None => Timestamp(system_micros()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
fn system_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
