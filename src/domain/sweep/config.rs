//! A sweep's configuration, read and checked. What cannot work is refused by its key; what is only odd is a warning.

use super::hyperband::Hyperband;
use super::parameter::parse_all;
use super::space::Space;
use super::yaml;
use crate::domain::json::Value;
use std::cmp::Ordering;

const PARAMETERS_MAX: usize = 1_000;
const TEXT_CHARS_MAX: usize = 10_000;
/// What a configuration may say, those for other parts of the client included (wandb 0.31.0, `cli.py`).
const KEYS: [&str; 19] = [
    "method",
    "metric",
    "metrics",
    "parameters",
    "early_terminate",
    "run_cap",
    "program",
    "command",
    "name",
    "description",
    "project",
    "entity",
    "controller",
    "scheduler",
    "settings",
    "launch",
    "job",
    "image_uri",
    "apiVersion",
];

/// What is wrong with a configuration, and under which key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {why}")]
pub struct ConfigError {
    pub key: String,
    pub why: String,
}

impl ConfigError {
    pub fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self { key: key.into(), why: why.into() }
    }
}

/// How the next run is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Grid,
    Random,
    Bayes,
    /// Not by this server.
    Custom,
}

/// Who chooses the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    Server,
    /// A process of the client that writes its choices into the sweep: `controller.type: local`.
    Controller,
    /// A process of the client that hands in runs: `scheduler.engine`, since wandb 0.31.0.
    Scheduler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Minimize,
    Maximize,
}

impl Goal {
    /// The better one; NaN is never better.
    pub fn better(self, left: f64, right: f64) -> f64 {
        if self.order(right, left).is_lt() { right } else { left }
    }

    /// Best first, NaN last.
    pub fn order(self, left: f64, right: f64) -> Ordering {
        let order = match self {
            Self::Minimize => left.partial_cmp(&right),
            Self::Maximize => right.partial_cmp(&left),
        };
        order.unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
    }

    pub fn worst(self) -> f64 {
        match self {
            Self::Minimize => f64::INFINITY,
            Self::Maximize => f64::NEG_INFINITY,
        }
    }

    /// Whether the value is as good as the target, or better.
    pub fn has_reached(self, value: f64, target: f64) -> bool {
        self.order(value, target).is_le()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    pub goal: Goal,
    /// No more runs are made once a run has reached it.
    pub target: Option<f64>,
}

impl Metric {
    /// Its value in a run's summary. A key with dots may be nested, and a metric may have a summary of its own.
    pub fn value_in(&self, summary: &Value) -> Option<f64> {
        let path: Vec<&str> = self.name.split('.').collect();
        let found = summary.get(&self.name).or_else(|| summary.at(&path))?;
        let best = match self.goal {
            Goal::Minimize => "min",
            Goal::Maximize => "max",
        };
        let number = found.as_f64();
        number.or_else(|| ["best", best, "last", "mean"].iter().find_map(|name| found.get(name)?.as_f64()))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct SweepConfig {
    pub method: Method,
    pub chooser: Chooser,
    pub metric: Option<Metric>,
    pub space: Space,
    pub early_terminate: Option<Hyperband>,
    /// The most runs that are made.
    pub run_cap: Option<u64>,
    pub program: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub warnings: Vec<String>,
}

impl SweepConfig {
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let value = yaml::parse(text).map_err(|why| ConfigError::new("config", format!("cannot be read: {why}")))?;
        Self::read(&value)
    }

    fn read(value: &Value) -> Result<Self, ConfigError> {
        let Some(members) = value.as_object() else {
            return Err(ConfigError::new("config", "has to be a mapping with `method` and `parameters`"));
        };
        let mut warnings = Vec::new();
        for (key, _) in members {
            if !KEYS.contains(&key.as_str()) {
                warnings.push(format!("`{key}` is no key of a sweep and is ignored"));
            }
        }
        let chooser = chooser(value)?;
        let method = method(value, chooser)?;
        let leaves = match value.get("parameters") {
            Some(parameters) => parse_all(parameters, &mut warnings)?,
            // A scheduler may build its space in Python.
            None if chooser == Chooser::Scheduler => Vec::new(),
            None => return Err(ConfigError::new("parameters", "is missing: it maps names to values to try")),
        };
        if leaves.len() > PARAMETERS_MAX {
            return Err(ConfigError::new("parameters", format!("has more than {PARAMETERS_MAX} parameters")));
        }
        let space = Space { leaves };
        let metric = metric(value, &mut warnings)?;
        let early_terminate = match value.get("early_terminate") {
            Some(early) if chooser == Chooser::Server => Some(Hyperband::parse(early)?),
            _ => None,
        };
        if method == Method::Grid && chooser == Chooser::Server {
            check_grid(&space)?;
        }
        if metric.is_none() && chooser == Chooser::Server {
            for (needs, what) in
                [(method == Method::Bayes, "`bayes`"), (early_terminate.is_some(), "`early_terminate`")]
            {
                if needs {
                    return Err(ConfigError::new("metric", format!("is missing: {what} needs `metric.name`")));
                }
            }
        }
        Ok(Self {
            method,
            chooser,
            metric,
            space,
            early_terminate,
            run_cap: run_cap(value)?,
            program: text(value, "program")?,
            name: text(value, "name")?,
            description: text(value, "description")?,
            warnings,
        })
    }

    /// How many runs the sweep will make, where that is known: the size of a grid.
    pub fn runs_expected(&self) -> Option<u64> {
        match (self.method, self.chooser) {
            (Method::Grid, Chooser::Server) => self.space.grid_size(),
            _ => None,
        }
    }

    /// The word for the method.
    pub fn method_name(&self) -> &'static str {
        match self.method {
            Method::Grid => "grid",
            Method::Random => "random",
            Method::Bayes => "bayes",
            Method::Custom => "custom",
        }
    }

    /// Whether runs made with the other configuration still stand at points of this one.
    pub fn searches_like(&self, other: &Self) -> bool {
        (self.method, self.chooser, &self.space) == (other.method, other.chooser, &other.space)
    }
}

fn chooser(value: &Value) -> Result<Chooser, ConfigError> {
    if let Some(kind) = value.at(&["controller", "type"]) {
        return match kind.as_str() {
            Some("local") => Ok(Chooser::Controller),
            Some("cloud" | "server") => Ok(Chooser::Server),
            _ => Err(ConfigError::new("controller.type", "has to be `local`; leave it out to let the server choose")),
        };
    }
    let engine = value.at(&["scheduler", "engine"]);
    Ok(if engine.is_some() { Chooser::Scheduler } else { Chooser::Server })
}

fn method(value: &Value, chooser: Chooser) -> Result<Method, ConfigError> {
    match value.get("method") {
        Some(Value::Text(name)) => match name.to_lowercase().as_str() {
            "grid" => Ok(Method::Grid),
            "random" => Ok(Method::Random),
            "bayes" => Ok(Method::Bayes),
            _ if chooser != Chooser::Server => Ok(Method::Custom),
            "custom" => Err(ConfigError::new(
                "method",
                "is `custom`, which needs `controller.type: local` or a `scheduler.engine`",
            )),
            _ => Err(ConfigError::new("method", format!("is `{name}`; known are `grid`, `random` and `bayes`"))),
        },
        None if chooser == Chooser::Scheduler => Ok(Method::Custom),
        None => Err(ConfigError::new("method", "is missing: it has to be `grid`, `random` or `bayes`")),
        Some(_) => Err(ConfigError::new("method", "has to be `grid`, `random` or `bayes`")),
    }
}

fn metric(value: &Value, warnings: &mut Vec<String>) -> Result<Option<Metric>, ConfigError> {
    let Some(metric) = value.get("metric") else { return Ok(None) };
    if metric.as_object().is_none() {
        return Err(ConfigError::new("metric", "has to be a mapping with `name` and `goal`"));
    }
    let name = match metric.get("name") {
        Some(Value::Text(name)) if !name.is_empty() => name.clone(),
        Some(_) => return Err(ConfigError::new("metric.name", "has to be the name of a logged value")),
        None => return Err(ConfigError::new("metric.name", "is missing")),
    };
    let goal = match metric.get("goal").map(|goal| goal.as_str().map(str::to_lowercase)) {
        None => {
            warnings.push(format!("`metric.goal` is missing: `{name}` is minimized"));
            Goal::Minimize
        }
        Some(Some(goal)) if goal == "minimize" => Goal::Minimize,
        Some(Some(goal)) if goal == "maximize" => Goal::Maximize,
        Some(_) => return Err(ConfigError::new("metric.goal", "has to be `minimize` or `maximize`")),
    };
    let target = match metric.get("target") {
        None | Some(Value::Null) => None,
        Some(target) => {
            let number = target.as_f64().filter(|target| !target.is_nan());
            Some(number.ok_or_else(|| ConfigError::new("metric.target", "has to be a number"))?)
        }
    };
    Ok(Some(Metric { name, goal, target }))
}

fn run_cap(value: &Value) -> Result<Option<u64>, ConfigError> {
    match value.get("run_cap") {
        None | Some(Value::Null) => Ok(None),
        Some(cap) => {
            let cap = cap.as_i64().and_then(|cap| u64::try_from(cap).ok()).filter(|cap| *cap > 0);
            cap.map(Some).ok_or_else(|| ConfigError::new("run_cap", "has to be an integer of at least 1"))
        }
    }
}

fn text(value: &Value, key: &str) -> Result<Option<String>, ConfigError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) if text.chars().count() <= TEXT_CHARS_MAX => Ok(Some(text.clone())),
        Some(Value::Text(_)) => Err(ConfigError::new(key, format!("has more than {TEXT_CHARS_MAX} characters"))),
        Some(_) => Err(ConfigError::new(key, "has to be a text")),
    }
}

fn check_grid(space: &Space) -> Result<(), ConfigError> {
    if let Some(leaf) = space.uncountable() {
        let key = format!("parameters.{}", leaf.path.join(".parameters."));
        let why = "cannot be laid out on a grid: give `value`, `values`, integers as `min` and `max`, or `q_uniform` with `q`";
        return Err(ConfigError::new(key, why));
    }
    match space.grid_size() {
        Some(_) => Ok(()),
        None => Err(ConfigError::new("parameters", "have more combinations than a grid can number: name fewer values")),
    }
}
