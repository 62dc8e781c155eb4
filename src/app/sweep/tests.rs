//! Sweeps through `App`: what agents are told, whatever is lost or killed on the way.

use super::*;
use crate::app::run::{Target, UpsertRun};
use crate::app::testing::{World, body, history};
use crate::db::schema::CATALOGUE;
use crate::db::{DbError, verify};
use crate::domain::run::RunState;
use crate::domain::sweep::state::SweepState;
use std::collections::BTreeSet;

const GRID: &str = "method: grid\nprogram: train.py\nparameters: {a: {values: [1, 2, 3]}}";
const RANDOM: &str = "method: random\nparameters: {a: {min: 0.0, max: 1.0}}";
const BAYES: &str = "method: bayes\nmetric: {name: loss, goal: minimize}\nparameters: {a: {min: 0.0, max: 1.0}}";

fn new_sweep(config: &str) -> UpsertSweep {
    let target = SweepTarget::New { entity: Some("ada".into()), project: Some("p".into()) };
    UpsertSweep { target, config: Some(config.into()), ..UpsertSweep::default() }
}

fn change(id: SweepId) -> UpsertSweep {
    UpsertSweep { target: SweepTarget::Existing(id), ..UpsertSweep::default() }
}

impl World {
    async fn sweep(&self, config: &str) -> SweepId {
        self.app.upsert_sweep(&self.ada, new_sweep(config)).await.unwrap().sweep.id
    }

    async fn seen_sweep(&self, id: SweepId) -> Allowed<FoundSweep> {
        let (ada, licence) = (self.ada, self.app.licence());
        self.app.db.read(move |tx| existing(tx, &ada, id, Action::RunRead, &licence)).await.unwrap()
    }

    async fn state_of(&self, id: SweepId) -> SweepState {
        self.seen_sweep(id).await.sweep.state
    }

    async fn set_state(&self, id: SweepId, state: &str) -> Result<(), Error> {
        let wanted = UpsertSweep { state: Some(state.into()), ..change(id) };
        self.app.upsert_sweep(&self.ada, wanted).await.map(|_| ())
    }

    async fn agent(&self, id: SweepId) -> AgentId {
        let sweep = self.seen_sweep(id).await.sweep.name.clone();
        let new = NewAgent { entity: Some("ada".into()), project: Some("p".into()), sweep, host: "h".into() };
        self.app.create_agent(&self.ada, new).await.unwrap().id
    }

    async fn beat(&self, agent: AgentId, live: &[&str]) -> Vec<Command> {
        let states: serde_json::Map<String, serde_json::Value> =
            live.iter().map(|name| ((*name).to_owned(), true.into())).collect();
        self.app.agent_heartbeat(&self.ada, agent, &serde_json::json!(states).to_string()).await.unwrap().commands
    }

    /// The one run that the agent is told of: its name and arguments.
    async fn given(&self, agent: AgentId) -> (String, String) {
        let commands = self.beat(agent, &[]).await;
        match commands.as_slice() {
            [Command::Run { run, arguments, .. }] => (run.clone(), arguments.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// What the client does first with a run that its agent was told of.
    async fn start(&self, run: &str) {
        let target = Target::Named { entity: Some("ada".into()), project: Some("p".into()), run: Some(run.into()) };
        let (config, host) = (Some("{}".into()), Some("h".into()));
        self.app.upsert_run(&self.ada, UpsertRun { target, config, host, ..UpsertRun::default() }).await.unwrap();
    }

    async fn finish(&self, run: &str, loss: f64) {
        self.start(run).await;
        self.send(run, &history(0, &[&format!("{{\"_step\":0,\"loss\":{loss:?}}}")])).await;
        self.send(run, &body("wandb-summary.json", 0, &[&format!("{{\"loss\":{loss:?}}}")])).await;
        self.send(run, r#"{"complete":true,"exitcode":0}"#).await;
    }

    async fn runs_of(&self, id: SweepId) -> Vec<(String, RunState)> {
        let found = self.seen_sweep(id).await;
        let (runs, _) = self.app.sweep_runs(&found, None, 1000).await.unwrap();
        runs.iter().map(|run| (run.run.name.to_string(), run.run.state)).collect()
    }

    async fn assert_sound(&self) {
        let faults = self.app.db.read(|tx| {
            let mut faults = Vec::new();
            verify::verify(tx, &CATALOGUE, &mut faults)?;
            Ok::<_, DbError>(faults)
        });
        assert_eq!(faults.await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_suggestion_is_a_waiting_run_before_it_is_told() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    assert_eq!(world.state_of(sweep).await, SweepState::Pending);
    let agent = world.agent(sweep).await;

    let told = world.beat(agent, &[]).await;

    let [Command::Run { run, program, arguments }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((program.as_deref(), arguments.as_str()), (Some("train.py"), r#"{"a":{"value":1}}"#));
    let made = world.find(run).await;
    assert_eq!(
        (made.run.state, made.run.sweep.as_ref()),
        (RunState::Pending, Some(&world.seen_sweep(sweep).await.sweep.name))
    );
    assert_eq!(world.app.run_configs(&[&made], 1000).await.unwrap(), Some(vec![Some(arguments.clone())]));
    assert_eq!(world.state_of(sweep).await, SweepState::Running);
    let wire = told[0].to_value().to_text();
    assert_eq!(
        wire,
        format!(r#"{{"type":"run","run_id":"{run}","program":"train.py","logs":[],"args":{{"a":{{"value":1}}}}}}"#)
    );
    world.assert_sound().await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_also_by_a_server_that_was_killed() {
    let world = World::new().await;
    let sweep = world.sweep(RANDOM).await;
    let agent = world.agent(sweep).await;

    let first = world.given(agent).await;
    assert_eq!(world.given(agent).await, first);
    let world = world.reopened().await;
    assert_eq!(world.given(agent).await, first);
    assert_eq!(world.runs_of(sweep).await.len(), 1);

    // The run begins: the next answer is another one.
    world.finish(&first.0, 1.0).await;
    assert_ne!(world.given(agent).await, first);
    assert_eq!(world.runs_of(sweep).await.len(), 2);
}

#[tokio::test]
async fn a_grid_is_run_once_by_many_agents_and_then_they_end() {
    let world = World::new().await;
    let sweep = world.sweep("method: grid\nparameters: {a: {min: 1, max: 10}, b: {values: [x, y]}}").await;
    let agents = [world.agent(sweep).await, world.agent(sweep).await, world.agent(sweep).await];

    let mut seen = BTreeSet::new();
    let mut ended = 0;
    for beat in 0..100 {
        let agent = agents[beat % agents.len()];
        match world.beat(agent, &[]).await.as_slice() {
            [Command::Run { run, arguments, .. }] => {
                assert!(seen.insert(arguments.clone()), "{arguments} again");
                world.finish(run, 0.5).await;
            }
            [Command::Exit] => ended += 1,
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(seen.len(), 20);
    assert!(ended > 0);
    assert_eq!(world.state_of(sweep).await, SweepState::Finished);
    world.assert_sound().await;
}

#[tokio::test]
async fn agents_that_beat_at_once_are_told_of_different_runs() {
    let world = World::new().await;
    for config in [GRID, RANDOM, BAYES] {
        let sweep = world.sweep(config).await;
        let agents = [world.agent(sweep).await, world.agent(sweep).await, world.agent(sweep).await];

        let (a, b, c) = tokio::join!(world.given(agents[0]), world.given(agents[1]), world.given(agents[2]));

        assert_eq!(BTreeSet::from([&a.0, &b.0, &c.0]).len(), 3, "{config}");
        assert_eq!(BTreeSet::from([&a.1, &b.1, &c.1]).len(), 3, "{config}");
    }
}

#[tokio::test]
async fn what_a_dead_agent_did_not_start_goes_to_the_next_one() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let (dead, other) = (world.agent(sweep).await, world.agent(sweep).await);
    let lost = world.given(dead).await;
    let own = world.given(other).await;
    world.finish(&own.0, 1.0).await;

    // While it may still be starting the run, it keeps it.
    world.clock.advance_secs(60);
    let next = world.given(other).await;
    assert_ne!(next, lost);
    world.finish(&next.0, 1.0).await;
    // Nothing is left but what the silent one holds: wait for it.
    assert_eq!(world.beat(other, &[]).await, []);
    assert_eq!(world.state_of(sweep).await, SweepState::Running);

    world.clock.advance_secs(31);
    assert_eq!(world.given(other).await, lost);
    // The silent one comes back with the run that is another's now.
    assert_eq!(world.beat(dead, &[&lost.0]).await, [Command::Stop { run: lost.0.clone() }]);
    world.finish(&lost.0, 1.0).await;
    assert_eq!(world.beat(other, &[]).await, [Command::Exit]);
    assert_eq!(world.state_of(sweep).await, SweepState::Finished);
    assert_eq!(world.runs_of(sweep).await.len(), 3);
}

#[tokio::test]
async fn a_script_that_never_begins_its_run_is_not_started_for_ever() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let agent = world.agent(sweep).await;

    let first = world.given(agent).await;
    for _ in 1..5 {
        assert_eq!(world.given(agent).await, first);
    }
    let second = world.given(agent).await;
    assert_ne!(second, first);
    // One that the agent said it ran needs no second try.
    assert_eq!(world.beat(agent, &[&second.0]).await, []);
    let third = world.given(agent).await;
    assert_ne!(third, second);

    let states: Vec<RunState> = world.runs_of(sweep).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [RunState::Failed, RunState::Failed, RunState::Pending]);
}

#[tokio::test]
async fn a_paused_sweep_tells_nothing_and_goes_on_where_it_was() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let agent = world.agent(sweep).await;
    let refused = world.set_state(sweep, "PAUSED").await.unwrap_err().to_string();
    assert!(refused.contains("is PENDING and cannot become PAUSED"), "{refused}");
    let first = world.given(agent).await;

    world.set_state(sweep, "PAUSED").await.unwrap();
    assert_eq!(world.beat(agent, &[]).await, []);
    assert_eq!(world.beat(agent, &[]).await, []);
    world.set_state(sweep, "RUNNING").await.unwrap();
    assert_eq!(world.given(agent).await, first);
}

#[tokio::test]
async fn a_stopped_sweep_lets_its_runs_end_and_starts_no_more() {
    let world = World::new().await;
    let sweep = world.sweep(RANDOM).await;
    let (busy, waiting) = (world.agent(sweep).await, world.agent(sweep).await);
    let running = world.given(busy).await.0;
    world.start(&running).await;
    let never = world.given(waiting).await.0;

    world.set_state(sweep, "FINISHED").await.unwrap();

    assert_eq!(world.beat(busy, &[&running]).await, []);
    assert_eq!(world.beat(waiting, &[]).await, [Command::Exit]);
    assert_eq!(world.find(&never).await.run.state, RunState::Killed);
    world.finish(&running, 1.0).await;
    assert_eq!(world.beat(busy, &[]).await, [Command::Exit]);
    // More of it is wanted after all.
    world.set_state(sweep, "RUNNING").await.unwrap();
    world.given(busy).await;
}

#[tokio::test]
async fn a_canceled_sweep_stops_its_runs_and_ends_for_good() {
    let world = World::new().await;
    let sweep = world.sweep(RANDOM).await;
    let agent = world.agent(sweep).await;
    let run = world.given(agent).await.0;
    world.start(&run).await;

    world.set_state(sweep, "CANCELED").await.unwrap();

    assert_eq!(world.beat(agent, &[&run]).await, [Command::Stop { run: run.clone() }]);
    assert_eq!(world.find(&run).await.run.state, RunState::Running);
    assert_eq!(world.beat(agent, &[]).await, [Command::Exit]);
    // A program that was ended says nothing any more.
    assert_eq!(world.find(&run).await.run.state, RunState::Killed);
    let refused = world.set_state(sweep, "RUNNING").await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("create a new sweep")), "{refused}");
    assert!(matches!(world.set_state(sweep, "RESTING").await, Err(Error::Invalid { field: "state", .. })));
}

#[tokio::test]
async fn a_cap_counts_every_run() {
    let world = World::new().await;
    let sweep = world.sweep(&format!("{RANDOM}\nrun_cap: 2")).await;
    let agent = world.agent(sweep).await;
    for _ in 0..2 {
        let run = world.given(agent).await.0;
        world.finish(&run, 1.0).await;
    }

    assert_eq!(world.beat(agent, &[]).await, [Command::Exit]);
    assert_eq!(world.state_of(sweep).await, SweepState::Finished);
    // A higher cap is a change that may be made, and another way of searching is none.
    let higher =
        UpsertSweep { config: Some(format!("{RANDOM}\nrun_cap: 3")), state: Some("RUNNING".into()), ..change(sweep) };
    world.app.upsert_sweep(&world.ada, higher).await.unwrap();
    world.given(agent).await;
    let other = UpsertSweep { config: Some(GRID.into()), ..change(sweep) };
    assert!(matches!(world.app.upsert_sweep(&world.ada, other).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_target_that_is_reached_ends_the_sweep() {
    let world = World::new().await;
    let config = format!("{RANDOM}\nmetric: {{name: loss, goal: minimize, target: 0.1}}");
    let sweep = world.sweep(&config).await;
    let agent = world.agent(sweep).await;
    let first = world.given(agent).await.0;
    world.finish(&first, 0.2).await;
    let second = world.given(agent).await.0;
    world.finish(&second, 0.1).await;

    let found = world.seen_sweep(sweep).await;
    assert_eq!(world.beat(agent, &[]).await, [Command::Exit]);
    assert_eq!(world.app.best_of_sweep(&found).await.unwrap(), Some(0.1));
}

#[tokio::test]
async fn bayes_goes_where_the_runs_were_good() {
    let world = World::new().await;
    let sweep = world.sweep(BAYES).await;
    let agent = world.agent(sweep).await;
    let mut tried = Vec::new();
    for _ in 0..14 {
        let (run, arguments) = world.given(agent).await;
        let a = serde_json::from_str::<serde_json::Value>(&arguments).unwrap()["a"]["value"].as_f64().unwrap();
        world.finish(&run, (a - 0.7) * (a - 0.7)).await;
        tried.push(a);
    }

    let near = tried[6..].iter().filter(|a| (**a - 0.7).abs() < 0.1).count();
    assert!(near >= 4, "{tried:?}");
}

#[tokio::test]
async fn a_run_that_falls_behind_is_stopped() {
    let world = World::new().await;
    let config = format!(
        "{RANDOM}\nmetric: {{name: loss, goal: minimize}}\nearly_terminate: {{type: hyperband, min_iter: 2, eta: 2}}"
    );
    let sweep = world.sweep(&config).await;
    let (good, bad) = (world.agent(sweep).await, world.agent(sweep).await);
    let (leader, laggard) = (world.given(good).await.0, world.given(bad).await.0);
    for run in [&leader, &laggard] {
        world.start(run).await;
    }
    let rows = |loss: &str| {
        history(0, &[&format!("{{\"_step\":0,\"loss\":{loss}}}"), &format!("{{\"_step\":1,\"loss\":{loss}}}")])
    };
    world.send(&leader, &rows("0.1")).await;

    assert_eq!(world.beat(good, &[&leader]).await, []);
    // One value is before the first bracket.
    world.send(&laggard, &history(0, &[r#"{"_step":0,"loss":0.9}"#])).await;
    assert_eq!(world.beat(bad, &[&laggard]).await, []);
    world.send(&laggard, &history(1, &[r#"{"_step":1,"loss":0.8}"#])).await;
    assert_eq!(world.beat(bad, &[&laggard]).await, [Command::Stop { run: laggard.clone() }]);
    // It is told so until it is gone.
    assert_eq!(world.beat(bad, &[&laggard]).await, [Command::Stop { run: laggard.clone() }]);
    assert_eq!(world.beat(good, &[&leader]).await, []);
}

#[tokio::test]
async fn a_local_controller_has_its_runs_made_once() {
    let world = World::new().await;
    let sweep = world.sweep(&format!("{RANDOM}\ncontroller: {{type: local}}")).await;
    let agent = world.agent(sweep).await;
    assert_eq!(world.beat(agent, &[]).await, []);
    let wants = |text: &str| UpsertSweep { controller: Some(text.into()), ..change(sweep) };
    let schedule = r#"{"schedule":[{"id":"s1","data":{"args":{"a":{"value":0.25}}}}]}"#;

    for _ in 0..2 {
        world.app.upsert_sweep(&world.ada, wants(schedule)).await.unwrap();
    }

    let scheduled = world.seen_sweep(sweep).await.sweep.scheduled.clone();
    assert_eq!(scheduled.len(), 1);
    let (run, arguments) = world.given(agent).await;
    assert_eq!((scheduled[0].run.as_str(), arguments.as_str()), (run.as_str(), r#"{"a":{"value":0.25}}"#));
    world.start(&run).await;
    let stop = format!(r#"{{"schedule":[{{"id":"s2","data":{{"args":null}}}}],"earlystop":["{run}"]}}"#);
    world.app.upsert_sweep(&world.ada, wants(&stop)).await.unwrap();
    assert_eq!(world.beat(agent, &[&run]).await, [Command::Stop { run: run.clone() }]);
    assert_eq!(world.beat(agent, &[]).await, [Command::Exit]);
    assert_eq!(world.state_of(sweep).await, SweepState::Finished);

    let own = world.sweep(RANDOM).await;
    let refused = UpsertSweep { controller: Some(schedule.into()), ..change(own) };
    assert!(matches!(world.app.upsert_sweep(&world.ada, refused).await, Err(Error::Conflict(_))));
    let broken = UpsertSweep { controller: Some("[".into()), ..change(own) };
    assert!(matches!(
        world.app.upsert_sweep(&world.ada, broken).await,
        Err(Error::Invalid { field: "controller", .. })
    ));
}

#[tokio::test]
async fn a_run_that_was_handed_in_goes_to_the_next_free_agent() {
    let world = World::new().await;
    let sweep = world.sweep("scheduler: {engine: optuna}\nmetric: {name: loss, goal: minimize}").await;
    let agent = world.agent(sweep).await;
    assert_eq!(world.beat(agent, &[]).await, []);

    let made = world.app.enqueue_sweep_run(&world.ada, sweep, r#"{"a":1,"b":{"value":2}}"#, Some("first".into())).await;

    let made = made.unwrap();
    assert_eq!((made.run.display_name.as_str(), made.run.state), ("first", RunState::Pending));
    let (run, arguments) = world.given(agent).await;
    assert_eq!((run.as_str(), arguments.as_str()), (made.run.name.as_str(), r#"{"a":{"value":1},"b":{"value":2}}"#));
    for bad in ["[1]", "", "{"] {
        assert!(world.app.enqueue_sweep_run(&world.ada, sweep, bad, None).await.is_err(), "{bad}");
    }
    world.set_state(sweep, "FINISHED").await.unwrap();
    let refused = world.app.enqueue_sweep_run(&world.ada, sweep, "{}", None).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn an_upsert_by_id_leaves_what_it_does_not_name() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let before = world.seen_sweep(sweep).await.sweep.clone();

    let renamed = UpsertSweep { display_name: Some("another".into()), ..change(sweep) };
    let renamed = world.app.upsert_sweep(&world.ada, renamed).await.unwrap().sweep;

    assert_eq!(renamed.sweep.display_name.as_deref(), Some("another"));
    assert_eq!(crate::domain::sweep::Sweep { display_name: None, ..renamed.sweep.clone() }, before);
    assert_eq!(world.app.sweep_config(&renamed).await.unwrap(), GRID);
}

#[tokio::test]
async fn a_deleted_run_is_not_suggested_again_and_takes_its_trial_along() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let agent = world.agent(sweep).await;
    let (first, arguments) = world.given(agent).await;
    world.app.delete_run(&world.ada, world.at(&first)).await.unwrap();

    let (second, other) = world.given(agent).await;
    assert_ne!((&first, &arguments), (&second, &other));
    world.clock.advance_secs(31 * 86_400);
    assert_eq!(world.app.purge_trash().await.unwrap(), 1);
    world.assert_sound().await;
    assert_eq!(world.runs_of(sweep).await.len(), 1);
}

#[tokio::test]
async fn runs_that_were_there_before_count() {
    let world = World::new().await;
    world.create_run("before", false).await;
    let target = Target::Existing(world.at("before"));
    let config = Some(r#"{"a":{"value":2}}"#.to_owned());
    world.app.upsert_run(&world.ada, UpsertRun { target, config, ..UpsertRun::default() }).await.unwrap();
    let prior =
        |name: &str| UpsertSweep { prior_runs: Some(format!(r#"{{"$or":[{{"name":"{name}"}}]}}"#)), ..new_sweep(GRID) };

    let sweep = world.app.upsert_sweep(&world.ada, prior("before")).await.unwrap().sweep.id;

    let agent = world.agent(sweep).await;
    let mut tried = Vec::new();
    for _ in 0..2 {
        let (run, arguments) = world.given(agent).await;
        world.finish(&run, 1.0).await;
        tried.push(arguments);
    }
    assert_eq!(tried, [r#"{"a":{"value":1}}"#, r#"{"a":{"value":3}}"#]);
    assert_eq!(world.beat(agent, &[]).await, [Command::Exit]);
    let refused = world.app.upsert_sweep(&world.ada, prior("nobody")).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "priorRunsFilters", .. })));
}

#[tokio::test]
async fn a_stranger_finds_neither_sweep_nor_agent() {
    let world = World::new().await;
    let sweep = world.sweep(GRID).await;
    let agent = world.agent(sweep).await;
    let stranger = world.stranger();

    let beat = world.app.agent_heartbeat(&stranger, agent, "{}").await;
    let missing = world.app.agent_heartbeat(&stranger, AgentId(999), "{}").await;
    assert_eq!(beat.err().map(|why| why.to_string()), missing.err().map(|why| why.to_string()));
    assert!(matches!(world.app.upsert_sweep(&stranger, change(sweep)).await, Err(Error::NotFound(_))));
    assert!(matches!(world.app.enqueue_sweep_run(&stranger, sweep, "{}", None).await, Err(Error::NotFound(_))));
}
