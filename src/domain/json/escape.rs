//! Between a string's text and its escaped spelling.

use super::error::{JsonError, JsonErrorKind};
use super::swar::find_quote_or_backslash;

/// What one escape sequence stands for.
pub(super) enum Escape {
    /// The byte after the backslash stands for itself: `"`, `\` or `/`.
    Itself,
    Char(char),
}

/// Reads the escape whose backslash is at `at`; the second part is the position after it.
/// A surrogate without its partner becomes U+FFFD: the text must stay readable for everyone.
pub(super) fn read_escape(bytes: &[u8], at: usize) -> Result<(Escape, usize), JsonError> {
    let char = match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/') => return Ok((Escape::Itself, at + 2)),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return read_unicode(bytes, at),
        Some(_) => return Err(JsonErrorKind::BadEscape.at(at)),
        None => return Err(JsonErrorKind::UnexpectedEnd.at(bytes.len())),
    };
    Ok((Escape::Char(char), at + 2))
}

fn read_unicode(bytes: &[u8], at: usize) -> Result<(Escape, usize), JsonError> {
    let first = hex4(bytes, at + 2).ok_or(JsonErrorKind::BadEscape.at(at))?;
    let after = at + 6;
    if let Some(char) = char::from_u32(first) {
        return Ok((Escape::Char(char), after));
    }
    let second =
        if first < 0xDC00 && bytes.get(after..after + 2) == Some(b"\\u") { hex4(bytes, after + 2) } else { None };
    match second {
        Some(low @ 0xDC00..=0xDFFF) => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            Ok((Escape::Char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)), after + 6))
        }
        _ => Ok((Escape::Char(char::REPLACEMENT_CHARACTER), after)),
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    let mut code = 0;
    for digit in digits {
        code = code * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(code)
}

/// Appends the text of the string whose first character (after the quote) is at `at`, and returns the position
/// after its closing quote.
#[inline]
pub(super) fn unescape_until_quote(text: &str, at: usize, out: &mut String) -> Result<usize, JsonError> {
    let bytes = text.as_bytes();
    let mut copied = at;
    let mut search = at;
    loop {
        let found = find_quote_or_backslash(bytes, search);
        match bytes.get(found) {
            Some(b'"') => {
                out.push_str(&text[copied..found]);
                return Ok(found + 1);
            }
            Some(_) => {
                out.push_str(&text[copied..found]);
                let (escape, after) = read_escape(bytes, found)?;
                copied = match escape {
                    // The escaped byte goes along with the next stretch instead of being pushed alone.
                    Escape::Itself => found + 1,
                    Escape::Char(char) => {
                        out.push(char);
                        after
                    }
                };
                search = after;
            }
            None => return Err(JsonErrorKind::UnexpectedEnd.at(bytes.len())),
        }
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1F => {
                out.push_str(&text[copied..at]);
                write_control(byte, out);
                copied = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[copied..at]);
        out.push_str(escaped);
        copied = at + 1;
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

pub(super) fn write_control(byte: u8, out: &mut String) {
    out.push_str("\\u00");
    for half in [byte >> 4, byte & 0xF] {
        out.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
    }
}
