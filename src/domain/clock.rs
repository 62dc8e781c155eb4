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

    /// `2026-01-31`, `2026-01-31T12`, `2026-01-31T12:30` or `2026-01-31T12:30:15`, in UTC.
    pub fn parse(text: &str) -> Option<Self> {
        const FORM: &str = "0000-00-00T00:00:00";
        let fits = |(found, form): (u8, u8)| if form == b'0' { found.is_ascii_digit() } else { found == form };
        if ![10, 13, 16, 19].contains(&text.len()) || !text.bytes().zip(FORM.bytes()).all(fits) {
            return None;
        }
        let whole = format!("{text}{}", &FORM[text.len()..]);
        let time = chrono::NaiveDateTime::parse_from_str(&whole, "%Y-%m-%dT%H:%M:%S").ok()?;
        Some(Self(time.and_utc().timestamp_micros()))
    }

    /// When this day began, in UTC.
    pub fn start_of_day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(86_400 * 1_000_000))
    }

    /// Whole seconds from `earlier` to `self`; negative when the clock went back.
    pub fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }

    /// From RFC 3339, in any time zone.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|date| Self(date.timestamp_micros()))
    }

    /// As HTTP writes it: `Sat, 31 Jan 2026 12:00:00 GMT`.
    pub fn parse_http(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc2822(text).ok().map(|date| Self(date.timestamp_micros()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_exactly_as_it_was_written() {
        for (text, whole) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:30", "2026-01-31T12:30:00Z"),
            ("2024-02-29T23:59:59", "2024-02-29T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_rfc3339_secs(), whole);
        }
        for wrong in
            ["", "2026", "2026-1-31", "2026-02-30", "2026-01-31 12", "2026-01-31T25", "2026-01-31Tü", "+026-01-31"]
        {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_before_and_after_1970() {
        let day = |text: &str| Timestamp::parse(text).unwrap().start_of_day().to_rfc3339_secs();

        assert_eq!(day("2026-01-31T12:30"), "2026-01-31T00:00:00Z");
        assert_eq!(day("1969-12-31T12:30"), "1969-12-31T00:00:00Z");
    }
}
