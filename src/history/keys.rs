//! What is known about each key of a run's history: how many values of which type, whether it only grows, its last
//! value. Kept up to date row by row, and merged over parts of a run.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::json::{JsonError, Kind, MAX_DEPTH, RawValue, Value, flatten, flatten_value};

/// A longer last value is not worth keeping here; the row has it.
const MAX_PREVIOUS_BYTES: usize = 4096;

/// Keys beyond this many are not described; their values are still there.
pub const MAX_KEYS: usize = 10_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeyStatistics {
    keys: Vec<KeyStatistic>,
    pub last_step: Option<i64>,
    /// Where each name is; rebuilt when it does not fit.
    #[serde(skip)]
    index: HashMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyStatistic {
    /// Nested keys joined with dots.
    pub name: String,
    /// Few, in the order of first appearance.
    pub types: Vec<(String, u64)>,
    /// Numbers that never descend, and nothing else.
    pub monotonic: bool,
    pub first_number: Option<f64>,
    pub last_number: Option<f64>,
    /// JSON text of the last value, empty when it was too long.
    pub previous: String,
}

impl PartialEq for KeyStatistics {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys && self.last_step == other.last_step
    }
}

impl KeyStatistics {
    pub fn keys(&self) -> &[KeyStatistic] {
        &self.keys
    }

    pub fn key(&self, name: &str) -> Option<&KeyStatistic> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Takes in one row; rows come in the order of their steps.
    pub fn observe_row(&mut self, row: &str, step: Option<i64>) -> Result<(), JsonError> {
        let mut guess = 0;
        self.last_step = self.last_step.max(step);
        flatten(row, |name, value| {
            if let Some(at) = self.find_or_add(name, guess) {
                guess = at + 1;
                self.keys[at].observe(value);
            }
        })
    }

    /// Takes in all values of one member of the rows at once, in order.
    pub fn observe_member<'a>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = RawValue<'a>>,
    ) -> Result<(), JsonError> {
        let mut at = usize::MAX;
        for value in values {
            flatten_value(name, value, &mut |leaf, value| {
                if let Some(found) = self.find_or_add(leaf, at) {
                    at = found;
                    self.keys[at].observe(value);
                }
            })?;
        }
        Ok(())
    }

    /// Takes in the steps of rows, ascending.
    pub fn observe_steps(&mut self, steps: &[i64]) {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return };
        let mut key = KeyStatistic::new("_step");
        key.count("number", steps.len() as u64);
        key.first_number = Some(*first as f64);
        key.last_number = Some(*last as f64);
        key.previous = last.to_string();
        self.append(&KeyStatistics { keys: vec![key], last_step: Some(*last), index: HashMap::new() });
    }

    /// Takes in the statistics of later rows.
    pub fn append(&mut self, later: &KeyStatistics) {
        self.last_step = self.last_step.max(later.last_step);
        for key in &later.keys {
            let known = self.keys.len();
            let Some(at) = self.find_or_add(&key.name, usize::MAX) else { continue };
            if at == known {
                self.keys[at] = key.clone();
            } else {
                self.keys[at].append(key);
            }
        }
    }

    /// Where a key is, or `None` when there are too many already.
    fn find_or_add(&mut self, name: &str, guess: usize) -> Option<usize> {
        if self.keys.get(guess).is_some_and(|key| key.name == name) {
            return Some(guess);
        }
        if self.index.len() != self.keys.len() {
            self.index = self.keys.iter().enumerate().map(|(at, key)| (key.name.clone(), at)).collect();
        }
        if let Some(at) = self.index.get(name) {
            return Some(*at);
        }
        if self.keys.len() >= MAX_KEYS {
            return None;
        }
        self.index.insert(name.to_owned(), self.keys.len());
        self.keys.push(KeyStatistic::new(name));
        Some(self.keys.len() - 1)
    }

    /// The shape the client reads: `{"sets":[],"keys":{…},"lastStep":n}`, -1 for a run without rows.
    pub fn to_value(&self) -> Value {
        let keys = self.keys.iter().map(|key| (key.name.clone(), key.to_value())).collect();
        Value::Object(vec![
            ("sets".to_owned(), Value::Array(Vec::new())),
            ("keys".to_owned(), Value::Object(keys)),
            ("lastStep".to_owned(), Value::Int(self.last_step.unwrap_or(-1))),
        ])
    }
}

impl KeyStatistic {
    fn new(name: &str) -> Self {
        KeyStatistic {
            name: name.to_owned(),
            types: Vec::new(),
            monotonic: true,
            first_number: None,
            last_number: None,
            previous: String::new(),
        }
    }

    fn observe(&mut self, value: RawValue<'_>) {
        match value.as_f64() {
            Some(number) => {
                // NaN compares false and so ends it.
                self.monotonic &= self.last_number.is_none_or(|last| last <= number) && !number.is_nan();
                self.first_number.get_or_insert(number);
                self.last_number = Some(number);
                self.count("number", 1);
            }
            None => {
                self.monotonic = false;
                self.count(&type_name(value), 1);
            }
        }
        self.previous.clear();
        if value.raw.len() <= MAX_PREVIOUS_BYTES {
            self.previous.push_str(value.raw);
        }
    }

    fn count(&mut self, name: &str, count: u64) {
        match self.types.iter_mut().find(|(known, _)| known == name) {
            Some((_, counted)) => *counted += count,
            None => self.types.push((name.to_owned(), count)),
        }
    }

    fn append(&mut self, later: &KeyStatistic) {
        for (name, count) in &later.types {
            self.count(name, *count);
        }
        let joins = match (self.last_number, later.first_number) {
            (Some(last), Some(first)) => last <= first,
            _ => true,
        };
        self.monotonic &= later.monotonic && joins;
        self.first_number = self.first_number.or(later.first_number);
        self.last_number = later.last_number.or(self.last_number);
        self.previous.clone_from(&later.previous);
    }

    fn to_value(&self) -> Value {
        let types = self.types.iter().map(|(name, count)| {
            Value::Object(vec![
                ("type".to_owned(), Value::Text(name.clone())),
                ("count".to_owned(), Value::Int(i64::try_from(*count).unwrap_or(i64::MAX))),
            ])
        });
        let previous = Value::parse(self.previous.as_bytes(), MAX_DEPTH).unwrap_or(Value::Null);
        Value::Object(vec![
            ("typeCounts".to_owned(), Value::Array(types.collect())),
            ("monotonic".to_owned(), Value::Bool(self.monotonic)),
            ("previousValue".to_owned(), previous),
        ])
    }
}

fn type_name(value: RawValue<'_>) -> String {
    let name = match value.kind() {
        Kind::Number => "number",
        Kind::Text => "string",
        Kind::Bool => "boolean",
        Kind::Null => "nil",
        Kind::Array => "list",
        Kind::Object => {
            let tree = value.to_value(MAX_DEPTH).ok();
            let marked = tree.as_ref().and_then(|tree| tree.get("_type")).and_then(Value::as_str);
            return marked.unwrap_or("map").to_owned();
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str]) -> KeyStatistics {
        let mut statistics = KeyStatistics::default();
        for (step, row) in (0..).zip(rows) {
            statistics.observe_row(row, Some(step)).unwrap();
        }
        statistics
    }

    const ROWS: [&str; 4] = [
        r#"{"a":1,"d":{"x":1},"h":{"_type":"histogram","bins":[]}}"#,
        r#"{"a":2.5,"d":{"x":3}}"#,
        r#"{"a":"s","d":{"x":2}}"#,
        r#"{"d":{"x":NaN},"b":null}"#,
    ];

    #[test]
    fn the_shape_is_the_one_the_client_reads() {
        let text = of(&ROWS[..3]).to_value().to_strict_text();

        assert_eq!(
            text,
            concat!(
                r#"{"sets":[],"keys":{"#,
                r#""a":{"typeCounts":[{"type":"number","count":2},{"type":"string","count":1}],"monotonic":false,"previousValue":"s"},"#,
                r#""d.x":{"typeCounts":[{"type":"number","count":3}],"monotonic":false,"previousValue":2},"#,
                r#""h":{"typeCounts":[{"type":"histogram","count":1}],"monotonic":false,"previousValue":{"_type":"histogram","bins":[]}}"#,
                r#"},"lastStep":2}"#
            )
        );
        assert_eq!(KeyStatistics::default().to_value().to_text(), r#"{"sets":[],"keys":{},"lastStep":-1}"#);
    }

    #[test]
    fn monotonic_means_never_descending() {
        assert!(of(&[r#"{"a":1}"#, r#"{"a":1}"#, r#"{"a":7}"#]).key("a").unwrap().monotonic);
        assert!(!of(&[r#"{"a":1}"#, r#"{"a":NaN}"#]).key("a").unwrap().monotonic);
    }

    #[test]
    fn parts_add_up_to_the_whole_wherever_they_are_cut() {
        for rows in [&ROWS[..], &[r#"{"a":3}"#, r#"{"a":4}"#, r#"{"a":1}"#], &[r#"{"a":1}"#, r#"{"a":2}"#]] {
            for cut in 0..=rows.len() {
                let mut left = of(&rows[..cut]);
                let mut right = KeyStatistics::default();
                for (step, row) in (0..).zip(rows).skip(cut) {
                    right.observe_row(row, Some(step)).unwrap();
                }
                let packed = rmp_serde::to_vec_named(&right).unwrap();

                left.append(&rmp_serde::from_slice(&packed).unwrap());

                assert_eq!(left.to_value().to_text(), of(rows).to_value().to_text(), "cut at {cut}");
            }
        }
    }
}
