//! Rows turned into typed columns, ordered by step. Several writers' texts may overlap in steps; rows of equal step keep
//! the order of the texts they came in.

use std::collections::HashMap;

use crate::domain::json::{JsonError, Kind, Number, RawValue, Wanted, flatten, project, write_float, write_string};

/// Which keys of the rows become columns.
#[derive(Debug, Clone, Copy)]
pub enum Pick<'k> {
    /// These dotted keys, in this order.
    Keys(&'k [String]),
    /// Every leaf under its dotted key, in the order of first appearance.
    Leaves,
    /// Every member of the rows as it stands, objects whole.
    Members,
}

/// One value and the index of its row.
pub type Cell<'a> = (u32, RawValue<'a>);

/// The values of rows by key, still as text; the step is not among the keys.
#[derive(Debug, Default)]
pub struct Gathered<'a> {
    pub steps: Vec<i64>,
    pub keys: Vec<(String, Vec<Cell<'a>>)>,
}

/// Values of one type; `Json` holds the text of whatever has no type of its own or more than one.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<String>),
    Json(Vec<String>),
}

/// Which rows have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    All,
    /// Ascending indices, one for each value.
    Rows(Vec<u32>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub key: String,
    pub presence: Presence,
    pub values: Values,
}

/// Columns over the same rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// One per row, ascending.
    pub steps: Vec<i64>,
    pub columns: Vec<Column>,
}

/// Walks over texts of rows, each row with its newline; empty lines are skipped. A row without a step of its own gets
/// the step of the row before it.
pub fn gather<'a>(texts: &[&'a str], pick: Pick<'_>) -> Result<Gathered<'a>, JsonError> {
    let mut gathered = Gathered::default();
    match pick {
        Pick::Keys(keys) => gather_keys(texts, keys, &mut gathered)?,
        Pick::Leaves | Pick::Members => gather_all(texts, matches!(pick, Pick::Leaves), &mut gathered)?,
    }
    if !gathered.steps.is_sorted() {
        gathered.sort();
    }
    Ok(gathered)
}

fn rows<'t, 'a>(texts: &'t [&'a str]) -> impl Iterator<Item = &'a str> + use<'t, 'a> {
    texts.iter().flat_map(|text| text.lines()).filter(|row| !row.is_empty())
}

fn gather_keys<'a>(texts: &[&'a str], keys: &[String], gathered: &mut Gathered<'a>) -> Result<(), JsonError> {
    let wanted = Wanted::new(std::iter::once("_step").chain(keys.iter().map(String::as_str)));
    gathered.keys = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
    let mut last_step = 0;
    for (row, text) in (0u32..).zip(rows(texts)) {
        project(text, &wanted, |index, value| match index.checked_sub(1) {
            None => last_step = value.as_i64().unwrap_or(last_step),
            Some(column) => push_cell(&mut gathered.keys[column].1, row, value),
        })?;
        gathered.steps.push(last_step);
    }
    Ok(())
}

fn gather_all<'a>(texts: &[&'a str], leaves: bool, gathered: &mut Gathered<'a>) -> Result<(), JsonError> {
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut last_step = 0;
    for (row, text) in (0u32..).zip(rows(texts)) {
        // Rows of a run mostly have the same keys in the same order, so the column is guessed before it is looked up.
        let mut guess = 0;
        let mut visit = |key: &str, value: RawValue<'a>| {
            if key == "_step" {
                last_step = value.as_i64().unwrap_or(last_step);
                return;
            }
            let column = match gathered.keys.get(guess) {
                Some((name, _)) if name == key => guess,
                _ => *index.entry(key.to_owned()).or_insert_with(|| {
                    gathered.keys.push((key.to_owned(), Vec::new()));
                    gathered.keys.len() - 1
                }),
            };
            guess = column + 1;
            push_cell(&mut gathered.keys[column].1, row, value);
        };
        if leaves {
            flatten(text, &mut visit)?;
        } else {
            members(text, &mut visit)?;
        }
        gathered.steps.push(last_step);
    }
    Ok(())
}

fn members<'a>(row: &'a str, visit: &mut impl FnMut(&str, RawValue<'a>)) -> Result<(), JsonError> {
    let mut scanner = crate::domain::json::Scanner::new(row);
    let mut is_first = true;
    scanner.expect(b'{')?;
    while let Some(key) = scanner.next_key(is_first)? {
        is_first = false;
        let value = scanner.value()?;
        visit(&key.text(), value);
    }
    Ok(())
}

/// Of equal keys in one row the last one counts.
fn push_cell<'a>(cells: &mut Vec<Cell<'a>>, row: u32, value: RawValue<'a>) {
    match cells.last_mut() {
        Some(last) if last.0 == row => last.1 = value,
        _ => cells.push((row, value)),
    }
}

impl Gathered<'_> {
    fn sort(&mut self) {
        let (order, place) = order_by_step(&self.steps);
        self.steps = order.iter().map(|row| self.steps[*row as usize]).collect();
        for (_, cells) in &mut self.keys {
            for cell in cells.iter_mut() {
                cell.0 = place[cell.0 as usize];
            }
            cells.sort_unstable_by_key(|cell| cell.0);
        }
    }

    /// Typed columns; keys without a value in any row are left out.
    pub fn into_columns(self) -> Columns {
        let rows = self.steps.len();
        let columns = self.keys.into_iter().filter(|(_, cells)| !cells.is_empty());
        Columns {
            columns: columns.map(|(key, cells)| Column::from_cells(key, &cells, rows)).collect(),
            steps: self.steps,
        }
    }
}

/// The old index of each new row, and the new index of each old one. Stable.
fn order_by_step(steps: &[i64]) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = (0u32..).take(steps.len()).collect();
    order.sort_by_key(|row| steps[*row as usize]);
    let mut place = vec![0; steps.len()];
    for (new, old) in (0u32..).zip(&order) {
        place[*old as usize] = new;
    }
    (order, place)
}

impl Column {
    fn from_cells(key: String, cells: &[Cell<'_>], rows: usize) -> Column {
        let presence =
            if cells.len() == rows { Presence::All } else { Presence::Rows(cells.iter().map(|cell| cell.0).collect()) };
        Column { key, presence, values: Values::from_cells(cells) }
    }

    /// Takes in values of rows after those it has, or of the same rows where the key occurs twice.
    pub(super) fn append_later(&mut self, rows: Vec<u32>, values: Values) {
        let mut own = positions(self, 0);
        own.extend(rows);
        self.values.extend(values);
        if !own.is_sorted() || own.windows(2).any(|pair| pair[0] == pair[1]) {
            let mut order: Vec<(u32, u32)> = own.iter().copied().zip(0u32..).collect();
            order.sort_unstable();
            // Of two values of a row the later one stays.
            order.reverse();
            order.dedup_by_key(|entry| entry.0);
            order.reverse();
            self.values = self.values.permuted(&order.iter().map(|(_, index)| *index).collect::<Vec<_>>());
            own = order.into_iter().map(|(row, _)| row).collect();
        }
        self.presence = Presence::Rows(own);
    }

    /// The row of the value at `index`.
    pub fn row(&self, index: usize) -> usize {
        match &self.presence {
            Presence::All => index,
            Presence::Rows(rows) => rows[index] as usize,
        }
    }

    /// The index of the value of `row`.
    pub fn index_of(&self, row: usize) -> Option<usize> {
        match &self.presence {
            Presence::All => (row < self.values.len()).then_some(row),
            Presence::Rows(rows) => rows.binary_search(&u32::try_from(row).ok()?).ok(),
        }
    }

    /// Each number with its row; nothing for columns that are not numeric.
    pub fn numbers(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        (0..self.values.len()).filter_map(|index| Some((self.row(index), self.values.number(index)?)))
    }
}

impl Values {
    fn from_cells(cells: &[Cell<'_>]) -> Values {
        Values::of(cells.iter().map(|cell| cell.1))
    }

    /// The narrowest type that holds all values.
    pub(super) fn from_raw(values: &[RawValue<'_>]) -> Values {
        Values::of(values.iter().copied())
    }

    fn of<'a>(values: impl Iterator<Item = RawValue<'a>> + Clone) -> Values {
        let kinds = || values.clone().map(|value| value.kind());
        if kinds().all(|kind| kind == Kind::Number) {
            return numbers(values);
        }
        if kinds().all(|kind| kind == Kind::Text) {
            return Values::Text(values.map(|value| value.as_text().unwrap_or_default().into_owned()).collect());
        }
        Values::Json(values.map(|value| value.raw.to_owned()).collect())
    }

    pub fn len(&self) -> usize {
        match self {
            Values::Int(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(values) | Values::Json(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn number(&self, index: usize) -> Option<f64> {
        match self {
            Values::Int(values) => values.get(index).map(|int| *int as f64),
            Values::Float(values) => values.get(index).copied(),
            Values::Text(_) | Values::Json(_) => None,
        }
    }

    /// Appends the value as JSON text, with bare NaN and infinities.
    pub fn write_json(&self, index: usize, out: &mut String) {
        match self {
            Values::Int(values) => out.push_str(&values[index].to_string()),
            Values::Float(values) => write_float(values[index], out),
            Values::Text(values) => write_string(&values[index], out),
            Values::Json(values) => out.push_str(&values[index]),
        }
    }

    fn to_json(&self) -> Vec<String> {
        (0..self.len())
            .map(|index| {
                let mut text = String::new();
                self.write_json(index, &mut text);
                text
            })
            .collect()
    }

    /// Joins values of the same key from two sources under the narrowest type that holds both.
    pub(super) fn extend(&mut self, other: Values) {
        match (&mut *self, other) {
            (Values::Int(left), Values::Int(right)) => left.extend(right),
            (Values::Float(left), Values::Float(right)) => left.extend(right),
            (Values::Float(left), Values::Int(right)) => left.extend(right.iter().map(|int| *int as f64)),
            (Values::Int(left), Values::Float(right)) => {
                *self = Values::Float(left.iter().map(|int| *int as f64).chain(right).collect());
            }
            (Values::Text(left), Values::Text(right)) => left.extend(right),
            (Values::Json(left), right) => left.extend(right.to_json()),
            (_, right) => {
                let mut json = self.to_json();
                json.extend(right.to_json());
                *self = Values::Json(json);
            }
        }
    }

    pub(super) fn permuted(&self, order: &[u32]) -> Values {
        fn pick<T: Clone>(values: &[T], order: &[u32]) -> Vec<T> {
            order.iter().map(|index| values[*index as usize].clone()).collect()
        }
        match self {
            Values::Int(values) => Values::Int(pick(values, order)),
            Values::Float(values) => Values::Float(pick(values, order)),
            Values::Text(values) => Values::Text(pick(values, order)),
            Values::Json(values) => Values::Json(pick(values, order)),
        }
    }
}

fn numbers<'a>(values: impl Iterator<Item = RawValue<'a>> + Clone) -> Values {
    let mut ints = Vec::with_capacity(values.size_hint().0);
    let mut rest = values.clone();
    for value in values {
        let Some(Number::Int(int)) = value.number() else {
            let rest = rest.map(|value| value.as_f64().unwrap_or(f64::NAN));
            return Values::Float(ints.into_iter().map(|int: i64| int as f64).chain(rest).collect());
        };
        rest.next();
        ints.push(int);
    }
    Values::Int(ints)
}

impl Columns {
    pub fn column(&self, key: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.key == key)
    }

    /// Joins columns of several sources (segments, tail) into one, ordered by step.
    pub fn merge(parts: Vec<Columns>) -> Columns {
        let mut merged = Columns::default();
        for part in parts {
            merged.append(part);
        }
        if !merged.steps.is_sorted() {
            merged.sort();
        }
        merged
    }

    fn append(&mut self, part: Columns) {
        let (before, added) = (self.steps.len(), part.steps.len());
        for column in part.columns {
            let rows = positions(&column, before);
            match self.columns.iter_mut().find(|own| own.key == column.key) {
                Some(own) => {
                    let mut own_rows = positions(own, 0);
                    own_rows.extend(rows);
                    own.presence = Presence::Rows(own_rows);
                    own.values.extend(column.values);
                }
                None => self.columns.push(Column { presence: Presence::Rows(rows), ..column }),
            }
        }
        self.steps.extend(part.steps);
        for column in &mut self.columns {
            if column.values.len() == before + added {
                column.presence = Presence::All;
            } else if column.presence == Presence::All {
                column.presence = Presence::Rows(positions(column, 0));
            }
        }
    }

    fn sort(&mut self) {
        let (order, place) = order_by_step(&self.steps);
        self.steps = order.iter().map(|row| self.steps[*row as usize]).collect();
        for column in &mut self.columns {
            let mut moved: Vec<(u32, u32)> =
                positions(column, 0).into_iter().map(|row| place[row as usize]).zip(0u32..).collect();
            moved.sort_unstable();
            column.values = column.values.permuted(&moved.iter().map(|(_, index)| *index).collect::<Vec<_>>());
            if let Presence::Rows(rows) = &mut column.presence {
                *rows = moved.into_iter().map(|(row, _)| row).collect();
            }
        }
    }

    /// The rows that have a value in every column.
    pub fn rows_with_all_keys(&self) -> Vec<usize> {
        let is_full = |row: &usize| self.columns.iter().all(|column| column.index_of(*row).is_some());
        (0..self.steps.len()).filter(is_full).collect()
    }

    /// Appends one row as a JSON object: its step, then the values it has.
    pub fn write_row(&self, row: usize, out: &mut String) {
        out.push_str("{\"_step\":");
        out.push_str(&self.steps[row].to_string());
        for column in &self.columns {
            if let Some(index) = column.index_of(row).filter(|_| column.key != "_step") {
                out.push(',');
                write_string(&column.key, out);
                out.push(':');
                column.values.write_json(index, out);
            }
        }
        out.push('}');
    }
}

fn positions(column: &Column, shift: usize) -> Vec<u32> {
    let shift = u32::try_from(shift).unwrap_or(u32::MAX);
    match &column.presence {
        Presence::All => (shift..).take(column.values.len()).collect(),
        Presence::Rows(rows) => rows.iter().map(|row| row + shift).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    fn all_rows(columns: &Columns) -> Vec<String> {
        let row = |row| {
            let mut text = String::new();
            columns.write_row(row, &mut text);
            text
        };
        (0..columns.steps.len()).map(row).collect()
    }

    #[test]
    fn values_are_typed_and_absent_ones_stay_absent() {
        let text = "{\"_step\":0,\"i\":1,\"f\":1,\"t\":\"x\",\"n\":{\"b\":null}}\n\n{\"_step\":1,\"i\":2,\"f\":NaN,\"m\":true}\n";

        let columns = gather(&[text], Pick::Keys(&keys(&["i", "f", "t", "n.b", "m", "none"]))).unwrap().into_columns();

        assert_eq!(columns.column("i").unwrap().values, Values::Int(vec![1, 2]));
        assert!(matches!(&columns.column("f").unwrap().values, Values::Float(v) if v[0] == 1.0 && v[1].is_nan()));
        assert_eq!(columns.column("t").unwrap().presence, Presence::Rows(vec![0]));
        assert_eq!(columns.column("n.b").unwrap().values, Values::Json(vec!["null".into()]));
        assert_eq!(columns.column("m").unwrap().presence, Presence::Rows(vec![1]));
        assert_eq!(columns.column("none"), None);
        assert_eq!(columns.rows_with_all_keys(), Vec::<usize>::new());
    }

    #[test]
    fn overlapping_writers_are_merged_by_step_and_stay_in_order_within_one() {
        let first = "{\"_step\":1,\"w\":\"a\"}\n{\"_step\":3,\"w\":\"a\"}\n";
        let second = "{\"_step\":1,\"w\":\"b\"}\n{\"_step\":2,\"v\":0.5}\n";

        let columns = gather(&[first, second], Pick::Leaves).unwrap().into_columns();

        assert_eq!(
            all_rows(&columns),
            [r#"{"_step":1,"w":"a"}"#, r#"{"_step":1,"w":"b"}"#, r#"{"_step":2,"v":0.5}"#, r#"{"_step":3,"w":"a"}"#]
        );
    }

    #[test]
    fn a_row_without_a_step_follows_the_row_before_it() {
        let gathered = gather(&["{\"_step\":4}\n{\"a\":1}\n"], Pick::Members).unwrap();

        assert_eq!(gathered.steps, [4, 4]);
    }

    proptest! {
        #[test]
        fn merging_parts_is_reading_them_together(
            parts in proptest::collection::vec(
                proptest::collection::vec((0i64..20, 0usize..3, 0usize..6), 0..8), 1..4),
        ) {
            let values = ["1", "0.5", "NaN", "\"x\"", "[1,2]", "-7"];
            let texts: Vec<String> = parts.iter().map(|rows| rows.iter().map(|(step, key, value)| {
                format!("{{\"_step\":{step},\"k{key}\":{}}}\n", values[*value])
            }).collect()).collect();
            let keys = keys(&["k0", "k1", "k2"]);

            let merged = Columns::merge(texts.iter()
                .map(|text| gather(&[text], Pick::Keys(&keys)).unwrap().into_columns()).collect());
            let whole = gather(&texts.iter().map(String::as_str).collect::<Vec<_>>(), Pick::Keys(&keys)).unwrap().into_columns();

            prop_assert_eq!(&merged.steps, &whole.steps);
            // Types may be wider in one of them, values may not differ.
            let plain = |rows: Vec<String>| rows.iter().map(|row| row.replace("1.0", "1").replace("-7.0", "-7")
                .replace("{\"_step\":", "")).collect::<Vec<_>>();
            let (mut left, mut right) = (merged, whole);
            left.columns.sort_by(|a, b| a.key.cmp(&b.key));
            right.columns.sort_by(|a, b| a.key.cmp(&b.key));
            prop_assert_eq!(plain(all_rows(&left)), plain(all_rows(&right)));
        }
    }
}
