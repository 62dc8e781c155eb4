//! Rows with some keys only, at most so many: what the client asks for with `sampledHistory`.

use super::columns::{joined, knows_tail};
use super::rows::RowQuery;
use super::source::{self, too_much};
use crate::access::{Action, Allowed};
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::domain::json::{MAX_DEPTH, Value, write_string};
use crate::domain::stream::Stream;
use crate::history::columns::{Columns, Values};
use crate::history::sample::evenly_spaced;
use std::ops::RangeInclusive;

/// What the client gets when it says no number (wandb 0.31.0, `apis/public/runs.py`).
const DEFAULT_SAMPLES: usize = 500;
/// Values in one answer.
const VALUES_MAX: usize = 4_000_000;

/// Which rows, and what of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleSpec {
    /// Nested keys joined with dots; rows that lack one are left out. None at all means whole rows.
    pub keys: Vec<String>,
    pub samples: usize,
    pub steps: RangeInclusive<i64>,
}

impl SampleSpec {
    /// Reads the client's JSON text. Clients up to 0.22 mean the step before `maxStep` as the last one, 0.31 `maxStep`
    /// itself, and only 0.31 asks for just as many samples as there are steps.
    pub fn parse(text: &str) -> Result<SampleSpec, Error> {
        let value = Value::parse(text.as_bytes(), MAX_DEPTH).map_err(|why| Error::invalid("specs", &why))?;
        let mut keys: Vec<String> = Vec::new();
        for key in value.get("keys").and_then(Value::as_array).unwrap_or_default() {
            let key = key.as_str().ok_or_else(|| Error::invalid("specs", &"a key is a text"))?;
            if !keys.iter().any(|known| known == key) {
                keys.push(key.to_owned());
            }
        }
        let int = |name| value.get(name).and_then(Value::as_i64);
        let samples = int("samples").map_or(DEFAULT_SAMPLES, |samples| usize::try_from(samples).unwrap_or(0));
        let min_step = int("minStep").unwrap_or(i64::MIN);
        let max_step = int("maxStep").map_or(i64::MAX, |max_step| {
            let steps = max_step.saturating_sub(min_step.max(0)).saturating_add(1);
            let is_inclusive = i64::try_from(samples).is_ok_and(|samples| samples == steps);
            if is_inclusive { max_step } else { max_step.saturating_sub(1) }
        });
        Ok(SampleSpec { keys, samples, steps: min_step..=max_step })
    }
}

impl App {
    /// Rows as strict JSON objects, in the order of steps, evenly spaced when there are more than asked for.
    pub async fn sampled_history(&self, run: &Allowed<FoundRun>, spec: &SampleSpec) -> Result<Vec<String>, Error> {
        run.must_be(Action::RunRead);
        if spec.keys.is_empty() {
            return self.sampled_rows(run, spec).await;
        }
        // The step is a column of its own kind.
        let keys: Vec<String> = spec.keys.iter().filter(|key| *key != "_step").cloned().collect();
        let (id, wanted, cache) = (run.id, keys.clone(), std::sync::Arc::clone(&self.history));
        let taken = self.db.read(move |tx| {
            source::snapshot(tx, id, Stream::History, |state| {
                !wanted.is_empty() && knows_tail(&cache, id, &wanted, state)
            })
        });
        let pieces = self.pieces(taken.await?, &keys, spec.steps.clone()).await?;
        let spec = spec.clone();
        self.on_pool(move || {
            let columns = joined(&pieces);
            let has_all = keys.iter().all(|key| columns.column(key).is_some());
            let full = if has_all { columns.rows_with_all_keys() } else { Vec::new() };
            let picked: Vec<usize> = evenly_spaced(full.len(), spec.samples).into_iter().map(|at| full[at]).collect();
            if picked.len().saturating_mul(spec.keys.len()) > VALUES_MAX {
                return Err(too_much());
            }
            Ok(picked.into_iter().map(|row| strict_row(&columns, row, &spec.keys)).collect())
        })
        .await
    }

    async fn sampled_rows(&self, run: &Allowed<FoundRun>, spec: &SampleSpec) -> Result<Vec<String>, Error> {
        let query = RowQuery { stream: Stream::History, steps: spec.steps.clone(), samples: spec.samples };
        let rows = self.history_rows(run, &query).await?;
        Ok(rows.into_iter().map(|row| strict_text(&row)).collect())
    }
}

fn strict_row(columns: &Columns, row: usize, keys: &[String]) -> String {
    let mut text = String::from("{");
    for key in keys {
        if text.len() > 1 {
            text.push(',');
        }
        write_string(key, &mut text);
        text.push(':');
        if key == "_step" {
            text.push_str(&columns.steps[row].to_string());
        } else if let Some((column, index)) =
            columns.column(key).and_then(|column| Some((column, column.index_of(row)?)))
        {
            write_strict(&column.values, index, &mut text);
        } else {
            text.push_str("null");
        }
    }
    text.push('}');
    text
}

/// The value as JSON that every reader takes: what is not finite becomes a text.
fn write_strict(values: &Values, index: usize, out: &mut String) {
    match values {
        Values::Float(floats) if !floats[index].is_finite() => {
            out.push('"');
            values.write_json(index, out);
            out.push('"');
        }
        Values::Json(texts) => out.push_str(&strict_text(&texts[index])),
        _ => values.write_json(index, out),
    }
}

pub(super) fn strict_text(text: &str) -> String {
    // Only these begin with a capital letter in JSON as the client writes it, outside of texts.
    if !text.contains(['N', 'I']) {
        return text.to_owned();
    }
    Value::parse(text.as_bytes(), MAX_DEPTH + 1).map_or_else(|_| "null".to_owned(), |value| value.to_strict_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> SampleSpec {
        SampleSpec::parse(text).unwrap()
    }

    #[test]
    fn a_spec_means_what_its_client_means() {
        let old = spec(r#"{"keys":["a","_step","a"],"minStep":1000,"maxStep":2000,"samples":1000}"#);
        assert_eq!((old.keys, old.steps), (vec!["a".to_owned(), "_step".to_owned()], 1000..=1999));
        let new = spec(r#"{"keys":["a"],"minStep":1000,"maxStep":1999,"samples":1000}"#);
        assert_eq!(new.steps, 1000..=1999);
        let last_page_of_old = spec(r#"{"keys":["a"],"minStep":2000,"maxStep":2003,"samples":1000}"#);
        assert_eq!(last_page_of_old.steps, 2000..=2002);
        let open = spec(r#"{"keys":["a"]}"#);
        assert_eq!((open.samples, open.steps), (500, i64::MIN..=i64::MAX));
        assert!(SampleSpec::parse("[1").is_err());
        assert!(SampleSpec::parse(r#"{"keys":[1]}"#).is_err());
    }

    #[test]
    fn strict_text_is_read_by_every_reader() {
        assert_eq!(strict_text(r#"{"a":NaN,"N":[-Infinity,1]}"#), r#"{"a":"NaN","N":["-Infinity",1]}"#);
        assert_eq!(strict_text(r#"{"a":0.1}"#), r#"{"a":0.1}"#);
    }
}
