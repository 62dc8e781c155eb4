//! The Mongo-like filters and the orders of the client's lists (wandb 0.31.0, `_filters/operators.py` and
//! `_pydantic/pagination.py`), whatever is listed: who lists says which keys there are, and reads their values.

mod compare;
mod condition;
mod date;
mod parse;
mod sort_key;

pub use compare::FieldValue;
pub use condition::Filter;
pub(super) use condition::{Node, Test};
pub use sort_key::{Order, Place, SortKey};

/// Why a filter or an order cannot be used; names the key or the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadQuery(String);

impl BadQuery {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A key that entries of a list are filtered and ordered by.
pub trait FilterKey: Clone + Eq + std::hash::Hash {
    fn parse(key: &str) -> Result<Self, BadQuery>;
    /// Its values are compared as dates.
    fn is_date(&self) -> bool;
}
