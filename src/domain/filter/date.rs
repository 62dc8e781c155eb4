//! Dates as people write them into filters: ISO text, or numbers since 1970.

use crate::domain::clock::Timestamp;
use crate::domain::json::Value;
use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Numbers below are seconds, then milliseconds, then microseconds: the ranges of plausible dates do not touch.
const SECONDS_BELOW: f64 = 1e11;
const MILLISECONDS_BELOW: f64 = 1e14;

/// Text without a zone is UTC; a day is its first moment.
pub(super) fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Text(text) => parse_text(text.trim()),
        _ => value.as_f64().filter(|number| number.is_finite()).map(from_number),
    }
}

fn parse_text(text: &str) -> Option<Timestamp> {
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp(date.timestamp_micros()));
    }
    let formats =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%.fZ"];
    let moment = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    moment.or_else(day).map(|moment| Timestamp(moment.and_utc().timestamp_micros()))
}

fn from_number(number: f64) -> Timestamp {
    let micros = match number.abs() {
        seconds if seconds < SECONDS_BELOW => number * 1e6,
        milliseconds if milliseconds < MILLISECONDS_BELOW => number * 1e3,
        _ => number,
    };
    Timestamp(micros as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_each_form_that_people_write() {
        let noon = Some(Timestamp(1_769_860_800_000_000));
        let texts = [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00.000",
            "2026-01-31T12:00",
            "2026-01-31T13:00:00+01:00",
        ];
        for text in texts {
            assert_eq!(parse(&Value::Text(text.into())), noon, "{text}");
        }
        assert_eq!(parse(&Value::Text("2026-01-31".into())), Some(Timestamp(1_769_817_600_000_000)));
        assert_eq!(parse(&Value::Text("yesterday".into())), None);
    }

    #[test]
    fn a_number_is_seconds_milliseconds_or_microseconds_by_its_size() {
        let noon = Some(Timestamp(1_769_860_800_000_000));

        assert_eq!(parse(&Value::Int(1_769_860_800)), noon);
        assert_eq!(parse(&Value::Float(1_769_860_800_000.0)), noon);
        assert_eq!(parse(&Value::Int(1_769_860_800_000_000)), noon);
        assert_eq!(parse(&Value::Float(f64::NAN)), None);
    }
}
