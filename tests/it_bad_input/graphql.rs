//! Documents, variables and envelopes that no client sends.

use super::{PROJECT, RUN, World, assert_quick, assert_refused};
use serde_json::{Value, json};
use std::time::Instant;

fn nested(open: &str, inside: &str, close: &str, levels: usize) -> String {
    format!("{}{inside}{}", open.repeat(levels), close.repeat(levels))
}

fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

/// Fragments that each spread the next one twice.
fn doubling(levels: usize) -> String {
    let spread = |level| format!(" fragment F{level} on User {{ ...F{} ...F{} }}", level + 1, level + 1);
    format!("{{ viewer {{ ...F0 }} }}{} fragment F{levels} on User {{ id }}", numbered(levels, spread))
}

#[test]
fn a_document_that_would_cost_too_much_is_refused_at_once() {
    let world = World::new(&[]);
    let documents = [
        ("fields in fields", nested("{ viewer ", "{ id }", "}", 30_000)),
        ("lists in lists", format!("{{ viewer(a: {}) {{ id }} }}", nested("[", "", "]", 100_000))),
        ("objects in objects", format!("{{ viewer(a: {}) {{ id }} }}", nested("{a:", "1", "}", 40_000))),
        ("a type of lists", format!("query Q($a: {}) {{ viewer {{ id }} }}", nested("[", "Int", "]", 100_000))),
        ("inline fragments", nested("{ ... ", "{ viewer { id } }", "}", 30_000)),
        ("thirty levels of a real chain", nested("{ entity { ", "{ id }", "} }", 40)),
        ("nothing closed", "{".repeat(200_000)),
        ("no list closed", format!("{{ viewer(a: {}", "[".repeat(200_000))),
        ("a thousand aliases", format!("{{ {} }}", numbered(1000, |i| format!("a{i}: viewer {{ id username }} ")))),
        ("one field again and again", format!("{{ viewer {{ {} }} }}", "id ".repeat(80_000))),
        ("doubling fragments", doubling(31)),
        (
            "thousands of fragments",
            format!(
                "{{ viewer {{ ...F0 }} }}{} fragment F9000 on User {{ id }}",
                numbered(9000, |i| format!(" fragment F{i} on User {{ ...F{} }}", i + 1))
            ),
        ),
        ("a fragment of itself", "{ viewer { ...A } } fragment A on User { ...A }".to_owned()),
        ("a circle", "{ viewer { ...A } } fragment A on User { ...B } fragment B on User { ...A }".to_owned()),
        ("directives", format!("{{ viewer {{ id {} }} }}", "@skip(if: false) ".repeat(10_000))),
        ("a megabyte", format!("{{ viewer {{ id }} }} #{}", "x".repeat(1 << 20))),
        ("operations", numbered(8000, |i| format!("query Q{i} {{ viewer {{ id }} }} "))),
        ("variables", format!("query Q({}) {{ viewer {{ id }} }}", numbered(9000, |i| format!("$v{i}: Int ")))),
    ];
    for (what, document) in &documents {
        let began = Instant::now();
        let answer = world.server.graphql(&world.account, document, &json!({}));
        assert_refused(&answer, &[400], what);
        assert!(answer.body.len() < 64 << 10, "{what}: an answer of {} bytes", answer.body.len());
        assert_quick(began, what);
    }
    // Without a key they cost as little.
    let body = json!({ "query": doubling(31) }).to_string();
    let began = Instant::now();
    let answer = world.server.ask("POST", "/graphql", &[("Content-Type", "application/json")], body.as_bytes());
    assert_refused(&answer, &[400, 401], "doubling fragments of nobody");
    assert_quick(began, "doubling fragments of nobody");
    world.assert_goes_on("costly documents");
    assert!(world.server.peak_rss_bytes() < 256 << 20, "{} bytes", world.server.peak_rss_bytes());
}

#[test]
fn an_envelope_that_is_none_is_refused_with_a_sentence() {
    let world = World::new(&[]);
    let bodies: [(&str, &[u8]); 16] = [
        ("nothing", b""),
        ("an empty object", b"{}"),
        ("cut off", br#"{"query":"{ viewer { id } }""#),
        ("no text", br#"{"query":1}"#),
        ("null", b"null"),
        ("a batch", br#"[{"query":"{ viewer { id } }"},{"query":"{ viewer { id } }"}]"#),
        ("no UTF-8", b"{\"query\":\"{ viewer { id } } \xff\"}"),
        ("a lone surrogate", br#"{"query":"{ viewer { id } } \ud800"}"#),
        ("two values", br#"{"query":"{ viewer { id } }"}{}"#),
        ("NaN", br#"{"query":"{ viewer { id } }","variables":{"a":NaN}}"#),
        ("a number beyond numbers", br#"{"query":"{ viewer { id } }","variables":{"a":1e400}}"#),
        ("variables in a list", br#"{"query":"{ viewer { id } }","variables":[1]}"#),
        ("an operation that is not there", br#"{"query":"query A { viewer { id } }","operationName":"B"}"#),
        ("two operations and no name", br#"{"query":"query A { viewer { id } } query B { viewer { id } }"}"#),
        ("an unknown field", br#"{"query":"{ viewer { shoeSize } }"}"#),
        ("a subscription", br#"{"query":"subscription { viewer { id } }"}"#),
    ];
    for (what, body) in bodies {
        assert_refused(&world.post("/graphql", &[], body), &[400], what);
    }
    let deep = format!(r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"a":{}}}}}"#, nested("[", "", "]", 200_000));
    assert_refused(&world.post("/graphql", &[], deep.as_bytes()), &[400], "variables 200,000 deep");
    world.assert_goes_on("wrong envelopes");
}

#[test]
fn ten_megabytes_of_variables_are_taken_as_wandb_verify_sends_them() {
    let world = World::new(&[]);
    let query = "query Project($project: String!, $entity: String!) {
      project(name: $project, entityName: $entity) { name }
    }";
    let mut variables = world.account.variables(PROJECT, RUN);
    variables["desc"] = json!("x".repeat(10 << 20));

    let data = world.server.query(&world.account, query, &variables);

    assert_eq!(data["project"]["name"], PROJECT);
    variables["desc"] = json!("x".repeat(17 << 20));
    let refused = world.server.graphql(&world.account, query, &variables);
    // Old clients try 413 again for days.
    assert_refused(&refused, &[413], "17 MB of variables");
    assert!(world.server.peak_rss_bytes() < 256 << 20, "{} bytes", world.server.peak_rss_bytes());
}

#[test]
fn names_that_would_break_a_path_are_refused_and_the_longest_texts_bounded() {
    let world = World::new(&[]);
    let upsert = |field: &str, value: &Value| {
        let query = format!(
            "mutation Upsert($v: {}) {{ upsertBucket(input: {{ modelName: \"p\", {field}: $v }}) {{ bucket {{ id }} }} }}",
            if value.is_array() { "[String!]" } else { "String" }
        );
        world.server.graphql(&world.account, &query, &json!({ "v": value }))
    };
    for name in ["..", ".", "a/b", "../../x", "a\\b", "a%2fb", "a#b", "a?b", "a\u{0}b", "a\nb", &"x".repeat(129)] {
        assert_refused(&upsert("name", &json!(name)), &[400], name);
        let project = json!({ "query": "mutation M($n: String) { upsertModel(input: { name: $n }) { inserted } }",
            "variables": { "n": name } });
        let answer = world.post("/graphql", &[], project.to_string().as_bytes());
        assert_refused(&answer, &[400], name);
    }
    for entity in ["..", "a/b", "graphql", "nobody", ""] {
        let answer = upsert("entityName", &json!(entity));
        if !entity.is_empty() {
            assert_refused(&answer, &[400, 403, 404], entity);
        }
    }
    let long = json!("x".repeat((1 << 20) + 1));
    for field in ["name", "displayName", "groupName", "jobType", "host", "commit", "jobProgram", "jobRepo", "sweep"] {
        assert_refused(&upsert(field, &long), &[if field == "name" { 400 } else { 413 }], field);
    }
    assert_refused(&upsert("tags", &json!(vec!["tag"; 100_000])), &[413], "100,000 tags");
    let config = json!(format!("{{\"a\":{{\"value\":\"{}\"}}}}", "x".repeat(11 << 20)));
    let query = "mutation Upsert($v: JSONString) { upsertBucket(input: { modelName: \"p\", name: \"big\", config: $v }) { inserted } }";
    assert_refused(&world.server.graphql(&world.account, query, &json!({ "v": config })), &[413], "a config of 11 MB");
    for config in ["{", "[]", "1", "{\"a\":tru}", &nested("[", "", "]", 100_000)] {
        let answer = world.server.graphql(&world.account, query, &json!({ "v": config }));
        assert_refused(&answer, &[400], &config[..config.len().min(20)]);
    }
    world.assert_goes_on("impossible names");
}
