//! Ingest: eight runs log at once over eight kept connections, as fast as they are answered.
//! `cargo bench --bench ingest -- 50` measures one shape; `--history-only` leaves the summary out of the requests,
//! `--ceiling-only` measures the generator without a server.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, ensure};
use serde::Serialize;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::client::{Account, Client};
use support::files;
use support::http::Connection;
use support::null_server::{self, NullServer};
use support::process::{self, Machine};
use support::report::{self, Latencies, megabytes, rate, rounded};
use support::server::{Server, with_server};
use support::stream::{Shape, Stream};

const CONNECTIONS: usize = 8;
const METRICS: usize = 20;
const SHAPES: [(&str, usize); 3] = [("1", 1), ("50", 50), ("500", 500)];
const HISTORY_ONLY: &str = "--history-only";
const CEILING_ONLY: &str = "--ceiling-only";
/// Sent before anything is counted: first pages, first buffers.
const WARM_UP: Duration = Duration::from_millis(500);
/// A server that does nothing takes rows so fast that a longer run would have more than its steps have digits.
const CEILING_MOST: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    connections: usize,
    steps_per_request: usize,
    metrics: usize,
    with_summary: bool,
    request_bytes: u64,
    points_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    requests: usize,
    points_per_server_cpu_s: f64,
    peak_rss_mb: f64,
    peak_pss_mb: f64,
    disk_mb: f64,
    disk_bytes_per_point: f64,
    written_mb: f64,
    verified_rows: u64,
    ceiling_points_per_s: f64,
    ceiling_p50_ms: f64,
    wall_s: f64,
    server_cpu_s: f64,
    background_cpu_s: f64,
    generator_cpu_s: f64,
    other_cpu_s: f64,
    steal_s: f64,
}

/// The generator's own limits with one shape.
#[derive(Serialize)]
struct CeilingLine {
    bench: &'static str,
    workload: String,
    build: &'static str,
    points_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    points_per_generator_cpu_s: f64,
    wall_s: f64,
    null_server_cpu_s: f64,
    generator_cpu_s: f64,
    other_cpu_s: f64,
    steal_s: f64,
}

fn main() -> anyhow::Result<()> {
    if std::env::args().any(|argument| argument == null_server::FLAG) {
        return null_server::run();
    }
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&SHAPES.map(|(name, _)| name), &[HISTORY_ONLY, CEILING_ONLY])?;
    for (name, steps_per_request) in SHAPES.into_iter().filter(|(name, _)| wanted.contains(name)) {
        let shape = Shape { steps_per_request, metrics: METRICS, with_summary: !arguments.has(HISTORY_ONLY) };
        let ceiling = measure_ceiling(name, shape, arguments.duration.min(CEILING_MOST))?;
        report::print(&ceiling)?;
        if !arguments.has(CEILING_ONLY) {
            let line = with_server(|server| measure(server, name, shape, arguments.duration, &ceiling));
            report::print(&line.with_context(|| format!("ingest, shape {name}"))?)?;
        }
    }
    Ok(())
}

fn measure_ceiling(name: &str, shape: Shape, duration: Duration) -> anyhow::Result<CeilingLine> {
    let server = NullServer::start()?;
    let account = Account { entity: "bench".to_owned(), authorization: format!("Basic {}", "A".repeat(60)) };
    let mut senders = senders(server.address, &account, shape)?;
    send_for(&mut senders, WARM_UP)?;
    let before = Cpu::read(server.pid())?;
    let mut sent = send_for(&mut senders, duration)?;
    let cpu = Cpu::read(server.pid())?.since(before);

    let points = sent.latencies.count() as u64 * shape.points_per_request();
    Ok(CeilingLine {
        bench: "ingest",
        workload: format!("{name} ceiling"),
        build: report::BUILD,
        points_per_s: rate(points, sent.wall.as_secs_f64()),
        p50_ms: sent.latencies.percentile_ms(50),
        p99_ms: sent.latencies.percentile_ms(99),
        points_per_generator_cpu_s: rate(points, cpu.generator_s),
        wall_s: rounded(sent.wall.as_secs_f64(), 2),
        null_server_cpu_s: rounded(cpu.server_s, 2),
        generator_cpu_s: rounded(cpu.generator_s, 2),
        other_cpu_s: rounded(cpu.other_s, 2),
        steal_s: rounded(cpu.steal_s, 2),
    })
}

fn measure(
    server: &Server,
    name: &'static str,
    shape: Shape,
    duration: Duration,
    ceiling: &CeilingLine,
) -> anyhow::Result<Line> {
    let (account, pid) = (server.create_account()?, server.pid());
    let mut client = Client::open(server.address, &account)?;
    for index in 0..CONNECTIONS {
        client.create_run(&run_name(index))?;
    }
    let mut senders = senders(server.address, &account, shape)?;
    send_for(&mut senders, WARM_UP)?;

    let before = Cpu::read(pid)?;
    let is_done = AtomicBool::new(false);
    let (sent, peak_pss_bytes) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| process::watch_pss_bytes(pid, &is_done));
        let sent = send_for(&mut senders, duration);
        is_done.store(true, Ordering::Relaxed);
        (sent, watch.join().expect("the watch on the memory does not panic"))
    });
    let (mut sent, cpu) = (sent?, Cpu::read(pid)?.since(before));
    // What the server puts off until later is part of what the points cost it.
    process::wait_until_idle(pid)?;
    let server_cpu_s = process::cpu_s(pid)? - before.server_s;

    let verified_rows = verify(server.address, &account, &senders)?;
    let usage = files::usage(&server.data_dir())?;
    let points = sent.latencies.count() as u64 * shape.points_per_request();
    let all_points = verified_rows * METRICS as u64;
    Ok(Line {
        bench: "ingest",
        workload: name,
        build: report::BUILD,
        connections: CONNECTIONS,
        steps_per_request: shape.steps_per_request,
        metrics: METRICS,
        with_summary: shape.with_summary,
        request_bytes: senders[0].stream.next_request()?.len() as u64,
        points_per_s: rate(points, sent.wall.as_secs_f64()),
        p50_ms: sent.latencies.percentile_ms(50),
        p99_ms: sent.latencies.percentile_ms(99),
        requests: sent.latencies.count(),
        points_per_server_cpu_s: rate(points, server_cpu_s),
        peak_rss_mb: megabytes(process::peak_rss_bytes(pid)?),
        peak_pss_mb: megabytes(peak_pss_bytes?),
        disk_mb: megabytes(usage.allocated_bytes),
        disk_bytes_per_point: rounded(usage.allocated_bytes as f64 / all_points as f64, 2),
        written_mb: megabytes(process::written_bytes(pid)?),
        verified_rows,
        ceiling_points_per_s: ceiling.points_per_s,
        ceiling_p50_ms: ceiling.p50_ms,
        wall_s: rounded(sent.wall.as_secs_f64(), 2),
        server_cpu_s: rounded(server_cpu_s, 2),
        background_cpu_s: rounded(server_cpu_s - cpu.server_s, 2),
        generator_cpu_s: rounded(cpu.generator_s, 2),
        other_cpu_s: rounded(cpu.other_s, 2),
        steal_s: rounded(cpu.steal_s, 2),
    })
}

/// Every acknowledged row must be there, warm-up included; returns their number.
fn verify(address: SocketAddr, account: &Account, senders: &[Sender]) -> anyhow::Result<u64> {
    let mut client = Client::open(address, account)?;
    for (index, sender) in senders.iter().enumerate() {
        let (run, rows) = (run_name(index), sender.acknowledged_rows);
        let count = client.history_line_count(&run)?;
        ensure!(count == rows, "{run} has {count} lines, but {rows} were acknowledged");
    }
    Ok(senders.iter().map(|sender| sender.acknowledged_rows).sum())
}

/// One run on its own connection, with one request under way at a time, as the client does it.
struct Sender {
    connection: Connection<TcpStream>,
    stream: Stream,
    rows_per_request: u64,
    acknowledged_rows: u64,
}

fn run_name(index: usize) -> String {
    format!("ingest{index}")
}

fn senders(address: SocketAddr, account: &Account, shape: Shape) -> anyhow::Result<Vec<Sender>> {
    // All are prepared before the first connection is opened: a silent one is closed after some seconds.
    let streams: anyhow::Result<Vec<Stream>> =
        (0..CONNECTIONS).map(|index| Stream::prepare(account, &run_name(index), shape, index as u64)).collect();
    let rows_per_request = shape.steps_per_request as u64;
    let open =
        |stream| Ok(Sender { connection: Connection::open(address)?, stream, rows_per_request, acknowledged_rows: 0 });
    streams?.into_iter().map(open).collect()
}

impl Sender {
    /// Sends until `deadline`; anything but 200 is an error.
    fn send_until(&mut self, deadline: Instant) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        loop {
            let request = self.stream.next_request()?;
            let started = Instant::now();
            if started >= deadline && latencies.count() > 0 {
                self.stream.take_back();
                return Ok(latencies);
            }
            self.connection.exchange(request)?.expect(200).context("file_stream")?;
            latencies.push(started.elapsed());
            self.acknowledged_rows += self.rows_per_request;
        }
    }
}

struct Sent {
    /// From the first byte of all to the last answer of all.
    wall: Duration,
    latencies: Latencies,
}

/// All senders at once, each on a thread of its own.
fn send_for(senders: &mut [Sender], duration: Duration) -> anyhow::Result<Sent> {
    let started = Instant::now();
    let results: Vec<anyhow::Result<Latencies>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            senders.iter_mut().map(|sender| scope.spawn(move || sender.send_until(started + duration))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a sender returns its errors")).collect()
    });
    let wall = started.elapsed();
    let mut latencies = Latencies::default();
    for result in results {
        latencies.append(&mut result?);
    }
    Ok(Sent { wall, latencies })
}

/// CPU seconds of everyone.
#[derive(Clone, Copy)]
struct Cpu {
    server_s: f64,
    generator_s: f64,
    other_s: f64,
    steal_s: f64,
}

impl Cpu {
    fn read(server: u32) -> anyhow::Result<Self> {
        let machine = Machine::read()?;
        let (server_s, generator_s) = (process::cpu_s(server)?, process::cpu_s(std::process::id())?);
        Ok(Self { server_s, generator_s, other_s: machine.busy_s - server_s - generator_s, steal_s: machine.steal_s })
    }

    fn since(self, before: Self) -> Self {
        Self {
            server_s: self.server_s - before.server_s,
            generator_s: self.generator_s - before.generator_s,
            // Counted in ticks by different clocks; a small negative rest means nothing.
            other_s: (self.other_s - before.other_s).max(0.0),
            steal_s: self.steal_s - before.steal_s,
        }
    }
}
