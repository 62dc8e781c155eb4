//! A process that streams a run as the client does: rows, events, console lines and the summary in one request, line
//! numbers that go on, and the same request again when no answer came.

use super::Random;
use super::door::{Door, Visitor};
use super::http::request;
use super::server::{Account, UPSERT_RUN};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

pub const PROJECT: &str = "streams";

pub struct Writer<'d> {
    pub run: String,
    account: &'d Account,
    visitor: Visitor<'d>,
    random: Random,
    /// Acknowledged lines of history, events and console.
    pub acknowledged: [u64; 3],
    pub requests: u64,
}

impl<'d> Writer<'d> {
    pub fn new(number: u64, account: &'d Account, door: &'d Door) -> Self {
        let (run, random) = (format!("run-{number}"), Random::new(number + 1));
        Self { run, account, visitor: Visitor::new(door), random, acknowledged: [0; 3], requests: 0 }
    }

    /// Begins the run, streams until told to stop and the last request is acknowledged, and ends the run.
    pub fn stream_until(&mut self, stop: &AtomicBool) {
        let variables = self.account.variables(PROJECT, &self.run);
        let upsert = json!({ "query": UPSERT_RUN, "variables": variables }).to_string();
        self.deliver("/graphql", upsert.as_bytes());
        while !stop.load(Ordering::Relaxed) {
            self.send_next(false);
        }
        self.send_next(true);
    }

    fn send_next(&mut self, is_last: bool) {
        let counts = [1 + self.random.below(12), self.random.below(2), self.random.below(4)];
        let [history, events, console] = self.acknowledged;
        let lines = |of: fn(&str, u64) -> String, first: u64, count: u64| {
            let lines: Vec<String> = (first..first + count).map(|line| of(&self.run, line)).collect();
            json!({ "offset": first, "content": lines })
        };
        let rows = lines(history_row, history, counts[0]);
        let summary = history_row(&self.run, history + counts[0] - 1);
        let mut body = json!({ "files": {
            "wandb-history.jsonl": rows,
            "wandb-events.jsonl": lines(events_row, events, counts[1]),
            "output.log": lines(console_line, console, counts[2]),
            "wandb-summary.json": { "offset": 0, "content": [summary] },
        }});
        if is_last {
            body["complete"] = json!(true);
            body["exitcode"] = json!(0);
        }
        let path = self.account.stream_path(PROJECT, &self.run);
        self.deliver(&path, body.to_string().as_bytes());
        for (acknowledged, count) in self.acknowledged.iter_mut().zip(counts) {
            *acknowledged += count;
        }
        self.requests += 1;
    }

    fn deliver(&mut self, path: &str, body: &[u8]) {
        let answer = self.visitor.insist(&request("POST", path, &self.account.headers(), body));
        assert_eq!(answer.status, 200, "{}: {}", self.run, answer.text());
    }

    pub fn unanswered(&self) -> u64 {
        self.visitor.unanswered
    }
}

/// The row under this number, always the same; the client writes NaN as Python does.
pub fn history_row(run: &str, line: u64) -> String {
    let loss = 1.0 / (line as f64 + 1.5);
    let odd = if line.is_multiple_of(5) { "NaN".to_owned() } else { format!("{:?}", loss * 1e-9) };
    format!(
        "{{\"_step\":{line},\"_runtime\":{line}.5,\"loss\":{loss:?},\"odd\":{odd},\"big\":{},\"name\":\"{run} {line} ü\"}}",
        (1_u64 << 60) + line
    )
}

pub fn events_row(run: &str, line: u64) -> String {
    format!("{{\"_runtime\":{line},\"system.cpu\":{}.25,\"system.host\":\"{run}\"}}", line % 100)
}

pub fn console_line(run: &str, line: u64) -> String {
    format!("{run} says line {line}")
}
