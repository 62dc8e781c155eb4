//! What was asked for: which workloads (`cargo bench --bench ingest -- 50`), and for how long.

use anyhow::{Context, bail, ensure};
use std::ffi::OsString;
use std::time::Duration;

const SECONDS: &str = "WEIGHHOUSE_BENCH_SECONDS";
const SECONDS_DEFAULT: f64 = 5.0;

pub struct Arguments {
    words: Vec<String>,
    flags: Vec<String>,
    /// How long one workload is measured.
    pub duration: Duration,
}

impl Arguments {
    /// `None`: there is nothing to measure, because this is `cargo test --all-targets`, which does not say `--bench`.
    pub fn read() -> anyhow::Result<Option<Self>> {
        let (flags, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
        if !flags.iter().any(|flag| flag == "--bench") {
            eprintln!("nothing is measured without `cargo bench`");
            return Ok(None);
        }
        let flags = flags.into_iter().filter(|flag| flag != "--bench").collect();
        Ok(Some(Self { words, flags, duration: duration(std::env::var_os(SECONDS))? }))
    }

    /// Those of `known` that were named; all of them if none was. An unknown name or flag is an error.
    pub fn select<'a>(&self, known: &[&'a str], known_flags: &[&str]) -> anyhow::Result<Vec<&'a str>> {
        if let Some(word) = self.words.iter().find(|word| !known.contains(&word.as_str())) {
            bail!("there is no workload `{word}` here, only {}", known.join(", "));
        }
        if let Some(flag) = self.flags.iter().find(|flag| !known_flags.contains(&flag.as_str())) {
            bail!("the flag `{flag}` is not known here");
        }
        let is_wanted = |name: &&str| self.words.is_empty() || self.words.iter().any(|word| word == name);
        Ok(known.iter().copied().filter(is_wanted).collect())
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }
}

fn duration(setting: Option<OsString>) -> anyhow::Result<Duration> {
    let Some(text) = setting else { return Ok(Duration::from_secs_f64(SECONDS_DEFAULT)) };
    let seconds: f64 = text.to_string_lossy().parse().with_context(|| format!("{SECONDS} is not a number"))?;
    ensure!((0.1..=3600.0).contains(&seconds), "{SECONDS} must be from 0.1 to 3600");
    Ok(Duration::from_secs_f64(seconds))
}
