//! The same cases against every kind of store: a directory, S3, Azure, and a double of Google Cloud Storage. They are real
//! servers on loopback, which check signatures. `tests/stores.sh` installs what Cargo does not bring.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[path = "stores/case.rs"]
mod case;
#[path = "stores/direct.rs"]
mod direct;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "harness/stores/mod.rs"]
mod harness;
#[path = "stores/identity.rs"]
mod identity;
#[path = "stores/refusal.rs"]
mod refusal;
#[path = "stores/signing.rs"]
mod signing;

use harness::{azure, gcs, s3};
use std::sync::Arc;
use weighhouse::domain::connector::address;
use weighhouse::domain::outbound::OutboundRules;
use weighhouse::storage::{Store, StoreError};

/// As an operator would who has stores on this machine.
fn rules() -> Arc<OutboundRules> {
    Arc::new(OutboundRules::parse(&["127.0.0.1", "localhost"]).unwrap())
}

fn try_connect(address: &str) -> Result<Store, StoreError> {
    let (spec, secret) = address::parse(address).unwrap();
    Store::connect(&spec, secret.as_ref(), &rules())
}

fn connect(address: &str) -> Store {
    try_connect(address).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_holds_objects() {
    let directory = tempfile::tempdir().unwrap();
    let at = |team: &str| connect(&format!("file://{}/{team}", directory.path().display()));

    case::all(&at("team-a"), &at("team-b")).await;
    assert!(at("team-a").direct().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_holds_objects_and_takes_what_we_sign() {
    let directory = tempfile::tempdir().unwrap();
    let server = s3::S3Server::start(directory.path());
    let store = connect(&server.connector_address(s3::TEAM_A, "runs/one"));
    let same_bucket = connect(&server.connector_address(s3::TEAM_A, "runs/two"));

    case::all(&store, &same_bucket).await;
    direct::all(&store).await;
    direct::parts(&store).await;
    let public = format!("&endpoint_public=http://localhost:{}", server.address.port());
    direct::by_another_host(&connect(&(server.connector_address(s3::TEAM_A, "public") + &public)), "localhost").await;
    assert!(server.bucket(s3::TEAM_A).join("runs/one").exists());
    assert_eq!(server.bucket(s3::TEAM_B).read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_holds_objects_and_takes_what_we_sign() {
    let server = azure::AzureServer::start();
    let store = connect(&server.connector_address(azure::TEAM_A, "runs/one"));
    let same_container = connect(&server.connector_address(azure::TEAM_A, "runs/two"));

    case::all(&store, &same_container).await;
    direct::all(&store).await;
    let public = format!("&endpoint_public=http://localhost:{}", server.address.port());
    direct::by_another_host(&connect(&(server.connector_address(azure::TEAM_A, "public") + &public)), "localhost")
        .await;
    assert!(!store.direct().unwrap().signs_parts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_of_gcs_holds_objects_and_takes_what_we_sign() {
    let directory = tempfile::tempdir().unwrap();
    let server = gcs::GcsDouble::start(directory.path());
    let store = connect(&server.connector_address(gcs::TEAM_A, "runs/one"));
    let same_bucket = connect(&server.connector_address(gcs::TEAM_A, "runs/two"));

    case::all(&store, &same_bucket).await;
    direct::all(&store).await;
    direct::parts(&store).await;
}
