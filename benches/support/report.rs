//! One JSON line per workload, on standard output. What each member means is in `benches/README.md`.

use serde::Serialize;
use std::time::Duration;

/// Numbers of an unoptimised build say nothing; every line tells which it is.
pub const BUILD: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

pub fn print(line: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

/// Times of single requests.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Nearest rank, in milliseconds; `percent` in 0..=100. Zero without any request.
    pub fn percentile_ms(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).map_or(0.0, |latency| rounded(latency.as_secs_f64() * 1000.0, 3))
    }
}

pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// Megabytes, that is millions of bytes, with one decimal.
pub fn megabytes(bytes: u64) -> f64 {
    rounded(bytes as f64 / 1e6, 1)
}

/// A whole number of things per second.
pub fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { (count as f64 / seconds).round() } else { 0.0 }
}
