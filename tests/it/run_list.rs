//! Pages of runs: each run has what is its own however they were read, and an answer that would be too large says so.

use crate::server::Place;
use serde_json::{Value, json};

const UPSERT: &str = "mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }";

#[test]
fn each_run_of_a_page_has_its_own_config_summary_owner_and_place() {
    let place = Place::new();
    let server = place.serve();
    let [ada, bob] = ["ada", "bob"].map(|name| server.person(name));
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada", "bob"] });
    server.arrange("POST", "/api/v1/teams", &team);
    // More than are read together.
    for number in 0..70 {
        let key = if number % 2 == 0 { &ada } else { &bob };
        let run = json!({ "entityName": "vision", "modelName": "p", "name": format!("r{number:02}"),
            "config": json!({ "n": { "value": number } }).to_string(),
            "summaryMetrics": json!({ "n": number }).to_string() });
        let (status, told) = server.graphql(Some(key), UPSERT, &json!({ "i": run }));
        assert_eq!(status, 200, "{told}");
    }
    let lines = json!({ "offset": 0, "content": ["{\"_step\":0,\"x\":1}", "{\"_step\":1,\"x\":2}"] });
    let body = json!({ "files": { "wandb-history.jsonl": lines } }).to_string();
    assert_eq!(server.ask_as(Some(&ada), "POST", "/files/vision/p/r64/file_stream", &body).0, 200);

    let text = "{ project(name: \"p\", entityName: \"vision\") { runs(first: 100) { edges { node {
        name config summaryMetrics historyLineCount readOnly user { username } again: config historyKeys } } } } }";
    let (status, told) = server.graphql(Some(&ada), text, &Value::Null);

    assert_eq!(status, 200, "{told}");
    let answer: Value = serde_json::from_str(&told).unwrap();
    let edges = answer["data"]["project"]["runs"]["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 70);
    for (number, edge) in edges.iter().enumerate() {
        let run = &edge["node"];
        assert_eq!(run["name"], format!("r{number:02}"));
        assert_eq!(run["config"], json!({ "n": { "value": number } }).to_string());
        assert_eq!(run["again"], run["config"]);
        assert_eq!(run["summaryMetrics"], json!({ "n": number }).to_string());
        assert_eq!(run["user"]["username"], if number % 2 == 0 { "ada" } else { "bob" });
        assert_eq!(run["historyLineCount"], if number == 64 { 2 } else { 0 });
        assert_eq!(run["historyKeys"]["lastStep"], if number == 64 { 1 } else { -1 });
        assert_eq!(run["readOnly"], false);
    }
}

#[test]
fn an_answer_that_would_be_too_large_asks_for_a_smaller_page() {
    let place = Place::new();
    let mut command = place.command(&["serve"]);
    command.env("WEIGHHOUSE__LIMITS__GRAPHQL_ANSWER_MIB", "1");
    let server = place.serve_with(command);
    let ada = server.person("ada");
    for number in 0..5 {
        let config = json!({ "blob": { "value": "x".repeat(300 << 10) } }).to_string();
        let run = json!({ "modelName": "p", "name": format!("r{number}"), "config": config,
            "summaryMetrics": json!({ "blob": "x".repeat(300 << 10) }).to_string() });
        let (status, told) = server.graphql(Some(&ada), UPSERT, &json!({ "i": run }));
        assert_eq!(status, 200, "{told}");
    }
    let page = |first: usize, fields: &str| {
        let text =
            format!("{{ project(name: \"p\") {{ runs(first: {first}) {{ edges {{ node {{ {fields} }} }} }} }} }}");
        server.graphql(Some(&ada), &text, &Value::Null)
    };

    for fields in ["config", "summaryMetrics", "a: config b: summaryMetrics"] {
        let (status, told) = page(5, fields);
        assert!(
            status == 400 && told.contains("smaller page") && told.len() < 20_000,
            "{fields}: {status} {told:.300}"
        );
        assert_eq!(page(1, fields).0, 200, "{fields}");
    }
    assert_eq!(page(5, "name").0, 200);
    assert_eq!(page(3, "config").0, 200);
}
