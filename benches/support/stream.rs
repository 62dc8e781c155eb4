//! A run's file-stream requests, prepared before the clock starts. A few are kept in a ring; before each is sent, its
//! line numbers, steps, times and the last digits of every value are written over in place, so that making a request
//! costs the generator little and no two requests are the same.

use super::client::Account;
use super::http::request;
use super::rows::{EPOCH_S, Random, curve, metric_name};
use anyhow::{Context, ensure};
use serde_json::{Value, json};

/// Rows in one ring; more requests are kept of small ones.
const RING_ROWS: usize = 512;
/// JSON has no leading zeros: steps of seven digits keep their width.
const FIRST_STEP: u64 = 1_000_000;
const LAST_STEP: u64 = 9_999_999;
/// Runtime that belongs to the first step; six digits before the point as well.
const FIRST_RUNTIME_S: u64 = 100_000;
/// White space before a number is legal, and leaves room for ten digits.
const OFFSET_WIDTH: usize = 10;
/// Of the sixteen decimals of a value, the last eight are new each time.
const KEPT_DECIMALS: usize = 8;

/// What a request looks like.
#[derive(Clone, Copy)]
pub struct Shape {
    pub steps_per_request: usize,
    pub metrics: usize,
    /// Whether the summary is sent along, as the client does.
    pub with_summary: bool,
}

impl Shape {
    pub fn points_per_request(self) -> u64 {
        (self.steps_per_request * self.metrics) as u64
    }
}

pub struct Stream {
    ring: Vec<Vec<u8>>,
    places: Places,
    shape: Shape,
    next: usize,
    /// Number of the next line.
    offset: u64,
    random: Random,
}

/// Where the numbers are that change; the same in all requests of a ring, because all rows have one length.
struct Places {
    offset: usize,
    first_row: usize,
    /// From the start of one row to the start of the next.
    row_stride: usize,
    row_length: usize,
    summary: Option<usize>,
    // From the start of a row:
    step: usize,
    runtime: usize,
    timestamp: usize,
    values: Vec<usize>,
}

impl Stream {
    pub fn prepare(account: &Account, run: &str, shape: Shape, seed: u64) -> anyhow::Result<Self> {
        let mut random = Random::new(seed);
        let path = account.stream_path(run);
        let ring: Vec<Vec<u8>> = (0..(RING_ROWS / shape.steps_per_request).max(2))
            .map(|index| request("POST", &path, Some(&account.authorization), &body(shape, index, &mut random)))
            .collect();
        let places = Places::find(&ring[0], shape)?;
        let mut stream = Self { ring, places, shape, next: 0, offset: 0, random };
        stream.check()?;
        Ok(stream)
    }

    /// The next request, complete with its head.
    pub fn next_request(&mut self) -> anyhow::Result<&[u8]> {
        let (places, current) = (&self.places, self.next);
        self.next = (self.next + 1) % self.ring.len();
        let bytes = &mut self.ring[current];

        write_padded(&mut bytes[places.offset..][..OFFSET_WIDTH], self.offset);
        for index in 0..self.shape.steps_per_request {
            let row = places.first_row + index * places.row_stride;
            let count = self.offset + index as u64;
            // A step takes a tenth of a second.
            let jitter_ns = self.random.next() % 1_000_000;
            write_digits(&mut bytes[row + places.step..][..7], FIRST_STEP + count);
            write_digits(&mut bytes[row + places.runtime..][..6], FIRST_RUNTIME_S + count / 10);
            write_digits(&mut bytes[row + places.runtime + 7..][..9], count % 10 * 100_000_000 + jitter_ns);
            // 1.7950000001234567e+09: the sixteen digits behind the point, in units of 100 ns.
            let timestamp = EPOCH_S * 10_000_000 + count * 1_000_000 + jitter_ns / 100;
            write_digits(&mut bytes[row + places.timestamp..][..16], timestamp % 10u64.pow(16));
            for value in &places.values {
                write_digits(&mut bytes[row + value..][..8], self.random.next() >> 32);
            }
        }
        if let Some(summary) = places.summary {
            let last = places.first_row + (self.shape.steps_per_request - 1) * places.row_stride;
            bytes.copy_within(last..last + places.row_length, summary);
        }
        self.offset += self.shape.steps_per_request as u64;
        ensure!(FIRST_STEP + self.offset <= LAST_STEP, "the run is longer than its steps have digits");
        Ok(bytes)
    }

    /// The request that was made last was not sent: its lines are those of the next one.
    pub fn take_back(&mut self) {
        self.offset -= self.shape.steps_per_request as u64;
    }

    /// Reads two requests back as a server would, and starts again at the first line.
    fn check(&mut self) -> anyhow::Result<()> {
        for expected in [0, self.shape.steps_per_request as u64] {
            let (shape, bytes) = (self.shape, self.next_request()?);
            let start = memchr::memmem::find(bytes, b"\r\n\r\n").context("no body")? + 4;
            let body: Value = serde_json::from_slice(&bytes[start..]).context("a prepared body is not JSON")?;
            let history = &body["files"]["wandb-history.jsonl"];
            let lines = history["content"].as_array().context("a prepared body has no lines")?;
            ensure!(history["offset"] == expected && lines.len() == shape.steps_per_request, "wrong lines");
            for (index, line) in lines.iter().enumerate() {
                let row: Value = serde_json::from_str(line.as_str().context("a line is not text")?)?;
                let count = expected + index as u64;
                let seconds = row["_timestamp"].as_f64().unwrap_or_default() - EPOCH_S as f64;
                ensure!(row["_step"] == FIRST_STEP + count, "row {index} has the step {}", row["_step"]);
                ensure!((seconds - count as f64 / 10.0).abs() < 0.01, "row {index} is {seconds} s after the start");
                ensure!(row.as_object().map_or(0, |row| row.len()) == shape.metrics + 3, "row {index} is not whole");
            }
            let summary = &body["files"]["wandb-summary.json"]["content"][0];
            ensure!(summary.is_null() || Some(summary) == lines.last(), "the summary is not the last row");
        }
        self.offset = 0;
        Ok(())
    }
}

fn body(shape: Shape, ring_index: usize, random: &mut Random) -> Vec<u8> {
    let first = (ring_index * shape.steps_per_request) as u64;
    let lines: Vec<String> =
        (first..).take(shape.steps_per_request).map(|step| fixed_width_row(shape.metrics, step, random)).collect();
    let summary = match lines.last() {
        Some(last) if shape.with_summary => format!(",\"wandb-summary.json\":{{\"offset\":0,\"content\":[{last}]}}"),
        _ => String::new(),
    };
    let (offset, lines) = (" ".repeat(OFFSET_WIDTH - 1) + "0", lines.join(","));
    format!("{{\"files\":{{\"wandb-history.jsonl\":{{\"offset\":{offset},\"content\":[{lines}]}}{summary}}}}}").into()
}

/// A row as JSON text inside JSON, each number as wide as in every other row.
fn fixed_width_row(metrics: usize, step: u64, random: &mut Random) -> String {
    let values: String =
        (0..metrics).map(|index| format!("\"{}\":{:.16},", metric_name(index), random.near(curve(step)))).collect();
    let tail = "\"_step\":1000000,\"_runtime\":100000.000000000,\"_timestamp\":1.7950000000000000e+09";
    json!(format!("{{{values}{tail}}}")).to_string()
}

impl Places {
    fn find(request: &[u8], shape: Shape) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(request)?;
        let after = |from: usize, mark: &str| -> anyhow::Result<usize> {
            let found = text[from..].find(mark).with_context(|| format!("no `{mark}` in a prepared request"))?;
            Ok(from + found + mark.len())
        };
        let offset = after(0, "\"offset\":")?;
        let first_row = after(offset, "\"content\":[")?;
        let row_length = after(first_row, "}\"")? - first_row;
        let values: anyhow::Result<Vec<usize>> = (0..shape.metrics)
            .map(|index| Ok(after(first_row, &format!("{}\\\":", metric_name(index)))? + 2 + KEPT_DECIMALS - first_row))
            .collect();
        let history_end = first_row + shape.steps_per_request * (row_length + 1);
        Ok(Self {
            offset,
            first_row,
            row_stride: row_length + 1,
            row_length,
            summary: if shape.with_summary { Some(after(history_end, "\"content\":[")?) } else { None },
            step: after(first_row, "_step\\\":")? - first_row,
            runtime: after(first_row, "_runtime\\\":")? - first_row,
            timestamp: after(first_row, "_timestamp\\\":1.")? - first_row,
            values: values?,
        })
    }
}

/// Fills `place` with the lowest decimal digits of `number`.
fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Writes `number` at the end of `place`, with white space before it.
fn write_padded(place: &mut [u8], mut number: u64) {
    place.fill(b' ');
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
}
