//! What a list is ordered by: values of all kinds in one order, also as text in a cursor.

use super::compare::{FieldValue, compare_numbers, is_nan, number};
use super::{BadQuery, FilterKey};
use crate::domain::clock::Timestamp;
use crate::domain::json::{Number, Value};
use std::cmp::Ordering;

/// Longer texts are ordered by their beginnings: places are kept in memory by the thousand, and in cursors.
const TEXT_BYTES: usize = 256;

/// A key and a direction, as the client writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<K> {
    /// `None`: the list's own order.
    pub key: Option<K>,
    pub descending: bool,
}

impl<K: FilterKey> Order<K> {
    /// `+key`, `-key` or `key`.
    pub fn parse(text: Option<&str>) -> Result<Self, BadQuery> {
        let text = text.unwrap_or_default().trim();
        let (descending, key) = match text.strip_prefix('-') {
            Some(key) => (true, key),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let key = if text.is_empty() { None } else { Some(K::parse(key)?) };
        Ok(Self { key, descending })
    }
}

/// Values of all kinds in one order, kind by kind as in MongoDB. What is missing is last whatever the direction, and so
/// is NaN: the best run is not one that diverged.
#[derive(Debug, Clone)]
pub enum SortKey {
    Number(Number),
    Text(String),
    Object(String),
    Array(String),
    Bool(bool),
    Time(Timestamp),
    Missing,
}

/// A place in a list that is ordered by a key and then by id; as text it is a cursor. It holds what was ordered by, so a list
/// goes on right behind it though the entry has changed, or is gone.
#[derive(Debug, Clone)]
pub struct Place {
    key: Option<SortKey>,
    descending: bool,
    id: u64,
}

impl Place {
    /// Without a key the list is by id alone.
    pub fn new(key: Option<SortKey>, descending: bool, id: u64) -> Self {
        Self { key, descending, id }
    }

    pub fn to_text(&self) -> String {
        let mut text = self.id.to_string();
        if let Some(key) = &self.key {
            text.push('.');
            key.write(&mut text);
        }
        text
    }

    /// Reads a place back; `None` for what no list in this order made.
    pub fn parse(text: &str, has_key: bool, descending: bool) -> Option<Self> {
        let (id, key) = match text.split_once('.') {
            Some((id, key)) => (id, Some(SortKey::parse(key)?)),
            None => (text, None),
        };
        let place = Self { key, descending, id: id.parse().ok()? };
        (place.key.is_some() == has_key).then_some(place)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let ids = self.id.cmp(&other.id);
        let ids = if self.descending { ids.reverse() } else { ids };
        match (&self.key, &other.key) {
            (Some(key), Some(other_key)) => key.compare_in(other_key, self.descending).then(ids),
            _ => ids,
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

impl SortKey {
    /// What is missing is last in both directions.
    pub fn compare_in(&self, other: &Self, descending: bool) -> Ordering {
        let is_missing = |key: &SortKey| matches!(key, SortKey::Missing);
        let compared = self.compare(other);
        let turned = if descending { compared.reverse() } else { compared };
        is_missing(self).cmp(&is_missing(other)).then(turned)
    }

    pub fn of(value: Option<&FieldValue>) -> Self {
        let value = match value {
            None => return Self::Missing,
            Some(FieldValue::Time(time)) => return Self::Time(*time),
            Some(FieldValue::Json(value)) => value,
        };
        match value {
            Value::Null => Self::Missing,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Text(text) => Self::Text(beginning(text)),
            Value::Object(_) => Self::Object(beginning(&value.to_text())),
            Value::Array(_) => Self::Array(beginning(&value.to_text())),
            Value::Int(_) | Value::Float(_) => {
                number(value).filter(|number| !is_nan(*number)).map_or(Self::Missing, Self::Number)
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Object(_) => 2,
            Self::Array(_) => 3,
            Self::Bool(_) => 4,
            Self::Time(_) => 5,
            Self::Missing => 6,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            // No NaN comes here.
            (Self::Number(left), Self::Number(right)) => compare_numbers(*left, *right).unwrap_or(Ordering::Equal),
            (Self::Text(left), Self::Text(right))
            | (Self::Object(left), Self::Object(right))
            | (Self::Array(left), Self::Array(right)) => left.cmp(right),
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Time(left), Self::Time(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    pub fn write(&self, out: &mut String) {
        let text = match self {
            Self::Number(Number::Int(int)) => format!("i{int}"),
            Self::Number(Number::Float(float)) => format!("f{}", float.to_bits()),
            Self::Text(text) => format!("s{text}"),
            Self::Object(text) => format!("o{text}"),
            Self::Array(text) => format!("a{text}"),
            Self::Bool(bool) => format!("b{bool}"),
            Self::Time(time) => format!("t{}", time.0),
            Self::Missing => "-".to_owned(),
        };
        out.push_str(&text);
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let kind = chars.next()?;
        let rest = chars.as_str();
        Some(match kind {
            'i' => Self::Number(Number::Int(rest.parse().ok()?)),
            'f' => {
                let float = Number::Float(f64::from_bits(rest.parse().ok()?));
                Self::Number(Some(float).filter(|float| !is_nan(*float))?)
            }
            's' => Self::Text(rest.to_owned()),
            'o' => Self::Object(rest.to_owned()),
            'a' => Self::Array(rest.to_owned()),
            'b' => Self::Bool(rest.parse().ok()?),
            't' => Self::Time(Timestamp(rest.parse().ok()?)),
            '-' if rest.is_empty() => Self::Missing,
            _ => return None,
        })
    }
}

fn beginning(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES)].to_owned()
}
