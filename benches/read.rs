//! Reading for charts, from the newest rows and from sealed ones. One GraphQL request at a time; the answer is read
//! whole within the time, and decoded and counted outside of it.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::ensure;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::client::Client;
use support::process;
use support::report::{self, Latencies, megabytes, rounded};
use support::rows::{Precision, Rows, metric_name};
use support::server::{Server, with_server};

const RUN: &str = "run";
const CHART: &str = "chart";
const LONG: &str = "long";

const SHORT_STEPS: u64 = 2_000;
const SHORT_METRICS: usize = 20;
const CHART_RUNS: u64 = 20;
/// Points of each run in a chart: a chart has some hundred pixels.
const CHART_SAMPLES: u64 = 320;
const LONG_STEPS: u64 = 1_000_000;
const LONG_METRICS: usize = 5;
const LONG_BUCKETS: u64 = 1_000;
/// The metric that is drawn.
const DRAWN: usize = 3;

const CALLS_MIN: usize = 20;

#[derive(Serialize)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    /// `hot`: just logged. `sealed`: all of it in segments.
    state: &'static str,
    field: &'static str,
    runs: u64,
    steps_per_run: u64,
    points: usize,
    answer_kb: f64,
    first_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    calls: usize,
    server_cpu_ms_per_call: f64,
    peak_rss_mb: f64,
}

/// One question, and how to know that it was answered.
struct Question {
    workload: &'static str,
    field: &'static str,
    runs: u64,
    steps_per_run: u64,
    query: String,
    variables: Value,
    /// Points that must be in the answer.
    points: usize,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&[RUN, CHART, LONG], &[])?;
    let short: Vec<Question> = [(RUN, one_run()), (CHART, chart())]
        .into_iter()
        .filter_map(|(name, question)| wanted.contains(&name).then_some(question))
        .collect();
    if !short.is_empty() {
        let runs: Vec<String> = (0..CHART_RUNS).map(run_name).collect();
        let mut rows = Rows::new(SHORT_METRICS, Precision::Float64, 1);
        with_server(|server| measure(server, &runs, SHORT_STEPS, &mut rows, &short, arguments.duration))?;
    }
    if wanted.contains(&LONG) {
        let mut rows = Rows::new(LONG_METRICS, Precision::Float64, 2);
        let run = [LONG.to_owned()];
        with_server(|server| measure(server, &run, LONG_STEPS, &mut rows, &[long_run()], arguments.duration))?;
    }
    Ok(())
}

fn run_name(index: u64) -> String {
    format!("read{index}")
}

/// Asks everything twice: right after logging, and when the runs are finished and sealed.
fn measure(
    server: &Server,
    runs: &[String],
    steps: u64,
    rows: &mut Rows,
    questions: &[Question],
    duration: Duration,
) -> anyhow::Result<()> {
    let account = server.create_account()?;
    let mut client = Client::open(server.address, &account)?;
    for run in runs {
        client.log_run(run, steps, rows)?;
    }
    // Of a long run the server has sealed most by itself; that work must not be in the times, and the tail stays.
    process::wait_until_idle(server.pid())?;
    // A new connection each time: one that rests is closed after a while.
    let mut client = Client::open(server.address, &account)?;
    for question in questions {
        report::print(&ask(server, &mut client, question, "hot", duration)?)?;
    }
    for run in runs {
        client.finish_run(run)?;
    }
    for run in runs {
        client.wait_until_sealed(run)?;
    }
    process::wait_until_idle(server.pid())?;
    let mut client = Client::open(server.address, &account)?;
    for question in questions {
        report::print(&ask(server, &mut client, question, "sealed", duration)?)?;
    }
    Ok(())
}

/// Asks one question again and again. The first answer, which has no cache to come from, is told apart.
fn ask(
    server: &Server,
    client: &mut Client,
    question: &Question,
    state: &'static str,
    duration: Duration,
) -> anyhow::Result<Line> {
    let request = client.graphql_request(&question.query, question.variables.clone());
    let (first, data) = client.timed(&request)?;
    let (workload, points) = (question.workload, count_points(&data));
    ensure!(points == question.points, "{workload}: {points} points instead of {}", question.points);
    let answer_bytes = data.to_string().len();

    let cpu_before = process::cpu_s(server.pid())?;
    let deadline = Instant::now() + duration;
    let mut latencies = Latencies::default();
    while latencies.count() < CALLS_MIN || Instant::now() < deadline {
        let (taken, again) = client.timed(&request)?;
        latencies.push(taken);
        ensure!(count_points(&again) == points, "{workload}: the same question got another answer");
    }
    let cpu_s = process::cpu_s(server.pid())? - cpu_before;
    Ok(Line {
        bench: "read",
        workload,
        build: report::BUILD,
        state,
        field: question.field,
        runs: question.runs,
        steps_per_run: question.steps_per_run,
        points,
        answer_kb: rounded(answer_bytes as f64 / 1e3, 1),
        first_ms: rounded(first.as_secs_f64() * 1e3, 3),
        p50_ms: latencies.percentile_ms(50),
        p99_ms: latencies.percentile_ms(99),
        calls: latencies.count(),
        server_cpu_ms_per_call: rounded(cpu_s * 1e3 / latencies.count() as f64, 3),
        peak_rss_mb: megabytes(process::peak_rss_bytes(server.pid())?),
    })
}

/// All points of one metric of one run.
fn one_run() -> Question {
    let query = "query Run($project: String!, $entity: String!, $name: String!, $spec: JSONString!) {
  project(name: $project, entityName: $entity) { run(name: $name) { sampledHistory(specs: [$spec]) } }
}";
    Question {
        workload: RUN,
        field: "sampledHistory",
        runs: 1,
        steps_per_run: SHORT_STEPS,
        query: query.to_owned(),
        variables: json!({ "name": run_name(0), "spec": spec(SHORT_STEPS) }),
        points: SHORT_STEPS as usize,
    }
}

/// One metric of many runs in one request, as a page draws it.
fn chart() -> Question {
    let mut fields = String::new();
    for index in 0..CHART_RUNS {
        let name = run_name(index);
        // Writing to a string cannot fail.
        let _infallible = writeln!(fields, "    r{index}: run(name: \"{name}\") {{ sampledHistory(specs: [$spec]) }}");
    }
    Question {
        workload: CHART,
        field: "sampledHistory",
        runs: CHART_RUNS,
        steps_per_run: SHORT_STEPS,
        query: format!(
            "query Chart($project: String!, $entity: String!, $spec: JSONString!) {{\n  \
             project(name: $project, entityName: $entity) {{\n{fields}  }}\n}}"
        ),
        variables: json!({ "spec": spec(CHART_SAMPLES) }),
        points: (CHART_RUNS * CHART_SAMPLES) as usize,
    }
}

/// One metric of a long run, reduced to what a wide chart shows. Sampled rows stand in for buckets: when the server has
/// `bucketedHistory`, its query, its name and the shape of its answer (`count_points`) belong here.
fn long_run() -> Question {
    let variables = json!({ "name": LONG, "spec": spec(LONG_BUCKETS) });
    Question { workload: LONG, steps_per_run: LONG_STEPS, variables, points: LONG_BUCKETS as usize, ..one_run() }
}

/// What `sampledHistory` is asked for: JSON as text.
fn spec(samples: u64) -> String {
    json!({ "keys": ["_step", metric_name(DRAWN)], "samples": samples }).to_string()
}

/// Rows that hold the drawn metric, wherever they are in an answer.
fn count_points(answer: &Value) -> usize {
    match answer {
        Value::Object(members) if members.contains_key(&metric_name(DRAWN)) => 1,
        Value::Object(members) => members.values().map(count_points).sum(),
        Value::Array(values) => values.iter().map(count_points).sum(),
        _ => 0,
    }
}
