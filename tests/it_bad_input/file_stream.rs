//! What a client may stream however odd it is, and the few things that are refused.

use super::{PROJECT, RUN, World, assert_refused};
use serde_json::{Value, json};

fn history(offset: u64, rows: &[&str]) -> Vec<u8> {
    json!({ "files": { "wandb-history.jsonl": { "offset": offset, "content": rows } } }).to_string().into_bytes()
}

fn rows(world: &World) -> Vec<String> {
    let query = "query Run($entity: String!, $project: String!, $run: String!) {
      project(name: $project, entityName: $entity) { run(name: $run) { history(samples: 1000) } }
    }";
    let mut data = world.server.query(&world.account, query, &world.account.variables(PROJECT, RUN));
    let rows = data["project"]["run"]["history"].take();
    rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

#[test]
fn rows_are_kept_as_python_writes_them() {
    let world = World::new(&[]);
    let sent = [
        r#"{"_step":0,"nan":NaN,"inf":Infinity,"low":-Infinity}"#,
        r#"{"_step":1,"huge":1e400,"tiny":-1e-400,"long":123456789012345678901234567890}"#,
        r#"{"_step":2,"a":1,"a":2}"#,
        r#"{"_step":3,"lone":"\ud800","pair":"\ud83d\ude00","zero":"\u0000"}"#,
    ];

    assert_eq!(world.stream(&history(0, &sent)).status, 200);
    let in_body = br#"{"files":{"wandb-history.jsonl":{"offset":4,"content":["{\"_step\":4,\"lone\":\"\ud800\"}"]}}}"#;
    assert_eq!(world.stream(in_body).status, 200);

    let kept = rows(&world);
    assert_eq!(kept[..4], sent);
    assert!(kept[4].starts_with(r#"{"_step":4,"lone":""#), "{}", kept[4]);
}

#[test]
fn lines_that_are_no_rows_are_counted_and_the_others_kept() {
    let world = World::new(&[]);
    let deep = format!(r#"{{"_step":1,"deep":{}{},"ok":true}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let odd = ["not json", "[]", "", "null", r#"{"a":1"#, r#"{"a":01}"#, "\u{feff}{}", r#"{"a":nan}"#];
    let lines = [&[r#"{"_step":0,"ok":true}"#, deep.as_str()], &odd[..], &[r#"{"_step":2,"ok":true}"#]].concat();

    let answer = world.stream(&history(0, &lines));

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.lines()[0], lines.len() as u64);
    let kept: Vec<Value> = rows(&world).iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let steps: Vec<_> = kept.iter().filter(|row| row["ok"] == true).map(|row| row["_step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 1, 2]);
    assert!(kept[1]["deep"].as_str().unwrap().starts_with("value removed"), "{}", kept[1]);
    world.assert_goes_on("lines that are no rows");
}

#[test]
fn a_value_over_the_limit_is_replaced_and_the_rest_of_its_row_kept() {
    let world = World::new(&[("LIMITS__VALUE_KIB", "4")]);
    let big = "x".repeat(5000);
    let row = format!(r#"{{"_step":0,"before":1,"big":"{big}","after":[2]}}"#);
    let summary = json!({ "files": { "wandb-summary.json": { "offset": 0, "content": [row] } } });

    assert_eq!(world.stream(&history(0, &[&row])).status, 200);
    assert_eq!(world.stream(summary.to_string().as_bytes()).status, 200);

    let kept: Value = serde_json::from_str(&rows(&world)[0]).unwrap();
    assert_eq!((&kept["before"], &kept["after"]), (&json!(1), &json!([2])));
    assert!(kept["big"].as_str().unwrap().starts_with("value removed: 5002 bytes"), "{kept}");
}

#[test]
fn only_a_body_that_is_no_object_is_400() {
    let world = World::new(&[]);
    let bodies: [(&str, &[u8]); 11] = [
        ("nothing", b""),
        ("a list", b"[]"),
        ("null", b"null"),
        ("a number", b"1"),
        ("a text", br#""{}""#),
        ("cut off", b"{"),
        ("cut off in a file", br#"{"files":{"wandb-history.jsonl":{"offset":0,"content":["{\"_step\":0}""#),
        ("no UTF-8", b"{\"a\":\"\xff\"}"),
        ("two values", b"{}{}"),
        ("a negative line number", br#"{"files":{"wandb-history.jsonl":{"offset":-1,"content":["{}"]}}}"#),
        ("content that is a number", br#"{"files":{"wandb-history.jsonl":{"offset":0,"content":1}}}"#),
    ];
    for (what, body) in bodies {
        assert_refused(&world.stream(body), &[400], what);
    }
    assert_refused(&world.stream("[".repeat(200_000).as_bytes()), &[400], "200,000 deep");
    assert_eq!(world.lines(), [0, 0, 0]);
    for odd in [r#"{"unknown":{"a":[1,NaN]}}"#, r#"{"files":null}"#, r#"{"files":{"other.txt":null}}"#, " {} "] {
        assert_eq!(world.stream(odd.as_bytes()).status, 200, "{odd}");
    }
    world.assert_goes_on("bodies that are no objects");
}

#[test]
fn whose_run_it_is_decides_between_401_403_and_404() {
    let world = World::new(&[]);
    let grace = world.server.create_account("grace");
    let body = history(0, &["{}"]);
    let ask = |key: Option<&str>, path: &str| {
        let header = key.map(|key| ("Authorization", key));
        world.server.ask("POST", path, header.as_slice(), &body)
    };
    let (own, path) = (world.account.authorization.as_str(), "/files/ada/p/r/file_stream");
    let long = format!("Bearer {}", "x".repeat(10_000));

    for key in
        [None, Some(""), Some("Basic"), Some("Basic !"), Some("Bearer wrong"), Some("Basic YXBpOndyb25n"), Some(&long)]
    {
        assert_refused(&ask(key, path), &[401], &format!("{key:?}"));
    }
    assert_refused(&ask(Some(&grace.authorization), path), &[403, 404], "somebody else");
    for path in
        ["/files/ada/p/missing/file_stream", "/files/ada/missing/r/file_stream", "/files/missing/p/r/file_stream"]
    {
        assert_refused(&ask(Some(own), path), &[404], path);
    }
    assert_eq!(world.lines(), [0, 0, 0]);
    assert_eq!(ask(Some(own), path).status, 200);
}
