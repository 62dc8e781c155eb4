//! Migrations: nothing is lost, nothing is left behind, and the team goes on working, wherever the work is cut off.

use super::*;
use crate::app::artifact::testing::{put, token};
use crate::app::stored_testing::{Scene, keys, with_content};
use crate::app::testing::World;
use crate::domain::migration::Phase;
use bytes::Bytes;
use futures_util::stream;
use std::collections::BTreeSet;
use std::path::Path;

const DAY: i64 = 86_400;
const OPERATOR: &Caller = &Caller::OPERATOR;

async fn begun() -> (Scene, std::path::PathBuf) {
    let scene = Scene::new().await;
    let target = scene.connector("eu").await;
    scene.world.app.begin_migration(OPERATOR, "vision", "eu").await.unwrap();
    (scene, target)
}

fn is_kept(phase: Phase) -> bool {
    matches!(phase, Phase::Kept { .. })
}

/// Keys of what lies in both directories.
fn shared(one: &Path, other: &Path) -> BTreeSet<String> {
    keys(one).intersection(&keys(other)).cloned().collect()
}

#[tokio::test]
async fn a_team_moves_while_it_works_and_leaves_nothing_behind() {
    let (scene, target) = begun().await;
    let (before, mut number) = (keys(&scene.objects()), 1);

    while !is_kept(scene.migration().await.phase) {
        scene.log(number).await;
        scene.assert_sound().await;
        scene.world.app.work_on_migrations().await.unwrap();
        number += 1;
    }
    scene.assert_sound().await;
    assert!(before.is_subset(&keys(&scene.objects())), "the source keeps what it has");
    scene.log(number).await;
    scene.world.clock.advance_secs(7 * DAY - 1);
    assert!(is_kept(scene.settle().await.phase));
    scene.world.clock.advance_secs(1);

    assert_eq!(scene.settle().await.phase, Phase::Released);

    scene.assert_sound().await;
    let (own, moved) = (keys(&scene.objects()), keys(&target));
    assert_eq!(own.len(), 2, "Ada's own blob and manifest: {own:?}");
    assert!(moved.len() >= 5 * number as usize, "{moved:?}");
    assert_eq!(shared(&scene.objects(), &target), BTreeSet::new());
    assert_eq!(scene.migration().await.failures.count, 0);
}

#[tokio::test]
async fn cut_off_after_any_portion_it_goes_on() {
    let (mut scene, target) = begun().await;
    let mut number = 1;

    while scene.migration().await.phase != Phase::Released {
        // The process that held the lease is gone, and its portion may have been done without being noted.
        let world: World = scene.world.reopened().await;
        world.clock.advance_secs(20);
        scene = Scene { world };
        if number < 10 {
            scene.log(number).await;
        }
        number += 1;
        scene.world.app.work_on_migrations().await.unwrap();
        scene.assert_sound().await;
        if is_kept(scene.migration().await.phase) {
            scene.world.app.change_migration(OPERATOR, "vision", Ask::Release).await.unwrap();
        }
        assert!(number < 100, "{:?}", scene.migration().await);
    }

    assert_eq!(shared(&scene.objects(), &target), BTreeSet::new());
    assert_eq!(keys(&scene.objects()).len(), 2);
}

/// Drops the work after so many steps, as a crash would; `true` when it was done before.
async fn cut_off_after(steps: usize, work: impl Future<Output = Result<bool, Error>>) -> bool {
    let (mut work, mut left) = (Box::pin(work), steps);
    std::future::poll_fn(move |context| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|done| done.map(|_| true).unwrap())
    })
    .await
}

#[tokio::test]
async fn cut_off_within_a_portion_it_goes_on() {
    let (scene, target) = begun().await;
    let (app, mut steps, mut cut) = (&scene.world.app, 1, 0);

    while scene.migration().await.phase != Phase::Released {
        let is_done = cut_off_after(steps % (20 + steps / 2), app.work_on_migrations()).await;
        cut += usize::from(!is_done);
        steps += 7;
        if steps.is_multiple_of(5) && steps < 200 {
            scene.log(steps as u64).await;
        }
        scene.assert_sound().await;
        if is_kept(scene.migration().await.phase) {
            app.change_migration(OPERATOR, "vision", Ask::Release).await.unwrap();
        }
        assert!(steps < 10_000, "{:?}", scene.migration().await);
    }

    assert!(cut > 3, "{cut}");
    assert_eq!(shared(&scene.objects(), &target), BTreeSet::new());
    assert_eq!(keys(&scene.objects()).len(), 2);
}

#[tokio::test]
async fn an_object_that_was_brought_before_a_crash_is_not_brought_twice_and_half_a_one_is_none() {
    let (scene, target) = begun().await;
    let key = keys(&scene.objects()).into_iter().find(|key| key.starts_with("files/")).unwrap();
    let place = target.join(&key);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    // A local store gathers an object under such a name.
    std::fs::write(target.join(format!("{key}#1")), "hal").unwrap();

    let scene = Scene { world: scene.world.reopened().await };
    assert!(!target.join(format!("{key}#1")).exists(), "what was cut off goes at the next start");
    scene.world.clock.advance_secs(20);
    scene.until(is_kept).await;

    assert_eq!(std::fs::read(&place).unwrap(), std::fs::read(scene.objects().join(&key)).unwrap());
    let copied = scene.migration().await.copied.objects;
    assert_eq!(copied, keys(&target).len() as u64);
}

#[tokio::test]
async fn it_is_reversed_in_every_phase_with_what_came_since() {
    for phase in ["copying", "verifying", "kept"] {
        let (scene, target) = begun().await;
        match phase {
            "copying" => drop(scene.world.app.work_on_migrations().await.unwrap()),
            "verifying" => scene.until(|phase| phase == Phase::Verifying).await,
            _ => scene.until(is_kept).await,
        }
        scene.log(1).await;

        scene.world.app.change_migration(OPERATOR, "vision", Ask::Reverse).await.unwrap();
        scene.log(2).await;
        scene.until(is_kept).await;
        scene.assert_sound().await;
        scene.log(3).await;
        scene.world.app.change_migration(OPERATOR, "vision", Ask::Release).await.unwrap();

        assert_eq!(scene.settle().await.phase, Phase::Released, "{phase}");
        scene.assert_sound().await;
        assert_eq!(keys(&target), BTreeSet::new(), "{phase}");
        let stores = scene.world.app.db.read(|tx| {
            let teams = crate::db::repo::migration::teams_with_stores(tx, None, 10)?;
            Ok::<_, Error>(teams)
        });
        assert_eq!(stores.await.unwrap(), [], "{phase}: as if nothing had been");
    }
}

#[tokio::test]
async fn a_paused_one_stands_still_and_work_that_was_begun_before_a_change_counts_for_nothing() {
    let (scene, target) = begun().await;
    let app = &scene.world.app;

    app.change_migration(OPERATOR, "vision", Ask::Pause).await.unwrap();
    assert!(!app.work_on_migrations().await.unwrap());
    assert!(!target.exists() || keys(&target).is_empty());
    app.change_migration(OPERATOR, "vision", Ask::Resume { accepts_damage: false }).await.unwrap();

    scene.until(is_kept).await;
    let again = app.begin_migration(OPERATOR, "vision", "default").await.unwrap_err();
    assert!(again.to_string().contains("`release` them, or `reverse`"), "{again}");
    let paused = app.change_migration(OPERATOR, "vision", Ask::Release).await.unwrap();
    assert_eq!(paused.migration.phase, Phase::Releasing);
    let reversed = app.change_migration(OPERATOR, "vision", Ask::Reverse).await.unwrap_err();
    assert!(reversed.to_string().contains("`pause` that first"), "{reversed}");
    app.change_migration(OPERATOR, "vision", Ask::Pause).await.unwrap();
    app.change_migration(OPERATOR, "vision", Ask::Reverse).await.unwrap();
    scene.until(is_kept).await;
    scene.assert_sound().await;
}

#[tokio::test]
async fn what_cannot_be_had_whole_is_named_and_halts_it_until_that_is_accepted() {
    let (scene, target) = begun().await;
    let app = &scene.world.app;
    let (file, blob) = (with_content(&scene.objects(), "image 0"), with_content(&scene.objects(), "of version 0"));
    std::fs::remove_file(scene.objects().join(&file)).unwrap();
    std::fs::write(scene.objects().join(&blob), "of version X").unwrap();

    let halted = scene.settle().await;

    assert_eq!((halted.phase, halted.halt), (Phase::Verifying, Some(Halt::Failures)));
    assert_eq!(halted.failures.count, 2, "{halted:?}");
    let told = |key: &str| halted.failures.named.iter().find(|failure| failure.key == key).unwrap();
    assert_eq!(told(&file).of, "run `vision/p/r`, file `media/images/0.png`");
    assert!(told(&file).why.contains("is missing"), "{halted:?}");
    assert_eq!(told(&blob).of, "artifact `vision/p/ds:v0`, file `other`");
    assert!(told(&blob).why.contains("other contents"), "{halted:?}");
    app.change_migration(OPERATOR, "vision", Ask::Resume { accepts_damage: false }).await.unwrap();
    assert_eq!(scene.settle().await.halt, Some(Halt::Failures), "nothing was mended");
    app.change_migration(OPERATOR, "vision", Ask::Resume { accepts_damage: true }).await.unwrap();
    let kept = scene.settle().await;
    assert!(is_kept(kept.phase) && kept.failures.count == 2, "{kept:?}");
    assert!(!target.join(&blob).exists(), "damaged bytes never show in the target");
}

/// Sends a file of two pieces, and has the migration go on between them until the phase is reached.
async fn sent_meanwhile(scene: &Scene, wanted: fn(Phase) -> bool) -> Result<[u8; 16], Error> {
    let token = scene.upload_token("slow.bin").await;
    let (begun, mut wait) = tokio::sync::mpsc::channel::<()>(1);
    let (go, went) = tokio::sync::oneshot::channel::<()>();
    let first = stream::once(async move {
        begun.send(()).await.unwrap();
        Ok::<_, String>(Bytes::from_static(b"first "))
    });
    let rest = stream::once(async move {
        went.await.unwrap();
        Ok(Bytes::from_static(b"rest"))
    });
    let body = futures_util::StreamExt::chain(first, rest);
    let sending = scene.world.app.receive_file(&token, Some(10), None, body);
    let moving = async {
        wait.recv().await.unwrap();
        scene.until(wanted).await;
        go.send(()).unwrap();
    };
    tokio::join!(sending, moving).0
}

#[tokio::test]
async fn what_was_under_way_when_the_store_changed_is_brought_after() {
    let (scene, target) = begun().await;

    sent_meanwhile(&scene, |phase| phase == Phase::Verifying).await.unwrap();
    scene.until(is_kept).await;

    scene.assert_sound().await;
    let sent = |directory: &Path| {
        keys(directory).into_iter().filter(|key| std::fs::read(directory.join(key)).unwrap() == b"first rest").count()
    };
    assert_eq!((sent(&scene.objects()), sent(&target)), (1, 1));
}

#[tokio::test]
async fn what_comes_into_a_store_that_the_team_has_left_does_not_count_and_is_sent_again() {
    let (scene, target) = begun().await;

    let late = sent_meanwhile(&scene, is_kept).await;

    assert_eq!(late.unwrap_err().trouble(), crate::app::Trouble::Busy, "the client tries again");
    scene.assert_sound().await;
    scene.send("slow.bin", b"first rest").await;
    scene.assert_sound().await;
    scene.world.clock.advance_secs(2 * DAY);
    scene.world.app.collect_garbage().await.unwrap();
    let left = keys(&scene.objects());
    assert!(left.iter().all(|key| std::fs::read(scene.objects().join(key)).unwrap() != b"first rest"), "{left:?}");
    assert!(keys(&target).len() > 5);
}

#[tokio::test]
async fn leave_to_send_that_was_given_before_is_good_after() {
    let (scene, target) = begun().await;
    let logged = Scene::files(&[("late", "sent much later")]);
    let draft = logged.begin(&scene.world, "late").await.id;
    let permitted = logged.permitted(&scene.world, draft).await.remove(0);
    scene.until(is_kept).await;

    put(&scene.world, token(permitted.url.as_ref().unwrap()), b"sent much later").await.unwrap();
    logged.send_manifest(&scene.world, draft, &logged.manifest()).await;
    scene.world.app.commit_artifact(&scene.world.ada, draft).await.unwrap();

    scene.assert_sound().await;
    let is_there = |key: &String| std::fs::read(target.join(key)).unwrap() == b"sent much later";
    assert!(keys(&target).iter().any(is_there));
}

#[tokio::test]
async fn what_is_deleted_is_deleted_from_both_stores() {
    let (scene, target) = begun().await;
    scene.until(is_kept).await;
    let (app, ada) = (&scene.world.app, &scene.world.ada);
    let before = shared(&scene.objects(), &target);
    assert!(before.len() > 5);

    app.delete_team(OPERATOR, "vision").await.unwrap();
    assert!(app.see_migration(ada, "vision").await.is_err());
    scene.world.clock.advance_secs(30 * DAY);
    app.remove_due_teams().await.unwrap();
    while app.purge_artifacts().await.unwrap() > 0 {}
    app.remove_due_teams().await.unwrap();
    assert_eq!(app.forget_gone_teams().await.unwrap(), 0, "its bytes are there still");
    scene.world.clock.advance_secs(3 * DAY);
    app.collect_garbage().await.unwrap();

    assert_eq!(keys(&target), BTreeSet::new());
    assert_eq!(keys(&scene.objects()).len(), 2);
    assert_eq!(app.forget_gone_teams().await.unwrap(), 1);
    assert_eq!(crate::app::testing::faults(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_is_the_same_place_or_does_not_work_is_refused_and_nothing_is_changed() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    scene.connector_at("same", &scene.objects()).await;
    std::fs::write(scene.world.directory.path().join("file"), "").unwrap();
    scene.connector_at("broken", &scene.world.directory.path().join("file/inside")).await;

    let same = app.begin_migration(OPERATOR, "vision", "same").await.unwrap_err();
    assert!(same.to_string().contains("same place"), "{same}");
    assert!(app.begin_migration(OPERATOR, "vision", "broken").await.is_err());
    let unknown = app.begin_migration(OPERATOR, "vision", "nowhere").await.unwrap_err();
    assert!(unknown.to_string().contains("connector `nowhere` does not exist"), "{unknown}");
    let home = app.begin_migration(OPERATOR, "vision", "default").await.unwrap_err();
    assert!(home.to_string().contains("already"), "{home}");

    assert!(app.see_migration(OPERATOR, "vision").await.unwrap().is_none());
}

#[tokio::test]
async fn into_a_connector_it_needs_a_licence_and_back_to_the_default_store_never() {
    let scene = Scene::new().await;
    scene.connector("eu").await;
    let app = &scene.world.app;
    scene.world.license(&[]);
    let refused = app.begin_migration(OPERATOR, "vision", "eu").await.unwrap_err();
    assert!(matches!(refused, Error::Refused(crate::access::Refusal::NotLicensed { .. })), "{refused}");
    scene.world.license(&[crate::access::Feature::StorageConnector]);
    app.begin_migration(OPERATOR, "vision", "eu").await.unwrap();
    scene.until(is_kept).await;
    scene.world.license(&[]);

    app.change_migration(OPERATOR, "vision", Ask::Release).await.unwrap();
    assert_eq!(scene.settle().await.phase, Phase::Released);
    app.begin_migration(OPERATOR, "vision", "default").await.unwrap();
    scene.until(is_kept).await;

    scene.assert_sound().await;
    let audited = scene.world.audited().await;
    let asked = audited.iter().filter(|record| record.action == AuditAction::ConnectorMigrate);
    let asked: Vec<_> =
        asked.map(|record| (record.details["action"].as_str(), record.details["to"].as_str())).collect();
    assert_eq!(asked, [("begin", "eu"), ("release", "eu"), ("begin", "default")]);
}

#[tokio::test]
async fn only_admins_of_the_organization_move_bytes() {
    let (scene, _) = begun().await;
    let (app, ada) = (&scene.world.app, &scene.world.ada);
    let stranger = scene.world.stranger();

    for ask in [Ask::Pause, Ask::Reverse, Ask::Release] {
        assert!(matches!(app.change_migration(&stranger, "vision", ask).await, Err(Error::NotFound(_))));
        assert!(app.change_migration(ada, "vision", ask).await.is_err(), "a team's admin does not");
    }
    assert!(app.see_migration(ada, "vision").await.is_err());
    assert!(matches!(app.begin_migration(&stranger, "vision", "eu").await, Err(Error::NotFound(_))));
}
