//! Rewinding and forking against a model: a list of rows by step.

use super::branch::{fork, rewind};
use super::*;
use crate::app::history::{ConsoleRange, RowQuery, SampleSpec};
use crate::app::testing::{World, body, history};
use crate::domain::stream::Stream;
use proptest::prelude::*;
use std::collections::BTreeMap;

async fn rows(world: &World, name: &str) -> Vec<String> {
    let query = RowQuery { stream: Stream::History, steps: i64::MIN..=i64::MAX, samples: 100_000 };
    world.app.history_rows(&world.find(name).await, &query).await.unwrap()
}

async fn rewind_to(world: &World, name: &str, step: i64) {
    let cut = world.app.plan_cut(&world.find(name).await, step).await.unwrap();
    let (ada, licence, at) = (world.ada, world.app.licence(), world.at(name));
    let rewound = world.app.db.write(move |tx| {
        let found = run::find(tx, &ada, &at)?.unwrap();
        rewind(tx, ada.may(Action::RunLog, found, &licence)?, &cut).map(|_| ())
    });
    rewound.await.unwrap();
}

async fn fork_at(world: &World, parent: &str, child: &str, step: i64) {
    world.create_run(child, false).await;
    let cut = world.app.plan_cut(&world.find(parent).await, step).await.unwrap();
    let (ada, licence, parent) = (world.ada, world.app.licence(), world.at(parent));
    let forked = move |tx: &mut WriteTx<'_>, child: &Allowed<FoundRun>| {
        let found = run::find(tx, &ada, &parent)?.unwrap();
        fork(tx, &ada.may(Action::RunRead, found, &licence)?, child, &cut)
    };
    world.change(child, forked).await;
}

/// Logs rows of the steps behind those there are, as a client does that was told how many lines there are.
async fn log(world: &World, name: &str, steps: std::ops::Range<i64>, mark: usize) -> Vec<(i64, String)> {
    let row = |step: i64| (step, format!("{{\"_step\":{step},\"m\":{mark}}}"));
    let rows: Vec<(i64, String)> = steps.map(row).collect();
    let texts: Vec<&str> = rows.iter().map(|(_, row)| row.as_str()).collect();
    let lines = world.streams(name).await.history.lines;
    world.send(name, &history(lines, &texts)).await;
    rows
}

async fn seal(world: &World, name: &str) {
    let run = world.find(name).await.id;
    for stream in Stream::ALL {
        world.app.seal(run, stream).await.unwrap();
    }
}

#[tokio::test]
async fn a_rewound_run_has_its_rows_up_to_the_step_and_an_empty_console() {
    for is_sealed in [false, true] {
        let world = World::new().await;
        world.create_run("r", false).await;
        log(&world, "r", 0..10, 1).await;
        world.send("r", &body("output.log", 0, &["old", "old"])).await;
        world.send("r", &body("wandb-events.jsonl", 0, &[r#"{"system.cpu":1}"#])).await;
        world.send("r", &body("wandb-summary.json", 0, &[r#"{"_step":9,"m":1,"mine":1}"#])).await;
        if is_sealed {
            seal(&world, "r").await;
        }

        rewind_to(&world, "r", 4).await;

        let streams = world.streams("r").await;
        assert_eq!((streams.history.lines, streams.events.lines, streams.console.lines), (5, 0, 0));
        assert_eq!(rows(&world, "r").await.len(), 5);
        let run = world.find("r").await;
        assert_eq!(world.app.summaries(&[&run]).await.unwrap(), [r#"{"_step":4,"m":1}"#]);
        assert_eq!(world.app.history_facts(&[&run]).await.unwrap()[0].last_step(), Some(4));

        log(&world, "r", 5..7, 2).await;
        world.send("r", &body("output.log", 0, &["new"])).await;
        assert_eq!(rows(&world, "r").await[5], r#"{"_step":5,"m":2}"#);
        let spec = SampleSpec::parse(r#"{"keys":["m"]}"#).unwrap();
        assert_eq!(world.app.sampled_history(&run, &spec).await.unwrap().len(), 7);
        let console = world.app.console_lines(&run, ConsoleRange::Last(9)).await.unwrap();
        assert_eq!(console.lines.len(), 1);
        world.app.collect_garbage().await.unwrap();
        assert_eq!(rows(&world, "r").await.len(), 7);
    }
}

#[tokio::test]
async fn a_fork_keeps_its_rows_when_the_parent_is_rewound_below_it() {
    let world = World::new().await;
    world.create_run("parent", false).await;
    log(&world, "parent", 0..10, 1).await;
    seal(&world, "parent").await;
    log(&world, "parent", 10..20, 1).await;

    fork_at(&world, "parent", "child", 14).await;
    fork_at(&world, "parent", "early", 3).await;
    rewind_to(&world, "parent", -1).await;
    world.clock.advance_secs(10_000);
    world.app.collect_garbage().await.unwrap();

    assert_eq!(world.streams("child").await.history.lines, 15);
    assert_eq!(rows(&world, "child").await.len(), 15);
    assert_eq!(rows(&world, "early").await.len(), 4);
    assert_eq!(rows(&world, "parent").await, Vec::<String>::new());
    assert_eq!(world.streams("parent").await.history.lines, 0);
}

#[derive(Debug, Clone)]
enum Act {
    Log(usize, i64),
    Seal,
    Rewind(usize),
    Fork(usize),
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        5 => (1usize..6, 1i64..3).prop_map(|(count, gap)| Act::Log(count, gap)),
        2 => Just(Act::Seal),
        2 => (0usize..40).prop_map(Act::Rewind),
        1 => (0usize..40).prop_map(Act::Fork),
        1 => Just(Act::Restart),
    ];
    proptest::collection::vec(act, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_logging_sealing_rewinding_and_forking_agrees_with_a_list_of_rows(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            world.create_run("r0", false).await;
            // Every run that there is, and its rows by step; the newest one is the one that is worked on.
            let mut model: Vec<BTreeMap<i64, String>> = vec![BTreeMap::new()];
            for (mark, act) in acts.iter().enumerate() {
                let at = model.len() - 1;
                let name = format!("r{at}");
                let nth = |n: usize| model[at].keys().nth(n % model[at].len().max(1)).copied();
                match act {
                    Act::Log(count, gap) => {
                        let first = model[at].last_key_value().map_or(0, |(step, _)| step + gap);
                        let logged = log(&world, &name, first..first + *count as i64, mark).await;
                        model[at].extend(logged);
                    }
                    Act::Seal => seal(&world, &name).await,
                    Act::Rewind(n) => {
                        let Some(step) = nth(*n) else { continue };
                        rewind_to(&world, &name, step).await;
                        model[at].retain(|own, _| *own <= step);
                    }
                    Act::Fork(n) => {
                        let Some(step) = nth(*n) else { continue };
                        fork_at(&world, &name, &format!("r{}", at + 1), step).await;
                        let rows = model[at].clone().into_iter().filter(|(own, _)| *own <= step).collect();
                        model.push(rows);
                    }
                    Act::Restart => {
                        world = world.reopened().await;
                        world.clock.advance_secs(10_000);
                        world.app.collect_garbage().await.unwrap();
                    }
                }
            }
            for (at, expected) in model.iter().enumerate() {
                let name = format!("r{at}");
                let expected: Vec<String> = expected.values().cloned().collect();
                prop_assert_eq!(rows(&world, &name).await, expected, "{}", name);
                let facts = world.app.history_facts(&[&world.find(&name).await]).await.unwrap();
                prop_assert_eq!(facts[0].last_step(), model[at].last_key_value().map(|(step, _)| *step));
                prop_assert_eq!(world.streams(&name).await.history.lines, model[at].len() as u64);
            }
            Ok(())
        })?;
    }
}
