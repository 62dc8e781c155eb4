//! Rows as a training script logs them: noisy, decaying curves. The same seed gives the same rows.

use std::fmt::Write;

/// Seconds since 1970 at which every run starts; no clock, so that every run is the same.
pub const EPOCH_S: u64 = 1_795_000_000;

/// Where metric values come from; it decides how many bits of them are noise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Full double precision.
    Float64,
    /// Single precision widened to double, as `.item()` of a tensor gives it.
    Float32,
    /// Rounded by the script to four decimals.
    Decimals4,
}

/// Metric names of the lengths seen in training code.
pub fn metric_name(index: usize) -> String {
    format!("train/metric_{index:03}")
}

pub struct Rows {
    names: Vec<String>,
    precision: Precision,
    random: Random,
}

impl Rows {
    pub fn new(metrics: usize, precision: Precision, seed: u64) -> Self {
        Self { names: (0..metrics).map(metric_name).collect(), precision, random: Random::new(seed) }
    }

    /// The JSON text of one row.
    pub fn row(&mut self, step: u64) -> String {
        let mut row = String::with_capacity(64 + self.names.len() * 40);
        row.push('{');
        for name in &self.names {
            let value = self.random.near(curve(step));
            let value = match self.precision {
                Precision::Float64 => value,
                Precision::Float32 => f64::from(value as f32),
                Precision::Decimals4 => (value * 1e4).round() / 1e4,
            };
            // Writing to a string cannot fail.
            let _infallible = write!(row, "\"{name}\":{value},");
        }
        // A step takes a tenth of a second, and its times vary by less than a millisecond.
        let runtime_ns = step * 100_000_000 + self.random.next() % 1_000_000;
        let (seconds, rest_ns) = (runtime_ns / 1_000_000_000, runtime_ns % 1_000_000_000);
        // As the client writes it: 1.7950000001234567e+09.
        let timestamp = (EPOCH_S * 10_000_000 + runtime_ns / 100) % 10u64.pow(16);
        let _infallible =
            write!(row, "\"_step\":{step},\"_runtime\":{seconds}.{rest_ns:09},\"_timestamp\":1.{timestamp:016}e+09}}");
        row
    }
}

/// What all metrics follow.
pub fn curve(step: u64) -> f64 {
    1.0 / (1.0 + 0.01 * step as f64)
}

/// A small generator of pseudo-random numbers (xorshift64*); nothing here depends on their quality.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Zero is the one state it cannot leave.
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to 1, without 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `value` with a tenth of noise.
    pub fn near(&mut self, value: f64) -> f64 {
        value * (0.9 + 0.2 * self.fraction())
    }
}
