//! What is stored: how much, whether it is whole, and what nothing leads to.

use super::Error;
use super::stored_testing::{Scene, keys, with_content};
use super::testing::START;
use super::usage::{UsageKind, Used};
use crate::access::Caller;
use crate::db::repo::garbage;
use crate::domain::garbage::StoredObject;
use crate::domain::id::ObjectId;
use crate::domain::migration::Amount;
use crate::domain::orphan::Reason;
use crate::domain::scrub::Finding;
use crate::storage::ObjectKey;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

const OPERATOR: &Caller = &Caller::OPERATOR;

/// Puts a file where an object would be, as if it had been there when the tests' clock began.
fn put_object(root: &Path, key: &str) -> PathBuf {
    let path = root.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "orphan").unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_micros(START.0.cast_unsigned())).unwrap();
    path
}

async fn given_out(scene: &Scene) -> ObjectId {
    scene.world.app.db.write(|tx| Ok::<_, Error>(tx.new_id::<ObjectId>()?)).await.unwrap()
}

#[tokio::test]
async fn orphans_go_and_everything_else_stays_for_a_reason() {
    let scene = Scene::new().await;
    let (app, root) = (&scene.world.app, scene.objects());
    let (orphan, announced) = (given_out(&scene).await, given_out(&scene).await);
    let announcing = app.db.write(move |tx| {
        let owner = crate::domain::id::EntityId(1);
        Ok::<_, Error>(garbage::announce(tx, owner, StoredObject::Blob(announced))?)
    });
    announcing.await.unwrap();
    let orphan = put_object(&root, ObjectKey::blob(orphan).as_str());
    let announced = put_object(&root, ObjectKey::blob(announced).as_str());
    let unknown = put_object(&root, ObjectKey::blob(ObjectId(1 << 40)).as_str());
    let foreign = put_object(&root, "somebody/else.txt");
    let probe = put_object(&root, ObjectKey::probe(7, "object").as_str());
    let there = keys(&root);

    let young = app.clean_store(OPERATOR, "default", false, None).await.unwrap();
    assert_eq!(young.orphans, Amount::default(), "all of them are younger than the grace period");
    scene.world.clock.advance_secs(48 * 3600);
    let (told, mut orphans) = mpsc::channel(10);
    let dry = app.clean_store(OPERATOR, "default", true, Some(told)).await.unwrap();

    assert_eq!(dry.orphans, Amount { objects: 2, bytes: 12 }, "{dry:?}");
    assert_eq!(keys(&root), there, "nothing is deleted by asking what would be");
    let mut named = vec![orphans.recv().await.unwrap().key, orphans.recv().await.unwrap().key];
    named.sort();
    assert!(orphan.ends_with(&named[0]) && probe.ends_with(&named[1]), "{named:?}");
    let kept = |kind: &str, reason| dry.kept.get(&(kind.to_owned(), reason)).map(|amount| amount.objects);
    assert_eq!(kept("artifact files", Reason::Announced), Some(1));
    assert_eq!(kept("artifact files", Reason::Unknown), Some(1));
    assert_eq!(kept("artifact files", Reason::Referenced), Some(3));
    assert_eq!(kept("others", Reason::Foreign), Some(1));
    assert_eq!(app.clean_stores_daily().await.unwrap(), 2);
    assert!(!orphan.exists() && !probe.exists());
    assert!(announced.exists() && unknown.exists() && foreign.exists());
    assert_eq!(app.clean_stores_daily().await.unwrap(), 0, "once a day");
    scene.assert_sound().await;
}

#[tokio::test]
async fn in_a_store_that_is_not_marked_as_ours_nothing_is_deleted() {
    let scene = Scene::new().await;
    let (app, root) = (&scene.world.app, scene.connector("eu").await);
    let orphan = put_object(&root, ObjectKey::blob(given_out(&scene).await).as_str());
    scene.world.clock.advance_secs(48 * 3600);

    let unmarked = app.clean_store(OPERATOR, "eu", false, None).await.unwrap();

    assert!(unmarked.nothing_deleted.unwrap().contains("does not name this server"));
    assert_eq!(unmarked.orphans.objects, 1);
    assert_eq!(app.store_reports(OPERATOR).await.unwrap()[0].name, "eu");
    app.begin_migration(OPERATOR, "vision", "eu").await.unwrap();
    let mark = root.join(ObjectKey::owner().as_str());
    let ours = std::fs::read(&mark).unwrap();
    std::fs::write(&mark, r#"{"instance":"another","connector":1}"#).unwrap();
    let theirs = app.clean_store(OPERATOR, "eu", false, None).await.unwrap();
    assert!(theirs.nothing_deleted.is_some() && orphan.exists());
    std::fs::write(&mark, ours).unwrap();
    let cleaned = app.clean_store(OPERATOR, "eu", false, None).await.unwrap();
    assert_eq!(cleaned.nothing_deleted, None);
    assert_eq!(cleaned.kept[&("others".to_owned(), Reason::Mark)].objects, 1);
    assert!(mark.exists() && !orphan.exists());
}

#[tokio::test]
async fn nobody_but_system_admins_looks_after_the_stores() {
    let scene = Scene::new().await;
    let (app, ada) = (&scene.world.app, &scene.world.ada);
    let (told, _) = mpsc::channel(1);

    assert!(app.clean_store(ada, "default", true, None).await.is_err());
    assert!(app.store_reports(ada).await.is_err());
    assert!(app.scrub(ada, None, 100, told).await.is_err());
    assert!(app.scrub_report(ada).await.is_err());
    assert!(app.storage_usage(&scene.world.stranger(), "vision").await.is_err());
    assert!(app.storage_usage(ada, "vision").await.is_ok(), "of their own team its admins see how much there is");
}

/// Reads everything again; the names of what is not whole.
async fn scrubbed(scene: &Scene, team: Option<&str>, share: u64) -> (u64, Vec<Finding>) {
    let (told, mut found) = mpsc::channel(100);
    let read = scene.world.app.scrub(OPERATOR, team, share, told).await.unwrap().read;
    let mut findings = Vec::new();
    while let Some(finding) = found.recv().await {
        findings.push(finding);
    }
    findings.sort_by(|one, other| one.key.cmp(&other.key));
    (read.objects, findings)
}

#[tokio::test]
async fn a_scrub_finds_what_is_missing_and_a_flipped_byte_and_says_whose_it_is() {
    let scene = Scene::new().await;
    let (app, root) = (&scene.world.app, scene.objects());
    let (all, none) = scrubbed(&scene, None, 100).await;
    assert_eq!(none, []);
    assert_eq!(all, keys(&root).len() as u64);
    let segment = keys(&root).into_iter().find(|key| key.starts_with("segments/")).unwrap();
    let (blob, segment) = (root.join(with_content(&root, "of version 0")), root.join(segment));
    let whole = std::fs::read(&blob).unwrap();
    let mut flipped = whole.clone();
    flipped[3] ^= 1;
    std::fs::write(&blob, &flipped).unwrap();
    std::fs::remove_file(&segment).unwrap();

    let (read, findings) = scrubbed(&scene, Some("vision"), 100).await;

    assert_eq!(read, all - 2, "Ada's own objects are not the team's");
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert_eq!(findings[0].of, "artifact `vision/p/ds:v0`, file `other`");
    assert_eq!(findings[0].fault.name(), "damaged");
    assert_eq!(findings[1].of, "run `vision/p/r`, its history");
    assert_eq!(findings[1].fault.name(), "missing");
    assert_eq!(app.scrub_report(OPERATOR).await.unwrap().findings.len(), 2);
    std::fs::write(&blob, &whole).unwrap();
    scrubbed(&scene, None, 100).await;
    let left = app.scrub_report(OPERATOR).await.unwrap().findings;
    assert_eq!(left.iter().map(|finding| finding.fault.name()).collect::<Vec<_>>(), ["missing"]);
    assert_eq!(scrubbed(&scene, None, 50).await.0, all / 2);
}

#[tokio::test]
async fn a_share_is_read_every_hour_until_all_was_read_and_then_again() {
    let scene = Scene::new().await;
    let app = &scene.world.app;
    let all = keys(&scene.objects()).len() as u64;
    let mut hours = 0;

    while app.scrub_report(OPERATOR).await.unwrap().state.last_round.is_none() {
        app.scrub_share().await.unwrap();
        assert_eq!(app.scrub_share().await.unwrap(), 0, "once an hour");
        scene.world.clock.advance_secs(3600);
        hours += 1;
        assert!(hours < 100);
    }

    let state = app.scrub_report(OPERATOR).await.unwrap().state;
    assert_eq!(state.last_round.unwrap().read.objects, all);
    assert!(app.scrub_share().await.unwrap() > 0, "the next round");
}

#[tokio::test]
async fn usage_counts_what_is_shared_once_and_for_each_that_has_it() {
    let scene = Scene::new().await;
    scene.log(1).await;

    let usage = scene.world.app.storage_usage(&scene.world.ada, "vision").await.unwrap();

    let of = |kind| usage.kinds.get(&kind).copied().unwrap_or_default();
    // "of every version" once, and twice for two versions; "of version 0" and "of version 1".
    let artifacts = Used { physical: Amount { objects: 3, bytes: 16 + 12 + 12 }, logical_bytes: 2 * 16 + 12 + 12 };
    assert_eq!(of(UsageKind::Artifacts), artifacts);
    assert_eq!(of(UsageKind::RunFiles).physical, Amount { objects: 2, bytes: 12 });
    assert_eq!(of(UsageKind::Media).physical, Amount { objects: 2, bytes: 14 });
    assert_eq!(of(UsageKind::Manifests).physical.objects, 2);
    assert_eq!(of(UsageKind::History).physical.objects, 4, "each with its coarse view");
    let team = scene.world.app.find_project(&scene.world.ada, Some("vision"), "p").await.unwrap().unwrap();
    let bytes = scene.world.app.storage_bytes(&scene.world.ada, team.project.entity).await.unwrap();
    assert_eq!(bytes, Some(usage.total().physical.bytes));
    let on_disk: u64 =
        keys(&scene.objects()).iter().map(|key| std::fs::metadata(scene.objects().join(key)).unwrap().len()).sum();
    let own = scene.world.app.find_project(&scene.world.ada, Some("ada"), "p").await.unwrap().unwrap();
    let own = scene.world.app.storage_bytes(&scene.world.ada, own.project.entity).await.unwrap().unwrap();
    assert_eq!(usage.total().physical.bytes + own, on_disk, "every byte is somebody's");
}
