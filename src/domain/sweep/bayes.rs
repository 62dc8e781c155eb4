//! Choosing the next point by what the runs so far have shown: a Gaussian process over their values, and the point from
//! which it expects the most improvement.

use super::config::Goal;
use super::gaussian::Process;
use super::random::Random;
use super::space::{Space, are_same};
use super::special::{normal_density, normal_probability};
use crate::domain::json::Value;

/// The process is fitted to at most so many points: the best of them and the newest.
pub const POINTS_MAX: usize = 150;
/// Points that are tried out by chance, and near the best.
const CANDIDATES: usize = 1_000;
const NEAR: usize = 300;
/// How far from a good point its neighbours are looked for, coarse and fine.
const DISTANCES: [f64; 3] = [0.15, 0.04, 0.01];

/// A run that was made for the sweep, or counts for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub values: Vec<Value>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The metric.
    Value(f64),
    /// Not known yet.
    Pending,
    /// Ended without a number: as bad as the worst.
    Failed,
}

/// The next point. `observations` are oldest first.
pub fn next(space: &Space, goal: Goal, observations: &[Observation], random: &mut Random) -> Vec<Value> {
    let dimensions = (0..space.leaves.len()).filter(|index| !space.is_constant(*index)).count();
    let sign = if goal == Goal::Minimize { 1.0 } else { -1.0 };
    let is_known =
        |observation: &&Observation| matches!(observation.outcome, Outcome::Value(value) if value.is_finite());
    let known = observations.iter().filter(is_known).count();
    if known < first_draws(dimensions) || dimensions == 0 {
        return unseen(space, observations, random);
    }
    let chosen = choose(observations, sign);
    let values: Vec<f64> = chosen.iter().map(|(_, value)| *value).collect();
    let points: Vec<Vec<f64>> = chosen.iter().map(|(observation, _)| space.units_of(&observation.values)).collect();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let best_point = values.iter().position(|value| *value == best).map(|index| points[index].clone());
    let unordered = space.leaves.iter().map(|leaf| leaf.distribution.is_unordered()).collect();
    let Some(process) = Process::fit(points, &values, unordered) else { return unseen(space, observations, random) };
    let pending: Vec<Vec<f64>> = observations
        .iter()
        .rev()
        .filter(|observation| observation.outcome == Outcome::Pending)
        .take(POINTS_MAX)
        .map(|observation| space.units_of(&observation.values))
        .collect();
    let process = process.believing(&pending);

    let mut search = Search { space, observations, process: &process, best, found: None };
    for _ in 0..CANDIDATES {
        let units: Vec<f64> = space.leaves.iter().map(|_| random.unit()).collect();
        search.consider(&units);
    }
    for distance in DISTANCES {
        let centres: Vec<Vec<f64>> =
            search.found.iter().map(|(_, units, _)| units.clone()).chain(best_point.clone()).collect();
        for centre in &centres {
            for _ in 0..NEAR / centres.len() {
                let units: Vec<f64> =
                    centre.iter().map(|unit| (unit + distance * random.normal()).clamp(0.0, 1.0)).collect();
                search.consider(&units);
            }
        }
    }
    match search.found {
        Some((_, _, values)) => values,
        None => unseen(space, observations, random),
    }
}

/// How many runs are made by chance before anything can be learned.
fn first_draws(dimensions: usize) -> usize {
    (dimensions + 2).clamp(3, 10)
}

/// A point by chance that no run stands at, if there is one to be found.
fn unseen(space: &Space, observations: &[Observation], random: &mut Random) -> Vec<Value> {
    let mut values = space.draw(random);
    for _ in 0..100 {
        if !observations.iter().any(|seen| are_same(&seen.values, &values)) {
            break;
        }
        values = space.draw(random);
    }
    values
}

/// The observations that the process is fitted to, with their values, smaller being better: the best half and the newest.
fn choose(observations: &[Observation], sign: f64) -> Vec<(&Observation, f64)> {
    let number = |observation: &Observation| match observation.outcome {
        Outcome::Value(value) if value.is_finite() => Some(sign * value),
        _ => None,
    };
    let worst = observations.iter().filter_map(number).fold(f64::NEG_INFINITY, f64::max);
    let mut all: Vec<(usize, &Observation, f64)> = Vec::new();
    for (index, observation) in observations.iter().enumerate() {
        if observation.outcome != Outcome::Pending {
            all.push((index, observation, number(observation).unwrap_or(worst)));
        }
    }
    if all.len() > POINTS_MAX {
        all.sort_by(|left, right| left.2.total_cmp(&right.2));
        let mut rest = all.split_off(POINTS_MAX / 2);
        rest.sort_by_key(|(index, ..)| std::cmp::Reverse(*index));
        all.extend(rest.into_iter().take(POINTS_MAX - POINTS_MAX / 2));
    }
    all.into_iter().map(|(_, observation, value)| (observation, value)).collect()
}

struct Search<'s> {
    space: &'s Space,
    observations: &'s [Observation],
    process: &'s Process,
    best: f64,
    /// Improvement, place and values of the best candidate.
    found: Option<(f64, Vec<f64>, Vec<Value>)>,
}

impl Search<'_> {
    fn consider(&mut self, units: &[f64]) {
        // What would be run, not what was aimed at: integers and steps are rounded.
        let values = self.space.values_at(units);
        let units = self.space.units_of(&values);
        let improvement = self.improvement(&units);
        if self.found.as_ref().is_some_and(|(known, ..)| *known >= improvement) {
            return;
        }
        if self.observations.iter().any(|seen| are_same(&seen.values, &values)) {
            return;
        }
        self.found = Some((improvement, units, values));
    }

    /// How much better than the best the value there is expected to be.
    fn improvement(&self, units: &[f64]) -> f64 {
        let (mean, doubt) = self.process.at(units);
        let better = self.best - mean;
        let deviations = better / doubt;
        better * normal_probability(deviations) + doubt * normal_density(deviations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sweep::config::SweepConfig;

    const PLANE: &str = "method: bayes\nmetric: {name: y, goal: minimize}\n\
                         parameters: {x1: {min: -5.0, max: 10.0}, x2: {min: 0.0, max: 15.0}}";

    fn branin(x1: f64, x2: f64) -> f64 {
        use std::f64::consts::PI;
        let b = 5.1 / (4.0 * PI * PI);
        (x2 - b * x1 * x1 + 5.0 / PI * x1 - 6.0).powi(2) + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x1.cos() + 10.0
    }

    /// How far the best of 25 runs is from the optimum.
    fn regret(seed: u64, choose: impl Fn(&Space, &[Observation], &mut Random) -> Vec<Value>) -> f64 {
        let space = SweepConfig::parse(PLANE).unwrap().space;
        let (mut random, mut seen, mut best) = (Random::seeded(seed), Vec::new(), f64::INFINITY);
        for _ in 0..25 {
            let values = choose(&space, &seen, &mut random);
            let value = branin(values[0].as_f64().unwrap(), values[1].as_f64().unwrap());
            best = best.min(value);
            seen.push(Observation { values, outcome: Outcome::Value(value) });
        }
        best - 0.397_887
    }

    #[test]
    fn bayes_ends_nearer_the_optimum_than_chance() {
        let median = |mut regrets: Vec<f64>| {
            regrets.sort_by(f64::total_cmp);
            regrets[regrets.len() / 2]
        };
        let bayes = median((0..7).map(|seed| regret(seed, |s, o, r| next(s, Goal::Minimize, o, r))).collect());
        let chance = median((0..7).map(|seed| regret(seed, |s, _, r| s.draw(r))).collect());

        assert!(bayes < 0.5 * chance, "bayes {bayes}, chance {chance}");
    }

    #[test]
    fn runs_that_are_still_going_are_not_repeated() {
        let config =
            "method: bayes\nmetric: {name: y, goal: maximize}\nparameters: {x: {min: 0, max: 20}, c: {value: 1}}";
        let space = SweepConfig::parse(config).unwrap().space;
        let mut random = Random::seeded(5);
        let mut seen: Vec<Observation> = [0_i64, 7, 14, 20]
            .into_iter()
            .map(|x| Observation {
                values: vec![Value::Int(x), Value::Int(1)],
                outcome: Outcome::Value(-((x - 12) as f64).powi(2)),
            })
            .collect();

        for _ in 0..17 {
            let values = next(&space, Goal::Maximize, &seen, &mut random);
            assert!(!seen.iter().any(|known| are_same(&known.values, &values)), "{values:?} again");
            seen.push(Observation { values, outcome: Outcome::Pending });
        }
        assert!(seen[4..8].iter().any(|near| (10..=14).contains(&near.values[0].as_i64().unwrap())));
        // All 21 values are taken: any of them again, and no end.
        assert_eq!(next(&space, Goal::Maximize, &seen, &mut random).len(), 2);
    }

    #[test]
    fn failures_and_numbers_that_are_none_teach_and_break_nothing() {
        let space = SweepConfig::parse(PLANE).unwrap().space;
        let mut random = Random::seeded(9);
        let outcomes = [Outcome::Value(f64::NAN), Outcome::Failed, Outcome::Value(f64::INFINITY), Outcome::Value(2.0)];
        let seen: Vec<Observation> =
            (0..300).map(|run| Observation { values: space.draw(&mut random), outcome: outcomes[run % 4] }).collect();

        let values = next(&space, Goal::Minimize, &seen, &mut random);
        assert!(values.iter().all(|value| value.as_f64().unwrap().is_finite()));
    }
}
