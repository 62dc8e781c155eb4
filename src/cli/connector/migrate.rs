//! `weighhouse connector migrate`: moving the bytes of a team. Without anything to do it shows how far that has come.

use crate::cli::SettingsArguments;
use crate::cli::door::{self, Door, Missing, segment};
use crate::cli::output::{print, print_json, word};
use anyhow::bail;
use clap::Args;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(1);

#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(long, value_name = "TEAM")]
    team: String,
    #[command(flatten)]
    ask: Ask,
    /// With --resume: leave objects behind that no store has whole.
    #[arg(long, requires = "resume")]
    accept_damaged: bool,
    /// Show how far it has come until the new store has everything.
    #[arg(long)]
    wait: bool,
    /// Print the migration as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(multiple = false)]
struct Ask {
    /// Begin: the name of a connector, or `default` for the store of the server.
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Let it stand still.
    #[arg(long)]
    pause: bool,
    /// Let it go on, and try again what failed.
    #[arg(long)]
    resume: bool,
    /// Move everything back, with what has come since.
    #[arg(long)]
    reverse: bool,
    /// Delete now what the old store has kept.
    #[arg(long)]
    release: bool,
}

impl Ask {
    /// Method, what follows the migration's path, and the body.
    fn request(&self, accept_damaged: bool) -> (Method, &'static str, Option<Value>) {
        match self {
            Self { to: Some(to), .. } => (Method::POST, "", Some(json!({ "to": to }))),
            Self { pause: true, .. } => (Method::POST, "/pause", None),
            Self { resume: true, .. } => (Method::POST, "/resume", Some(json!({ "accept_damaged": accept_damaged }))),
            Self { reverse: true, .. } => (Method::POST, "/reverse", None),
            Self { release: true, .. } => (Method::POST, "/release", None),
            _ => (Method::GET, "", None),
        }
    }
}

pub fn run(arguments: Migrate) -> anyhow::Result<()> {
    let path = format!("/api/v1/teams/{}/migration", segment(&arguments.team));
    let (method, ending, body) = arguments.ask.request(arguments.accept_damaged);
    let migration = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let migration = door.ask(method.clone(), &format!("{path}{ending}"), body.as_ref()).await?["migration"].take();
        if migration.is_null() {
            bail!("the bytes of team `{}` were never migrated", arguments.team);
        }
        if !arguments.wait {
            return Ok(migration);
        }
        if !door.is_served() {
            bail!("no server serves this directory; the migration goes on when one is started");
        }
        follow(door, &path, migration, arguments.json).await
    })?;
    if arguments.json { print_json(&migration) } else { show(&migration) }
}

/// Until it stands still, or needs nothing but time.
async fn follow(door: &mut Door, path: &str, mut migration: Value, is_quiet: bool) -> anyhow::Result<Value> {
    let mut said = String::new();
    loop {
        let phase = migration["phase"].as_str().unwrap_or_default();
        if ["kept", "released"].contains(&phase) {
            return Ok(migration);
        }
        if !migration["halted_by"].is_null() {
            show(&migration)?;
            bail!("the migration stands still");
        }
        let line = progress(&migration);
        if !is_quiet && line != said {
            eprintln!("{line}");
            said = line;
        }
        tokio::time::sleep(LOOK).await;
        migration = door.ask(Method::GET, path, None).await?["migration"].take();
    }
}

fn progress(migration: &Value) -> String {
    let number = |field: &str, of: &str| migration[field][of].as_u64().unwrap_or_default();
    let of_all = match &migration["all"] {
        Value::Null => String::new(),
        _ => format!(" of {} objects, {} bytes", number("all", "objects"), number("all", "bytes")),
    };
    let (objects, bytes) = (number("done", "objects"), number("done", "bytes"));
    let trouble = migration["trouble"].as_str().map(|why| format!("; waits: {why}")).unwrap_or_default();
    format!("{}: {objects} objects, {bytes} bytes{of_all}{trouble}", word(migration, "phase"))
}

fn show(migration: &Value) -> anyhow::Result<()> {
    print(&format!("from {} to {}", word(migration, "from"), word(migration, "to")))?;
    print(&progress(migration))?;
    if let Some(until) = migration["kept_until"].as_str() {
        print(&format!("{} keeps what it has until {until}", word(migration, "from")))?;
    }
    match migration["halted_by"].as_str() {
        Some("asked") => print("paused")?,
        Some(_) => print("stands still: objects could not be had whole; mend them, then --resume")?,
        None => {}
    }
    for failure in migration["failures"].as_array().into_iter().flatten() {
        let [object, of, why] = ["object", "of", "why"].map(|field| word(failure, field));
        print(&format!("{of} (`{object}`): {why}"))?;
    }
    let count = migration["failure_count"].as_u64().unwrap_or_default();
    if count > 0 { print(&format!("{count} failures")) } else { Ok(()) }
}
