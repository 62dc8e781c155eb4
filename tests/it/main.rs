//! Use cases as administrators meet them: the real binary on a free port, one file per area.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

mod api_key;
mod artifact;
mod audit;
mod browser;
mod cast;
mod cli;
mod connector;
mod explain;
mod invitation;
#[path = "../harness/licence.rs"]
mod licence;
mod license;
mod mail;
mod mail_server;
mod organization;
mod people;
mod privacy;
mod profile;
mod project_member;
mod rename;
mod role;
mod run_list;
mod run_many;
mod server;
mod service_account;
mod setting;
mod sign_in;
mod storage;
mod team_trash;
mod tenant;
mod tenant_artifact;
mod visibility;
