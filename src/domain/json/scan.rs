//! The cursor all readers share: it walks over one text, checks it, and hands out slices without copying.

use std::borrow::Cow;

use super::error::{JsonError, JsonErrorKind};
use super::escape::{read_escape, unescape_until_quote};
use super::swar::{find_quote_or_backslash, skip_digits};

/// What a value is, told from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

/// A checked string between its quotes, escapes and all.
#[derive(Debug, Clone, Copy)]
pub struct RawString<'a> {
    pub raw: &'a str,
    pub is_escaped: bool,
}

impl<'a> RawString<'a> {
    pub fn text(&self) -> Cow<'a, str> {
        if !self.is_escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut scanner = Escaped(self.raw);
        Cow::Owned(scanner.text())
    }
}

/// The inside of a string that was checked before; its closing quote is not part of it.
struct Escaped<'a>(&'a str);

impl Escaped<'_> {
    fn text(&mut self) -> String {
        let mut out = String::with_capacity(self.0.len());
        let bytes = self.0.as_bytes();
        let mut copied = 0;
        while let Some(found) = memchr::memchr(b'\\', &bytes[copied..]).map(|at| at + copied) {
            out.push_str(&self.0[copied..found]);
            // Checked when the string was scanned, so an error cannot occur; the rest is kept as it stands.
            let Ok((escape, after)) = read_escape(bytes, found) else { break };
            match escape {
                super::escape::Escape::Itself => out.push(char::from(bytes[found + 1])),
                super::escape::Escape::Char(char) => out.push(char),
            }
            copied = after;
        }
        out.push_str(&self.0[copied..]);
        out
    }
}

/// A checked value as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct RawValue<'a> {
    pub raw: &'a str,
}

impl<'a> RawValue<'a> {
    pub fn kind(&self) -> Kind {
        match self.raw.as_bytes().first() {
            Some(b'"') => Kind::Text,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// The number, if it is one. Integers beyond 64 bits become floats.
    pub fn number(&self) -> Option<Number> {
        match self.raw.as_bytes().first()? {
            b'0'..=b'9' | b'-' | b'N' | b'I' => Some(parse_number(self.raw)),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self.number()? {
            Number::Int(int) => Some(int as f64),
            Number::Float(float) => Some(float),
        }
    }

    /// An integer, also one written as a float with an integral value.
    pub fn as_i64(&self) -> Option<i64> {
        match self.number()? {
            Number::Int(int) => Some(int),
            Number::Float(float) => integral(float),
        }
    }

    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        let raw = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        Some(RawString { raw, is_escaped: memchr::memchr(b'\\', raw.as_bytes()).is_some() }.text())
    }
}

pub(super) fn integral(float: f64) -> Option<i64> {
    // 2^63 itself is out of range; every integral float below it converts exactly.
    let fits = float.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float);
    fits.then_some(float as i64)
}

/// The value of a checked number text.
pub(super) fn parse_number(raw: &str) -> Number {
    match raw {
        "NaN" => return Number::Float(f64::NAN),
        "Infinity" => return Number::Float(f64::INFINITY),
        "-Infinity" => return Number::Float(f64::NEG_INFINITY),
        _ => {}
    }
    // "-0" is a float for everyone who tells it from 0.
    if raw != "-0"
        && let Ok(int) = raw.parse::<i64>()
    {
        return Number::Int(int);
    }
    Number::Float(raw.parse::<f64>().unwrap_or(f64::NAN))
}

/// A cursor over one text. After an error its position means nothing.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    saw_space: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Scanner { text, at: 0, saw_space: false }
    }

    pub fn offset(&self) -> usize {
        self.at
    }

    /// Whether space between tokens was passed so far.
    pub fn saw_space(&self) -> bool {
        self.saw_space
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no space, not consumed.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<u8, JsonError> {
        match self.bytes().get(self.at) {
            Some(&byte) if byte > b' ' => Ok(byte),
            _ => self.peek_after_space(),
        }
    }

    #[cold]
    fn peek_after_space(&mut self) -> Result<u8, JsonError> {
        while let Some(&byte) = self.bytes().get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {
                    self.saw_space = true;
                    self.at += 1;
                }
                _ => return Ok(byte),
            }
        }
        Err(JsonErrorKind::UnexpectedEnd.at(self.at))
    }

    #[inline(always)]
    pub fn expect(&mut self, wanted: u8) -> Result<(), JsonError> {
        let found = self.peek()?;
        if found != wanted {
            return Err(JsonErrorKind::UnexpectedByte(found).at(self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but space may follow.
    pub fn finish(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError { kind: JsonErrorKind::UnexpectedEnd, .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(JsonErrorKind::TrailingText.at(self.at)),
        }
    }

    /// Inside an object: the next key with its colon consumed, or `None` when the brace closes it.
    /// `is_first` is true right after the opening brace.
    #[inline]
    pub fn next_key(&mut self, is_first: bool) -> Result<Option<RawString<'a>>, JsonError> {
        if self.ends(b'}', is_first)? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Inside an array: whether an element follows; consumes the comma or the closing bracket.
    #[inline]
    pub fn next_element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        Ok(!self.ends(b']', is_first)?)
    }

    #[inline(always)]
    fn ends(&mut self, close: u8, is_first: bool) -> Result<bool, JsonError> {
        let found = self.peek()?;
        if found == close {
            self.at += 1;
            return Ok(true);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Ok(false)
    }

    /// A string, checked and not copied.
    #[inline]
    pub fn string(&mut self) -> Result<RawString<'a>, JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        let bytes = self.bytes();
        let mut is_escaped = false;
        loop {
            self.at = find_quote_or_backslash(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(RawString { raw, is_escaped });
                }
                Some(_) => {
                    is_escaped = true;
                    self.at = read_escape(bytes, self.at)?.1;
                }
                None => return Err(JsonErrorKind::UnexpectedEnd.at(bytes.len())),
            }
        }
    }

    /// A string whose text is appended to `out`.
    #[inline]
    pub fn string_into(&mut self, out: &mut String) -> Result<(), JsonError> {
        self.expect(b'"')?;
        self.at = unescape_until_quote(self.text, self.at, out)?;
        Ok(())
    }

    /// Any value, checked and not copied.
    #[inline]
    pub fn value(&mut self) -> Result<RawValue<'a>, JsonError> {
        Ok(self.value_and_depth()?.0)
    }

    /// Any value with the depth of its nesting: 0 for a scalar, 1 for `{}`. Takes no stack per level.
    #[inline]
    pub(super) fn value_and_depth(&mut self) -> Result<(RawValue<'a>, usize), JsonError> {
        let first = self.peek()?;
        let start = self.at;
        let depth = match first {
            b'{' | b'[' => self.skip_container()?,
            _ => {
                self.skip_scalar(first)?;
                0
            }
        };
        Ok((RawValue { raw: &self.text[start..self.at] }, depth))
    }

    fn skip_container(&mut self) -> Result<usize, JsonError> {
        let mut open: Vec<u8> = Vec::with_capacity(16);
        let mut deepest = 0;
        loop {
            let first = self.peek()?;
            let close = match first {
                b'{' => b'}',
                b'[' => b']',
                _ => {
                    self.skip_scalar(first)?;
                    0
                }
            };
            if close != 0 {
                self.at += 1;
                deepest = deepest.max(open.len() + 1);
                if self.peek()? == close {
                    self.at += 1;
                } else {
                    open.push(close);
                    self.begin_member(close)?;
                    continue;
                }
            }
            if !self.close_containers(&mut open)? {
                return Ok(deepest);
            }
        }
    }

    /// After a value: closes what ends here; true when another value of an open container follows.
    #[inline]
    fn close_containers(&mut self, open: &mut Vec<u8>) -> Result<bool, JsonError> {
        while let Some(&close) = open.last() {
            let found = self.peek()?;
            if found == b',' {
                self.at += 1;
                self.begin_member(close)?;
                return Ok(true);
            }
            if found != close {
                return Err(JsonErrorKind::UnexpectedByte(found).at(self.at));
            }
            self.at += 1;
            open.pop();
        }
        Ok(false)
    }

    #[inline]
    fn begin_member(&mut self, close: u8) -> Result<(), JsonError> {
        if close == b'}' {
            self.string()?;
            self.expect(b':')?;
        }
        Ok(())
    }

    #[inline]
    fn skip_scalar(&mut self, first: u8) -> Result<(), JsonError> {
        match first {
            b'0'..=b'9' => self.skip_number(),
            b'"' => self.string().map(|_| ()),
            b'-' if self.bytes().get(self.at + 1) == Some(&b'I') => self.word("-Infinity"),
            b'-' => {
                self.at += 1;
                self.skip_number()
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'N' => self.word("NaN"),
            b'I' => self.word("Infinity"),
            _ => Err(JsonErrorKind::UnexpectedByte(first).at(self.at)),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        let end = self.at + word.len();
        if self.bytes().get(self.at..end) != Some(word.as_bytes()) {
            return Err(JsonErrorKind::Expected(word).at(self.at));
        }
        self.at = end;
        Ok(())
    }

    /// A number after its sign: digits without leading zeros, fraction, exponent.
    #[inline]
    fn skip_number(&mut self) -> Result<(), JsonError> {
        let bytes = self.bytes();
        let start = self.at;
        let mut at = skip_digits(bytes, start);
        if at == start || (bytes[start] == b'0' && at > start + 1) {
            return Err(JsonErrorKind::BadNumber.at(start));
        }
        if bytes.get(at) == Some(&b'.') {
            let fraction = at + 1;
            at = skip_digits(bytes, fraction);
            if at == fraction {
                return Err(JsonErrorKind::BadNumber.at(start));
            }
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let exponent = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            at = skip_digits(bytes, exponent);
            if at == exponent {
                return Err(JsonErrorKind::BadNumber.at(start));
            }
        }
        self.at = at;
        Ok(())
    }
}
