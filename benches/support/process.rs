//! CPU time and memory of a process, and what else the machine was doing, from `/proc`.

use anyhow::{Context, ensure};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The unit of CPU times in `/proc`; Linux shows hundredths of a second to programs on every platform we run on.
const TICKS_PER_S: f64 = 100.0;
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
const SETTLE_STEP: Duration = Duration::from_millis(250);
const SETTLE_STEPS: u32 = 3;
const SETTLE_DEADLINE: Duration = Duration::from_secs(180);

/// User and system time of all threads of a process, those that have ended included.
pub fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let text = read(&format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks: Vec<f64> = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(ticks.len() == 2, "/proc/PID/stat has no CPU times");
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_S)
}

#[derive(Clone, Copy, Default)]
pub struct Memory {
    pub rss_bytes: u64,
    /// Pages shared with other processes count in part.
    pub pss_bytes: u64,
}

pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    Ok(Memory { rss_bytes: number(&text, "Rss:")? * 1024, pss_bytes: number(&text, "Pss:")? * 1024 })
}

/// The most that was ever resident; the kernel keeps it, so that no moment is missed.
pub fn peak_rss_bytes(pid: u32) -> anyhow::Result<u64> {
    Ok(number(&read(&format!("/proc/{pid}/status"))?, "VmHWM:")? * 1024)
}

/// Bytes that a process made the kernel write to disks.
pub fn written_bytes(pid: u32) -> anyhow::Result<u64> {
    number(&read(&format!("/proc/{pid}/io"))?, "write_bytes:")
}

/// Looks at a process's memory until `is_done`; returns the largest share.
pub fn watch_pss_bytes(pid: u32, is_done: &AtomicBool) -> anyhow::Result<u64> {
    let mut peak = 0;
    loop {
        peak = peak.max(memory(pid)?.pss_bytes);
        if is_done.load(Ordering::Relaxed) {
            return Ok(peak);
        }
        std::thread::sleep(SAMPLE_EVERY);
    }
}

/// Waits until a process has nothing left to do in the background.
pub fn wait_until_idle(pid: u32) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLE_DEADLINE;
    let mut quiet = 0;
    let mut before = cpu_s(pid)?;
    while quiet < SETTLE_STEPS {
        ensure!(Instant::now() < deadline, "the server is still busy after {} s", SETTLE_DEADLINE.as_secs());
        std::thread::sleep(SETTLE_STEP);
        let now = cpu_s(pid)?;
        // One tick is a timer that fired, not work.
        quiet = if now - before < 1.5 / TICKS_PER_S { quiet + 1 } else { 0 };
        before = now;
    }
    Ok(())
}

/// CPU seconds of the whole machine since it started.
#[derive(Clone, Copy)]
pub struct Machine {
    pub busy_s: f64,
    /// Taken by the hypervisor for others.
    pub steal_s: f64,
}

impl Machine {
    pub fn read() -> anyhow::Result<Self> {
        let text = read("/proc/stat")?;
        let line = text.lines().next().context("/proc/stat is empty")?;
        let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        ensure!(ticks.len() >= 8, "/proc/stat has no CPU times");
        // user, nice, system, idle, iowait, irq, softirq, steal
        let busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6];
        Ok(Self { busy_s: busy / TICKS_PER_S, steal_s: ticks[7] / TICKS_PER_S })
    }
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The number behind `name`, which begins a line; memory is in KiB there.
fn number(text: &str, name: &str) -> anyhow::Result<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} in /proc"))?;
    Ok(rest.trim().trim_end_matches(" kB").parse()?)
}
