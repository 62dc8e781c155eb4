//! Which runs are asked for and in what order: the Mongo-like filters and the orders of `Api().runs` (wandb 0.31.0,
//! `apis/public/api.py` and `_filters/operators.py`). Pure: a filter is read from text and asked about views of runs.

mod field;
mod order;
mod view;

#[cfg(test)]
mod tests;

pub use field::Field;
pub use order::{Position, RunOrder};
pub use view::{FieldReader, Needs, RunView};

pub use crate::domain::filter::FieldValue;

use crate::domain::clock::Timestamp;
use crate::domain::filter::{Filter, Node, Test};
use crate::domain::id::RunId;
use crate::domain::json::Value;
use std::collections::BTreeSet;

/// Which runs are meant.
pub type RunFilter = Filter<Field>;

impl RunFilter {
    /// The names of all runs that can match, when the filter says so: they are looked up, and nothing else is read.
    pub fn names(&self) -> Option<BTreeSet<&str>> {
        self.names_of(&self.root)
    }

    fn names_of<'a>(&'a self, node: &'a Node) -> Option<BTreeSet<&'a str>> {
        match node {
            Node::And(nodes) => nodes.iter().filter_map(|node| self.names_of(node)).min_by_key(BTreeSet::len),
            Node::Or(nodes) => {
                let mut names = BTreeSet::new();
                for node in nodes {
                    names.extend(self.names_of(node)?);
                }
                Some(names)
            }
            Node::Test(field, test) if self.fields[*field] == Field::Name => match test {
                Test::Equal(FieldValue::Json(Value::Text(name))) => Some(BTreeSet::from([name.as_str()])),
                // A name is always a text, so the other values match nothing.
                Test::In(one_of) => Some(one_of.texts.iter().map(String::as_str).collect()),
                _ => None,
            },
            Node::Not(_) | Node::Test(..) => None,
        }
    }
}

/// A filter and an order, ready to be asked about one run after the other.
pub struct RunQuery {
    filter: RunFilter,
    order: RunOrder,
    reader: FieldReader,
    /// Where the reader puts what is ordered by.
    order_slot: Option<usize>,
}

impl RunQuery {
    pub fn new(filter: RunFilter, order: RunOrder) -> Self {
        let mut fields = filter.fields().to_vec();
        let order_slot = order.field().map(|field| {
            fields.iter().position(|known| known == field).unwrap_or_else(|| {
                fields.push(field.clone());
                fields.len() - 1
            })
        });
        Self { reader: FieldReader::new(fields), filter, order, order_slot }
    }

    pub fn filter(&self) -> &RunFilter {
        &self.filter
    }

    pub fn order(&self) -> &RunOrder {
        &self.order
    }

    /// What has to be read of a run besides its record.
    pub fn needs(&self) -> Needs {
        self.reader.needs()
    }

    /// What the query is about, each field once.
    pub fn fields(&self) -> &[Field] {
        self.reader.fields()
    }

    /// The run's place in the order; `None` when the filter leaves it out.
    pub fn place(&self, view: &RunView<'_>) -> Option<Position> {
        let values = self.reader.read(view);
        let values: Vec<Option<&FieldValue>> = values.iter().map(Option::as_ref).collect();
        self.place_of(&values, view.run.created_at, view.id)
    }

    /// The same of a run whose values were read before; they are those of [`RunQuery::fields`], in their order.
    pub fn place_of(&self, values: &[Option<&FieldValue>], created_at: Timestamp, id: RunId) -> Option<Position> {
        if !self.filter.matches(values) {
            return None;
        }
        let value = self.order_slot.and_then(|slot| values.get(slot)).copied().flatten();
        Some(self.order.position(value, created_at, id))
    }
}
