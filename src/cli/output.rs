//! What commands print: lines, JSON, tables. A reader that stops early, such as `head`, is no error.

use serde_json::Value;
use std::io::{self, ErrorKind, Write};

pub fn print(text: &str) -> anyhow::Result<()> {
    finish(writeln!(io::stdout().lock(), "{text}"))
}

pub fn print_json(value: &Value) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

fn finish(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A text of an answer; none is empty.
pub fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// Columns as wide as their longest text.
pub struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub fn new(titles: [&str; COLUMNS]) -> Self {
        Self { rows: vec![titles.map(str::to_owned)] }
    }

    pub fn row(&mut self, texts: [String; COLUMNS]) {
        self.rows.push(texts);
    }

    pub fn print(&self) -> anyhow::Result<()> {
        finish(io::stdout().lock().write_all(self.text().as_bytes()))
    }

    fn text(&self) -> String {
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        });
        let mut text = String::new();
        for row in &self.rows {
            let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_text() {
        let mut table = Table::new(["NAME", "ROLE"]);
        table.row(["größer".into(), "x".into()]);
        table.row(["a".into(), String::new()]);

        assert_eq!(table.text(), "NAME    ROLE\ngrößer  x\na\n");
    }
}
