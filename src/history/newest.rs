//! Of rows with equal steps the newest counts: a client that is synchronized again sends its rows again.

use super::columns::{Column, Columns, Presence};
use crate::domain::json::{JsonError, Wanted, project};

/// The rows that count, given steps that ascend, where rows of equal step are in the order in which they came.
pub fn newest(steps: &[i64]) -> Vec<usize> {
    let is_newest = |row: &usize| steps.get(row + 1) != Some(&steps[*row]);
    (0..steps.len()).filter(is_newest).collect()
}

pub fn is_strict(steps: &[i64]) -> bool {
    steps.windows(2).all(|pair| pair[0] < pair[1])
}

/// The rows of the texts that count, in the order of their steps; nothing when all do and are in order already. A row
/// without a step has the step of the row before it.
pub fn newest_rows(texts: &[&str]) -> Result<Option<String>, JsonError> {
    let wanted = Wanted::new(["_step"]);
    let mut rows: Vec<(i64, &str)> = Vec::new();
    let mut last = 0;
    for row in texts.iter().flat_map(|text| text.lines()).filter(|row| !row.is_empty()) {
        let mut own = None;
        project(row, &wanted, |_, value| own = value.as_i64())?;
        last = own.unwrap_or(last);
        rows.push((last, row));
    }
    if rows.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return Ok(None);
    }
    rows.sort_by_key(|row| row.0);
    let steps: Vec<i64> = rows.iter().map(|row| row.0).collect();
    Ok(Some(newest(&steps).into_iter().map(|row| format!("{}\n", rows[row].1)).collect()))
}

impl Columns {
    /// Leaves out rows that newer ones replace.
    pub fn keep_newest(self) -> Columns {
        if is_strict(&self.steps) {
            return self;
        }
        self.only_rows(&newest(&self.steps))
    }

    /// These rows alone; ascending.
    pub fn only_rows(&self, rows: &[usize]) -> Columns {
        let columns = self.columns.iter().map(|column| column.only_rows(rows));
        Columns {
            columns: columns.filter(|column| !column.values.is_empty()).collect(),
            steps: rows.iter().map(|row| self.steps[*row]).collect(),
        }
    }
}

impl Column {
    /// The values in these rows, which become the rows 0, 1, 2 …
    pub fn only_rows(&self, rows: &[usize]) -> Column {
        let mut kept = Vec::new();
        let mut indices = Vec::new();
        for (new, row) in (0u32..).zip(rows) {
            if let Some(index) = self.index_of(*row) {
                kept.push(new);
                indices.push(u32::try_from(index).unwrap_or(u32::MAX));
            }
        }
        let presence = if kept.len() == rows.len() { Presence::All } else { Presence::Rows(kept) };
        Column { key: self.key.clone(), presence, values: self.values.permuted(&indices) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::columns::{Pick, gather};

    #[test]
    fn a_row_that_is_sent_again_replaces_the_first_one_whole() {
        let text =
            "{\"_step\":1,\"a\":1,\"b\":1}\n{\"_step\":2,\"a\":2}\n{\"_step\":1,\"a\":10}\n{\"_step\":3,\"b\":3}\n";
        let columns = gather(&[text], Pick::Leaves).unwrap().into_columns().keep_newest();

        let mut rows = String::new();
        (0..columns.steps.len()).for_each(|row| columns.write_row(row, &mut rows));

        assert_eq!(rows, r#"{"_step":1,"a":10}{"_step":2,"a":2}{"_step":3,"b":3}"#);
    }

    #[test]
    fn rows_are_picked_by_their_place() {
        let text = "{\"_step\":1,\"a\":1}\n{\"_step\":2,\"b\":2}\n{\"_step\":3,\"a\":3}\n";
        let columns = gather(&[text], Pick::Leaves).unwrap().into_columns();

        let picked = columns.only_rows(&[0, 2]);

        assert_eq!(picked.steps, [1, 3]);
        assert_eq!(picked.columns.len(), 1);
        assert_eq!(picked.column("a").unwrap().presence, Presence::All);
    }
}
