//! Lists of runs in large projects, while a run of the project is being logged to. The question is that of
//! `Api().runs`, word for word; fifty runs a page.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::client::{Account, Client};
use support::process;
use support::report::{self, Latencies, rounded};
use support::rows::Random;
use support::server::{Server, with_server};

const SIZES: [(&str, usize); 2] = [("10000", 10_000), ("100000", 100_000)];
const KEYS: usize = 50;
/// Connections that fill the project at once: their changes share commits.
const FILLERS: usize = 32;
/// Runs that are being logged to, one request each time.
const WRITTEN: usize = 10;
/// Between two requests of the writer.
const WRITE_EVERY: Duration = Duration::from_millis(20);
const PAGE: usize = 50;
const CALLS_MIN: usize = 20;

const UPSERT: &str = "mutation UpsertBucket($name: String!, $project: String!, $entity: String!, $group: String,
    $config: JSONString, $summary: JSONString) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, groupName: $group, state: \"finished\",
    config: $config, summaryMetrics: $summary}) { inserted }
}";

/// wandb 0.31.0, `apis/public/runs.py`.
const RUNS: &str =
    "query Runs($project: String!, $entity: String!, $cursor: String, $perPage: Int = 50, $order: String, \
    $filters: JSONString) {
  project(name: $project, entityName: $entity) {
    internalId
    runCount(filters: $filters)
    readOnly
    runs(filters: $filters, after: $cursor, first: $perPage, order: $order) {
      edges { node { projectId ...LightweightRunFragment } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}
fragment LightweightRunFragment on Run {
  id tags name displayName sweepName state group jobType commit readOnly createdAt heartbeatAt description notes
  historyLineCount user { name username }
}";

#[derive(Serialize)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    runs: usize,
    /// Counted by the server.
    matching: u64,
    first_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    calls: usize,
    server_cpu_ms_per_call: f64,
    /// More of the server's memory after the first answer than before it, for each run.
    index_bytes_per_run: Option<f64>,
    writes_per_s: f64,
    fill_s: f64,
}

struct Question {
    workload: &'static str,
    filters: Value,
    order: &'static str,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&SIZES.map(|(name, _)| name), &[])?;
    for (_, runs) in SIZES.into_iter().filter(|(name, _)| wanted.contains(name)) {
        with_server(|server| measure(server, runs, arguments.duration))?;
    }
    Ok(())
}

/// Every tenth run matches the first question: a third by config, less than a third of these by summary.
fn questions() -> [Question; 2] {
    let both = json!({ "config.c03.value": { "$gt": 0.66 }, "summary_metrics.s07": { "$lt": 0.3 } });
    [
        Question { workload: "filtered", filters: both, order: "-summary_metrics.s11" },
        Question { workload: "newest", filters: json!({}), order: "-created_at" },
    ]
}

fn measure(server: &Server, runs: usize, duration: Duration) -> anyhow::Result<()> {
    let account = server.create_account()?;
    let started = Instant::now();
    fill(server, &account, runs)?;
    let fill_s = rounded(started.elapsed().as_secs_f64(), 1);
    process::wait_until_idle(server.pid())?;

    let (is_done, writes) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(server, &account, &is_done, &writes));
        let asked = questions().iter().try_for_each(|question| {
            let line = ask(server, &account, question, runs, duration, &writes)?;
            report::print(&Line { fill_s, ..line })
        });
        is_done.store(true, Ordering::Relaxed);
        let written = writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?;
        asked.and(written)
    })
}

fn fill(server: &Server, account: &Account, runs: usize) -> anyhow::Result<()> {
    let next = AtomicU64::new(0);
    // The first one makes the project; the others would all try to.
    add_run(&mut Client::open(server.address, account)?, next.fetch_add(1, Ordering::Relaxed))?;
    std::thread::scope(|scope| {
        let fill_some = || -> anyhow::Result<()> {
            let mut client = Client::open(server.address, account)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= runs as u64 {
                    return Ok(());
                }
                add_run(&mut client, number)?;
            }
        };
        let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(fill_some)).collect();
        fillers.into_iter().try_for_each(|filler| {
            filler.join().map_err(|_| anyhow::anyhow!("a filler panicked"))?.context("cannot fill the project")
        })
    })
}

fn add_run(client: &mut Client, number: u64) -> anyhow::Result<()> {
    let mut random = Random::new(number);
    let (mut config, summary) = (String::from("{"), summary(&mut random));
    for key in 0..KEYS {
        let comma = if key > 0 { "," } else { "" };
        // Writing to a string cannot fail.
        let _infallible = write!(config, "{comma}\"c{key:02}\":{{\"value\":{}}}", random.fraction());
    }
    config.push('}');
    let group = format!("group{}", number % 20);
    let variables = json!({ "name": run_name(number), "group": group, "config": config, "summary": summary });
    let made = client.timed(&client.graphql_request(UPSERT, variables))?.1;
    ensure!(made["upsertBucket"]["inserted"] == true, "run {number} was there already");
    Ok(())
}

fn run_name(number: u64) -> String {
    format!("run{number:06}")
}

fn summary(random: &mut Random) -> String {
    let mut summary = String::from("{");
    for key in 0..KEYS {
        let comma = if key > 0 { "," } else { "" };
        let _infallible = write!(summary, "{comma}\"s{key:02}\":{}", random.fraction());
    }
    summary.push('}');
    summary
}

/// Logs rows with their summaries, to one run after the other, until told to stop.
fn write(server: &Server, account: &Account, is_done: &AtomicBool, writes: &AtomicU64) -> anyhow::Result<()> {
    let mut client = Client::open(server.address, account)?;
    let mut random = Random::new(u64::MAX / 2);
    let mut count = 0;
    while !is_done.load(Ordering::Relaxed) {
        let (run, line) = (count % WRITTEN, count / WRITTEN);
        let row = summary(&mut random);
        let files = json!({
            "wandb-history.jsonl": { "offset": line, "content": [row] },
            "wandb-summary.json": { "offset": 0, "content": [row] },
        });
        client.stream(&run_name(run as u64), &json!({ "files": files }))?;
        count += 1;
        writes.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(WRITE_EVERY);
    }
    Ok(())
}

/// Asks one question again and again. The first answer, which has to build what later ones use, is told apart.
fn ask(
    server: &Server,
    account: &Account,
    question: &Question,
    runs: usize,
    duration: Duration,
    writes: &AtomicU64,
) -> anyhow::Result<Line> {
    let mut client = Client::open(server.address, account)?;
    let variables = json!({ "perPage": PAGE, "order": question.order, "filters": question.filters.to_string() });
    let request = client.graphql_request(RUNS, variables);
    let before = process::memory(server.pid())?.pss_bytes;
    let (first, answer) = client.timed(&request)?;
    let after = process::memory(server.pid())?.pss_bytes;
    let matching = check(&answer, question, runs)?;

    let (cpu_before, writes_before, started) =
        (process::cpu_s(server.pid())?, writes.load(Ordering::Relaxed), Instant::now());
    let mut latencies = Latencies::default();
    while latencies.count() < CALLS_MIN || started.elapsed() < duration {
        let (taken, answer) = client.timed(&request)?;
        latencies.push(taken);
        check(&answer, question, runs)?;
    }
    let wall_s = started.elapsed().as_secs_f64();
    let cpu_s = process::cpu_s(server.pid())? - cpu_before;
    let is_first_question = question.workload == "filtered";
    Ok(Line {
        bench: "runs",
        workload: question.workload,
        build: report::BUILD,
        runs,
        matching,
        first_ms: rounded(first.as_secs_f64() * 1e3, 3),
        p50_ms: latencies.percentile_ms(50),
        p99_ms: latencies.percentile_ms(99),
        calls: latencies.count(),
        server_cpu_ms_per_call: rounded(cpu_s * 1e3 / latencies.count() as f64, 3),
        index_bytes_per_run: is_first_question.then(|| rounded(after.saturating_sub(before) as f64 / runs as f64, 0)),
        writes_per_s: rounded((writes.load(Ordering::Relaxed) - writes_before) as f64 / wall_s, 1),
        fill_s: 0.0,
    })
}

/// A full page of distinct runs, and a count that can be.
fn check(answer: &Value, question: &Question, runs: usize) -> anyhow::Result<u64> {
    let project = &answer["project"];
    let matching = project["runCount"].as_u64().context("the answer has no count")?;
    let edges = project["runs"]["edges"].as_array().context("the answer has no runs")?;
    let mut names: Vec<&str> = edges.iter().filter_map(|edge| edge["node"]["name"].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.len() == PAGE, "{}: {} runs instead of {PAGE}", question.workload, names.len());
    let is_likely = if question.workload == "newest" { matching == runs as u64 } else { matching * 5 < runs as u64 };
    ensure!(is_likely && matching >= PAGE as u64, "{}: {matching} of {runs} runs match", question.workload);
    Ok(matching)
}
