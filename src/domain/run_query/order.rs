//! The order of runs, and a run's place in it as an opaque text. A place holds what the run was ordered by, not only
//! which run it was: a listing goes on right behind it though the run has changed, or is gone.

use super::FieldValue;
use super::field::Field;
use crate::domain::clock::Timestamp;
use crate::domain::filter::{BadQuery, Order, SortKey};
use crate::domain::id::RunId;
use std::cmp::Ordering;

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

impl RunOrder {
    /// `+key`, `-key` or `key`; nothing is creation, oldest first.
    pub fn parse(text: Option<&str>) -> Result<Self, BadQuery> {
        let Order { key, descending } = Order::<Field>::parse(text)?;
        Ok(Self { field: key.filter(|field| *field != Field::CreatedAt), descending })
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
            (Some(key), Some(other_key)) => key.compare_in(other_key, self.descending).then(creation),
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
