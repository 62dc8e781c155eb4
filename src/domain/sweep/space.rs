//! All parameters of a sweep together: points in them, the arguments of a run that stands at a point, and the grid.

use super::distribution::{Distribution, is_same};
use super::parameter::Leaf;
use super::random::Random;
use crate::domain::json::Value;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    pub leaves: Vec<Leaf>,
}

impl Space {
    /// One value for each parameter, by chance.
    pub fn draw(&self, random: &mut Random) -> Vec<Value> {
        self.leaves.iter().map(|leaf| leaf.distribution.at(random.unit())).collect()
    }

    /// How many points the grid has; nothing when they are too many to number.
    pub fn grid_size(&self) -> Option<u64> {
        self.leaves.iter().try_fold(1_u64, |size, leaf| size.checked_mul(leaf.distribution.count()?))
    }

    /// A point of the grid. The last parameter changes fastest.
    pub fn grid_point(&self, index: u64) -> Vec<Value> {
        let mut rest = index;
        let mut values = Vec::with_capacity(self.leaves.len());
        for leaf in self.leaves.iter().rev() {
            let count = leaf.distribution.count().unwrap_or(1).max(1);
            values.push(leaf.distribution.nth(rest % count));
            rest /= count;
        }
        values.reverse();
        values
    }

    /// What a run is told: `{"lr":{"value":0.1},"optimizer":{"value":{"name":"adam"}}}`.
    pub fn arguments(&self, values: &[Value]) -> Value {
        let mut flat = Value::Object(Vec::new());
        for (leaf, value) in self.leaves.iter().zip(values) {
            set_at(&mut flat, &leaf.path, value.clone());
        }
        let Value::Object(members) = flat else { return Value::Object(Vec::new()) };
        let wrapped = |(name, value)| (name, Value::Object(vec![("value".to_owned(), value)]));
        Value::Object(members.into_iter().map(wrapped).collect())
    }

    /// The values of a run, out of its config; nothing when one is missing.
    pub fn values_of(&self, config: &Value) -> Option<Vec<Value>> {
        let value_of = |leaf: &Leaf| {
            let (name, rest) = leaf.path.split_first()?;
            let path: Vec<&str> = rest.iter().map(String::as_str).collect();
            config.get(name)?.get("value")?.at(&path).cloned()
        };
        self.leaves.iter().map(value_of).collect()
    }

    /// Where the values lie, each between 0 and 1. A value that cannot be drawn is in the middle.
    pub fn units_of(&self, values: &[Value]) -> Vec<f64> {
        let pairs = self.leaves.iter().zip(values);
        pairs.map(|(leaf, value)| leaf.distribution.unit_of(value).unwrap_or(0.5)).collect()
    }

    pub fn values_at(&self, units: &[f64]) -> Vec<Value> {
        self.leaves.iter().zip(units).map(|(leaf, unit)| leaf.distribution.at(*unit)).collect()
    }

    /// A parameter without which there is no grid.
    pub fn uncountable(&self) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.distribution.count().is_none())
    }

    pub fn is_constant(&self, index: usize) -> bool {
        matches!(self.leaves[index].distribution, Distribution::Constant(_))
    }
}

pub fn are_same(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
}

fn set_at(object: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        object.set(name, value);
        return;
    }
    if object.get(name).is_none() {
        object.set(name, Value::Object(Vec::new()));
    }
    if let Some(inner) = object.get_mut(name) {
        set_at(inner, rest, value);
    }
}
