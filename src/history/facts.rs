//! What is known about the rows of a stream without reading them again: the statistics of their keys, what a summary is
//! made of, and the last row. Facts of later rows are appended to those of earlier ones.

use serde::{Deserialize, Serialize};

use super::keys::KeyStatistics;
use super::summary::SummaryState;
use crate::domain::json::{JsonError, Wanted, project};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RowFacts {
    pub keys: KeyStatistics,
    pub summary: SummaryState,
    /// The row of the largest step; of several the newest.
    pub last: Option<LastRow>,
    #[serde(default)]
    pub first_step: Option<i64>,
    /// Some row came after one of its own step or a later one, so it may replace an older row that was counted too.
    #[serde(default)]
    pub may_count_twice: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRow {
    pub step: i64,
    pub row: String,
}

/// Reading facts that something else wrote.
#[derive(Debug, thiserror::Error)]
#[error("facts about rows cannot be read: {0}")]
pub struct BadFacts(String);

impl RowFacts {
    /// Takes in rows, each with its newline, in the order in which they came; empty lines are none. Rows without a step
    /// have the step of the row before them.
    pub fn observe(&mut self, text: &str) -> Result<(), JsonError> {
        let wanted = Wanted::new(["_step"]);
        let mut last = None;
        for row in text.lines().filter(|row| !row.is_empty()) {
            let mut own = None;
            project(row, &wanted, |_, value| own = value.as_i64())?;
            self.may_count_twice |= own.is_some() && own <= self.keys.last_step;
            self.first_step = self.first_step.or(own);
            self.keys.observe_row(row, own)?;
            self.summary.fold_row(row)?;
            let largest = self.last_step(last);
            let step = own.or(largest).unwrap_or(0);
            if largest.is_none_or(|largest| largest <= step) {
                last = Some((step, row));
            }
        }
        if let Some((step, row)) = last {
            self.last = Some(LastRow { step, row: row.to_owned() });
        }
        Ok(())
    }

    fn last_step(&self, newer: Option<(i64, &str)>) -> Option<i64> {
        newer.map(|(step, _)| step).or_else(|| self.last.as_ref().map(|last| last.step))
    }

    /// Takes in what is known about later rows.
    pub fn append(&mut self, later: &RowFacts) {
        let overlaps = later.first_step.is_some() && later.first_step <= self.keys.last_step;
        self.may_count_twice |= later.may_count_twice || overlaps;
        self.first_step = self.first_step.or(later.first_step);
        self.keys.append(&later.keys);
        self.summary.append(&later.summary);
        if let Some(row) = &later.last
            && self.last.as_ref().is_none_or(|last| last.step <= row.step)
        {
            self.last = Some(row.clone());
        }
    }

    pub fn encode(&self) -> Result<Vec<u8>, BadFacts> {
        rmp_serde::to_vec_named(self).map_err(|error| BadFacts(error.to_string()))
    }

    pub fn decode(bytes: &[u8]) -> Result<RowFacts, BadFacts> {
        rmp_serde::from_slice(bytes).map_err(|error| BadFacts(error.to_string()))
    }

    /// Roughly, for a cache.
    pub fn memory_bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |last| last.row.len());
        let keys: usize = self.keys.keys().iter().map(|key| 400 + 3 * key.name.len() + 3 * key.previous.len()).sum();
        1024 + last + keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::summary::Definitions;

    const ROWS: [&str; 5] = [
        r#"{"_step":0,"a":1,"d":{"x":1}}"#,
        r#"{"_step":1,"a":NaN}"#,
        "",
        r#"{"_step":7,"a":3,"d":{"y":2}}"#,
        r#"{"_step":2,"b":"x"}"#,
    ];

    fn of(rows: &[&str]) -> RowFacts {
        let mut facts = RowFacts::default();
        facts.observe(&rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
        facts
    }

    #[test]
    fn the_last_row_is_the_one_of_the_largest_step() {
        assert_eq!(of(&ROWS).last, Some(LastRow { step: 7, row: ROWS[3].to_owned() }));
        let again = [ROWS[0], r#"{"_step":0,"a":2}"#];
        assert_eq!(of(&again).last.unwrap().row, again[1]);
    }

    #[test]
    fn facts_of_parts_add_up_to_those_of_the_whole_wherever_they_are_cut() {
        for cut in 0..=ROWS.len() {
            let mut left = of(&ROWS[..cut]);
            let right = RowFacts::decode(&of(&ROWS[cut..]).encode().unwrap()).unwrap();

            left.append(&right);

            assert_eq!(left.keys.to_value().to_text(), of(&ROWS).keys.to_value().to_text(), "cut at {cut}");
            assert_eq!(left.last, of(&ROWS).last);
            let summary = |facts: &RowFacts| facts.summary.summary(&Definitions::default()).to_text();
            assert_eq!(summary(&left), summary(&of(&ROWS)));
        }
    }
}
