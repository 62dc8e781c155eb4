//! Start: from exec to the first 200 of `/ready` on a fresh directory, and the memory of a server that rests.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::http::{Connection, request};
use support::process;
use support::report::{self, Latencies, megabytes, rounded};
use support::server::{BINARY, fresh_directory, serve_command};

const FRESH: &str = "fresh";
const AGAIN: &str = "again";
const IDLE: &str = "idle";

const STARTS: usize = 11;
/// How often a server that is starting is asked; the resolution of the result.
const ASK_EVERY: Duration = Duration::from_micros(500);
const DEADLINE: Duration = Duration::from_secs(60);
const REST: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct StartLine {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    starts: usize,
    ready_s: f64,
    ready_max_s: f64,
    binary_mb: f64,
}

#[derive(Serialize)]
struct IdleLine {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    idle_pss_mb: f64,
    idle_rss_mb: f64,
    idle_cpu_ms_per_s: f64,
    rest_s: f64,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&[FRESH, AGAIN, IDLE], &[])?;
    if wanted.contains(&FRESH) {
        report::print(&starts(FRESH, || {
            let directory = fresh_directory()?;
            Ok(Started::start(directory.path())?.ready_after)
        })?)?;
    }
    if wanted.contains(&AGAIN) {
        let directory = fresh_directory()?;
        Started::start(directory.path())?;
        report::print(&starts(AGAIN, || Ok(Started::start(directory.path())?.ready_after))?)?;
    }
    if wanted.contains(&IDLE) {
        report::print(&rest()?)?;
    }
    Ok(())
}

fn starts(workload: &'static str, mut start: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<StartLine> {
    let mut times = Latencies::default();
    for _ in 0..STARTS {
        times.push(start()?);
    }
    Ok(StartLine {
        bench: "start",
        workload,
        build: report::BUILD,
        starts: STARTS,
        ready_s: rounded(times.percentile_ms(50) / 1e3, 4),
        ready_max_s: rounded(times.percentile_ms(100) / 1e3, 4),
        binary_mb: megabytes(fs::metadata(BINARY)?.len()),
    })
}

fn rest() -> anyhow::Result<IdleLine> {
    let directory = fresh_directory()?;
    let server = Started::start(directory.path())?;
    let pid = server.process.id();
    let cpu_before = process::cpu_s(pid)?;
    std::thread::sleep(REST);
    let (memory, cpu_s) = (process::memory(pid)?, process::cpu_s(pid)? - cpu_before);
    Ok(IdleLine {
        bench: "start",
        workload: IDLE,
        build: report::BUILD,
        idle_pss_mb: megabytes(memory.pss_bytes),
        idle_rss_mb: megabytes(memory.rss_bytes),
        idle_cpu_ms_per_s: rounded(cpu_s * 1e3 / REST.as_secs_f64(), 2),
        rest_s: REST.as_secs_f64(),
    })
}

/// A server that is killed when dropped: each start after the first opens what a killed server left.
struct Started {
    process: Child,
    ready_after: Duration,
}

impl Started {
    fn start(directory: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = serve_command(directory, &address.to_string())?;
        let started = Instant::now();
        let mut server = Self { process: command.spawn()?, ready_after: Duration::ZERO };
        while !is_ready(address)? {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended ({status}): {}", fs::read_to_string(directory.join("log"))?);
            }
            ensure!(started.elapsed() < DEADLINE, "the server is not ready after a minute");
            std::thread::sleep(ASK_EVERY);
        }
        server.ready_after = started.elapsed();
        Ok(server)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// An address that was free a moment ago. If another program takes it meanwhile, the server says so and the start fails.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// False while nobody listens. A server that listens but is not ready yet says 503; anything else is an error.
fn is_ready(address: SocketAddr) -> anyhow::Result<bool> {
    if TcpStream::connect(address).is_err() {
        return Ok(false);
    }
    let mut connection = Connection::open(address)?;
    let answer = connection.exchange(&request("GET", "/ready", None, b""))?;
    match answer.status {
        503 => Ok(false),
        _ => answer.expect(200).context("/ready").map(|_| true),
    }
}
