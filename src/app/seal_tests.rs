//! Sealing through `App`: what was acknowledged is read the same before, after, after a restart, and wherever sealing
//! is cut off.

use super::Settings;
use super::history::{BucketQuery, ConsoleRange, RowQuery, SampleSpec};
use super::stream::Writer;
use super::testing::{World, body, history};
use crate::db::repo::garbage;
use crate::domain::stream::Stream;
use proptest::prelude::*;
use std::path::Path;

/// Everything that can be read of a run, as one text.
async fn everything(world: &World, name: &str) -> String {
    let (app, run) = (&world.app, world.find(name).await);
    let all = |stream| RowQuery { stream, steps: i64::MIN..=i64::MAX, samples: 100_000 };
    let rows = app.history_rows(&run, &all(Stream::History)).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|row| sorted(row)).collect();
    let events = app.history_rows(&run, &all(Stream::Events)).await.unwrap();
    let spec = SampleSpec::parse(r#"{"keys":["a","_step"],"samples":7}"#).unwrap();
    let sampled = app.sampled_history(&run, &spec).await.unwrap();
    let facts = app.history_facts(&[&run]).await.unwrap();
    let system = app.event_facts(&[&run]).await.unwrap()[0].system_metrics();
    let summary = app.summaries(&[&run]).await.unwrap();
    let console = app.console_lines(&run, ConsoleRange::First { count: 10_000, after: None }).await.unwrap();
    let chart = BucketQuery { key: "a".into(), steps: None, parts: 5 };
    let chart = app.metric_buckets(&[&run], &chart).await.unwrap();
    let streams = world.streams(name).await;
    let last = facts[0].last_row().map(sorted);
    format!(
        "{rows:#?}{events:#?}{sampled:#?}{}{last:?}{system}{summary:?}{console:#?}{chart:#?}{:?}",
        keys_by_name(&facts[0].history_keys()),
        [streams.history.lines, streams.events.lines, streams.console.lines],
    )
}

/// Statistics of keys, whichever key came first.
fn keys_by_name(keys: &str) -> String {
    let value = crate::domain::json::Value::parse(keys.as_bytes(), 9).unwrap();
    let mut members = value.get("keys").unwrap().as_object().unwrap().to_vec();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    format!("{members:?}{:?}", value.get("lastStep"))
}

/// A row with its members in order: sealing may change which comes first.
fn sorted(row: &str) -> String {
    let value = crate::domain::json::Value::parse(row.as_bytes(), 9).unwrap();
    let mut members = value.as_object().unwrap().to_vec();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    crate::domain::json::Value::Object(members).to_text()
}

async fn seal_all(world: &World, name: &str) {
    let run = world.find(name).await.id;
    for stream in Stream::ALL {
        world.app.seal(run, stream).await.unwrap();
    }
}

/// Logs some of everything; each call goes on where the one before stopped.
async fn log_some(world: &World, name: &str, from: u64) {
    let row = |step: u64| format!("{{\"_step\":{step},\"a\":{}.5,\"n\":{{\"x\":NaN}},\"t\":\"x\"}}", step % 7);
    let rows: Vec<String> = (from..from + 20).map(row).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.send(name, &history(from, &rows[..13])).await;
    world.send(name, &history(from + 13, &rows[13..])).await;
    let event = format!("{{\"system.cpu\":{from},\"_runtime\":{from}}}");
    world.send(name, &body("wandb-events.jsonl", from / 10, &[&event, &event])).await;
    world.send(name, &body("output.log", from / 4, &["a", "b", "50%", "c", "d", "e"])).await;
    world.send(name, &body("output.log", from / 4 + 2, &["100%"])).await;
    world.send(name, &body("wandb-summary.json", 0, &["{\"best\":1}"])).await;
}

async fn world() -> World {
    let world = World::new().await;
    world.create_run("r", false).await;
    world
}

fn objects(world: &World) -> usize {
    fn count(directory: &Path) -> usize {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
    }
    count(&world.directory.path().join("objects"))
}

#[tokio::test]
async fn what_is_read_stays_the_same_when_it_is_sealed_and_after_a_restart() {
    let world = world().await;
    let derive = Writer { derive_summary: true, ..Writer::default() };
    world.send_from("r", "{}", derive).await;
    for round in 0..3 {
        log_some(&world, "r", round * 20).await;
        let before = everything(&world, "r").await;

        seal_all(&world, "r").await;

        assert_eq!(everything(&world, "r").await, before, "round {round}");
        let streams = world.streams("r").await;
        assert!(Stream::ALL.iter().all(|stream| streams.of(*stream).tail_lines == 0));
        assert!(Stream::ALL.iter().all(|stream| streams.of(*stream).tail_bytes == 0));
    }
    let before = everything(&world, "r").await;

    let world = world.reopened().await;

    assert_eq!(everything(&world, "r").await, before);
    world.app.collect_garbage().await.unwrap();
    assert_eq!(everything(&world, "r").await, before);
}

#[tokio::test]
async fn a_tail_is_sealed_when_it_is_long_or_idle_or_its_run_has_ended_and_not_before() {
    let world = World::with(Settings { seal_rows: 5, ..Settings::default() }).await;
    for name in ["long", "idle", "ended"] {
        world.create_run(name, false).await;
        world.send(name, &history(0, &[r#"{"_step":0}"#, r#"{"_step":1}"#])).await;
    }
    assert_eq!(world.app.seal_due().await.unwrap(), 0);

    world.send("long", &history(2, &["{}", "{}", "{}"])).await;
    assert_eq!(world.app.seal_due().await.unwrap(), 1);
    world.send("ended", r#"{"complete":true,"exitcode":0}"#).await;
    assert_eq!(world.app.seal_due().await.unwrap(), 1);
    world.clock.advance_secs(900);

    let world = world.reopened().await;
    assert_eq!(world.app.seal_due().await.unwrap(), 0);
    world.app.find_unsealed().await.unwrap();
    assert_eq!(world.app.seal_due().await.unwrap(), 1);
    assert_eq!(world.app.seal_due().await.unwrap(), 0);
}

#[tokio::test]
async fn rows_that_are_sent_again_after_sealing_replace_the_sealed_ones() {
    let world = world().await;
    world.send("r", &history(0, &[r#"{"_step":0,"a":1}"#, r#"{"_step":1,"a":1}"#])).await;
    seal_all(&world, "r").await;
    world.send("r", &history(2, &[r#"{"_step":1,"a":2}"#])).await;
    let spec = SampleSpec::parse(r#"{"keys":["a"]}"#).unwrap();
    for _ in 0..2 {
        let run = world.find("r").await;
        let query = RowQuery { stream: Stream::History, steps: 0..=9, samples: 9 };
        let rows = world.app.history_rows(&run, &query).await.unwrap();
        assert_eq!(rows, [r#"{"_step":0,"a":1}"#, r#"{"_step":1,"a":2}"#]);
        assert_eq!(world.app.sampled_history(&run, &spec).await.unwrap(), [r#"{"a":1}"#, r#"{"a":2}"#]);
        let chart = BucketQuery { key: "a".into(), steps: None, parts: 9 };
        assert_eq!(world.app.metric_buckets(&[&run], &chart).await.unwrap()[0].buckets[1].max, 2.0);
        seal_all(&world, "r").await;
    }
}

#[tokio::test]
async fn a_long_run_is_drawn_from_its_level_of_detail_with_every_extreme() {
    let world = world().await;
    let row = |step: i64| format!("{{\"_step\":{step},\"a\":{}}}", if step == 4321 { 1000 } else { step % 10 });
    for first in (0..12_000).step_by(4000) {
        let rows: Vec<String> = (first..first + 4000).map(row).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        world.send("r", &history(first as u64, &rows)).await;
        if first < 8000 {
            seal_all(&world, "r").await;
        }
    }
    let run = world.find("r").await;
    let query = BucketQuery { key: "a".into(), steps: None, parts: 10 };

    let chart = &world.app.metric_buckets(&[&run], &query).await.unwrap()[0];

    assert_eq!(chart.buckets.len(), 10);
    assert_eq!(chart.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 12_000);
    assert_eq!(chart.buckets.iter().filter(|bucket| bucket.max == 1000.0).count(), 1);
    assert!(chart.buckets.iter().all(|bucket| bucket.min == 0.0));
}

#[tokio::test]
async fn a_run_that_ended_gives_out_its_files_and_one_that_goes_on_does_not() {
    let world = world().await;
    world.send("r", &history(0, &[r#"{"_step":0,"a":1}"#, r#"{"_step":1,"a":2}"#])).await;
    world.send("r", r#"{"complete":true,"exitcode":0}"#).await;
    let files = async |world: &World| world.app.parquet_history(&world.ada, &world.find("r").await).await.unwrap();
    assert_eq!(files(&world).await.live_from, Some(0));

    world.app.seal_due().await.unwrap();
    let published = files(&world).await;
    assert_eq!((published.urls.len(), published.live_from), (1, None));

    world.send("r", &history(2, &[r#"{"_step":2,"b":2}"#])).await;
    assert_eq!(files(&world).await.urls.len(), 0);
    assert_eq!(files(&world).await.live_from, Some(0));
}

#[tokio::test]
async fn sealing_one_tail_twice_at_once_makes_one_part() {
    let world = world().await;
    log_some(&world, "r", 0).await;
    let before = everything(&world, "r").await;
    let run = world.find("r").await.id;

    let (one, two) = tokio::join!(world.app.seal(run, Stream::History), world.app.seal(run, Stream::History));

    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(everything(&world, "r").await, before);
    world.clock.advance_secs(90_000);
    world.app.collect_garbage().await.unwrap();
    assert_eq!(everything(&world, "r").await, before);
    assert_eq!(objects(&world), 2);
    assert!(world.app.db.read(garbage::is_empty).await.unwrap());
}

#[tokio::test]
async fn wherever_sealing_is_cut_off_nothing_is_lost_doubled_or_left_behind() {
    let world = world().await;
    log_some(&world, "r", 0).await;
    let before = everything(&world, "r").await;
    let run = world.find("r").await.id;
    let mut world = world;
    for cut_off in [("announced", 0), ("object put", 0), ("object put", 1), ("committed", 0)] {
        *world.app.tails.cut_off.lock().unwrap() = Some(cut_off);
        assert!(world.app.seal(run, Stream::History).await.is_err(), "{cut_off:?}");

        world = world.reopened().await;
        assert_eq!(everything(&world, "r").await, before, "{cut_off:?}");
    }

    // The last one was cut off after its commit: all is sealed.
    assert_eq!(world.app.seal(run, Stream::History).await.unwrap(), 0);
    world.clock.advance_secs(90_000);
    world.app.collect_garbage().await.unwrap();
    assert_eq!(objects(&world), 2);
    assert_eq!(everything(&world, "r").await, before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// One run is sealed at random moments, its twin never: they read the same.
    #[test]
    fn a_sealed_run_reads_like_one_that_is_not(
        requests in proptest::collection::vec((0i64..40, 1usize..6, any::<bool>(), any::<bool>()), 1..12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            for name in ["sealed", "twin"] {
                world.create_run(name, false).await;
            }
            let mut line = 0;
            for (serial, (step, count, seals, has_key)) in requests.iter().enumerate() {
                let key = if *has_key { "a" } else { "b" };
                let row = |at: i64| format!("{{\"_step\":{},\"{key}\":{serial}.25,\"c\":{at}}}", step + at);
                let rows: Vec<String> = (0..*count as i64).map(row).collect();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                for name in ["sealed", "twin"] {
                    world.send(name, &history(line, &rows)).await;
                }
                line += rows.len() as u64;
                if *seals {
                    seal_all(&world, "sealed").await;
                }
            }
            prop_assert_eq!(everything(&world, "sealed").await, everything(&world, "twin").await);
            Ok(())
        })?;
    }
}
