//! How values compare. As in MongoDB, a value is only ever less or greater than one of its own kind.

use crate::domain::clock::Timestamp;
use crate::domain::json::{Number, Value};
use std::cmp::Ordering;

/// What an entry of a list has under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    Time(Timestamp),
    Json(Value),
}

impl FieldValue {
    pub fn text(text: &str) -> Self {
        Self::Json(Value::Text(text.to_owned()))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }
}

pub(super) fn equals(left: &FieldValue, right: &FieldValue) -> bool {
    match (left, right) {
        (FieldValue::Time(left), FieldValue::Time(right)) => left == right,
        (FieldValue::Json(left), FieldValue::Json(right)) => json_equals(left, right),
        _ => false,
    }
}

/// Numbers by what they are worth, objects in any order.
pub(super) fn json_equals(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return compare_numbers(left, right) == Some(Ordering::Equal) || is_nan(left) && is_nan(right);
    }
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| json_equals(left, right))
        }
        (Value::Object(members), Value::Object(others)) => {
            let has_same = |(key, value): &(String, Value)| right.get(key).is_some_and(|it| json_equals(value, it));
            members.len() == others.len() && members.iter().all(has_same)
        }
        _ => left == right,
    }
}

/// `None` for values of different kinds, and for kinds without an order.
pub(super) fn compare(left: &FieldValue, right: &FieldValue) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Time(left), FieldValue::Time(right)) => Some(left.cmp(right)),
        (FieldValue::Json(left), FieldValue::Json(right)) => match (left, right) {
            (Value::Null, Value::Null) => Some(Ordering::Equal),
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            _ => compare_numbers(number(left)?, number(right)?),
        },
        _ => None,
    }
}

pub(super) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(int) => Some(Number::Int(*int)),
        Value::Float(float) => Some(Number::Float(*float)),
        _ => None,
    }
}

pub(super) fn is_nan(number: Number) -> bool {
    matches!(number, Number::Float(float) if float.is_nan())
}

/// Exact also where an integer has no float of its own. `None` with a NaN.
pub(super) fn compare_numbers(left: Number, right: Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
        (Number::Float(left), Number::Float(right)) => left.partial_cmp(&right),
        (Number::Int(int), Number::Float(float)) => compare_mixed(int, float),
        (Number::Float(float), Number::Int(int)) => compare_mixed(int, float).map(Ordering::reverse),
    }
}

fn compare_mixed(int: i64, float: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    if float < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    let whole = int.cmp(&(float.trunc() as i64));
    Some(whole.then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_integer_beyond_the_floats_is_told_from_its_neighbour() {
        let (int, float) = (Number::Int(9_007_199_254_740_993), Number::Float(9_007_199_254_740_992.0));

        assert_eq!(compare_numbers(int, float), Some(Ordering::Greater));
        assert_eq!(compare_numbers(float, int), Some(Ordering::Less));
        assert_eq!(compare_numbers(Number::Int(2), Number::Float(2.0)), Some(Ordering::Equal));
        assert_eq!(compare_numbers(Number::Int(-2), Number::Float(-2.5)), Some(Ordering::Greater));
        assert_eq!(compare_numbers(Number::Int(i64::MAX), Number::Float(f64::INFINITY)), Some(Ordering::Less));
    }

    fn any_number() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i64>().prop_map(Number::Int),
            (-4i64..4).prop_map(Number::Int),
            (-9i32..9).prop_map(|half| Number::Float(f64::from(half) / 2.0)),
            any::<i64>().prop_map(|int| Number::Float(int as f64)),
        ]
    }

    proptest! {
        #[test]
        fn numbers_of_both_kinds_have_one_order(a in any_number(), b in any_number(), c in any_number()) {
            let ordered = |a, b| compare_numbers(a, b).unwrap();

            prop_assert_eq!(ordered(a, b), ordered(b, a).reverse());
            if ordered(a, b).is_le() && ordered(b, c).is_le() {
                prop_assert!(ordered(a, c).is_le());
            }
        }
    }
}
