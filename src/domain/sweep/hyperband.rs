//! Stopping runs early: at certain numbers of logged values, its brackets, a run has to be among the best of those that
//! came as far (Li et al. 2018, in the asynchronous form that needs no rounds).

use super::config::{ConfigError, Goal};
use crate::domain::json::Value;

/// Brackets that multiply from `min_iter` end here: no run is read further.
const ITER_MAX: u64 = 100_000;
const BRACKETS_MAX: usize = 30;

#[derive(Debug, Clone, PartialEq)]
pub struct Hyperband {
    /// Numbers of values at which a run is judged, smallest first.
    pub brackets: Vec<u64>,
    pub eta: f64,
    /// A run is judged by what it had reached at the bracket; otherwise by the best it reached since.
    pub strict: bool,
}

impl Hyperband {
    /// Reads `early_terminate`.
    pub fn parse(value: &Value) -> Result<Self, ConfigError> {
        let wrong = |key: &str, why: String| ConfigError::new(format!("early_terminate.{key}"), why);
        if value.as_object().is_none() {
            return Err(ConfigError::new("early_terminate", "has to be a mapping with `type: hyperband`"));
        }
        match value.get("type") {
            Some(Value::Text(name)) if name == "hyperband" => {}
            Some(Value::Text(name)) => return Err(wrong("type", format!("is `{name}`; known is `hyperband`"))),
            _ => return Err(wrong("type", "is missing: it has to be `hyperband`".into())),
        }
        let number = |key: &str| match value.get(key) {
            None => Ok(None),
            Some(given) => match given.as_f64().filter(|number| *number >= 1.0 && number.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(key, "has to be a number of at least 1".into())),
            },
        };
        let eta = number("eta")?.unwrap_or(3.0);
        if eta <= 1.0 {
            return Err(wrong("eta", format!("is {eta}, and has to be above 1")));
        }
        let strict = match value.get("strict") {
            None => false,
            Some(given) => given.as_bool().ok_or_else(|| wrong("strict", "has to be `true` or `false`".into()))?,
        };
        let brackets = match (number("min_iter")?, number("max_iter")?) {
            (Some(_), Some(_)) => {
                return Err(wrong("min_iter", "cannot be given together with `max_iter`: they are two ways".into()));
            }
            (None, None) => {
                return Err(wrong("min_iter", "is missing: give `min_iter`, or `max_iter` with `s`".into()));
            }
            (Some(min), None) => brackets_from(min, eta),
            (None, Some(max)) => {
                let count = number("s")?.ok_or_else(|| wrong("s", "is missing: `max_iter` needs it".into()))?;
                brackets_below(max, count as usize, eta)
            }
        };
        if brackets.is_empty() {
            return Err(wrong("max_iter", "leaves no bracket of at least one value".into()));
        }
        Ok(Self { brackets, eta, strict })
    }

    /// The best value that a run had reached when it came to each bracket, as far as it came.
    pub fn reached(&self, values: &[f64], goal: Goal) -> Vec<f64> {
        let mut reached = Vec::new();
        let mut best = goal.worst();
        let mut brackets = self.brackets.iter().peekable();
        for (count, value) in (1_u64..).zip(values) {
            best = goal.better(best, *value);
            if brackets.next_if(|bracket| **bracket == count).is_some() {
                reached.push(best);
            }
        }
        reached
    }

    /// Whether a run is to stop. `reached` is what it had at its brackets, `best` the best it has now, `others` what all
    /// runs had at theirs, this one among them or not.
    pub fn is_to_stop(&self, reached: &[f64], best: f64, others: &[Vec<f64>], goal: Goal) -> bool {
        let Some(bracket) = reached.len().checked_sub(1) else { return false };
        let mut field: Vec<f64> = others.iter().filter_map(|other| other.get(bracket).copied()).collect();
        if field.is_empty() {
            return false;
        }
        field.sort_by(|left, right| goal.order(*left, *right));
        let stay = (field.len() as f64 / self.eta).ceil() as usize;
        let threshold = field[stay.clamp(1, field.len()) - 1];
        let own = if self.strict { reached[bracket] } else { goal.better(best, reached[bracket]) };
        goal.order(own, threshold).is_gt()
    }
}

/// `min`, `min·eta`, `min·eta²` and so on.
fn brackets_from(min: f64, eta: f64) -> Vec<u64> {
    let mut brackets = Vec::new();
    let mut next = min;
    while next <= ITER_MAX as f64 && brackets.len() < BRACKETS_MAX {
        brackets.push(next.floor() as u64);
        next *= eta;
    }
    brackets.dedup();
    brackets
}

/// `max/eta`, `max/eta²` and so on, `count` of them, smallest first.
fn brackets_below(max: f64, count: usize, eta: f64) -> Vec<u64> {
    let mut brackets = Vec::new();
    let mut next = max / eta;
    // What is a whole number but for the last bit is that number.
    while next >= 1.0 - 1e-9 && brackets.len() < count.min(BRACKETS_MAX) {
        brackets.push(((next + 1e-9).floor() as u64).min(ITER_MAX));
        next /= eta;
    }
    brackets.reverse();
    brackets.dedup();
    brackets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Hyperband, String> {
        Hyperband::parse(&Value::parse(text.as_bytes(), 5).unwrap()).map_err(|why| why.to_string())
    }

    #[test]
    fn brackets_are_those_of_the_documentation() {
        let upwards = parse(r#"{"type":"hyperband","min_iter":3}"#).unwrap();
        assert_eq!(upwards.brackets[..4], [3, 9, 27, 81]);
        assert_eq!((upwards.eta, upwards.strict), (3.0, false));

        let downwards = parse(r#"{"type":"hyperband","max_iter":27,"s":2}"#).unwrap();
        assert_eq!(downwards.brackets, [3, 9]);
        let halves = parse(r#"{"type":"hyperband","max_iter":81,"s":9,"eta":2,"strict":true}"#).unwrap();
        assert_eq!((halves.brackets, halves.strict), (vec![1, 2, 5, 10, 20, 40], true));
    }

    #[test]
    fn a_wrong_setting_is_refused_by_its_key() {
        for (text, key) in [
            (r#"{"min_iter":3}"#, "early_terminate.type"),
            (r#"{"type":"envelope"}"#, "early_terminate.type"),
            (r#"{"type":"hyperband"}"#, "early_terminate.min_iter"),
            (r#"{"type":"hyperband","max_iter":27}"#, "early_terminate.s"),
            (r#"{"type":"hyperband","min_iter":3,"max_iter":27,"s":2}"#, "early_terminate.min_iter"),
            (r#"{"type":"hyperband","min_iter":0}"#, "early_terminate.min_iter"),
            (r#"{"type":"hyperband","min_iter":1,"eta":1}"#, "early_terminate.eta"),
            (r#"{"type":"hyperband","min_iter":1,"strict":3}"#, "early_terminate.strict"),
            (r#"{"type":"hyperband","max_iter":2,"s":2}"#, "early_terminate.max_iter"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.starts_with(&format!("`{key}`")), "{text}: {refused}");
        }
    }

    #[test]
    fn a_run_has_at_each_bracket_the_best_it_saw_by_then() {
        let hyperband = parse(r#"{"type":"hyperband","max_iter":27,"s":2}"#).unwrap();

        let values = [5.0, 3.0, 4.0, 9.0, f64::NAN, 1.0, 2.0, 2.0, 2.0, 0.0];
        assert_eq!(hyperband.reached(&values, Goal::Minimize), [3.0, 1.0]);
        assert_eq!(hyperband.reached(&values[..8], Goal::Maximize), [5.0]);
        assert_eq!(hyperband.reached(&values[..2], Goal::Minimize), [0.0; 0]);
    }

    /// Nine runs at the first bracket, three of which came to the second: with eta 3 the best third stays.
    #[test]
    fn the_best_third_goes_on() {
        let strict = parse(r#"{"type":"hyperband","max_iter":27,"s":2,"strict":true}"#).unwrap();
        let others: Vec<Vec<f64>> = (1..=9)
            .map(|run| if run <= 3 { vec![f64::from(run), 10.0 + f64::from(run)] } else { vec![f64::from(run)] })
            .collect();
        let stops = |reached: &[f64], best: f64| strict.is_to_stop(reached, best, &others, Goal::Minimize);

        assert!(!stops(&[], 9.0));
        assert!(!stops(&[3.0], 3.0));
        assert!(stops(&[4.0], 4.0));
        assert!(!stops(&[1.0, 11.0], 11.0));
        assert!(stops(&[2.0, 12.0], 12.0));
        assert!(stops(&[f64::INFINITY], f64::INFINITY));
        // What it reached after the bracket counts only where that is not strict.
        assert!(stops(&[4.0], 0.5));
        let lenient = Hyperband { strict: false, ..strict.clone() };
        assert!(!lenient.is_to_stop(&[4.0], 0.5, &others, Goal::Minimize));
        assert!(lenient.is_to_stop(&[4.0], 4.0, &others, Goal::Minimize));
    }

    #[test]
    fn the_first_run_at_a_bracket_goes_on() {
        let hyperband = parse(r#"{"type":"hyperband","min_iter":1}"#).unwrap();

        assert!(!hyperband.is_to_stop(&[0.2], 0.2, &[vec![0.2]], Goal::Maximize));
        assert!(hyperband.is_to_stop(&[0.2], 0.2, &[vec![0.2], vec![0.3]], Goal::Maximize));
    }
}
