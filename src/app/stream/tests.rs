//! Taking in requests, through `App`, on a real database: which lines are kept, where, and what state the run is in.

use super::*;
use crate::app::testing::{World, body, history, tail};
use crate::domain::run::RunState;
use crate::domain::stream::Stream;
use proptest::prelude::*;

fn of(client: &str) -> Writer {
    Writer { async_client_id: Some(client.to_owned()), derive_summary: false }
}

fn rows(steps: std::ops::Range<i64>) -> Vec<String> {
    steps.map(|step| format!("{{\"_step\":{step},\"a\":{step}}}")).collect()
}

async fn world() -> World {
    let world = World::new().await;
    world.create_run("r", false).await;
    world
}

async fn state(world: &World, name: &str) -> (RunState, Option<i64>) {
    let run = world.find(name).await;
    (run.run.state, run.run.exit_code)
}

fn texts(lines: &[(u64, String)]) -> Vec<&str> {
    lines.iter().map(|(_, text)| text.as_str()).collect()
}

#[tokio::test]
async fn lines_sent_again_are_kept_once_and_survive_a_restart() {
    let world = world().await;
    world.send("r", &history(0, &[r#"{"_step":0}"#, r#"{"_step":1}"#])).await;
    world.send("r", &history(0, &[r#"{"_step":0}"#, r#"{"_step":1}"#])).await;
    world.send("r", &history(1, &[r#"{"_step":1}"#, r#"{"_step":2,"x":NaN}"#])).await;
    world.send("r", &history(7, &[r#"{"_step":9}"#])).await;

    let world = world.reopened().await;

    let kept = tail(&world, "r", Stream::History).await;
    let expected = [(0, r#"{"_step":0}"#), (1, r#"{"_step":1}"#), (2, r#"{"_step":2,"x":NaN}"#), (7, r#"{"_step":9}"#)];
    assert_eq!(kept, expected.map(|(line, text)| (line, text.to_owned())));
    let streams = world.streams("r").await;
    assert_eq!((streams.history.lines, streams.history.tail_lines, streams.next_step), (8, 4, 10));
}

#[tokio::test]
async fn a_session_that_counts_from_zero_again_goes_behind_the_lines_there_are() {
    let world = world().await;
    world.send("r", &history(0, &[r#"{"_step":0,"old":1}"#, r#"{"_step":1,"old":1}"#])).await;
    world.send("r", &body("output.log", 0, &["old"])).await;
    world.change("r", |tx, run| Ok(begin_session(tx, run)?)).await;

    world.send("r", &history(0, &[r#"{"_step":0,"new":1}"#])).await;
    world.send("r", &history(0, &[r#"{"_step":0,"new":1}"#])).await;
    world.send("r", &history(1, &[r#"{"_step":1,"new":1}"#])).await;
    world.send("r", &body("output.log", 0, &["new"])).await;
    world.send("r", &body("output.log", 0, &["new 2"])).await;

    let kept = tail(&world, "r", Stream::History).await;
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[2], (2, r#"{"_step":0,"new":1}"#.to_owned()));
    assert_eq!(kept[3].0, 3);
    assert_eq!(texts(&tail(&world, "r", Stream::Console).await), ["old", "new 2"]);
}

#[tokio::test]
async fn a_resumed_session_goes_on_at_the_number_it_was_told() {
    let world = world().await;
    world.send("r", &history(0, &["{}", "{}"])).await;
    world.change("r", |tx, run| Ok(begin_session(tx, run)?)).await;

    world.send("r", &history(2, &[r#"{"_step":2}"#])).await;
    world.send("r", &history(2, &[r#"{"_step":2}"#, r#"{"_step":3}"#])).await;

    assert_eq!(world.streams("r").await.history.lines, 4);
}

#[tokio::test]
async fn a_console_line_is_replaced_when_it_is_sent_again() {
    let world = world().await;
    world.send("r", &body("output.log", 0, &["hello", "50%\n"])).await;
    world.send("r", &body("output.log", 1, &["100%\n", "a\nb\n"])).await;

    assert_eq!(texts(&tail(&world, "r", Stream::Console).await), ["hello", "100%", "a b"]);
    assert_eq!(world.streams("r").await.console.lines, 3);
}

#[tokio::test]
async fn writers_of_a_shared_run_count_by_themselves_and_get_steps_of_the_server() {
    let world = World::new().await;
    world.create_run("r", true).await;
    world.send_from("r", &history(0, &[r#"{"a":1}"#, r#"{"a":2}"#]), of("one")).await;
    world.send_from("r", &history(2, &[r#"{"_step":0,"b":1}"#]), of("two")).await;
    world.send_from("r", &history(2, &[r#"{"a":3}"#]), of("one")).await;
    world.send_from("r", &history(2, &[r#"{"a":3}"#, r#"{"a":4}"#]), of("one")).await;
    world.send_from("r", &body("output.log", 0, &["one"]), of("one")).await;
    world.send_from("r", &body("output.log", 0, &["two"]), of("two")).await;
    world.send_from("r", &body("output.log", 0, &["one again", "and more"]), of("one")).await;

    let kept = tail(&world, "r", Stream::History).await;
    let expected = [
        r#"{"_step":0,"a":1}"#,
        r#"{"_step":1,"a":2}"#,
        r#"{"_step":2,"b":1}"#,
        r#"{"_step":3,"a":3}"#,
        r#"{"_step":4,"a":4}"#,
    ];
    assert_eq!(texts(&kept), expected);
    assert_eq!(texts(&tail(&world, "r", Stream::Console).await), ["one again", "two", "and more"]);
}

#[tokio::test]
async fn shared_writers_add_their_keys_to_the_summary_and_a_single_one_replaces_it() {
    let world = World::new().await;
    world.create_run("shared", true).await;
    world.create_run("single", false).await;
    let summary = |text| body("wandb-summary.json", 0, &["{}", text]);
    for (name, writer) in [("shared", "one"), ("single", "")] {
        let from = |name: &str| if writer.is_empty() { Writer::default() } else { of(name) };
        world.send_from(name, &summary(r#"{"a":1,"both":{"x":1}}"#), from("one")).await;
        world.send_from(name, &summary(r#"{"b":NaN,"both":{"y":1}}"#), from("two")).await;
    }

    for (name, expected) in [("shared", r#"{"a":1,"both":{"y":1},"b":NaN}"#), ("single", r#"{"b":NaN,"both":{"y":1}}"#)]
    {
        let run = world.find(name).await;
        let text = world.app.db.read(move |tx| run::summary(tx, &run)).await.unwrap();
        assert_eq!(text.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_run_s_state_follows_what_its_client_says() {
    let world = world().await;
    let row = |line| history(line, &[r#"{"_step":0}"#]);
    let cases: [(&str, RunState, Option<i64>); 8] = [
        ("{}", RunState::Running, None),
        (r#"{"complete":false,"failed":false,"dropped":0,"uploaded":["a"]}"#, RunState::Running, None),
        (r#"{"complete":true,"exitcode":0}"#, RunState::Finished, Some(0)),
        ("{}", RunState::Finished, Some(0)),
        (&row(0), RunState::Running, None),
        (r#"{"complete":true,"exitcode":255}"#, RunState::Failed, Some(255)),
        (r#"{"preempting":true}"#, RunState::Preempting, None),
        (r#"{"complete":true,"exitcode":1}"#, RunState::Preempted, Some(1)),
    ];
    for (text, expected, exit_code) in cases {
        world.send("r", text).await;
        assert_eq!(state(&world, "r").await, (expected, exit_code), "{text}");
    }
}

#[tokio::test]
async fn a_client_is_told_to_stop_and_its_run_was_then_killed() {
    let world = world().await;
    assert!(!world.send("r", "{}").await.stopped);
    let stop = |tx: &mut WriteTx<'_>, run: &Allowed<FoundRun>| {
        Ok(run::put(tx, run, &Run { stop_requested: true, ..run.run.clone() })?)
    };
    world.change("r", stop).await;

    assert!(world.send("r", "{}").await.stopped);
    world.send("r", r#"{"complete":true,"exitcode":255}"#).await;

    assert_eq!(state(&world, "r").await, (RunState::Killed, Some(255)));
}

#[tokio::test]
async fn a_late_line_of_another_writer_does_not_open_a_shared_run_again() {
    let world = World::new().await;
    world.create_run("r", true).await;
    world.send_from("r", r#"{"complete":true,"exitcode":0}"#, of("one")).await;
    world.send_from("r", &history(0, &["{}"]), of("two")).await;
    assert_eq!(state(&world, "r").await.0, RunState::Finished);

    world.clock.advance_secs(61);
    world.send_from("r", &history(1, &["{}"]), of("two")).await;

    assert_eq!(state(&world, "r").await.0, RunState::Running);
}

#[tokio::test]
async fn who_may_not_log_is_refused_and_nothing_is_kept() {
    let world = world().await;
    let lines = history(0, &["{}"]).into_bytes();

    let refused = world.app.accept_stream(&world.stranger(), world.at("r"), lines, Writer::default()).await;

    // Word for word what is said of a run that does not exist.
    assert_eq!(refused.unwrap_err().to_string(), "run `ada/p/r` does not exist");
    assert!(tail(&world, "r", Stream::History).await.is_empty());
    let absent = world.app.accept_stream(&world.ada, world.at("other"), b"{}".to_vec(), Writer::default()).await;
    assert_eq!(absent.unwrap_err().to_string(), "run `ada/p/other` does not exist");
    let broken = world.app.accept_stream(&world.ada, world.at("r"), b"[]".to_vec(), Writer::default()).await;
    assert!(matches!(broken, Err(Error::Invalid { .. })));
}

#[derive(Debug, Clone)]
enum Sent {
    /// The next rows.
    New(usize),
    /// The last request again, as a client does that got no answer.
    Again,
    /// From some lines back.
    Overlap(usize, usize),
    /// A new process that counts from zero, with its first rows.
    Restart(usize),
}

fn requests() -> impl Strategy<Value = Vec<Sent>> {
    let sent = prop_oneof![
        4 => (1usize..5).prop_map(Sent::New),
        2 => Just(Sent::Again),
        1 => (1usize..4, 1usize..5).prop_map(|(back, count)| Sent::Overlap(back, count)),
        1 => (1usize..4).prop_map(Sent::Restart),
    ];
    proptest::collection::vec(sent, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The model is a list of every row that was ever logged, in order.
    #[test]
    fn every_row_is_kept_once_whatever_is_sent_again(requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = world().await;
            let mut logged: Vec<String> = Vec::new();
            let mut session_first = 0;
            let mut last: Option<(usize, Vec<String>)> = None;
            let mut serial = 0i64;
            let mut new_rows = |count: usize| {
                serial += count as i64;
                rows(serial - count as i64..serial)
            };
            for request in &requests {
                let (from, lines) = match request {
                    Sent::New(count) => (logged.len(), new_rows(*count)),
                    Sent::Again => match &last {
                        Some(last) => last.clone(),
                        None => continue,
                    },
                    Sent::Overlap(back, count) => {
                        let from = logged.len().saturating_sub(*back).max(session_first);
                        (from, [&logged[from..], &new_rows(*count)].concat())
                    }
                    Sent::Restart(count) => {
                        world.change("r", |tx, run| Ok(begin_session(tx, run)?)).await;
                        session_first = logged.len();
                        (logged.len(), new_rows(*count))
                    }
                };
                let lines_as_text: Vec<&str> = lines.iter().map(String::as_str).collect();
                world.send("r", &history((from - session_first) as u64, &lines_as_text)).await;
                let known = logged.len() - from;
                logged.extend(lines.iter().skip(known).cloned());
                last = Some((from, lines));
            }

            let kept = tail(&world, "r", Stream::History).await;

            prop_assert_eq!(texts(&kept), logged.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert!(kept.iter().enumerate().all(|(index, (line, _))| *line == index as u64));
            Ok(())
        })?;
    }
}
