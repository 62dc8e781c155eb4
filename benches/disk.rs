//! Disk: bytes that one sealed point takes, for three kinds of values.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::ensure;
use serde::Serialize;
use support::arguments::Arguments;
use support::client::Client;
use support::files;
use support::process;
use support::report::{self, megabytes, rounded};
use support::rows::{Precision, Rows};
use support::server::{Server, with_server};

const KINDS: [(&str, Precision); 3] =
    [("float32", Precision::Float32), ("float64", Precision::Float64), ("decimals4", Precision::Decimals4)];
const METRICS: usize = 10;
const STEPS: u64 = 200_000;
const RUN: &str = "disk";

#[derive(Serialize)]
struct Line {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    steps: u64,
    metrics: usize,
    sealed_bytes_per_point: f64,
    data_dir_bytes_per_point: f64,
    objects: u64,
    objects_mb: f64,
    data_dir_mb: f64,
    written_mb: f64,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&KINDS.map(|(name, _)| name), &[])?;
    for (name, precision) in KINDS.into_iter().filter(|(name, _)| wanted.contains(name)) {
        report::print(&with_server(|server| measure(server, name, precision))?)?;
    }
    Ok(())
}

fn measure(server: &Server, workload: &'static str, precision: Precision) -> anyhow::Result<Line> {
    let account = server.create_account()?;
    let mut client = Client::open(server.address, &account)?;
    client.log_run(RUN, STEPS, &mut Rows::new(METRICS, precision, 3))?;
    client.finish_run(RUN)?;
    client.wait_until_sealed(RUN)?;
    process::wait_until_idle(server.pid())?;

    let points = (STEPS * METRICS as u64) as f64;
    let (all, objects) = (files::usage(&server.data_dir())?, files::usage(&server.data_dir().join("objects"))?);
    ensure!(objects.bytes > 0, "the run is sealed, but there are no objects");
    Ok(Line {
        bench: "disk",
        workload,
        build: report::BUILD,
        steps: STEPS,
        metrics: METRICS,
        sealed_bytes_per_point: rounded(objects.bytes as f64 / points, 2),
        data_dir_bytes_per_point: rounded(all.allocated_bytes as f64 / points, 2),
        objects: objects.files,
        objects_mb: megabytes(objects.bytes),
        data_dir_mb: megabytes(all.allocated_bytes),
        written_mb: megabytes(process::written_bytes(server.pid())?),
    })
}
