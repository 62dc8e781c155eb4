//! What a query sees of a run, and picking the values of its keys. Config and summary stay text: only the values that
//! are asked for become trees.

use super::field::Field;
use crate::domain::clock::Timestamp;
use crate::domain::filter::FieldValue;
use crate::domain::id::RunId;
use crate::domain::json::{MAX_DEPTH, RawValue, Value, Wanted, project};
use crate::domain::run::Run;

/// A run as a query sees it. What [`Needs`] does not name may be left out.
#[derive(Debug, Clone, Copy)]
pub struct RunView<'a> {
    pub id: RunId,
    pub run: &'a Run,
    pub entity: &'a str,
    pub project: &'a str,
    pub username: Option<&'a str>,
    pub heartbeat_at: Option<Timestamp>,
    /// JSON text, every key wrapped in `value`.
    pub config: Option<&'a str>,
    /// JSON text.
    pub summary: Option<&'a str>,
    /// What is known of the logged keys, as JSON text: `{"keys": {…}}`.
    pub history_keys: Option<&'a str>,
}

/// What a query has to know of a run besides its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    pub username: bool,
    pub heartbeat: bool,
    pub config: bool,
    pub summary: bool,
    pub history_keys: bool,
}

/// Reads the values of some fields, each into the place of its field.
pub struct FieldReader {
    fields: Vec<Field>,
    config: Paths,
    summary: Paths,
    history_keys: Paths,
}

impl FieldReader {
    pub fn new(fields: Vec<Field>) -> Self {
        let paths = |of: fn(&Field) -> Vec<String>| Paths::new(fields.iter().map(of));
        Self {
            config: paths(|field| match field {
                Field::Config(path) => config_paths(path),
                _ => Vec::new(),
            }),
            summary: paths(|field| match field {
                Field::Summary(path) => vec![path.clone()],
                _ => Vec::new(),
            }),
            history_keys: paths(|field| match field {
                Field::HistoryKey(path) => vec![format!("keys.{path}")],
                _ => Vec::new(),
            }),
            fields,
        }
    }

    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub fn needs(&self) -> Needs {
        let any = |is_needed: fn(&Field) -> bool| self.fields.iter().any(is_needed);
        Needs {
            username: any(|field| matches!(field, Field::Username)),
            heartbeat: any(|field| matches!(field, Field::HeartbeatAt | Field::Duration)),
            config: any(|field| matches!(field, Field::Config(_))),
            summary: any(|field| matches!(field, Field::Summary(_))),
            history_keys: any(|field| matches!(field, Field::HistoryKey(_))),
        }
    }

    /// The values of the fields, in their order. What the view leaves out is missing.
    pub fn read(&self, view: &RunView<'_>) -> Vec<Option<FieldValue>> {
        let mut values: Vec<_> = self.fields.iter().map(|field| of_record(field, view)).collect();
        self.config.read(view.config, &mut values);
        self.summary.read(view.summary, &mut values);
        self.history_keys.read(view.history_keys, &mut values);
        values
    }
}

fn of_record(field: &Field, view: &RunView<'_>) -> Option<FieldValue> {
    let run = view.run;
    let text = |text: &Option<String>| text.as_deref().map(FieldValue::text);
    let heartbeat_at = view.heartbeat_at.unwrap_or(run.created_at);
    match field {
        Field::State => Some(FieldValue::text(run.state.as_str())),
        Field::Name => Some(FieldValue::text(run.name.as_str())),
        Field::DisplayName => Some(FieldValue::text(&run.display_name)),
        Field::Group => text(&run.group),
        Field::JobType => text(&run.job_type),
        Field::Sweep => text(&run.sweep),
        Field::Tags => Some(FieldValue::Json(Value::Array(run.tags.iter().cloned().map(Value::Text).collect()))),
        Field::Username => view.username.map(FieldValue::text),
        Field::Entity => Some(FieldValue::text(view.entity)),
        Field::Project => Some(FieldValue::text(view.project)),
        Field::CreatedAt => Some(FieldValue::Time(run.created_at)),
        Field::HeartbeatAt => Some(FieldValue::Time(heartbeat_at)),
        Field::Duration => {
            let micros = heartbeat_at.0.saturating_sub(run.created_at.0);
            Some(FieldValue::Json(Value::Float(micros as f64 / 1e6)))
        }
        Field::Host => text(&run.host),
        Field::Notes => text(&run.notes),
        Field::Description => text(&run.description),
        Field::Config(_) | Field::Summary(_) | Field::HistoryKey(_) => None,
    }
}

/// Where the value of a config key may be, the likeliest first. People write the key with or without the `value` that
/// wraps it, and dots may be part of a name or lead into an object: `a.b` is at `a.b.value` or at `a.value.b`.
fn config_paths(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('.').collect();
    let wrapped = (1..=parts.len()).rev().map(|name| [&parts[..name], &["value"], &parts[name..]].concat().join("."));
    let mut paths: Vec<String> = wrapped.collect();
    if parts.iter().skip(1).any(|part| *part == "value") {
        paths.insert(0, path.to_owned());
    } else {
        paths.push(path.to_owned());
    }
    paths
}

/// The paths to look for in one JSON text.
struct Paths {
    wanted: Wanted,
    /// For each wanted path, the places its value may go to, and the path's rank among those of the place.
    targets: Vec<Vec<(usize, usize)>>,
    places: usize,
}

impl Paths {
    fn new(of_places: impl Iterator<Item = Vec<String>>) -> Self {
        let (mut keys, mut targets, mut places) = (Vec::<String>::new(), Vec::<Vec<_>>::new(), 0);
        let mut index_of = std::collections::HashMap::new();
        for (place, paths) in of_places.enumerate() {
            places = place + 1;
            for (rank, path) in paths.into_iter().enumerate() {
                let index = *index_of.entry(path.clone()).or_insert(keys.len());
                if index == keys.len() {
                    keys.push(path);
                    targets.push(Vec::new());
                }
                targets[index].push((place, rank));
            }
        }
        Self { wanted: Wanted::new(keys), targets, places }
    }

    fn read(&self, text: Option<&str>, values: &mut [Option<FieldValue>]) {
        let Some(text) = text.filter(|_| !self.targets.is_empty()) else { return };
        let mut best: Vec<Option<(usize, RawValue<'_>)>> = vec![None; self.places];
        let read = project(text, &self.wanted, |index, raw| {
            for (place, rank) in &self.targets[index] {
                if best[*place].is_none_or(|(found, _)| *rank <= found) {
                    best[*place] = Some((*rank, raw));
                }
            }
        });
        if read.is_err() {
            return; // what is no JSON object has no values
        }
        for (place, found) in best.into_iter().enumerate() {
            if let Some((_, raw)) = found {
                values[place] = raw.to_value(MAX_DEPTH).ok().map(FieldValue::Json);
            }
        }
    }
}
