//! Configurations as people write them: what is read, what is refused and by which key, and what grids come of them.

use super::config::{Chooser, Goal, Method, SweepConfig};
use super::random::Random;
use super::space::are_same;
use crate::domain::json::Value;
use std::collections::BTreeSet;

const PARAMETERS: &str = "parameters: {lr: {min: 0.1, max: 1.0}}";

fn parse(text: &str) -> SweepConfig {
    SweepConfig::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn refusal(text: &str) -> String {
    SweepConfig::parse(text).err().unwrap_or_else(|| panic!("not refused: {text}")).to_string()
}

#[test]
fn a_whole_configuration_is_read() {
    let config = parse(
        "method: bayes\nmetric: {name: val.loss, goal: maximize, target: 0.9}\nrun_cap: 12\nprogram: train.py\n\
         name: first\nearly_terminate: {type: hyperband, min_iter: 3}\ncommand: ['${env}', python]\n\
         parameters:\n  lr: {distribution: log_uniform_values, min: 1e-5, max: 0.1}\n  layers: {values: [1, 2]}\n",
    );

    assert_eq!((config.method, config.chooser, config.run_cap), (Method::Bayes, Chooser::Server, Some(12)));
    let metric = config.metric.unwrap();
    assert_eq!((metric.name.as_str(), metric.goal, metric.target), ("val.loss", Goal::Maximize, Some(0.9)));
    assert_eq!((config.program.as_deref(), config.space.leaves.len()), (Some("train.py"), 2));
    assert!(config.early_terminate.is_some() && config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn what_cannot_work_is_refused_by_its_key() {
    let lr = |parameter: &str| format!("method: random\nparameters: {{lr: {parameter}}}");
    let cases = [
        ("[1, 2]".to_owned(), "`config`"),
        ("method: [".to_owned(), "`config`"),
        (PARAMETERS.to_owned(), "`method` is missing"),
        (format!("method: guess\n{PARAMETERS}"), "`method` is `guess`"),
        (format!("method: custom\n{PARAMETERS}"), "`method` is `custom`"),
        ("method: random".to_owned(), "`parameters` is missing"),
        ("method: random\nparameters: {}".to_owned(), "`parameters` is empty"),
        ("method: random\nparameters: 3".to_owned(), "`parameters` has to"),
        (lr("0.1"), "`parameters.lr` has to be a mapping"),
        (lr("{}"), "`parameters.lr` says no values"),
        (lr("{min: 1}"), "`parameters.lr.max` is missing"),
        (lr("{max: 1}"), "`parameters.lr.min` is missing"),
        (lr("{min: 2, max: 1}"), "`parameters.lr.min` is 2"),
        (lr("{min: a, max: 1}"), "`parameters.lr.min` has to be a number"),
        (lr("{values: []}"), "`parameters.lr.values` is empty"),
        (lr("{values: 1}"), "`parameters.lr.values` has to be a list"),
        (lr("{values: [1, 2], probabilities: [1.0]}"), "`parameters.lr.probabilities` has 1"),
        (lr("{values: [1, 2], probabilities: [0.5, 0.1]}"), "`parameters.lr.probabilities` adds up to 0.6"),
        (lr("{distribution: zipf, min: 1, max: 2}"), "`parameters.lr.distribution` is `zipf`"),
        (lr("{distribution: log_uniform, min: 1, max: 1000}"), "`parameters.lr.max` is 1000"),
        (lr("{distribution: log_uniform_values, min: 0, max: 1}"), "`parameters.lr.min` is 0"),
        (lr("{distribution: int_uniform, min: 0.5, max: 1}"), "`parameters.lr.min` has to be an integer"),
        (lr("{distribution: q_uniform, min: 1.0, max: 2.0, q: 0}"), "`parameters.lr.q` is 0"),
        (lr("{distribution: q_uniform, min: 1.1, max: 1.9, q: 5}"), "`parameters.lr.q` is 5"),
        (lr("{distribution: normal, sigma: -1}"), "`parameters.lr.sigma` is -1"),
        (lr("{distribution: beta, a: 1}"), "`parameters.lr.b` is missing"),
        (lr("{parameters: {deep: {min: 1}}}"), "`parameters.lr.parameters.deep.max` is missing"),
        (format!("method: grid\n{PARAMETERS}"), "`parameters.lr` cannot be laid out on a grid"),
        (format!("method: bayes\n{PARAMETERS}"), "`metric` is missing"),
        (format!("method: bayes\nmetric: loss\n{PARAMETERS}"), "`metric` has to be a mapping"),
        (format!("method: bayes\nmetric: {{goal: minimize}}\n{PARAMETERS}"), "`metric.name` is missing"),
        (format!("method: bayes\nmetric: {{name: l, goal: least}}\n{PARAMETERS}"), "`metric.goal`"),
        (format!("method: bayes\nmetric: {{name: l, target: low}}\n{PARAMETERS}"), "`metric.target`"),
        (format!("method: random\nearly_terminate: {{type: hyperband, min_iter: 3}}\n{PARAMETERS}"), "`metric`"),
        (format!("method: random\nrun_cap: 0\n{PARAMETERS}"), "`run_cap`"),
        (format!("method: random\nprogram: [a]\n{PARAMETERS}"), "`program` has to be a text"),
        (format!("method: random\ncontroller: {{type: remote}}\n{PARAMETERS}"), "`controller.type`"),
        (
            "method: grid\nparameters: {a: {min: 0, max: 9223372036854775807}, b: {min: 0, max: 9}}".to_owned(),
            "`parameters` have more combinations",
        ),
    ];
    for (text, beginning) in cases {
        let refused = refusal(&text);
        assert!(refused.starts_with(beginning), "{text}\n  {refused}");
    }
}

#[test]
fn what_is_only_odd_is_a_warning() {
    let config = parse("method: random\nmethods: x\nmetric: {name: loss}\nparameters: {lr: {value: 1, lucky: 7}}");

    let starts = ["`methods` is no key", "`parameters.lr.lucky` is ignored", "`metric.goal` is missing"];
    assert_eq!(config.warnings.len(), starts.len(), "{:?}", config.warnings);
    for (warning, start) in config.warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}");
    }
}

#[test]
fn who_chooses_decides_what_has_to_be_there() {
    let local = parse("method: custom\ncontroller: {type: local}\nparameters: {lr: {min: 0.1, max: 1.0}}");
    assert_eq!((local.method, local.chooser), (Method::Custom, Chooser::Controller));

    let scheduler =
        parse("metrics: [{name: a}, {name: b}]\nscheduler: {engine: optuna, search_space: f, source: s.py}");
    assert_eq!((scheduler.method, scheduler.chooser), (Method::Custom, Chooser::Scheduler));
    assert_eq!(scheduler.runs_expected(), None);
}

#[test]
fn a_grid_has_every_combination_once() {
    let config = parse(
        "method: grid\nparameters:\n  a: {values: [x, y, z]}\n  b: {min: 1, max: 4}\n  c: {value: 7}\n  \
         d: {parameters: {e: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.5}, f: {values: [true, false]}}}\n",
    );

    let size = config.runs_expected().unwrap();
    assert_eq!(size, 3 * 4 * 3 * 2);
    let points: BTreeSet<String> =
        (0..size).map(|index| config.space.arguments(&config.space.grid_point(index)).to_text()).collect();
    assert_eq!(points.len() as u64, size);
    let first = config.space.arguments(&config.space.grid_point(0)).to_text();
    assert_eq!(first, r#"{"a":{"value":"x"},"b":{"value":1},"c":{"value":7},"d":{"value":{"e":0.0,"f":true}}}"#);
}

#[test]
fn the_values_of_a_run_are_found_in_its_config() {
    let config =
        parse("method: random\nparameters: {lr: {min: 0.1, max: 1.0}, net: {parameters: {n: {min: 1, max: 9}}}}");
    let mut random = Random::seeded(3);

    for _ in 0..100 {
        let values = config.space.draw(&mut random);
        let text = config.space.arguments(&values).to_text();
        let read = config.space.values_of(&Value::parse(text.as_bytes(), 10).unwrap()).unwrap();
        assert!(are_same(&read, &values), "{text}");
    }
    assert_eq!(config.space.values_of(&Value::parse(br#"{"lr":{"value":1}}"#, 10).unwrap()), None);
}

/// Every distribution of the documentation, with what its values have to be.
#[test]
fn every_documented_distribution_keeps_to_its_bounds() {
    let e = std::f64::consts::E;
    let cases: [(&str, f64, f64, Option<f64>); 19] = [
        ("value: 3", 3.0, 3.0, None),
        ("values: [1, 2, 3]", 1.0, 3.0, Some(1.0)),
        ("values: [1, 2, 3], probabilities: [0.2, 0.3, 0.5]", 1.0, 3.0, Some(1.0)),
        ("min: 1, max: 6", 1.0, 6.0, Some(1.0)),
        ("min: 0.5, max: 0.75", 0.5, 0.75, None),
        ("distribution: q_uniform, min: 0.0, max: 1.0, q: 0.3", 0.0, 0.9, Some(0.3)),
        ("distribution: log_uniform, min: -1, max: 1", 1.0 / e, e, None),
        ("distribution: log_uniform_values, min: 0.001, max: 10", 0.001, 10.0, None),
        ("distribution: q_log_uniform, min: 0, max: 3, q: 2", 2.0, 20.0, Some(2.0)),
        ("distribution: q_log_uniform_values, min: 1, max: 100, q: 5", 5.0, 100.0, Some(5.0)),
        ("distribution: inv_log_uniform, min: 1, max: 2", (-2.0_f64).exp(), (-1.0_f64).exp(), None),
        ("distribution: inv_log_uniform_values, min: 0.1, max: 0.5", 0.1, 0.5, None),
        ("distribution: normal, mu: 10, sigma: 0.1", 9.0, 11.0, None),
        ("distribution: q_normal, mu: 10, sigma: 0.1, q: 0.25", 9.0, 11.0, Some(0.25)),
        ("distribution: log_normal, mu: 0, sigma: 0.1", 0.4, 2.0, None),
        ("distribution: q_log_normal, mu: 2, sigma: 0.1, q: 1", 4.0, 15.0, Some(1.0)),
        ("distribution: beta, a: 2, b: 3", 0.0, 1.0, None),
        ("distribution: q_beta, a: 2, b: 3, q: 0.1", 0.0, 1.0, Some(0.1)),
        ("distribution: q_uniform, min: 1, max: 9, q: 4", 4.0, 8.0, Some(4.0)),
    ];
    for (parameter, low, high, q) in cases {
        let config = parse(&format!("method: random\nparameters: {{p: {{{parameter}}}}}"));
        let mut random = Random::seeded(11);
        let mut drawn = Vec::new();
        for _ in 0..2_000 {
            let value = config.space.draw(&mut random)[0].as_f64().unwrap();
            assert!(value >= low - 1e-9 && value <= high + 1e-9, "{parameter}: {value}");
            let multiple = q.map_or(0.0, |q| value / q);
            assert!((multiple - multiple.round()).abs() < 1e-6, "{parameter}: {value}");
            drawn.push(value);
        }
        let reached = |wanted: f64| drawn.iter().any(|value| (value - wanted).abs() < 1e-6);
        assert!(
            q.is_none()
                || parameter.contains("normal")
                || parameter.contains("beta")
                || (reached(low) && reached(high))
        );
    }
}
