//! Connectors of directories and of buckets that nobody reaches: what can be said about them without a provider.

use super::fixed::FixedConnector;
use super::named;
use crate::access::{Caller, Feature, KeyScope, Refusal};
use crate::app::Error;
use crate::app::team::CreateTeam;
use crate::app::testing::{World, faults};
use crate::db::repo::connector::FoundConnector;
use crate::db::schema::{CONNECTORS, ENTITY_BY_NAME, TEAM_STORES};
use crate::db::tx::Read;
use crate::domain::connector::probe::{Outcome, ProbeStep};
use crate::domain::connector::{ConnectorName, DataPath, GivenConnector, StoreId};
use crate::domain::id::EntityId;
use crate::domain::secret::Secret;
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const OPERATOR: Caller = Caller::OPERATOR;
const SECRET: &str = "a-very-secret-key";

pub(crate) fn stored(tx: &impl Read, name: &str) -> Result<FoundConnector, Error> {
    named(tx, name)
}

fn directory(path: &Path) -> GivenConnector {
    let place = json!({ "provider": "local", "directory": path });
    GivenConnector { place: Some(place), ..GivenConnector::default() }
}

/// A bucket that is on this machine, where no store may be without the operator's leave.
fn bucket(name: &str, prefix: &str) -> GivenConnector {
    let place = json!({ "provider": "s3", "bucket": name, "region": "r", "path_style": true,
        "endpoint": "http://127.0.0.1:9" });
    GivenConnector {
        place: Some(place),
        prefix: Some(prefix.into()),
        credentials: Some(Secret::new(format!("id:{SECRET}"))),
        ..GivenConnector::default()
    }
}

async fn team(world: &World, name: &str) -> EntityId {
    let new = CreateTeam { name: name.into(), organization: "default".into(), admins: vec!["ada".into()] };
    world.app.create_team(&OPERATOR, new).await.unwrap().id
}

/// A world that may attach, and a directory outside of it.
async fn world() -> (World, TempDir, PathBuf) {
    let world = World::new().await;
    world.license(&[Feature::StorageConnector]);
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("store");
    (world, outside, path)
}

async fn home(world: &World, team: EntityId) -> StoreId {
    let store = world.app.db.read(move |tx| TEAM_STORES.get(tx, &team).map_err(Error::from)).await.unwrap();
    store.unwrap_or_default().home
}

/// The names of all files below a directory, without the path to it.
fn files(below: &Path) -> Vec<String> {
    let (mut found, mut directories) = (Vec::new(), vec![below.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(path.strip_prefix(below).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Conflict(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_secret_is_shown_and_written_nowhere() {
    let (world, ..) = world().await;

    let made = world.app.create_connector(&OPERATOR, "eu", &bucket("b", "p")).await.unwrap();
    let tested = world.app.test_connector(&OPERATOR, "eu").await.unwrap();

    let audited = format!("{:?}", world.audited().await);
    assert!(audited.contains("ConnectorCreate") && audited.contains("ConnectorTest"), "{audited}");
    for shown in [format!("{made:?}"), format!("{tested:?}"), audited, format!("{:?}", bucket("b", "p"))] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    let record = world.app.db.read(|tx| stored(tx, "EU")).await.unwrap();
    let sealed = record.connector.sealed.clone().unwrap();
    assert!(!sealed.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    assert!(world.app.store_secret(record.id, &record.connector).unwrap().is_some());
    let moved = crate::domain::connector::Connector { version: 2, ..record.connector };
    assert!(world.app.store_secret(record.id, &moved).is_err(), "it opens for its own version only");
}

#[tokio::test]
async fn two_connectors_have_two_names_and_lie_apart() {
    let (world, _outside, path) = world().await;
    world.app.create_connector(&OPERATOR, "one", &bucket("b", "teams/a")).await.unwrap();
    world.app.create_connector(&OPERATOR, "disk", &directory(&path)).await.unwrap();

    let taken = world.app.create_connector(&OPERATOR, "ONE", &bucket("c", "")).await;
    assert!(matches!(taken, Err(Error::Taken { field: "name", .. })), "{taken:?}");
    for nested in [bucket("b", "teams/a"), bucket("b", "teams"), bucket("b", ""), bucket("b", "teams/a/b")] {
        let refused = conflict(world.app.create_connector(&OPERATOR, "two", &nested).await);
        assert!(refused.contains("`one`"), "{refused}");
    }
    let refused = conflict(world.app.create_connector(&OPERATOR, "two", &directory(&path.join("x"))).await);
    assert!(refused.contains("`disk`"), "{refused}");
    world.app.create_connector(&OPERATOR, "two", &bucket("b", "teams/ab")).await.unwrap();

    let data = world.directory.path();
    for own in [data.to_owned(), data.join("objects/x"), data.parent().unwrap().to_owned()] {
        let refused = world.app.create_connector(&OPERATOR, "own", &directory(&own)).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "directory", .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn files_of_the_machine_are_for_its_operator_alone() {
    let (world, _outside, path) = world().await;
    let admin = Caller::user(world.ada.user_id().unwrap(), true, KeyScope::Full);
    let eks = GivenConnector {
        place: bucket("b", "").place,
        identity: Some(json!({ "kind": "workload", "from": { "source": "eks", "uri": "http://10.0.0.1/x",
            "token_file": "/etc/shadow" } })),
        ..GivenConnector::default()
    };

    for given in [directory(&path), eks] {
        let refused = world.app.create_connector(&admin, "mine", &given).await;
        assert!(matches!(&refused, Err(Error::Forbidden(why)) if why.contains("on that machine")), "{refused:?}");
    }
    assert!(!path.exists());
    world.app.create_connector(&admin, "mine", &bucket("b", "")).await.unwrap();
    let refused = world.app.update_connector(&admin, "mine", &directory(&path)).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = world.app.create_connector(&world.ada, "hers", &bucket("c", "")).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Forbidden { .. }))), "{refused:?}");
}

#[tokio::test]
async fn what_is_of_an_attached_team_goes_to_its_store_alone() {
    let (world, _outside, path) = world().await;
    let (vision, speech) = (team(&world, "vision").await, team(&world, "speech").await);
    world.app.create_connector(&OPERATOR, "disk", &directory(&path)).await.unwrap();

    let attached = world.app.attach_connector(&OPERATOR, "vision", "disk").await.unwrap().unwrap();

    assert_eq!(attached.teams, ["vision"]);
    assert!(attached.last.as_ref().unwrap().is_good() && attached.connector.is_claimed);
    assert!(!attached.is_direct(), "a directory has no URLs");
    assert_eq!(files(&path), ["weighhouse-owner.json"], "the self-test leaves nothing behind");
    let key = crate::storage::ObjectKey::blob(crate::domain::id::ObjectId(7));
    let bytes = bytes::Bytes::from_static(b"x");
    world.app.store_of(vision).unwrap().put_new(&key, bytes.clone()).await.unwrap();
    world.app.store_of(speech).unwrap().put_new(&key, bytes).await.unwrap();
    assert_eq!(files(&path).len(), 2);
    assert!(world.directory.path().join("objects").join(key.as_str()).exists());
    world.app.attach_connector(&OPERATOR, "vision", "DISK").await.unwrap();
    assert_eq!(faults(&world.app).await, [""; 0]);
    let seen = world.app.connector_of_team(&world.ada, "vision").await.unwrap().unwrap();
    assert_eq!(seen.connector.name.as_str(), "disk");
    assert!(world.app.connector_of_team(&world.ada, "speech").await.unwrap().is_none());

    let refused = conflict(world.app.delete_connector(&OPERATOR, "disk").await);
    assert!(refused.contains("the bytes of vision"), "{refused}");
    let refused = conflict(world.app.update_connector(&OPERATOR, "disk", &directory(&path.join("other"))).await);
    assert!(refused.contains("has objects in it"), "{refused}");
    world.app.detach_connector(&OPERATOR, "vision").await.unwrap();
    assert_eq!(home(&world, vision).await, StoreId::Default);
    world.app.delete_connector(&OPERATOR, "disk").await.unwrap();
    assert_eq!(files(&path), [key.as_str()], "our mark goes, and nothing else");
}

#[tokio::test]
async fn without_a_licence_nothing_is_attached_and_all_else_goes_on() {
    let (world, _outside, path) = world().await;
    let vision = team(&world, "vision").await;
    world.app.create_connector(&OPERATOR, "disk", &directory(&path)).await.unwrap();
    world.license(&[]);

    let refused = world.app.attach_connector(&OPERATOR, "vision", "disk").await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::NotLicensed { .. }))), "{refused:?}");
    let new = CreateTeam { name: "speech".into(), organization: "default".into(), admins: Vec::new() };
    let refused = world.app.create_team_in(&OPERATOR, new, Some("disk")).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::NotLicensed { .. }))), "{refused:?}");
    assert!(!path.join("weighhouse-owner.json").exists(), "nobody asks the store before");
    world.license(&[Feature::StorageConnector]);
    world.app.attach_connector(&OPERATOR, "vision", "disk").await.unwrap();
    world.license(&[]);
    assert!(world.app.test_connector(&world.ada, "disk").await.unwrap().last.unwrap().is_good());
    world.app.detach_connector(&OPERATOR, "vision").await.unwrap();
    assert_eq!(home(&world, vision).await, StoreId::Default);
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_not_attached_and_nothing_is_half_made() {
    let (world, ..) = world().await;
    let vision = team(&world, "vision").await;
    world.app.create_connector(&OPERATOR, "eu", &bucket("b", "")).await.unwrap();

    let refused = conflict(world.app.attach_connector(&OPERATOR, "vision", "eu").await);
    assert!(refused.contains("fails at `resolve`") && refused.contains("storage.allow_endpoints"), "{refused}");
    let new = CreateTeam { name: "speech".into(), organization: "default".into(), admins: Vec::new() };
    conflict(world.app.create_team_in(&OPERATOR, new.clone(), Some("eu")).await);
    let unknown = world.app.create_team_in(&OPERATOR, new, Some("nowhere")).await;
    assert!(matches!(unknown, Err(Error::Invalid { field: "connector", .. })), "{unknown:?}");

    assert_eq!(home(&world, vision).await, StoreId::Default);
    let named = world.app.db.read(|tx| ENTITY_BY_NAME.find(tx, &"speech".to_owned()).map_err(Error::from)).await;
    assert_eq!(named.unwrap(), None);
    let shown = world.app.show_connector(&OPERATOR, "eu").await.unwrap();
    let last = shown.last.unwrap();
    assert!(!shown.connector.is_claimed && !last.is_good());
    let skipped = last.outcome(ProbeStep::Delete).unwrap();
    assert!(matches!(skipped, Outcome::Skipped { reason } if reason.contains("`resolve` failed")), "{skipped:?}");
}

#[tokio::test]
async fn a_team_with_projects_is_sent_to_migrate() {
    let (world, _outside, path) = world().await;
    team(&world, "vision").await;
    world.app.create_connector(&OPERATOR, "disk", &directory(&path)).await.unwrap();
    let project = crate::app::project::UpsertProject {
        entity: Some("vision".into()),
        name: "p".into(),
        description: None,
        visibility: None,
    };
    world.app.upsert_project(&world.ada, project).await.unwrap();

    let refused = conflict(world.app.attach_connector(&OPERATOR, "vision", "disk").await);

    assert!(refused.contains("weighhouse connector migrate --team vision --to disk"), "{refused}");
    assert_eq!(files(&path), [""; 0]);
}

#[tokio::test]
async fn two_servers_never_share_a_prefix() {
    let (world, _outside, path) = world().await;
    let (other, ..) = self::world().await;
    for world in [&world, &other] {
        team(world, "vision").await;
        world.app.create_connector(&OPERATOR, "disk", &directory(&path)).await.unwrap();
    }
    other.app.attach_connector(&OPERATOR, "vision", "disk").await.unwrap();

    let refused = conflict(world.app.attach_connector(&OPERATOR, "vision", "disk").await);

    assert!(refused.contains("another server's") && refused.contains("weighhouse-owner.json"), "{refused}");
    assert_eq!(files(&path), ["weighhouse-owner.json"]);
    assert!(world.app.connector_of_team(&OPERATOR, "vision").await.unwrap().is_none());
    world.app.delete_connector(&OPERATOR, "disk").await.unwrap();
    assert_eq!(files(&path), ["weighhouse-owner.json"], "the mark is the other's");
    // One that was deleted while nobody could take its mark away.
    other.app.detach_connector(&OPERATOR, "vision").await.unwrap();
    let mark = std::fs::read(path.join("weighhouse-owner.json")).unwrap();
    other.app.delete_connector(&OPERATOR, "disk").await.unwrap();
    std::fs::write(path.join("weighhouse-owner.json"), mark).unwrap();
    other.app.create_connector(&OPERATOR, "again", &directory(&path)).await.unwrap();
    other.app.attach_connector(&OPERATOR, "vision", "again").await.unwrap();
}

#[tokio::test]
async fn other_credentials_are_tried_out_before_they_count() {
    let (world, ..) = world().await;
    world.app.create_connector(&OPERATOR, "eu", &bucket("b", "")).await.unwrap();

    let refused = conflict(world.app.rotate_store_secret(&OPERATOR, "eu", &Secret::new("id:other")).await);
    assert!(refused.contains("nothing was changed") && !refused.contains("other"), "{refused}");
    let wrong = world.app.rotate_store_secret(&OPERATOR, "eu", &Secret::new("no key")).await;
    assert!(matches!(wrong, Err(Error::Invalid { field: "credentials", .. })), "{wrong:?}");
    assert_eq!(world.app.show_connector(&OPERATOR, "eu").await.unwrap().connector.version, 1);

    let proxy = GivenConnector { data_path: Some(DataPath::Proxy), ..GivenConnector::default() };
    let changed = world.app.update_connector(&OPERATOR, "eu", &proxy).await.unwrap();
    assert_eq!((changed.connector.version, changed.connector.spec.data_path), (2, DataPath::Proxy));
    let record = world.app.db.read(|tx| stored(tx, "eu")).await.unwrap();
    assert!(world.app.store_secret(record.id, &record.connector).unwrap().is_some(), "sealed for its new version");
    let elsewhere = GivenConnector { proxy: Some("http://10.1.1.1:1".into()), ..GivenConnector::default() };
    let refused = world.app.update_connector(&OPERATOR, "eu", &elsewhere).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "credentials", .. })), "{refused:?}");
}

fn fixed(name: &str, given: GivenConnector) -> FixedConnector {
    FixedConnector { name: ConnectorName::parse(name).unwrap(), given }
}

#[tokio::test]
async fn connectors_of_the_settings_file_follow_it() {
    let (world, _outside, path) = world().await;
    let two = vec![fixed("eu", bucket("b", "")), fixed("disk", directory(&path))];
    let world = world.reopened_with(|opening| opening.storage.connectors = two.clone()).await;
    world.license(&[Feature::StorageConnector]);
    team(&world, "vision").await;
    world.app.attach_connector(&OPERATOR, "vision", "disk").await.unwrap();
    let refused = conflict(world.app.update_connector(&OPERATOR, "eu", &bucket("b", "")).await);
    assert!(refused.contains("settings file"), "{refused}");
    conflict(world.app.delete_connector(&OPERATOR, "eu").await);

    let world = world.reopened_with(|opening| opening.storage.connectors = two.clone()).await;
    assert_eq!(world.app.show_connector(&OPERATOR, "eu").await.unwrap().connector.version, 1, "nothing has changed");

    let other_key = GivenConnector { credentials: Some(Secret::new("id:other")), ..bucket("b", "") };
    let world = world.reopened_with(|opening| opening.storage.connectors = vec![fixed("EU", other_key)]).await;
    assert_eq!(world.app.show_connector(&OPERATOR, "eu").await.unwrap().connector.version, 2);
    let kept = world.app.show_connector(&OPERATOR, "disk").await.unwrap();
    assert!(!kept.connector.is_fixed, "it is used, so it is kept, for commands to change");

    let world = world.reopened().await;
    let left = world.app.list_connectors(&OPERATOR, None).await.unwrap().items;
    assert_eq!(left.len(), 1, "what nobody uses goes with its lines");
    assert_eq!(faults(&world.app).await, [""; 0]);
}

#[tokio::test]
async fn the_store_of_the_instance_can_be_that_of_a_connector() {
    let (world, _outside, path) = world().await;
    let (ada, before) = (world.ada, crate::storage::ObjectKey::blob(crate::domain::id::ObjectId(1)));
    let user = ada.user_id().unwrap();
    let entity = world.app.db.read(move |tx| crate::db::schema::USERS.get(tx, &user).map_err(Error::from)).await;
    let entity = entity.unwrap().unwrap().entity;
    let bytes = bytes::Bytes::from_static(b"x");
    world.app.store_of(entity).unwrap().put_new(&before, bytes.clone()).await.unwrap();

    let world = world
        .reopened_with(|opening| {
            opening.storage.connectors = vec![fixed("disk", directory(&path))];
            opening.storage.default = Some(ConnectorName::parse("disk").unwrap());
        })
        .await;

    let store = world.app.store_of(entity).unwrap();
    let after = crate::storage::ObjectKey::blob(crate::domain::id::ObjectId(2));
    store.put_new(&after, bytes.clone()).await.unwrap();
    assert_eq!(files(&path), [after.as_str(), "weighhouse-owner.json"]);
    assert_eq!(store.get(&before).await.unwrap(), bytes, "what is in the directory is still read");
    let shown = world.app.show_connector(&OPERATOR, "disk").await.unwrap();
    assert!(shown.is_default && shown.connector.is_claimed);
    assert_eq!(world.app.test_due_connectors().await.unwrap(), 1, "it is used, so it is tested");
    assert_eq!(world.app.test_due_connectors().await.unwrap(), 0);
    world.clock.advance_secs(25 * 3600);
    assert_eq!(world.app.test_due_connectors().await.unwrap(), 1);
    let stored = world.app.db.read(|tx| CONNECTORS.list(tx, &(), None, 10).map_err(Error::from)).await.unwrap();
    assert_eq!(stored.len(), 1);
}
