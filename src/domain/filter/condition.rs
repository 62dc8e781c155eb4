//! A filter as a tree of conditions, and asking it about the values of an entry. As in MongoDB, a condition on a list
//! holds when it holds for the list or for any element of it, and what is missing equals null.

use super::compare::{FieldValue, compare, equals, json_equals};
use crate::domain::json::Value;
use regex::Regex;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Which entries are meant; without conditions all of them.
#[derive(Debug, Clone)]
pub struct Filter<K> {
    /// The keys of the conditions, each once.
    pub(in crate::domain) fields: Vec<K>,
    pub(in crate::domain) root: Node,
}

#[derive(Debug, Clone)]
pub(in crate::domain) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// What the field of this number has to be.
    Test(usize, Test),
}

#[derive(Debug, Clone)]
pub(in crate::domain) enum Test {
    Equal(FieldValue),
    Compare(Comparison, FieldValue),
    In(OneOf),
    Exists(bool),
    Regex(Regex),
    /// A part of a text.
    Contains(String),
    Size(u64),
    All(Vec<FieldValue>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The values of `$in`; texts apart, because there may be thousands of them.
#[derive(Debug, Clone, Default)]
pub(in crate::domain) struct OneOf {
    pub texts: HashSet<String>,
    pub others: Vec<FieldValue>,
}

impl<K> Filter<K> {
    /// Every entry.
    pub fn all() -> Self {
        Self { fields: Vec::new(), root: Node::And(Vec::new()) }
    }

    pub fn is_all(&self) -> bool {
        self.root.is_always()
    }

    pub fn fields(&self) -> &[K] {
        &self.fields
    }

    /// `values` are those of [`Filter::fields`], in their order.
    pub fn matches(&self, values: &[Option<&FieldValue>]) -> bool {
        self.root.matches(values)
    }
}

impl Node {
    fn is_always(&self) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(Self::is_always),
            Self::Or(nodes) => nodes.iter().any(Self::is_always),
            Self::Not(_) | Self::Test(..) => false,
        }
    }

    fn matches(&self, values: &[Option<&FieldValue>]) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.matches(values)),
            Self::Or(nodes) => nodes.iter().any(|node| node.matches(values)),
            Self::Not(node) => !node.matches(values),
            Self::Test(field, test) => test.holds(values[*field]),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&FieldValue>) -> bool {
        match self {
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Equal(wanted) => is_or_has_equal(value, wanted),
            Self::In(one_of) => one_of.holds(value),
            Self::All(wanted) => !wanted.is_empty() && wanted.iter().all(|wanted| is_or_has_equal(value, wanted)),
            Self::Compare(comparison, wanted) => match value {
                None => wanted.is_null() && comparison.holds(Ordering::Equal),
                Some(value) => any_of(value, |value| compare(value, wanted).is_some_and(|it| comparison.holds(it))),
            },
            Self::Size(size) => match value {
                Some(FieldValue::Json(Value::Array(items))) => items.len() as u64 == *size,
                _ => false,
            },
            Self::Regex(regex) => any_text(value, |text| regex.is_match(text)),
            Self::Contains(part) => any_text(value, |text| text.contains(part.as_str())),
        }
    }
}

impl Comparison {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Less => found.is_lt(),
            Self::LessOrEqual => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::GreaterOrEqual => found.is_ge(),
        }
    }
}

impl OneOf {
    fn holds(&self, value: Option<&FieldValue>) -> bool {
        let has_text = |value: &Value| value.as_str().is_some_and(|text| self.texts.contains(text));
        let is_text = match value {
            Some(FieldValue::Json(Value::Array(items))) => items.iter().any(has_text),
            Some(FieldValue::Json(value)) => has_text(value),
            _ => false,
        };
        is_text || self.others.iter().any(|wanted| is_or_has_equal(value, wanted))
    }
}

fn is_or_has_equal(value: Option<&FieldValue>, wanted: &FieldValue) -> bool {
    let Some(value) = value else { return wanted.is_null() };
    if equals(value, wanted) {
        return true;
    }
    match (value, wanted) {
        (FieldValue::Json(Value::Array(items)), FieldValue::Json(wanted)) => {
            items.iter().any(|item| json_equals(item, wanted))
        }
        _ => false,
    }
}

/// Whether it holds for the value or an element of it.
fn any_of(value: &FieldValue, holds: impl Fn(&FieldValue) -> bool) -> bool {
    let is_held = |item: &Value| match item {
        // A list in a list is not looked into.
        Value::Array(_) | Value::Object(_) => false,
        scalar => holds(&FieldValue::Json(scalar.clone())),
    };
    match value {
        FieldValue::Json(Value::Array(items)) => items.iter().any(is_held),
        value => holds(value),
    }
}

/// Whether it holds for the text, or a text in the list. A date is the text that the client shows.
fn any_text(value: Option<&FieldValue>, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(FieldValue::Json(Value::Text(text))) => holds(text),
        Some(FieldValue::Json(Value::Array(items))) => items.iter().filter_map(Value::as_str).any(holds),
        Some(FieldValue::Time(time)) => holds(&time.to_rfc3339_secs()),
        _ => false,
    }
}
