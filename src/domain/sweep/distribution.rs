//! How the values of one parameter are spread. Every distribution is a function of a number between 0 and 1: chance
//! draws it, a grid walks it, and the Gaussian process measures distances in it.

use super::special::{beta_probability, beta_quantile, normal_probability, normal_quantile};
use crate::domain::json::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    Constant(Value),
    Categorical {
        values: Vec<Value>,
        /// The probability of each value and all before it; even when there is none.
        cumulative: Option<Vec<f64>>,
    },
    /// Both ends can be drawn.
    IntUniform {
        min: i64,
        max: i64,
    },
    Continuous {
        shape: Shape,
        step: Option<Step>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Uniform {
        min: f64,
        max: f64,
    },
    /// The natural logarithm of the value is uniform between these two.
    Log {
        min: f64,
        max: f64,
    },
    Normal {
        mu: f64,
        sigma: f64,
    },
    /// The natural logarithm of the value is normal.
    LogNormal {
        mu: f64,
        sigma: f64,
    },
    Beta {
        a: f64,
        b: f64,
    },
}

/// Values are multiples of `q`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub q: f64,
    /// `q` was written as an integer, so the values are integers.
    pub is_int: bool,
}

impl Distribution {
    /// The value at a place between 0 and 1.
    pub fn at(&self, unit: f64) -> Value {
        let unit = unit.clamp(0.0, 1.0);
        match self {
            Self::Constant(value) => value.clone(),
            Self::Categorical { values, cumulative } => {
                let index = match cumulative {
                    Some(cumulative) => cumulative.partition_point(|reached| *reached <= unit),
                    None => (unit * values.len() as f64) as usize,
                };
                values[index.min(values.len() - 1)].clone()
            }
            Self::IntUniform { min, max } => {
                let count = i128::from(*max) - i128::from(*min) + 1;
                let offset = ((unit * count as f64) as i128).min(count - 1);
                Value::Int(i64::try_from(i128::from(*min) + offset).unwrap_or(*max))
            }
            Self::Continuous { shape, step } => match step {
                None => Value::Float(shape.at(unit)),
                Some(step) => step.value(step.nearest(shape.at(unit), shape.bounds())),
            },
        }
    }

    /// The middle of the places at which this value lies; nothing for a value that cannot be drawn.
    pub fn unit_of(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Constant(constant) => is_same(constant, value).then_some(0.5),
            Self::Categorical { values, .. } => {
                let index = values.iter().position(|known| is_same(known, value))?;
                Some((index as f64 + 0.5) / values.len() as f64)
            }
            Self::IntUniform { min, max } => {
                let value = value.as_f64().filter(|value| (*min as f64..=*max as f64).contains(value))?;
                Some((value - *min as f64 + 0.5) / (*max as f64 - *min as f64 + 1.0))
            }
            Self::Continuous { shape, .. } => {
                let value = value.as_f64().filter(|value| value.is_finite())?;
                let (low, high) = shape.bounds();
                let slack = 1e-9 * (1.0 + value.abs());
                (value >= low - slack && value <= high + slack).then(|| shape.unit_of(value).clamp(0.0, 1.0))
            }
        }
    }

    /// Distances between the values mean nothing: two of them are equal or they are not.
    pub fn is_unordered(&self) -> bool {
        match self {
            Self::Categorical { values, .. } => {
                values.iter().any(|value| !matches!(value, Value::Int(_) | Value::Float(_)))
            }
            _ => false,
        }
    }

    /// How many values there are; nothing when they are not to be counted.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Constant(_) => Some(1),
            Self::Categorical { values, .. } => Some(values.len() as u64),
            Self::IntUniform { min, max } => max.abs_diff(*min).checked_add(1),
            Self::Continuous { shape: Shape::Uniform { min, max }, step: Some(step) } => {
                let (first, last) = step.range((*min, *max));
                Some((last - first) as u64 + 1)
            }
            Self::Continuous { .. } => None,
        }
    }

    /// The value with this number, of those that can be counted.
    pub fn nth(&self, index: u64) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Categorical { values, .. } => {
                values[usize::try_from(index).unwrap_or(usize::MAX).min(values.len() - 1)].clone()
            }
            Self::IntUniform { min, .. } => Value::Int(min.saturating_add_unsigned(index)),
            Self::Continuous { shape, step } => match step {
                Some(step) => step.value(step.range(shape.bounds()).0 + index as f64),
                None => self.at(0.0),
            },
        }
    }
}

/// `1` and `1.0` are the same value of a parameter: a script may turn one into the other.
pub fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

impl Shape {
    fn at(&self, unit: f64) -> f64 {
        match *self {
            Self::Uniform { min, max } => (min + unit * (max - min)).clamp(min, max),
            Self::Log { min, max } => (min + unit * (max - min)).exp().clamp(min.exp(), max.exp()),
            Self::Normal { mu, sigma } => mu + sigma * normal_quantile(unit),
            Self::LogNormal { mu, sigma } => (mu + sigma * normal_quantile(unit)).exp(),
            Self::Beta { a, b } => beta_quantile(unit, a, b),
        }
    }

    fn unit_of(&self, value: f64) -> f64 {
        let within = |value: f64, min: f64, max: f64| if max > min { (value - min) / (max - min) } else { 0.5 };
        match *self {
            Self::Uniform { min, max } => within(value, min, max),
            Self::Log { min, max } => within(value.max(f64::MIN_POSITIVE).ln(), min, max),
            Self::Normal { mu, sigma } => normal_probability((value - mu) / sigma),
            Self::LogNormal { mu, sigma } => normal_probability((value.max(f64::MIN_POSITIVE).ln() - mu) / sigma),
            Self::Beta { a, b } => beta_probability(value, a, b),
        }
    }

    /// What no value lies outside of.
    pub fn bounds(&self) -> (f64, f64) {
        match *self {
            Self::Uniform { min, max } => (min, max),
            Self::Log { min, max } => (min.exp(), max.exp()),
            Self::Normal { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Self::LogNormal { .. } => (0.0, f64::INFINITY),
            Self::Beta { .. } => (0.0, 1.0),
        }
    }
}

impl Step {
    /// The first and the last multiple within the bounds. The first is behind the last when there is none.
    pub fn range(&self, (low, high): (f64, f64)) -> (f64, f64) {
        // What is a multiple but for the last bit counts as one.
        let slack = 1e-9;
        ((low / self.q - slack).ceil(), (high / self.q + slack).floor())
    }

    fn nearest(&self, value: f64, bounds: (f64, f64)) -> f64 {
        let (first, last) = self.range(bounds);
        (value / self.q).round().max(first).min(last)
    }

    fn value(&self, multiple: f64) -> Value {
        if self.is_int {
            return Value::Int((multiple * self.q) as i64);
        }
        // A tenth is no binary fraction: three of them are 0.3 only when divided.
        let parts = (1.0 / self.q).round();
        let is_part = parts >= 1.0 && (parts * self.q - 1.0).abs() < 1e-12;
        Value::Float(if is_part { multiple / parts } else { multiple * self.q })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sweep::random::Random;
    use proptest::prelude::*;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::Uniform { min: -2.0, max: 3.0 },
            Shape::Log { min: -7.0, max: 1.0 },
            Shape::Normal { mu: 1.0, sigma: 2.0 },
            Shape::LogNormal { mu: 0.0, sigma: 0.5 },
            Shape::Beta { a: 2.0, b: 5.0 },
        ]
    }

    proptest! {
        #[test]
        fn a_value_lies_within_its_bounds_and_is_found_again(unit in 0.001..0.999_f64) {
            for shape in shapes() {
                let (low, high) = shape.bounds();
                let distribution = Distribution::Continuous { shape, step: None };
                let value = distribution.at(unit);
                let number = value.as_f64().unwrap();
                prop_assert!((low..=high).contains(&number), "{number} of {shape:?}");
                let found = distribution.unit_of(&value).unwrap();
                prop_assert!((found - unit).abs() < 1e-5, "{unit} became {found} by {shape:?}");
            }
        }

        #[test]
        fn a_quantised_value_is_a_multiple_within_the_bounds(unit in 0.0..=1.0_f64, q in 0.01..0.9_f64) {
            for shape in shapes() {
                let (low, high) = shape.bounds();
                let value = Distribution::Continuous { shape, step: Some(Step { q, is_int: false }) }.at(unit);
                let number = value.as_f64().unwrap();
                prop_assert!(number >= low - 1e-9 && number <= high + 1e-9, "{number} of {shape:?}");
                let multiples = number / q;
                prop_assert!((multiples - multiples.round()).abs() < 1e-6, "{number} is no multiple of {q}");
            }
        }

        #[test]
        fn an_integer_lies_between_both_ends(min: i32, span: u16, unit in 0.0..=1.0_f64) {
            let (min, max) = (i64::from(min), i64::from(min) + i64::from(span));
            let drawn = Distribution::IntUniform { min, max }.at(unit).as_i64().unwrap();
            prop_assert!((min..=max).contains(&drawn));
        }
    }

    #[test]
    fn both_ends_of_a_range_of_integers_are_drawn() {
        let dice = Distribution::IntUniform { min: 1, max: 6 };

        assert_eq!((dice.at(0.0), dice.at(1.0)), (Value::Int(1), Value::Int(6)));
        assert_eq!(dice.count(), Some(6));
        let widest = Distribution::IntUniform { min: i64::MIN, max: i64::MAX };
        assert_eq!(widest.count(), None);
        assert_eq!(widest.at(1.0), Value::Int(i64::MAX));
    }

    #[test]
    fn probabilities_are_kept_to() {
        let values = vec![Value::Text("often".into()), Value::Text("never".into()), Value::Text("seldom".into())];
        let uneven = Distribution::Categorical { values: values.clone(), cumulative: Some(vec![0.9, 0.9, 1.0]) };
        let mut random = Random::seeded(1);

        let drawn: Vec<Value> = (0..10_000).map(|_| uneven.at(random.unit())).collect();
        let count = |value: &Value| drawn.iter().filter(|drawn| *drawn == value).count();
        assert_eq!(count(&values[1]), 0);
        assert!((8_800..9_200).contains(&count(&values[0])), "{}", count(&values[0]));
    }

    #[test]
    fn a_step_written_as_an_integer_gives_integers_and_a_tenth_gives_tenths() {
        let shape = Shape::Uniform { min: 0.0, max: 10.0 };
        let whole = Distribution::Continuous { shape, step: Some(Step { q: 5.0, is_int: true }) };
        assert_eq!((whole.at(0.4), whole.count(), whole.nth(2)), (Value::Int(5), Some(3), Value::Int(10)));

        let shape = Shape::Uniform { min: 0.1, max: 0.5 };
        let tenths = Distribution::Continuous { shape, step: Some(Step { q: 0.1, is_int: false }) };
        assert_eq!((tenths.count(), tenths.nth(2), tenths.at(1.0)), (Some(5), Value::Float(0.3), Value::Float(0.5)));
    }
}
