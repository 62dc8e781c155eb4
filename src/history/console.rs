//! Console lines as people read them. The client writes each as JSON (0.19 to 0.31, when the server can read that), or
//! as plain text: `ERROR ` for what went to stderr, a time, maybe a label in brackets, the text.

use std::collections::BTreeMap;
use std::io;

use crate::domain::json::{MAX_DEPTH, Value};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsoleLine {
    /// `error` for what went to stderr.
    pub level: Option<String>,
    /// `2006-01-02T15:04:05.000000`, in UTC.
    pub timestamp: Option<String>,
    /// Which of several writers it came from.
    pub label: Option<String>,
    pub content: String,
}

const TIME_CHARS: usize = "2006-01-02T15:04:05.000000".len();

impl ConsoleLine {
    pub fn parse(line: &str) -> ConsoleLine {
        if line.starts_with('{')
            && let Some(structured) = parse_structured(line)
        {
            return structured;
        }
        parse_plain(line).unwrap_or_else(|| ConsoleLine { content: line.to_owned(), ..ConsoleLine::default() })
    }
}

/// A script may print JSON too: only an object with the client's own members is the client's form.
fn parse_structured(line: &str) -> Option<ConsoleLine> {
    let value = Value::parse(line.as_bytes(), MAX_DEPTH).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let content = value.get("content")?.as_str()?.to_owned();
    let timestamp = text("ts")?;
    Some(ConsoleLine { level: text("level"), timestamp: Some(timestamp), label: text("label"), content })
}

fn parse_plain(line: &str) -> Option<ConsoleLine> {
    let (level, rest) = match line.strip_prefix("ERROR ") {
        Some(rest) => (Some("error".to_owned()), rest),
        None => (None, line),
    };
    let timestamp = rest.get(..TIME_CHARS).filter(|time| is_time(time))?;
    let rest = &rest[TIME_CHARS..];
    // An empty line has no blank behind its time.
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(' ')? };
    let labelled = rest.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let (label, content) = match labelled {
        Some((label, content)) if !label.contains([' ', '[']) => (Some(label.to_owned()), content),
        _ => (None, rest),
    };
    Some(ConsoleLine { level, timestamp: Some(timestamp.to_owned()), label, content: content.to_owned() })
}

fn is_time(text: &str) -> bool {
    let pattern = b"dddd-dd-ddTdd:dd:dd.dddddd";
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern)
            .all(|(byte, form)| if *form == b'd' { byte.is_ascii_digit() } else { byte == *form })
}

/// Text of one sealed console.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// The lines of a sealed console: each with its number in front, compressed. A line holds no newline.
pub fn encode_lines(lines: &BTreeMap<u64, String>) -> io::Result<Vec<u8>> {
    let mut text = String::new();
    for (number, line) in lines {
        text.push_str(&number.to_string());
        text.push(' ');
        text.push_str(line);
        text.push('\n');
    }
    zstd::bulk::compress(text.as_bytes(), 3)
}

pub fn decode_lines(bytes: &[u8]) -> io::Result<BTreeMap<u64, String>> {
    let bad = || io::Error::other("a sealed console is damaged");
    let mut text = String::new();
    let limited = io::Read::take(zstd::stream::read::Decoder::new(bytes)?, TEXT_BYTES_MAX as u64);
    io::Read::read_to_string(&mut io::BufReader::new(limited), &mut text)?;
    let parse = |line: &str| {
        let (number, line) = line.split_once(' ')?;
        Some((number.parse().ok()?, line.to_owned()))
    };
    text.split_terminator('\n').map(|line| parse(line).ok_or_else(bad)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_lines_come_back_under_their_numbers() {
        let lines: BTreeMap<u64, String> =
            [(0, ""), (1, "a  b"), (7, "é \r"), (u64::MAX, "7 x")].map(|(at, text)| (at, text.to_owned())).into();

        assert_eq!(decode_lines(&encode_lines(&lines).unwrap()).unwrap(), lines);
        assert!(decode_lines(b"x").is_err());
    }

    fn line(level: &str, timestamp: &str, label: &str, content: &str) -> ConsoleLine {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ConsoleLine { level: some(level), timestamp: some(timestamp), label: some(label), content: content.to_owned() }
    }

    #[test]
    fn both_forms_of_a_line_are_read() {
        let at = "2026-11-24T02:17:18.728526";
        let cases = [
            (
                format!(r#"{{"level":"error","ts":"{at}","label":"r0","content":"a \u003cb"}}"#),
                line("error", at, "r0", "a <b"),
            ),
            (format!(r#"{{"ts":"{at}","content":""}}"#), line("", at, "", "")),
            (format!("{at} hello 0"), line("", at, "", "hello 0")),
            (format!("ERROR {at} [rank0] bad"), line("error", at, "rank0", "bad")),
            (format!("{at} [not a label] x"), line("", at, "", "[not a label] x")),
            (at.to_owned(), line("", at, "", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(ConsoleLine::parse(&text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_has_another_form_is_content() {
        for text in
            ["", "plain", "ERROR plain", r#"{"content":"x"}"#, "{", "2026-11-24T02:17:18.72852é", "2026-11-24 x"]
        {
            assert_eq!(ConsoleLine::parse(text), line("", "", "", text));
        }
    }
}
