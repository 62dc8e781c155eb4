//! A team's way through the trash, and that each portion of its removal leaves everything sound that is still there.

use super::*;
use crate::access::Feature;
use crate::app::api_key::{NewKey, Whose};
use crate::app::artifact::testing::Logged;
use crate::app::organization::JoinOrganization;
use crate::app::run::{ProjectPath, RunPath, Target, UpsertRun, run_path};
use crate::app::service_account::{CreateServiceAccount, HomeNamed};
use crate::app::stream::Writer;
use crate::app::sweep::{NewAgent, SweepTarget, UpsertSweep};
use crate::app::team::CreateTeam;
use crate::app::testing::{World, faults, history};
use crate::app::user::{CreateUser, FirstKey};
use crate::db::schema::{ARTIFACTS, BLOBS, ENTITIES, INVITATIONS, PROJECTS, RUN_FILES, RUNS, SWEEPS, TEAM_MEMBERS};
use crate::domain::run::RunState;
use crate::secrets::ApiKey;

const DAY: i64 = 86_400;

fn vision(run: &str) -> RunPath {
    run_path("vision", "p", run).unwrap()
}

/// Ada's team with something of everything in it, and a project that was deleted before.
async fn with_team(world: &World) {
    let (app, ada) = (&world.app, &world.ada);
    let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
    app.create_team(&Caller::OPERATOR, team).await.unwrap();
    for project in ["p", "gone"] {
        for run in ["r1", "r2"] {
            let target =
                Target::Named { entity: Some("vision".into()), project: Some(project.into()), run: Some(run.into()) };
            let upsert = UpsertRun { target, config: Some("{}".into()), ..UpsertRun::default() };
            app.upsert_run(ada, upsert).await.unwrap();
        }
        let mut logged = Logged::files(&[("a", "alpha"), ("b", project)]);
        (logged.create.entity, logged.create.project) = ("vision".into(), project.into());
        logged.log(world, "ds").await;
        // A draft that nobody commits.
        logged.begin(world, "ds").await;
    }
    let body = history(0, &[r#"{"_step":0,"a":1}"#]).into_bytes();
    app.accept_stream(ada, vision("r1"), body, Writer::default()).await.unwrap();
    let (_, uploads) = app.create_run_files(ada, vision("r1"), vec!["a.txt".into()]).await.unwrap();
    let bytes = futures_util::stream::iter([Ok::<_, String>(bytes::Bytes::from_static(b"hello"))]);
    app.receive_file(crate::app::artifact::testing::token(&uploads[0].url), Some(5), None, bytes).await.unwrap();
    app.delete_run(ada, vision("r2")).await.unwrap();
    let target = SweepTarget::New { entity: Some("vision".into()), project: Some("p".into()) };
    let config = Some("method: grid\nprogram: t.py\nparameters: {a: {values: [1, 2]}}".into());
    let sweep = app.upsert_sweep(ada, UpsertSweep { target, config, ..UpsertSweep::default() }).await.unwrap().sweep;
    let agent = NewAgent {
        entity: Some("vision".into()),
        project: Some("p".into()),
        sweep: sweep.sweep.name.clone(),
        host: "h".into(),
    };
    let agent = app.create_agent(ada, agent).await.unwrap().id;
    app.agent_heartbeat(ada, agent, "{}").await.unwrap();
    app.invite(ada, "vision", "new@example.com", "member").await.unwrap();
    let gone = app.find_project(ada, Some("vision"), "gone").await.unwrap().unwrap();
    app.delete_project(ada, gone.id).await.unwrap();
}

async fn removed_in_portions(world: &World) -> usize {
    let app = &world.app;
    let id = app.db.write(|tx| Ok::<_, Error>(team_trash::begin_removal(tx)?)).await.unwrap().unwrap();
    let mut portions = 1;
    while !app.db.write(move |tx| remove_portion(tx, id)).await.unwrap() {
        assert_eq!(faults(app).await, Vec::<String>::new(), "after portion {portions}");
        portions += 1;
    }
    assert_eq!(faults(app).await, Vec::<String>::new(), "at the end");
    portions
}

#[tokio::test]
async fn a_deleted_team_is_removed_in_portions_and_each_leaves_everything_sound() {
    let world = World::new().await;
    with_team(&world).await;
    world.create_run("own", false).await;
    let app = &world.app;
    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    assert_eq!(faults(app).await, Vec::<String>::new());
    world.clock.advance_secs(30 * DAY - 1);
    assert_eq!(app.remove_due_teams().await.unwrap(), 0);
    world.clock.advance_secs(1);

    let portions = removed_in_portions(&world).await;

    assert!(portions > 5, "{portions}");
    let left = app.db.read(|tx| {
        let counts = [
            ARTIFACTS.list(tx, &(), None, 9)?.len(),
            BLOBS.list(tx, &(), None, 9)?.len(),
            SWEEPS.list(tx, &(), None, 9)?.len(),
            INVITATIONS.list(tx, &(), None, 9)?.len(),
            TEAM_MEMBERS.list(tx, &(), None, 9)?.len(),
            RUN_FILES.list(tx, &(), None, 9)?.len(),
        ];
        Ok::<_, Error>((counts, RUNS.list(tx, &(), None, 9)?.len(), PROJECTS.list(tx, &(), None, 9)?.len()))
    });
    assert_eq!(left.await.unwrap(), ([0; 6], 1, 1), "only what is Ada's own");
    assert_eq!(app.remove_due_teams().await.unwrap(), 0);
    // The objects go with the garbage.
    world.clock.advance_secs(2 * DAY);
    app.collect_garbage().await.unwrap();
    for kind in ["blobs", "manifests", "files"] {
        let objects = world.directory.path().join("objects").join(kind);
        let mut left = Vec::new();
        for shard in std::fs::read_dir(objects).into_iter().flatten() {
            left.extend(std::fs::read_dir(shard.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
        }
        assert_eq!(left, Vec::<std::path::PathBuf>::new());
    }
    // The name is free, and inherits nothing.
    let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
    app.create_team(&Caller::OPERATOR, team).await.unwrap();
    assert_eq!(app.list_projects(&world.ada, Some("vision"), None, 9).await.unwrap().0.len(), 0);
}

#[tokio::test]
async fn a_removal_that_was_cut_off_goes_on_after_a_restart_and_cannot_be_undone() {
    let world = World::new().await;
    with_team(&world).await;
    world.app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    world.clock.advance_secs(30 * DAY);
    let id = world.app.db.write(|tx| Ok::<_, Error>(team_trash::begin_removal(tx)?)).await.unwrap().unwrap();
    world.app.db.write(move |tx| remove_portion(tx, id)).await.unwrap();

    let world = world.reopened().await;

    // Neither by a clock that goes back.
    world.clock.advance_secs(-DAY);
    let late = world.app.restore_team(&Caller::OPERATOR, "vision").await;
    assert!(matches!(&late, Err(Error::Conflict(why)) if why.contains("being removed for good")), "{late:?}");
    world.clock.advance_secs(DAY);
    assert_eq!(world.app.remove_due_teams().await.unwrap(), 1);
    assert_eq!(faults(&world.app).await, Vec::<String>::new());
    let left = world.app.db.read(move |tx| Ok::<_, Error>(ENTITIES.get(tx, &id)?)).await.unwrap();
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_team_that_is_restored_is_as_it_was() {
    let world = World::new().await;
    with_team(&world).await;
    let (app, ada) = (&world.app, &world.ada);
    let seen = async || {
        let projects = app.list_projects(ada, Some("vision"), None, 9).await.unwrap().0.len();
        let Some(project) = app.find_project(ada, Some("vision"), "p").await.unwrap() else { return (projects, false) };
        (projects, app.find_run(ada, &project, "r1").await.unwrap().is_some())
    };
    assert_eq!(seen().await, (1, true));

    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    assert_eq!(seen().await, (0, false));
    let body = history(1, &[r#"{"_step":1}"#]).into_bytes();
    let refused = app.accept_stream(ada, vision("r1"), body, Writer::default()).await.err().unwrap();
    assert!(refused.to_string().contains("the team was deleted"), "{refused}");
    world.clock.advance_secs(30 * DAY - 1);
    let restored = app.restore_team(&Caller::OPERATOR, "vision").await.unwrap();

    assert_eq!(restored.team.entity.trash, None);
    assert_eq!(seen().await, (1, true));
    let body = history(1, &[r#"{"_step":1}"#]).into_bytes();
    app.accept_stream(ada, vision("r1"), body, Writer::default()).await.unwrap();
    world.clock.advance_secs(30 * DAY);
    assert_eq!(app.remove_due_teams().await.unwrap(), 0);
}

#[tokio::test]
async fn runs_that_moved_elsewhere_outlive_the_team_they_came_from() {
    let world = World::new().await;
    with_team(&world).await;
    let (app, ada) = (&world.app, &world.ada);
    app.set_run_state(ada, vision("r1"), RunState::Finished).await.unwrap();
    app.move_runs(ada, vec![vision("r1")], ProjectPath::parse("ada", "p").unwrap()).await.unwrap();
    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    world.clock.advance_secs(30 * DAY);

    removed_in_portions(&world).await;

    let run = world.find("r1").await;
    let (files, _) = app.list_run_files(&run, None, 10, |_| true).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(app.check_files(&Caller::OPERATOR, None).await.unwrap().faults, Vec::<String>::new());
    assert_eq!(app.run_streams(&[&run]).await.unwrap()[0].history.lines, 1);
}

#[tokio::test]
async fn the_last_admin_of_a_deleted_team_may_go() {
    let world = World::new().await;
    with_team(&world).await;
    let person = CreateUser {
        username: Some("grace".into()),
        email: "grace@example.com".into(),
        name: None,
        password: None,
        api_key: FirstKey::None,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    let app = &world.app;
    app.create_user(&Caller::OPERATOR, person).await.unwrap();
    app.put_team_member(&Caller::OPERATOR, "vision", "grace", "admin").await.unwrap();
    app.remove_team_member(&Caller::OPERATOR, "vision", "ada").await.unwrap();
    assert!(app.delete_user(&Caller::OPERATOR, "grace").await.is_err());

    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();

    app.delete_user(&Caller::OPERATOR, "grace").await.unwrap();
    assert_eq!(faults(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_service_accounts_of_a_deleted_team_come_in_no_more_and_go_with_it() {
    let world = World::new().await;
    world.license(&[Feature::ServiceAccounts]);
    with_team(&world).await;
    let app = &world.app;
    let key_of = async |home: HomeNamed, whose: Whose, default_team: Option<&str>, name: &str| {
        let default_team = default_team.map(str::to_owned);
        let new = CreateServiceAccount { name: Some(name.into()), description: None, default_team };
        app.create_service_account(&Caller::OPERATOR, home, new).await.unwrap();
        app.create_api_key(&Caller::OPERATOR, whose, NewKey::default()).await.unwrap().key.unwrap()
    };
    let whose = Whose::AccountOfTeam { team: "vision".into(), account: "of-team".into() };
    let of_team = key_of(HomeNamed::Team("vision".into()), whose, None, "of-team").await;
    let whose = Whose::AccountOfOrganization { organization: "default".into(), account: "of-all".into() };
    let of_all = key_of(HomeNamed::Organization("default".into()), whose, Some("vision"), "of-all").await;
    let comes_in = async |key: &ApiKey| app.caller_of_key(key.expose()).await.is_ok();
    assert!(comes_in(&of_team).await && comes_in(&of_all).await);

    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    assert!(!comes_in(&of_team).await && comes_in(&of_all).await);
    app.restore_team(&Caller::OPERATOR, "vision").await.unwrap();
    assert!(comes_in(&of_team).await);
    app.delete_team(&Caller::OPERATOR, "vision").await.unwrap();
    world.clock.advance_secs(30 * DAY);

    removed_in_portions(&world).await;

    assert!(!comes_in(&of_team).await && comes_in(&of_all).await);
}
