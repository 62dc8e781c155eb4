//! One parameter of a sweep as people write it, checked: its distribution, or parameters inside it.

use super::config::ConfigError;
use super::distribution::{Distribution, Shape, Step};
use crate::domain::json::Value;

/// How deep parameters may lie in parameters.
const NESTED_MAX: usize = 10;
/// The distributions, as people name them.
const DISTRIBUTIONS: [&str; 20] = [
    "constant",
    "categorical",
    "categorical_w_probabilities",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform",
    "q_log_uniform_values",
    "inv_log_uniform",
    "inv_log_uniform_values",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
    "beta",
    "q_beta",
    "q_int_uniform",
    "q_inv_log_uniform_values",
];
const KEYS: [&str; 13] = [
    "value",
    "values",
    "probabilities",
    "distribution",
    "min",
    "max",
    "mu",
    "sigma",
    "q",
    "a",
    "b",
    "parameters",
    "description",
];

/// A parameter that is drawn, with the names that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    pub path: Vec<String>,
    pub distribution: Distribution,
}

/// Reads what is under `parameters`, nested parameters included.
pub fn parse_all(parameters: &Value, warnings: &mut Vec<String>) -> Result<Vec<Leaf>, ConfigError> {
    let mut leaves = Vec::new();
    read_all(parameters, &mut Vec::new(), &mut leaves, warnings)?;
    Ok(leaves)
}

fn read_all(
    parameters: &Value,
    path: &mut Vec<String>,
    leaves: &mut Vec<Leaf>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some(members) = parameters.as_object() else {
        return Err(ConfigError::new(key_of(path, None), "has to map names to parameters"));
    };
    if members.is_empty() {
        return Err(ConfigError::new(key_of(path, None), "is empty: name at least one parameter"));
    }
    for (name, parameter) in members {
        path.push(name.clone());
        read_one(parameter, path, leaves, warnings)?;
        path.pop();
    }
    Ok(())
}

fn read_one(
    parameter: &Value,
    path: &mut Vec<String>,
    leaves: &mut Vec<Leaf>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some(members) = parameter.as_object() else {
        let why = "has to be a mapping such as `value: 1`, `values: [1, 2]`, or `min: 0.0` with `max: 1.0`";
        return Err(ConfigError::new(key_of(path, None), why));
    };
    for (key, _) in members {
        if !KEYS.contains(&key.as_str()) {
            let known = KEYS.join("`, `");
            warnings.push(format!("`{}` is ignored: a parameter has the keys `{known}`", key_of(path, Some(key))));
        }
    }
    if let Some(nested) = parameter.get("parameters") {
        if path.len() >= NESTED_MAX {
            return Err(ConfigError::new(key_of(path, None), format!("nests more than {NESTED_MAX} parameters")));
        }
        return read_all(nested, path, leaves, warnings);
    }
    let reader = Reader { parameter, path };
    leaves.push(Leaf { path: path.clone(), distribution: reader.distribution()? });
    Ok(())
}

/// The key as people would look for it: `parameters.optimizer.parameters.lr.min`.
fn key_of(path: &[String], member: Option<&str>) -> String {
    let mut key = format!("parameters.{}", path.join(".parameters."));
    if path.is_empty() {
        key.truncate("parameters".len());
    }
    if let Some(member) = member {
        key = format!("{key}.{member}");
    }
    key
}

struct Reader<'p> {
    parameter: &'p Value,
    path: &'p [String],
}

impl Reader<'_> {
    fn wrong(&self, member: &str, why: impl Into<String>) -> ConfigError {
        ConfigError::new(key_of(self.path, Some(member)), why)
    }

    fn distribution(&self) -> Result<Distribution, ConfigError> {
        let named = match self.parameter.get("distribution") {
            None => None,
            Some(Value::Text(name)) => Some(name.as_str()),
            Some(_) => return Err(self.wrong("distribution", "has to be the name of a distribution")),
        };
        let name = match named {
            Some(name) => name,
            None => self.meant()?,
        };
        let log = |(min, max): (f64, f64)| Shape::Log { min, max };
        let shape = match name {
            "constant" => {
                let value = self.parameter.get("value");
                let value = value.ok_or_else(|| self.wrong("value", "is missing: a constant needs it"))?;
                return Ok(Distribution::Constant(value.clone()));
            }
            "categorical" | "categorical_w_probabilities" => return self.categorical(name),
            "int_uniform" | "q_int_uniform" => {
                let (min, max) = (self.int("min")?, self.int("max")?);
                self.check_order(min as f64, max as f64)?;
                match self.step(name)? {
                    None => return Ok(Distribution::IntUniform { min, max }),
                    Some(_) => Shape::Uniform { min: min as f64, max: max as f64 },
                }
            }
            "uniform" | "q_uniform" => {
                let (min, max) = self.range()?;
                Shape::Uniform { min, max }
            }
            "log_uniform" | "q_log_uniform" => log(self.exponents()?),
            "inv_log_uniform" => {
                let (min, max) = self.exponents()?;
                log((-max, -min))
            }
            "log_uniform_values" | "q_log_uniform_values" | "inv_log_uniform_values" | "q_inv_log_uniform_values" => {
                let (min, max) = self.range()?;
                if min <= 0.0 {
                    return Err(self.wrong("min", format!("is {min}: a logarithm needs a value above 0")));
                }
                log((min.ln(), max.ln()))
            }
            "normal" | "q_normal" => Shape::Normal { mu: self.number_or("mu", 0.0)?, sigma: self.sigma()? },
            "log_normal" | "q_log_normal" => Shape::LogNormal { mu: self.number_or("mu", 0.0)?, sigma: self.sigma()? },
            "beta" | "q_beta" => Shape::Beta { a: self.positive("a")?, b: self.positive("b")? },
            other => {
                let known = DISTRIBUTIONS.join("`, `");
                return Err(self.wrong("distribution", format!("is `{other}`; known are `{known}`")));
            }
        };
        self.continuous(shape, name)
    }

    /// The distribution of a parameter that names none.
    fn meant(&self) -> Result<&'static str, ConfigError> {
        let has = |key| self.parameter.get(key).is_some();
        if has("values") {
            return Ok(if has("probabilities") { "categorical_w_probabilities" } else { "categorical" });
        }
        if has("value") {
            return Ok("constant");
        }
        match (self.parameter.get("min"), self.parameter.get("max")) {
            (Some(Value::Int(_)), Some(Value::Int(_))) => Ok(if has("q") { "q_uniform" } else { "int_uniform" }),
            (Some(_), Some(_)) => Ok(if has("q") { "q_uniform" } else { "uniform" }),
            (Some(_), None) => Err(self.wrong("max", "is missing")),
            (None, Some(_)) => Err(self.wrong("min", "is missing")),
            (None, None) if has("mu") || has("sigma") => Ok(if has("q") { "q_normal" } else { "normal" }),
            (None, None) => {
                let why = "says no values: give `value`, `values`, `min` and `max`, or a `distribution` with its keys";
                Err(ConfigError::new(key_of(self.path, None), why))
            }
        }
    }

    fn categorical(&self, name: &str) -> Result<Distribution, ConfigError> {
        let values = self.parameter.get("values").ok_or_else(|| self.wrong("values", "is missing"))?;
        let values = values.as_array().ok_or_else(|| self.wrong("values", "has to be a list"))?;
        if values.is_empty() {
            return Err(self.wrong("values", "is empty: list at least one value"));
        }
        let cumulative = match self.parameter.get("probabilities") {
            None if name == "categorical_w_probabilities" => return Err(self.wrong("probabilities", "is missing")),
            None => None,
            Some(probabilities) => Some(self.cumulative(probabilities, values.len())?),
        };
        Ok(Distribution::Categorical { values: values.to_vec(), cumulative })
    }

    fn cumulative(&self, probabilities: &Value, count: usize) -> Result<Vec<f64>, ConfigError> {
        let wrong = |why: String| self.wrong("probabilities", why);
        let listed = probabilities.as_array().ok_or_else(|| wrong("has to be a list of numbers".into()))?;
        if listed.len() != count {
            return Err(wrong(format!("has {} numbers for {count} values", listed.len())));
        }
        let mut cumulative = Vec::with_capacity(count);
        let mut sum = 0.0;
        for probability in listed {
            let probability = probability.as_f64().filter(|number| (0.0..=1.0).contains(number));
            sum += probability.ok_or_else(|| wrong("has to list numbers between 0 and 1".into()))?;
            cumulative.push(sum);
        }
        if (sum - 1.0).abs() > 1e-6 {
            return Err(wrong(format!("adds up to {sum}, and has to add up to 1")));
        }
        // The last value that can be drawn must not lose what rounding took.
        let end = cumulative.last().copied().unwrap_or(1.0);
        cumulative.iter_mut().filter(|reached| **reached >= end).for_each(|reached| *reached = 1.0);
        Ok(cumulative)
    }

    fn continuous(&self, shape: Shape, name: &str) -> Result<Distribution, ConfigError> {
        let step = self.step(name)?;
        if let Some(step) = step {
            let (first, last) = step.range(shape.bounds());
            if first > last {
                return Err(self.wrong("q", format!("is {}: no multiple of it lies between `min` and `max`", step.q)));
            }
        }
        Ok(Distribution::Continuous { shape, step })
    }

    /// The step of a distribution whose name begins with `q_`; 1 when it is not said.
    fn step(&self, name: &str) -> Result<Option<Step>, ConfigError> {
        if !name.starts_with("q_") {
            return Ok(None);
        }
        let is_int = matches!(self.parameter.get("q"), None | Some(Value::Int(_)));
        let q = match self.parameter.get("q") {
            None => 1.0,
            Some(_) => self.positive("q")?,
        };
        Ok(Some(Step { q, is_int }))
    }

    fn range(&self) -> Result<(f64, f64), ConfigError> {
        let (min, max) = (self.number("min")?, self.number("max")?);
        self.check_order(min, max)?;
        Ok((min, max))
    }

    /// Bounds of the natural logarithm. People often give those of the value, which overflows.
    fn exponents(&self) -> Result<(f64, f64), ConfigError> {
        let (min, max) = self.range()?;
        for (key, exponent) in [("min", min), ("max", max)] {
            if exponent.abs() > 700.0 {
                let why = format!(
                    "is {exponent}, a natural logarithm: for bounds of the value itself take `log_uniform_values`"
                );
                return Err(self.wrong(key, why));
            }
        }
        Ok((min, max))
    }

    fn check_order(&self, min: f64, max: f64) -> Result<(), ConfigError> {
        if min > max {
            return Err(self.wrong("min", format!("is {min}, more than `max`, which is {max}")));
        }
        Ok(())
    }

    fn sigma(&self) -> Result<f64, ConfigError> {
        if self.parameter.get("sigma").is_none() { Ok(1.0) } else { self.positive("sigma") }
    }

    fn positive(&self, key: &str) -> Result<f64, ConfigError> {
        let number = self.number(key)?;
        if number > 0.0 { Ok(number) } else { Err(self.wrong(key, format!("is {number}, and has to be above 0"))) }
    }

    fn number_or(&self, key: &str, default: f64) -> Result<f64, ConfigError> {
        if self.parameter.get(key).is_none() { Ok(default) } else { self.number(key) }
    }

    fn number(&self, key: &str) -> Result<f64, ConfigError> {
        let value = self.parameter.get(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        let number = value.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong(key, "has to be a number"))
    }

    fn int(&self, key: &str) -> Result<i64, ConfigError> {
        let value = self.parameter.get(key).ok_or_else(|| self.wrong(key, "is missing"))?;
        value.as_i64().ok_or_else(|| self.wrong(key, "has to be an integer"))
    }
}
