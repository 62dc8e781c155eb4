//! One history line on its way in: checked, limited, and appended as compact text, in one pass over it.
//! No line is an error for the request that brought it: what cannot be kept is replaced or counted.

use super::MAX_DEPTH;
use super::error::JsonError;
use super::escape::write_control;
use super::project::{Wanted, project};
use super::scan::{RawValue, Scanner};
use super::swar::has_control;
use super::value::append;

/// How large parts of a row may be.
#[derive(Debug, Clone, Copy)]
pub struct RowLimits {
    /// Of one top-level value.
    pub max_value_bytes: usize,
    pub max_row_bytes: usize,
    /// Levels of nesting inside a top-level value.
    pub max_depth: usize,
}

impl Default for RowLimits {
    fn default() -> Self {
        RowLimits { max_value_bytes: 1 << 20, max_row_bytes: 25 << 20, max_depth: MAX_DEPTH }
    }
}

/// What the server needs to know about a row besides its text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowFacts {
    pub step: Option<i64>,
    /// Seconds since 1970.
    pub timestamp: Option<f64>,
    /// Seconds since the run began.
    pub runtime: Option<f64>,
    /// Values replaced by a marker because they were over a limit.
    pub removed_values: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowOutcome {
    /// One line was appended.
    Stored(RowFacts),
    /// The line is no JSON object; nothing was appended.
    Rejected,
}

/// Checks `line` and appends it to `out` as one compact line with its newline.
pub fn append_row(line: &str, limits: &RowLimits, out: &mut String) -> RowOutcome {
    let Ok(scan) = scan_row(line, limits) else { return RowOutcome::Rejected };
    let mut facts = scan.facts;
    if line.len() > limits.max_row_bytes {
        facts.removed_values = 1;
        append_remains(line, limits, out);
    } else if facts.removed_values > 0 {
        append_limited(line, limits, out);
    } else if scan.saw_space || has_control(line.as_bytes()) {
        append_compact(line, out);
    } else {
        out.push_str(line);
    }
    out.push('\n');
    RowOutcome::Stored(facts)
}

struct RowScan {
    facts: RowFacts,
    saw_space: bool,
}

fn scan_row(line: &str, limits: &RowLimits) -> Result<RowScan, JsonError> {
    let mut scanner = Scanner::new(line);
    let mut facts = RowFacts::default();
    scanner.expect(b'{')?;
    let mut is_first = true;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let (value, depth) = scanner.value_and_depth()?;
        if is_over_limit(value, depth, limits) {
            facts.removed_values += 1;
        } else if key.raw.starts_with('_') {
            match key.raw {
                "_step" => facts.step = value.as_i64(),
                "_timestamp" => facts.timestamp = value.as_f64(),
                "_runtime" => facts.runtime = value.as_f64(),
                _ => {}
            }
        }
    }
    scanner.finish()?;
    Ok(RowScan { facts, saw_space: scanner.saw_space() })
}

fn is_over_limit(value: RawValue<'_>, depth: usize, limits: &RowLimits) -> bool {
    value.raw.len() > limits.max_value_bytes || depth > limits.max_depth
}

/// The row with a marker in the place of each value over a limit. The row was scanned before.
fn append_limited(line: &str, limits: &RowLimits, out: &mut String) {
    let mut scanner = Scanner::new(line);
    let mut is_first = true;
    if scanner.expect(b'{').is_err() {
        return;
    }
    out.push('{');
    while let Ok(Some(key)) = scanner.next_key(is_first) {
        let Ok((value, depth)) = scanner.value_and_depth() else { break };
        if !is_first {
            out.push(',');
        }
        is_first = false;
        out.push('"');
        append_string_part(key.raw, out);
        out.push_str("\":");
        if value.raw.len() > limits.max_value_bytes {
            let (size, limit) = (value.raw.len(), limits.max_value_bytes);
            append(out, format_args!("\"value removed: {size} bytes exceed the limit of {limit}\""));
        } else if depth > limits.max_depth {
            let limit = limits.max_depth;
            append(out, format_args!("\"value removed: {depth} levels of nesting exceed the limit of {limit}\""));
        } else {
            append_compact(value.raw, out);
        }
    }
    out.push('}');
}

/// What is left of a row that is too large as a whole.
fn append_remains(line: &str, limits: &RowLimits, out: &mut String) {
    let wanted = Wanted::new(["_step", "_runtime", "_timestamp"]);
    let mut kept = [None; 3];
    // Scanned before, so it cannot fail.
    let _ = project(line, &wanted, |index, value| {
        if value.number().is_some() {
            kept[index] = Some(value.raw);
        }
    });
    out.push('{');
    for (key, raw) in wanted.keys().iter().zip(kept) {
        if let Some(raw) = raw {
            append(out, format_args!("\"{key}\":{raw},"));
        }
    }
    let (size, limit) = (line.len(), limits.max_row_bytes);
    append(out, format_args!("\"_removed\":\"row removed: {size} bytes exceed the limit of {limit}\"}}"));
}

/// A checked text without the space between its tokens and without raw control characters.
fn append_compact(text: &str, out: &mut String) {
    let mut rest = text;
    // Strings and what stands between them alternate.
    while let Some(quote) = memchr::memchr(b'"', rest.as_bytes()) {
        append_without_space(&rest[..quote], out);
        let mut scanner = Scanner::new(&rest[quote..]);
        let Ok(string) = scanner.string() else { break };
        out.push('"');
        append_string_part(string.raw, out);
        out.push('"');
        rest = &rest[quote + scanner.offset()..];
    }
    append_without_space(rest, out);
}

fn append_without_space(text: &str, out: &mut String) {
    text.split_ascii_whitespace().for_each(|part| out.push_str(part));
}

/// The inside of a string. Raw control characters are not allowed there, but escaping them is kinder than refusal.
fn append_string_part(raw: &str, out: &mut String) {
    let mut copied = 0;
    for (at, byte) in raw.bytes().enumerate() {
        if byte < 0x20 {
            out.push_str(&raw[copied..at]);
            write_control(byte, out);
            copied = at + 1;
        }
    }
    out.push_str(&raw[copied..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json::Value;

    const SMALL: RowLimits = RowLimits { max_value_bytes: 20, max_row_bytes: 200, max_depth: 3 };

    fn stored(line: &str) -> (String, RowFacts) {
        let mut out = String::new();
        match append_row(line, &SMALL, &mut out) {
            RowOutcome::Stored(facts) => (out, facts),
            RowOutcome::Rejected => panic!("rejected: {line}"),
        }
    }

    #[test]
    fn a_plain_row_is_kept_byte_for_byte() {
        let line = r#"{"_step":12,"_timestamp":1.79e+09,"_runtime":3,"loss":NaN,"a b":[1,{"x":null}]}"#;

        let (text, facts) = stored(line);

        assert_eq!(text, format!("{line}\n"));
        assert_eq!(facts, RowFacts { step: Some(12), timestamp: Some(1.79e9), runtime: Some(3.0), removed_values: 0 });
    }

    #[test]
    fn steps_are_integers_however_they_are_written() {
        assert_eq!(stored(r#"{"_step":5.0}"#).1.step, Some(5));
        assert_eq!(stored(r#"{"_step":5.5}"#).1.step, None);
        assert_eq!(stored(r#"{"_step":"5"}"#).1.step, None);
        assert_eq!(stored(r#"{"_step":NaN}"#).1.step, None);
        assert_eq!(stored(r#"{"_step":1e300}"#).1.step, None);
        assert_eq!(stored(r#"{"_step":1,"_step":-2}"#).1.step, Some(-2));
    }

    #[test]
    fn space_and_raw_newlines_do_not_break_the_line() {
        let (text, _) = stored("\n{ \"a b\" :\r\n [ 1 , 2 ],\t\"t\": \"x y\nz\\n\" }\n");

        assert_eq!(text, "{\"a b\":[1,2],\"t\":\"x y\\u000az\\n\"}\n");
    }

    #[test]
    fn large_and_deep_values_leave_a_marker() {
        let (text, facts) = stored(r#"{"_step":1,"big":"aaaaaaaaaaaaaaaaaaaaaaaaa", "deep":[[[[]]]],"ok":[[[]]]}"#);

        assert_eq!(
            text,
            "{\"_step\":1,\"big\":\"value removed: 27 bytes exceed the limit of 20\",\
             \"deep\":\"value removed: 4 levels of nesting exceed the limit of 3\",\"ok\":[[[]]]}\n"
        );
        assert_eq!((facts.removed_values, facts.step), (2, Some(1)));
    }

    #[test]
    fn a_row_too_large_keeps_its_place() {
        let line = format!(r#"{{"_step":3,"_runtime":1.5,"_timestamp":9{}}}"#, r#","k":1"#.repeat(40));

        let (text, facts) = stored(&line);

        assert_eq!(
            text,
            format!(
                "{{\"_step\":3,\"_runtime\":1.5,\"_timestamp\":9,\
                 \"_removed\":\"row removed: {} bytes exceed the limit of 200\"}}\n",
                line.len()
            )
        );
        assert_eq!((facts.removed_values, facts.step), (1, Some(3)));
    }

    #[test]
    fn what_is_no_object_is_rejected_and_leaves_nothing() {
        for line in
            ["", "[]", "1", "null", "{", "{\"a\":}", "{\"a\":1}{", "nonsense", "{\"a\":01}", "{\"a\":\"\\ud8\"}"]
        {
            let mut out = String::from("before");
            assert_eq!(append_row(line, &SMALL, &mut out), RowOutcome::Rejected, "{line}");
            assert_eq!(out, "before");
        }
    }

    #[test]
    fn nesting_of_any_depth_takes_no_stack() {
        let line =
            format!("{{\"_step\":1,\"a\":{}{}}}", "[{\"a\":".repeat(500_000), "1".to_owned() + &"}]".repeat(500_000));
        let mut out = String::new();

        let outcome = append_row(&line, &RowLimits { max_value_bytes: usize::MAX, ..RowLimits::default() }, &mut out);

        assert!(matches!(outcome, RowOutcome::Stored(RowFacts { removed_values: 1, step: Some(1), .. })));
        assert_eq!(out, "{\"_step\":1,\"a\":\"value removed: 1000000 levels of nesting exceed the limit of 128\"}\n");
    }

    proptest! {
        #[test]
        fn what_is_stored_means_what_was_sent(line in r#" ?\{("[a-c\n\\u0041]{0,3}" ?: ?("[x \n]{0,4}"|1|NaN|\[1, ?2\]|\{"a" :1\}),? ?){0,4}\}[ \n]?"#) {
            let mut out = String::new();
            let parsed = Value::parse(line.as_bytes(), MAX_DEPTH);

            let outcome = append_row(&line, &RowLimits::default(), &mut out);

            match parsed {
                Err(_) => prop_assert_eq!(outcome, RowOutcome::Rejected),
                Ok(sent) => {
                    prop_assert_eq!(out.matches('\n').count(), 1);
                    let kept = Value::parse(out.as_bytes(), MAX_DEPTH).unwrap();
                    prop_assert_eq!(kept.to_text(), sent.to_text());
                }
            }
        }
    }
}
