//! Sweeps: how near the optimum a search ends, and how long a suggestion takes. No server: the search is pure.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, ensure};
use serde::Serialize;
use std::f64::consts::PI;
use std::time::Instant;
use support::arguments::Arguments;
use support::report::{self, Latencies, rounded};
use weighhouse::domain::json::Value;
use weighhouse::domain::sweep::bayes::{self, Observation, Outcome};
use weighhouse::domain::sweep::config::{Goal, SweepConfig};
use weighhouse::domain::sweep::random::Random;

const SEEDS: u64 = 20;
const TRIALS: usize = 40;
/// The least value of Branin's function, which it has at three places.
const LEAST: f64 = 0.397_887_357_729_738;
const CONFIG: &str = "method: bayes\nmetric: {name: y, goal: minimize}\n\
                      parameters: {x1: {min: -5.0, max: 10.0}, x2: {min: 0.0, max: 15.0}}";

#[derive(Serialize)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    seeds: u64,
    trials: usize,
    bayes_median_regret: f64,
    random_median_regret: f64,
    bayes_p50_ms: f64,
    bayes_p99_ms: f64,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    arguments.select(&["branin"], &[])?;
    let config = SweepConfig::parse(CONFIG)?;
    let mut latencies = Latencies::default();
    let (mut of_bayes, mut of_chance) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        of_bayes.push(regret(seed, |seen, random| {
            let started = Instant::now();
            let values = bayes::next(&config.space, Goal::Minimize, seen, random);
            latencies.push(started.elapsed());
            values
        })?);
        of_chance.push(regret(seed, |_, random| config.space.draw(random))?);
    }
    let line = Line {
        bench: "sweep",
        workload: "branin",
        build: report::BUILD,
        seeds: SEEDS,
        trials: TRIALS,
        bayes_median_regret: median(of_bayes),
        random_median_regret: median(of_chance),
        bayes_p50_ms: latencies.percentile_ms(50),
        bayes_p99_ms: latencies.percentile_ms(99),
    };
    report::print(&line)?;
    ensure!(line.bayes_median_regret < line.random_median_regret, "bayes ended no nearer the optimum than chance");
    Ok(())
}

/// How far the best of all trials is from the optimum.
fn regret(seed: u64, mut choose: impl FnMut(&[Observation], &mut Random) -> Vec<Value>) -> anyhow::Result<f64> {
    let (mut random, mut seen, mut best) = (Random::seeded(seed), Vec::new(), f64::INFINITY);
    for _ in 0..TRIALS {
        let values = choose(&seen, &mut random);
        let number = |index: usize| values.get(index).and_then(Value::as_f64).context("a point lacks a number");
        let value = branin(number(0)?, number(1)?);
        best = best.min(value);
        seen.push(Observation { values, outcome: Outcome::Value(value) });
    }
    Ok(best - LEAST)
}

fn branin(x1: f64, x2: f64) -> f64 {
    let valley = x2 - 5.1 / (4.0 * PI * PI) * x1 * x1 + 5.0 / PI * x1 - 6.0;
    valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x1.cos() + 10.0
}

fn median(mut regrets: Vec<f64>) -> f64 {
    regrets.sort_by(f64::total_cmp);
    let middle = regrets.len() / 2;
    rounded(0.5 * (regrets[middle - 1] + regrets[middle]), 5)
}
