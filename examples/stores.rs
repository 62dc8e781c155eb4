//! Stores for the client tests, each with two teams: S3, the double of Google Cloud Storage, and Azurite where it is
//! installed. Says where they are in one line of JSON, and ends when its standard input does.

#![expect(clippy::unwrap_used, reason = "what the tests share fails as tests do")]

#[expect(dead_code, reason = "the tests of this package use the rest")]
#[path = "../tests/harness/stores/mod.rs"]
mod stores;

use serde_json::json;
use std::io::Read;
use stores::azure::{self, AzureServer};
use stores::gcs::{self, GcsDouble};
use stores::s3::{self, S3Server};

fn main() -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let s3 = S3Server::start(directory.path());
    let gcs = GcsDouble::start(directory.path());
    let azure = AzureServer::is_installed().then(AzureServer::start);
    let told = json!({
        "s3": {
            "addresses": [s3.connector_address(s3::TEAM_A, "runs"), s3.connector_address(s3::TEAM_B, "")],
            "buckets": [s3.bucket(s3::TEAM_A), s3.bucket(s3::TEAM_B)],
        },
        "gcs": { "addresses": [gcs.connector_address(gcs::TEAM_A, "runs"), gcs.connector_address(gcs::TEAM_B, "")] },
        "azure": azure.as_ref().map(|server| json!({
            "addresses": [server.connector_address(azure::TEAM_A, "runs"), server.connector_address(azure::TEAM_B, "")],
        })),
    });
    println!("{told}");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
