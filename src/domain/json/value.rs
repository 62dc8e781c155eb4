//! A JSON value as a tree, for the small texts that are looked into: configs, summaries, specs.

use std::collections::HashMap;

use super::error::{JsonError, JsonErrorKind, utf8};
use super::escape::write_string;
use super::scan::{Number, RawValue, Scanner};

/// Integers stay integers: `42` is never written as `42.0`, nor the other way round.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// May be NaN or infinite.
    Float(f64),
    Text(String),
    Array(Vec<Value>),
    /// In the order of the text; keys are unique.
    Object(Vec<(String, Value)>),
}

#[derive(Clone, Copy)]
enum NonFinite {
    Bare,
    Quoted,
}

impl Value {
    /// Reads one value that fills the whole text and nests at most `depth` containers.
    /// Of members with the same key the last one wins.
    pub fn parse(bytes: &[u8], depth: usize) -> Result<Value, JsonError> {
        let mut scanner = Scanner::new(utf8(bytes)?);
        let value = read(&mut scanner, depth)?;
        scanner.finish()?;
        Ok(value)
    }

    /// The member `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        match self {
            Value::Object(members) => members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Follows a path of object keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Replaces or appends a member; whatever was no object becomes one.
    pub fn set(&mut self, key: &str, value: Value) {
        if let Some(old) = self.get_mut(key) {
            *old = value;
            return;
        }
        match self {
            Value::Object(members) => members.push((key.to_owned(), value)),
            other => *other = Value::Object(vec![(key.to_owned(), value)]),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// An integer, also one written as a float with an integral value.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(*int),
            Value::Float(float) => super::scan::integral(*float),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Compact text with bare `NaN` and `Infinity`, as the client reads and writes it.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        write(self, NonFinite::Bare, &mut out);
        out
    }

    /// Compact text that every JSON reader accepts: non-finite numbers are the strings of their names.
    pub fn to_strict_text(&self) -> String {
        let mut out = String::new();
        write(self, NonFinite::Quoted, &mut out);
        out
    }

    pub fn write_text(&self, out: &mut String) {
        write(self, NonFinite::Bare, out);
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Int(int) => Value::Int(int),
            Number::Float(float) => Value::Float(float),
        }
    }
}

impl RawValue<'_> {
    /// The tree of this value.
    pub fn to_value(&self, depth: usize) -> Result<Value, JsonError> {
        Value::parse(self.raw.as_bytes(), depth)
    }
}

fn read(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    let first = scanner.peek()?;
    if matches!(first, b'{' | b'[') && depth == 0 {
        return Err(JsonErrorKind::TooDeep.at(scanner.offset()));
    }
    match first {
        b'{' => read_object(scanner, depth - 1),
        b'[' => {
            scanner.expect(b'[')?;
            let mut items = Vec::new();
            while scanner.next_element(items.is_empty())? {
                items.push(read(scanner, depth - 1)?);
            }
            Ok(Value::Array(items))
        }
        b'"' => Ok(Value::Text(scanner.string()?.text().into_owned())),
        _ => {
            let raw = scanner.value()?;
            Ok(match raw.raw {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => raw.number().map_or(Value::Null, Value::from),
            })
        }
    }
}

fn read_object(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    scanner.expect(b'{')?;
    let mut members: Vec<(String, Value)> = Vec::new();
    while let Some(key) = scanner.next_key(members.is_empty())? {
        members.push((key.text().into_owned(), read(scanner, depth)?));
    }
    Ok(Value::Object(without_duplicates(members)))
}

/// The last value of a key at the place of the first. A map, because a hostile object may hold a million keys.
fn without_duplicates(mut members: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut first_of: HashMap<&str, usize> = HashMap::with_capacity(members.len());
    let mut moves = Vec::new();
    for (at, (key, _)) in members.iter().enumerate() {
        if let Some(first) = first_of.get(key.as_str()) {
            moves.push((at, *first));
        } else {
            first_of.insert(key, at);
        }
    }
    if moves.is_empty() {
        return members;
    }
    let mut keep = vec![true; members.len()];
    for (from, to) in moves {
        let value = std::mem::replace(&mut members[from].1, Value::Null);
        members[to].1 = value;
        keep[from] = false;
    }
    let mut keep = keep.into_iter();
    members.retain(|_| keep.next().unwrap_or(true));
    members
}

fn write(value: &Value, non_finite: NonFinite, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(int) => append(out, format_args!("{int}")),
        Value::Float(float) => match non_finite {
            NonFinite::Quoted if !float.is_finite() => {
                out.push('"');
                write_float(*float, out);
                out.push('"');
            }
            _ => write_float(*float, out),
        },
        Value::Text(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, non_finite, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (key, item)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(item, non_finite, out);
            }
            out.push('}');
        }
    }
}

/// The shortest text that reads back as the same float and not as an integer.
pub fn write_float(float: f64, out: &mut String) {
    if float.is_nan() {
        out.push_str("NaN");
    } else if float.is_infinite() {
        out.push_str(if float > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        // The debug form always has a fraction or an exponent, and is the shortest that round-trips.
        append(out, format_args!("{float:?}"));
    }
}

pub(super) fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    use std::fmt::Write;
    out.write_fmt(text).expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json::MAX_DEPTH;

    fn parse(text: &str) -> Result<Value, JsonError> {
        Value::parse(text.as_bytes(), MAX_DEPTH)
    }

    fn round(text: &str) -> String {
        parse(text).unwrap().to_text()
    }

    #[test]
    fn numbers_keep_their_kind_and_value() {
        let text = r#"[42,42.0,-0.0,0.1,1e16,1.79e+09,9223372036854775807,9223372036854775808,NaN,Infinity,-Infinity]"#;

        let back = round(text);

        assert_eq!(
            back,
            "[42,42.0,-0.0,0.1,1e16,1790000000.0,9223372036854775807,9.223372036854776e18,NaN,Infinity,-Infinity]"
        );
        assert_eq!(round(&back), back);
        assert_eq!(round("-0"), "-0.0");
    }

    #[test]
    fn strict_text_quotes_what_is_not_finite() {
        let value = parse(r#"{"a":NaN,"b":[Infinity,-Infinity,1]}"#).unwrap();

        assert_eq!(value.to_strict_text(), r#"{"a":"NaN","b":["Infinity","-Infinity",1]}"#);
    }

    #[test]
    fn the_last_of_equal_keys_wins() {
        assert_eq!(round(r#"{"a":1,"b":2,"a":3,"\u0061":4}"#), r#"{"a":4,"b":2}"#);
    }

    #[test]
    fn surrogates_pair_up_and_lonely_ones_are_replaced() {
        assert_eq!(parse(r#""\ud83d\ude00""#).unwrap(), Value::Text("😀".into()));
        assert_eq!(parse(r#""\ud83d!\ude00\ud83d\n""#).unwrap(), Value::Text("\u{FFFD}!\u{FFFD}\u{FFFD}\n".into()));
    }

    #[test]
    fn malformed_text_is_refused_with_its_place() {
        let cases = [
            ("", JsonErrorKind::UnexpectedEnd, 0),
            ("{\"a\":1,}", JsonErrorKind::UnexpectedByte(b'}'), 7),
            ("[1 2]", JsonErrorKind::UnexpectedByte(b'2'), 3),
            ("[,1]", JsonErrorKind::UnexpectedByte(b','), 1),
            ("01", JsonErrorKind::BadNumber, 0),
            ("1.", JsonErrorKind::BadNumber, 0),
            ("-", JsonErrorKind::BadNumber, 1),
            ("1e+", JsonErrorKind::BadNumber, 0),
            ("nul", JsonErrorKind::Expected("null"), 0),
            ("\"\\x\"", JsonErrorKind::BadEscape, 1),
            ("\"\\u12g4\"", JsonErrorKind::BadEscape, 1),
            ("\"abc", JsonErrorKind::UnexpectedEnd, 4),
            ("1 1", JsonErrorKind::TrailingText, 2),
            ("{\"a\" 1}", JsonErrorKind::UnexpectedByte(b'1'), 5),
            ("[1}", JsonErrorKind::UnexpectedByte(b'}'), 2),
        ];
        for (text, kind, offset) in cases {
            assert_eq!(parse(text), Err(JsonError { kind, offset }), "{text}");
        }
        assert_eq!(Value::parse(b"\"a\xff\"", 1), Err(JsonError { kind: JsonErrorKind::NotUtf8, offset: 2 }));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);

        assert!(parse(&nested(128)).is_ok());
        assert_eq!(parse(&nested(129)).unwrap_err().kind, JsonErrorKind::TooDeep);
        assert_eq!(parse(&nested(1_000_000)).unwrap_err().offset, 128);
    }

    #[test]
    fn paths_are_followed_and_members_set() {
        let mut value = parse(r#"{"_wandb":{"value":{"m":[1]}}}"#).unwrap();

        assert_eq!(value.at(&["_wandb", "value", "m"]), Some(&Value::Array(vec![Value::Int(1)])));
        value.set("x", Value::Int(1));
        value.set("x", Value::Bool(true));
        assert_eq!(value.to_text(), r#"{"_wandb":{"value":{"m":[1]}},"x":true}"#);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("equality", |f| !f.is_nan()).prop_map(Value::Float),
            any::<String>().prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_survives_its_text(value in any_value()) {
            prop_assert_eq!(parse(&value.to_text()), Ok(value.clone()));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&value.to_strict_text()).is_ok());
        }

        #[test]
        fn we_read_whatever_serde_json_reads(text in r#"[\[\]{}",:0-9.eE+\-tfnul \\a]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // Theirs refuses numbers beyond f64, ours makes them infinite.
            match (parse(&text), theirs) {
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{error}"),
                (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
                _ => {}
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Value::parse(&bytes, MAX_DEPTH);
        }
    }
}
