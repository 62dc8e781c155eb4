//! The order of runs, and a run's place in it as an opaque text. A place holds what the run was ordered by, not only
//! which run it was: a listing goes on right behind it though the run has changed, or is gone.

use super::BadQuery;
use super::compare::{FieldValue, compare_numbers, is_nan, number};
use super::field::Field;
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;
use crate::domain::json::{Number, Value};
use std::cmp::Ordering;

/// Longer texts are ordered by their beginnings: places are kept in memory by the thousand, and in cursors.
const TEXT_BYTES: usize = 256;

/// By one key; equals by creation, oldest first. The default is creation, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOrder {
    /// `None` is creation itself.
    field: Option<Field>,
    descending: bool,
}

/// A run's place in an order.
#[derive(Debug, Clone)]
pub struct Position {
    key: Option<SortKey>,
    descending: bool,
    pub created_at: Timestamp,
    pub id: RunId,
}

/// Values of all kinds in one order, kind by kind as in MongoDB. What is missing is last whatever the direction, and so
/// is NaN: the best run is not one that diverged.
#[derive(Debug, Clone)]
enum SortKey {
    Number(Number),
    Text(String),
    Object(String),
    Array(String),
    Bool(bool),
    Time(Timestamp),
    Missing,
}

impl RunOrder {
    /// `+key`, `-key` or `key`; nothing is creation, oldest first.
    pub fn parse(text: Option<&str>) -> Result<Self, BadQuery> {
        let text = text.unwrap_or_default().trim();
        let (descending, key) = match text.strip_prefix('-') {
            Some(key) => (true, key),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let field = Some(Field::parse(key)?).filter(|field| *field != Field::CreatedAt);
        Ok(Self { field, descending })
    }

    /// What is ordered by, other than creation.
    pub fn field(&self) -> Option<&Field> {
        self.field.as_ref()
    }

    pub fn is_descending(&self) -> bool {
        self.descending
    }

    pub(super) fn position(&self, value: Option<&FieldValue>, created_at: Timestamp, id: RunId) -> Position {
        let key = self.field.is_some().then(|| SortKey::of(value));
        Position { key, descending: self.descending, created_at, id }
    }

    /// Reads a place in this order back from its text.
    pub fn parse_position(&self, text: &str) -> Option<Position> {
        let mut parts = text.splitn(3, '.');
        let created_at = Timestamp(parts.next()?.parse().ok()?);
        let id = RunId(parts.next()?.parse().ok()?);
        let key = match (parts.next(), &self.field) {
            (None, None) => None,
            (Some(text), Some(_)) => Some(SortKey::parse(text)?),
            _ => return None, // of another order
        };
        Some(Position { key, descending: self.descending, created_at, id })
    }
}

impl Position {
    pub fn to_text(&self) -> String {
        let mut text = format!("{}.{}", self.created_at.0, self.id);
        if let Some(key) = &self.key {
            text.push('.');
            key.write(&mut text);
        }
        text
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        let turned = |ordering: Ordering| if self.descending { ordering.reverse() } else { ordering };
        let creation = (self.created_at, self.id).cmp(&(other.created_at, other.id));
        match (&self.key, &other.key) {
            (Some(key), Some(other_key)) => {
                let is_missing = |key: &SortKey| matches!(key, SortKey::Missing);
                let missing_last = is_missing(key).cmp(&is_missing(other_key));
                missing_last.then_with(|| turned(key.compare(other_key))).then(creation)
            }
            // Like the index that such a list is read from.
            _ => turned(creation),
        }
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Position {}

impl SortKey {
    fn of(value: Option<&FieldValue>) -> Self {
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

    fn write(&self, out: &mut String) {
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

    fn parse(text: &str) -> Option<Self> {
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
