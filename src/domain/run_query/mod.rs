//! Which runs are asked for and in what order: the Mongo-like filters and the orders of `Api().runs` (wandb 0.31.0,
//! `apis/public/api.py` and `_filters/operators.py`). Pure: a filter is read from text and asked about views of runs.

mod compare;
mod date;
mod field;
mod filter;
mod order;
mod parse;
mod view;

#[cfg(test)]
mod tests;

pub use compare::FieldValue;
pub use field::Field;
pub use filter::RunFilter;
pub use order::{Position, RunOrder};
pub use view::{FieldReader, Needs, RunView};

use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;

/// Why a filter or an order cannot be used; names the key or the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuery(String);

impl BadQuery {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
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
