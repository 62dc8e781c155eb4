//! Reading through `App` what was streamed in: from the tail, and the same again after a restart.

use super::*;
use crate::app::stream::Writer;
use crate::app::testing::{World, body, history};
use crate::domain::json::Value;
use crate::domain::stream::Stream;

async fn world() -> World {
    let world = World::new().await;
    world.create_run("r", false).await;
    world
}

fn all(stream: Stream, samples: usize) -> RowQuery {
    RowQuery { stream, steps: i64::MIN..=i64::MAX, samples }
}

async fn rows(world: &World, name: &str) -> Vec<String> {
    world.app.history_rows(&world.find(name).await, &all(Stream::History, 10_000)).await.unwrap()
}

async fn sampled(world: &World, name: &str, spec: &str) -> Vec<String> {
    let spec = SampleSpec::parse(spec).unwrap();
    world.app.sampled_history(&world.find(name).await, &spec).await.unwrap()
}

async fn log(world: &World, name: &str, steps: std::ops::Range<i64>) {
    let row = |step: i64| format!("{{\"_step\":{step},\"a\":{}.5,\"b\":{step}}}", step * 2);
    let lines: Vec<String> = steps.clone().map(row).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    world.send(name, &history(steps.start as u64, &lines)).await;
}

#[tokio::test]
async fn rows_come_back_as_they_were_logged_also_after_a_restart() {
    let world = world().await;
    world.send("r", &history(0, &[r#"{"_step":0,"a":NaN}"#, "no row"])).await;
    world.send("r", &history(2, &[r#"{"_step":5,"big":1152921504606846977}"#])).await;

    for world in [world] {
        let expected = [r#"{"_step":0,"a":NaN}"#, r#"{"_step":5,"big":1152921504606846977}"#];
        assert_eq!(rows(&world, "r").await, expected);
        assert_eq!(rows(&world.reopened().await, "r").await, expected);
    }
}

#[tokio::test]
async fn a_page_has_every_row_of_its_steps_and_no_other() {
    let world = world().await;
    for first in (0..100).step_by(10) {
        log(&world, "r", first..first + 10).await;
    }
    let run = world.find("r").await;

    let query = RowQuery { stream: Stream::History, steps: 25..=44, samples: 1000 };
    let page = world.app.history_rows(&run, &query).await.unwrap();
    assert_eq!(page.len(), 20);
    assert!(page[0].starts_with(r#"{"_step":25,"#) && page[19].starts_with(r#"{"_step":44,"#));

    let sampled = world.app.history_rows(&run, &all(Stream::History, 4)).await.unwrap();
    let steps: Vec<&str> = sampled.iter().map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(steps, ["{\"_step\":0", "{\"_step\":33", "{\"_step\":66", "{\"_step\":99"]);
}

#[tokio::test]
async fn rows_sent_again_by_a_later_synchronization_replace_the_first_ones() {
    let world = world().await;
    log(&world, "r", 0..3).await;
    world.send("r", &history(3, &[r#"{"_step":1,"a":7}"#, r#"{"_step":2,"a":8,"b":9}"#])).await;

    assert_eq!(rows(&world, "r").await.len(), 3);
    assert_eq!(sampled(&world, "r", r#"{"keys":["a"]}"#).await, [r#"{"a":0.5}"#, r#"{"a":7.0}"#, r#"{"a":8.0}"#]);
    assert_eq!(
        sampled(&world, "r", r#"{"keys":["_step","b"]}"#).await,
        [r#"{"_step":0,"b":0}"#, r#"{"_step":2,"b":9}"#]
    );
}

#[tokio::test]
async fn sampled_rows_have_all_keys_and_are_strict_json() {
    let world = world().await;
    let lines = [
        r#"{"_step":0,"a":1,"n":{"x":NaN}}"#,
        r#"{"_step":1,"a":2}"#,
        r#"{"_step":2,"a":3,"n":{"x":Infinity},"h":{"_type":"histogram","bins":[NaN]}}"#,
    ];
    world.send("r", &history(0, &lines)).await;

    assert_eq!(
        sampled(&world, "r", r#"{"keys":["n.x","a","_step"],"samples":10}"#).await,
        [r#"{"n.x":"NaN","a":1,"_step":0}"#, r#"{"n.x":"Infinity","a":3,"_step":2}"#]
    );
    assert_eq!(sampled(&world, "r", r#"{"keys":["h"]}"#).await, [r#"{"h":{"_type":"histogram","bins":["NaN"]}}"#]);
    assert_eq!(sampled(&world, "r", r#"{"keys":["absent","a"]}"#).await, Vec::<String>::new());
    assert_eq!(sampled(&world, "r", r#"{"keys":["_step"]}"#).await.len(), 3);
    assert_eq!(sampled(&world, "r", r#"{"keys":["a"],"minStep":0,"maxStep":2,"samples":2}"#).await.len(), 2);
    assert_eq!(sampled(&world, "r", "{}").await[0], r#"{"_step":0,"a":1,"n":{"x":"NaN"}}"#);
}

#[tokio::test]
async fn what_is_read_follows_what_is_logged_although_it_is_kept() {
    let world = world().await;
    for last in 1..6 {
        log(&world, "r", last - 1..last).await;

        assert_eq!(sampled(&world, "r", r#"{"keys":["b"]}"#).await.len(), last as usize);
        let run = world.find("r").await;
        let facts = &world.app.history_facts(&[&run]).await.unwrap()[0];
        assert_eq!(facts.last_step(), Some(last - 1));
        assert!(facts.last_row().unwrap().starts_with(&format!("{{\"_step\":{},", last - 1)));
        let keys = Value::parse(facts.history_keys().as_bytes(), 9).unwrap();
        assert_eq!(keys.at(&["keys", "b", "previousValue"]), Some(&Value::Int(last - 1)));
        let counted = keys.at(&["keys", "b", "typeCounts"]).unwrap().as_array().unwrap()[0].clone();
        assert_eq!(counted.get("count"), Some(&Value::Int(last)));
    }
}

#[tokio::test]
async fn a_run_without_rows_has_facts_that_say_so() {
    let world = world().await;
    let run = world.find("r").await;

    let facts = &world.app.history_facts(&[&run]).await.unwrap()[0];

    assert_eq!(facts.history_keys(), r#"{"sets":[],"keys":{},"lastStep":-1}"#);
    assert_eq!(facts.last_row(), None);
    assert_eq!(world.app.summaries(&[&run]).await.unwrap(), ["{}"]);
    assert_eq!(world.app.event_facts(&[&run]).await.unwrap()[0].system_metrics(), "{}");
    assert_eq!(rows(&world, "r").await, Vec::<String>::new());
}

#[tokio::test]
async fn events_are_read_in_their_order_and_give_the_last_system_metrics() {
    let world = world().await;
    let lines = [r#"{"_wandb":true,"system.cpu":1,"_runtime":1}"#, r#"{"_wandb":true,"system.gpu":2,"_runtime":2}"#];
    world.send("r", &body("wandb-events.jsonl", 0, &lines)).await;
    world.send("r", &body("wandb-events.jsonl", 2, &[r#"{"system.cpu":3.5,"_runtime":3}"#])).await;
    let run = world.find("r").await;

    let rows = world.app.history_rows(&run, &all(Stream::Events, 500)).await.unwrap();
    assert_eq!(rows, [lines[0], lines[1], r#"{"system.cpu":3.5,"_runtime":3}"#]);
    let facts = &world.app.event_facts(&[&run]).await.unwrap()[0];
    assert_eq!(facts.system_metrics(), r#"{"system.cpu":3.5,"system.gpu":2}"#);
    assert_eq!(facts.last_row(), Some(r#"{"system.cpu":3.5,"_runtime":3}"#));
}

#[tokio::test]
async fn a_summary_is_the_client_s_own_or_follows_from_the_rows_where_it_asks_for_that() {
    let world = world().await;
    world.create_run("derived", false).await;
    let summary = body("wandb-summary.json", 0, &[r#"{"mine":1,"_step":0}"#]);
    let derive = Writer { derive_summary: true, ..Writer::default() };
    for (name, from) in [("r", Writer::default()), ("derived", derive)] {
        world.send_from(name, &history(0, &[r#"{"_step":0,"a":3}"#, r#"{"_step":1,"a":NaN}"#]), from.clone()).await;
        world.send_from(name, &summary, from).await;
    }
    let (own, derived) = (world.find("r").await, world.find("derived").await);

    let summaries = world.app.summaries(&[&own, &derived]).await.unwrap();

    assert_eq!(summaries, [r#"{"mine":1,"_step":0}"#, r#"{"_step":1,"a":NaN,"mine":1}"#]);
}

#[tokio::test]
async fn console_lines_are_read_by_number_from_either_end() {
    let world = world().await;
    let at = "2026-11-24T02:17:18.728526";
    let plain = [format!("{at} zero\n"), format!("ERROR {at} one\n"), format!("{at} two\n")];
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    world.send("r", &body("output.log", 0, &plain)).await;
    world.send("r", &body("output.log", 1, &[&format!(r#"{{"ts":"{at}","content":"ONE","label":"l"}}"#)])).await;
    world.send("r", &body("output.log", 9, &["nine"])).await;
    let run = world.find("r").await;
    let page = async |range| {
        let page = world.app.console_lines(&run, range).await.unwrap();
        let lines: Vec<_> = page.lines.into_iter().map(|(number, line)| (number, line.content)).collect();
        (lines, page.has_more)
    };
    let line = |number, text: &str| (number, text.to_owned());

    let first = page(ConsoleRange::First { count: 2, after: None }).await;
    assert_eq!(first, (vec![line(0, "zero"), line(1, "ONE")], true));
    let next = page(ConsoleRange::First { count: 2, after: Some(1) }).await;
    assert_eq!(next, (vec![line(2, "two")], true));
    let behind_a_gap = page(ConsoleRange::First { count: 2, after: Some(2) }).await;
    assert_eq!(behind_a_gap, (vec![line(9, "nine")], false));
    assert_eq!(page(ConsoleRange::Last(8)).await, (vec![line(2, "two"), line(9, "nine")], false));
    let whole = world.app.console_lines(&run, ConsoleRange::Last(u64::MAX)).await.unwrap();
    assert_eq!((whole.line_count, whole.lines[1].1.label.as_deref()), (10, Some("l")));
}

#[tokio::test]
async fn a_chart_has_all_points_when_they_are_few_and_their_extremes_when_they_are_many() {
    let world = world().await;
    world.create_run("other", false).await;
    log(&world, "r", 0..1000).await;
    log(&world, "other", 500..510).await;
    let runs = [world.find("r").await, world.find("other").await];
    let query = |parts| BucketQuery { key: "b".into(), steps: None, parts };

    let exact = world.app.metric_buckets(&[&runs[0], &runs[1]], &query(1000)).await.unwrap();
    assert!(exact.iter().all(|metric| metric.is_exact));
    assert_eq!((exact[0].buckets.len(), exact[1].buckets.len()), (1000, 10));

    let coarse = &world.app.metric_buckets(&[&runs[0]], &query(10)).await.unwrap()[0];
    assert!(!coarse.is_exact);
    assert_eq!(coarse.buckets.len(), 10);
    assert_eq!((coarse.buckets[3].min, coarse.buckets[3].max, coarse.buckets[3].count), (300.0, 399.0, 100));
}

#[tokio::test]
async fn a_run_that_is_not_sealed_gives_out_no_files() {
    let world = world().await;
    log(&world, "r", 3..5).await;

    let files = world.app.parquet_history(&world.ada, &world.find("r").await).await.unwrap();

    assert_eq!(files, ParquetHistory { urls: Vec::new(), live_from: Some(3) });
}
