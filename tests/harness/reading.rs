//! What a run holds, read back over the public API and compared with what its writer was told is kept.

use super::server::{Account, Server};
use super::writer::{PROJECT, console_line, events_row, history_row};
use serde_json::{Value, json};

const PAGE: u64 = 1000;

const HISTORY: &str = "query HistoryPage($entity: String!, $project: String!, $run: String!,
    $minStep: Int64!, $maxStep: Int64!, $pageSize: Int!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
  }
}";

const EVENTS: &str = "query Run($entity: String!, $project: String!, $run: String!, $samples: Int!) {
  project(name: $project, entityName: $entity) { run(name: $run) { events(samples: $samples) } }
}";

const CONSOLE: &str =
    "query RunConsoleLogPage($entity: String!, $project: String!, $run: String!, $first: Int, $after: String) {
  project(name: $project, entityName: $entity) {
    run(name: $run) {
      logLines(first: $first, after: $after) { edges { node { number line } } pageInfo { endCursor hasNextPage } }
    }
  }
}";

/// Every line once, in order, with its exact values, and nothing else.
pub fn assert_holds(server: &Server, account: &Account, run: &str, acknowledged: [u64; 3]) {
    assert_eq!(server.line_counts(account, PROJECT, run), acknowledged, "{run}: numbers of lines");
    let [rows, events, lines] = acknowledged;
    let mut found = Vec::new();
    for first in (0..rows + PAGE).step_by(PAGE as usize) {
        let page = json!({ "minStep": first, "maxStep": first + PAGE, "pageSize": PAGE });
        found.extend(texts(&ask(server, account, run, HISTORY, &page)["history"]));
    }
    assert_rows(run, "history", &found, rows, history_row);
    let found = texts(&ask(server, account, run, EVENTS, &json!({ "samples": events + 1 }))["events"]);
    assert_rows(run, "events", &found, events, events_row);
    assert_console(server, account, run, lines);
}

fn assert_rows(run: &str, stream: &str, found: &[String], count: u64, expected: fn(&str, u64) -> String) {
    for (line, text) in found.iter().enumerate() {
        let expected = expected(run, line as u64);
        assert_eq!(members(text), members(&expected), "{run}: {stream} line {line} of {count}");
    }
    assert_eq!(found.len() as u64, count, "{run}: rows of {stream}");
}

fn assert_console(server: &Server, account: &Account, run: &str, count: u64) {
    let (mut next, mut after) = (0, Value::Null);
    loop {
        let page = json!({ "first": PAGE, "after": after });
        let found = ask(server, account, run, CONSOLE, &page)["logLines"].take();
        for edge in found["edges"].as_array().unwrap() {
            let node = &edge["node"];
            assert_eq!(node["number"], next, "{run}: console");
            let text = node["line"].as_str().unwrap();
            assert_eq!(text.trim_end_matches('\n'), console_line(run, next), "{run}: console line {next}");
            next += 1;
        }
        if found["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = found["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(next, count, "{run}: console lines");
}

fn ask(server: &Server, account: &Account, run: &str, query: &str, more: &Value) -> Value {
    let mut variables = account.variables(PROJECT, run);
    variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.query(account, query, &variables)["project"]["run"].take()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

/// Rows say NaN, which JSON readers refuse; no text in them does.
fn members(row: &str) -> Value {
    serde_json::from_str(&row.replace("NaN", "\"NaN\"")).unwrap_or_else(|error| panic!("{error}: {row}"))
}
