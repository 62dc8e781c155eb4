//! The runs of one project with the values that lists asked for, one column a field. Pure: what is read elsewhere is
//! put in. A cell is right unless its run is among the changed ones.

use super::marks::Changed;
use super::row::Row;
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;
use crate::domain::json::Value;
use crate::domain::run_query::{Field, FieldReader, FieldValue, Needs, Position, RunQuery};
use std::collections::{BinaryHeap, HashMap};

type Cell = Option<FieldValue>;

#[derive(Default)]
pub(super) struct Columns {
    /// One slot a run; those of runs that are gone are free.
    places: Vec<Option<Place>>,
    slots: HashMap<RunId, usize>,
    free: Vec<usize>,
    columns: Vec<Column>,
    readers: Vec<Reader>,
    /// Runs whose cells may be old.
    changed: HashMap<RunId, Changed>,
    /// How far the walk along the project's runs has come, and whether it has ended.
    walked_to: Option<(Timestamp, RunId)>,
    has_walked: bool,
    /// Counts queries, to tell which columns are asked for.
    uses: u64,
}

#[derive(Clone, Copy)]
struct Place {
    id: RunId,
    created_at: Timestamp,
}

struct Column {
    field: Field,
    /// Of the first slots; the others are not filled yet.
    cells: Vec<Cell>,
    /// What the values take beside the cells.
    bytes: usize,
    used: u64,
}

/// Where the values of a field are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Record,
    Heartbeat,
    Config,
    Summary,
    HistoryKeys,
}

/// Reads the fields of one origin, each into its column.
struct Reader {
    origin: Origin,
    fields: FieldReader,
    columns: Vec<usize>,
}

/// A stretch of cells to be filled.
pub(super) struct Gap {
    /// The runs of the slots from here on; `None` is a free slot.
    pub runs: Vec<Option<RunId>>,
    pub needs: Needs,
    from: usize,
    columns: Vec<usize>,
    reader: FieldReader,
}

/// Values that are the same for the whole project, or are looked up when a list is asked for.
pub(super) struct Known {
    pub entity: FieldValue,
    pub project: FieldValue,
    /// By the text of the owner's id: names change without their runs.
    pub usernames: HashMap<String, FieldValue>,
}

/// Where a query finds its values.
enum Source<'a> {
    Cells(&'a [Cell]),
    Usernames(&'a [Cell], &'a HashMap<String, FieldValue>),
    Same(&'a FieldValue),
}

impl Origin {
    /// `None` for what is the same in the whole project.
    fn of(field: &Field) -> Option<Self> {
        Some(match field {
            Field::Entity | Field::Project => return None,
            Field::HeartbeatAt | Field::Duration => Self::Heartbeat,
            Field::Config(_) => Self::Config,
            Field::Summary(_) => Self::Summary,
            Field::HistoryKey(_) => Self::HistoryKeys,
            _ => Self::Record,
        })
    }

    fn is_read(self, needs: Needs) -> bool {
        match self {
            Self::Record => true,
            Self::Heartbeat => needs.heartbeat,
            Self::Config => needs.config,
            Self::Summary => needs.summary,
            Self::HistoryKeys => needs.history_keys,
        }
    }
}

impl Columns {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// About what all of it takes in memory, the marks included.
    pub fn bytes(&self) -> usize {
        const PER_RUN: usize = 2 * size_of::<Option<Place>>() + 4 * size_of::<(RunId, u64)>();
        let columns: usize = self.columns.iter().map(|it| it.bytes + it.cells.capacity() * size_of::<Cell>()).sum();
        self.places.len() * PER_RUN + columns
    }

    /// Where the walk along the project's runs goes on; `None` when all are known.
    pub fn walk(&self) -> Option<Option<(Timestamp, RunId)>> {
        (!self.has_walked).then_some(self.walked_to)
    }

    /// Runs that the walk found.
    pub fn add_walked(&mut self, runs: &[(Timestamp, RunId)], is_last: bool) {
        for (created_at, id) in runs {
            self.slot_of(*id, *created_at);
        }
        self.walked_to = runs.last().copied().or(self.walked_to);
        self.has_walked |= is_last;
    }

    /// Runs that changed since their cells were filled.
    pub fn add_changed(&mut self, runs: HashMap<RunId, Changed>) {
        for (run, what) in runs {
            let known = self.changed.entry(run).or_default();
            *known = known.and(what);
        }
    }

    /// Some of the changed runs, and what has to be read of them besides their records.
    pub fn changed(&self, limit: usize) -> (Vec<RunId>, Needs) {
        let has = |origin| self.readers.iter().any(|reader| reader.origin == origin);
        let (heartbeat, config) = (has(Origin::Heartbeat), has(Origin::Config));
        let (summary, history_keys) = (has(Origin::Summary), has(Origin::HistoryKeys));
        let username = self.columns.iter().any(|column| column.field == Field::Username);
        let runs: Vec<RunId> = self.changed.keys().take(limit).copied().collect();
        let what = runs.iter().fold(Changed::default(), |what, run| what.and(self.changed[run]));
        let needs = Needs {
            username,
            heartbeat: heartbeat && what.streams,
            config: config && what.config,
            summary: summary && (what.summary || what.streams),
            history_keys: history_keys && what.streams,
        };
        (runs, needs)
    }

    /// Puts in what was read of a changed run.
    pub fn put(&mut self, row: &Row, needs: Needs) {
        let (id, created_at) = (row.found.id, row.found.run.created_at);
        let slot = self.slot_of(id, created_at);
        let mut readers = std::mem::take(&mut self.readers);
        for reader in readers.iter_mut().filter(|reader| reader.origin.is_read(needs)) {
            let values = reader.fields.read(&row.view());
            for (column, value) in reader.columns.iter().zip(values) {
                self.columns[*column].set(slot, value);
            }
        }
        self.readers = readers;
        self.changed.remove(&id);
    }

    /// A run that the project lists no more.
    pub fn remove(&mut self, id: RunId) {
        self.changed.remove(&id);
        let Some(slot) = self.slots.remove(&id) else { return };
        self.places[slot] = None;
        for column in self.columns.iter_mut().filter(|column| slot < column.cells.len()) {
            column.set(slot, None);
        }
        self.free.push(slot);
    }

    fn slot_of(&mut self, id: RunId, created_at: Timestamp) -> usize {
        let place = Some(Place { id, created_at });
        if let Some(slot) = self.slots.get(&id) {
            self.places[*slot] = place;
            return *slot;
        }
        // The cells of a free slot may be filled, with nothing; those of a run that changed come with its row, and those
        // of one that the walk found do not.
        let free = if self.has_walked { self.free.pop() } else { None };
        let slot = free.unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[slot] = place;
        self.slots.insert(id, slot);
        slot
    }

    /// Makes the columns that are missing.
    pub fn ask_for(&mut self, fields: &[Field]) {
        self.uses += 1;
        let known = self.columns.len();
        for field in fields.iter().filter(|field| Origin::of(field).is_some()) {
            match self.columns.iter_mut().find(|column| column.field == *field) {
                Some(column) => column.used = self.uses,
                None => {
                    self.columns.push(Column { field: field.clone(), cells: Vec::new(), bytes: 0, used: self.uses });
                }
            }
        }
        if self.columns.len() > known {
            self.make_readers();
        }
    }

    /// Lets go of the columns that the last query did not ask for.
    pub fn keep_last_asked_for(&mut self) {
        self.columns.retain(|column| column.used == self.uses);
        self.make_readers();
    }

    fn make_readers(&mut self) {
        self.readers.clear();
        for origin in [Origin::Record, Origin::Heartbeat, Origin::Config, Origin::Summary, Origin::HistoryKeys] {
            let is_of = |column: &usize| Origin::of(&self.columns[*column].field) == Some(origin);
            let columns: Vec<usize> = (0..self.columns.len()).filter(is_of).collect();
            if !columns.is_empty() {
                let fields = columns.iter().map(|column| self.columns[*column].field.clone()).collect();
                self.readers.push(Reader { origin, fields: FieldReader::new(fields), columns });
            }
        }
    }

    /// The next cells to fill in the columns of these fields.
    pub fn gap(&self, fields: &[Field], limit: usize) -> Option<Gap> {
        let is_short = |column: &usize| {
            let column = &self.columns[*column];
            fields.contains(&column.field) && column.cells.len() < self.places.len()
        };
        let columns: Vec<usize> = (0..self.columns.len()).filter(is_short).collect();
        let from = columns.iter().map(|column| self.columns[*column].cells.len()).min()?;
        let runs = self.places[from..].iter().take(limit).map(|place| place.map(|place| place.id)).collect();
        let reader = FieldReader::new(columns.iter().map(|column| self.columns[*column].field.clone()).collect());
        Some(Gap { runs, needs: reader.needs(), from, columns, reader })
    }

    /// Puts in what was read of the runs of a gap, slot by slot. Where history has something to say, the run is read once
    /// more, as one that changed.
    pub fn fill(&mut self, gap: &Gap, at: usize, row: Option<&Row>) {
        let values = match row {
            Some(row) => {
                if row.wants_history(gap.needs) {
                    self.changed.insert(row.found.id, Changed::ALL);
                }
                gap.reader.read(&row.view())
            }
            None => vec![None; gap.columns.len()],
        };
        for (column, value) in gap.columns.iter().zip(values) {
            self.columns[*column].set(gap.from + at, value);
        }
    }

    /// The owners there are, by the texts of their ids.
    pub fn owners(&self) -> Vec<String> {
        let column = self.columns.iter().find(|column| column.field == Field::Username);
        let texts = column.into_iter().flat_map(|column| &column.cells).filter_map(text);
        let distinct: std::collections::HashSet<&str> = texts.collect();
        distinct.into_iter().map(str::to_owned).collect()
    }

    /// The runs that come first in the order, of all that match and are behind `after`.
    pub fn first(&self, query: &RunQuery, known: &Known, after: Option<&Position>, limit: usize) -> Vec<Position> {
        let mut first: BinaryHeap<Position> = BinaryHeap::new();
        self.each(query, known, |position| {
            if after.is_some_and(|after| position <= *after) {
                return;
            }
            if first.len() < limit {
                first.push(position);
            } else if first.peek().is_some_and(|last| position < *last) {
                first.pop();
                first.push(position);
            }
        });
        first.into_sorted_vec()
    }

    pub fn count(&self, query: &RunQuery, known: &Known) -> usize {
        let mut count = 0;
        self.each(query, known, |_| count += 1);
        count
    }

    fn each(&self, query: &RunQuery, known: &Known, mut visit: impl FnMut(Position)) {
        let sources: Vec<Source<'_>> = query.fields().iter().map(|field| self.source(field, known)).collect();
        let mut values = Vec::with_capacity(sources.len());
        for (slot, place) in self.places.iter().enumerate() {
            let Some(place) = place else { continue };
            values.clear();
            values.extend(sources.iter().map(|source| source.at(slot)));
            if let Some(position) = query.place_of(&values, place.created_at, place.id) {
                visit(position);
            }
        }
    }

    fn source<'a>(&'a self, field: &Field, known: &'a Known) -> Source<'a> {
        let cells = self.columns.iter().find(|column| column.field == *field).map_or(&[][..], |it| &it.cells);
        match field {
            Field::Entity => Source::Same(&known.entity),
            Field::Project => Source::Same(&known.project),
            Field::Username => Source::Usernames(cells, &known.usernames),
            _ => Source::Cells(cells),
        }
    }
}

impl Column {
    /// Fills the next cell, or another one again. Cells behind the next one are filled later.
    fn set(&mut self, slot: usize, value: Cell) {
        if slot > self.cells.len() {
            return;
        }
        self.bytes += value.as_ref().map_or(0, heap_bytes);
        if slot == self.cells.len() {
            self.cells.push(value);
        } else {
            let before = std::mem::replace(&mut self.cells[slot], value);
            self.bytes -= before.as_ref().map_or(0, heap_bytes);
        }
    }
}

impl<'a> Source<'a> {
    fn at(&self, slot: usize) -> Option<&'a FieldValue> {
        match self {
            Self::Cells(cells) => cells.get(slot)?.as_ref(),
            Self::Usernames(cells, names) => names.get(text(cells.get(slot)?)?),
            Self::Same(value) => Some(value),
        }
    }
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Some(FieldValue::Json(Value::Text(text))) => Some(text),
        _ => None,
    }
}

fn heap_bytes(value: &FieldValue) -> usize {
    match value {
        FieldValue::Time(_) => 0,
        FieldValue::Json(value) => json_bytes(value),
    }
}

fn json_bytes(value: &Value) -> usize {
    const ALLOCATION: usize = 16;
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        Value::Text(text) => ALLOCATION + text.len(),
        Value::Array(items) => {
            ALLOCATION + items.iter().map(|item| size_of::<Value>() + json_bytes(item)).sum::<usize>()
        }
        Value::Object(members) => {
            let member = |(key, value): &(String, Value)| {
                size_of::<(String, Value)>() + ALLOCATION + key.len() + json_bytes(value)
            };
            ALLOCATION + members.iter().map(member).sum::<usize>()
        }
    }
}
