//! `weighhouse storage`: how much is stored, what nothing leads to, and whether what is stored is whole.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json, word};
use anyhow::bail;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum Storage {
    /// Show how many bytes teams have stored, by kind.
    Usage(Usage),
    /// Delete what nothing leads to from the stores, which is also done once a day.
    Gc(Gc),
    /// Read stored objects again and say which are missing or damaged.
    Scrub(Scrub),
}

#[derive(Args)]
pub struct Usage {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Only this team [default: all teams].
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Print the numbers as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Gc {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Delete nothing; list what would be deleted, and why the rest stays.
    #[arg(long)]
    dry_run: bool,
    /// Only the store of this connector, or `default` [default: all stores].
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
}

#[derive(Args)]
pub struct Scrub {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Only the objects of this team.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// How many of a hundred objects to read, evenly spread.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100))]
    share: u64,
    /// Read nothing; show what is known to be missing or damaged.
    #[arg(long, conflicts_with_all = ["team", "share"])]
    report: bool,
}

pub fn run(command: Storage) -> anyhow::Result<()> {
    match command {
        Storage::Usage(arguments) => usage(arguments),
        Storage::Gc(arguments) => gc(arguments),
        Storage::Scrub(arguments) if arguments.report => report(arguments),
        Storage::Scrub(arguments) => scrub(arguments),
    }
}

fn usage(arguments: Usage) -> anyhow::Result<()> {
    let used = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let teams = match &arguments.team {
            Some(team) => vec![team.clone()],
            None => door.list("/api/v1/teams", "teams").await?.iter().map(|team| word(team, "name")).collect(),
        };
        let mut used = Vec::with_capacity(teams.len());
        for team in teams {
            let path = format!("/api/v1/teams/{}/storage", segment(&team));
            let mut usage = door.ask(Method::GET, &path, None).await?;
            usage["team"] = json!(team);
            used.push(usage);
        }
        Ok(used)
    })?;
    if arguments.json {
        return print_json(&Value::Array(used));
    }
    let mut table = Table::new(["TEAM", "KIND", "OBJECTS", "BYTES", "BYTES REFERRED TO"]);
    for usage in &used {
        let row = |kind: &str, of: &Value| {
            let [objects, physical, logical] =
                ["objects", "physical_bytes", "logical_bytes"].map(|field| of[field].to_string());
            [word(usage, "team"), kind.to_owned(), objects, physical, logical]
        };
        for kind in usage["kinds"].as_array().into_iter().flatten() {
            table.row(row(&word(kind, "kind"), kind));
        }
        table.row(row("all", usage));
    }
    table.print()
}

fn gc(arguments: Gc) -> anyhow::Result<()> {
    let failed = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let stores = match &arguments.store {
            Some(store) => vec![store.clone()],
            None => store_names(door).await?,
        };
        let mut failed = 0;
        for store in stores {
            // One store that does not answer keeps no other from being gone through.
            if let Err(error) = clean(door, &store, arguments.dry_run).await {
                eprintln!("{store}: {error:#}");
                failed += 1;
            }
        }
        Ok(failed)
    })?;
    if failed > 0 {
        bail!("{failed} stores could not be gone through");
    }
    Ok(())
}

async fn store_names(door: &mut Door) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let on_line = |line: &str| {
        names.push(word(&serde_json::from_str(line)?, "store"));
        Ok(())
    };
    door.read_lines("/admin/stores", on_line).await?;
    Ok(names)
}

async fn clean(door: &mut Door, store: &str, is_dry_run: bool) -> anyhow::Result<()> {
    let path = format!("/admin/clean_store?store={}&dry_run={is_dry_run}", segment(store));
    let on_line = |line: &str| {
        let orphan: Value = serde_json::from_str(line)?;
        print(&format!(
            "{store}: `{}`, {} bytes, of {}",
            word(&orphan, "object"),
            orphan["bytes"],
            word(&orphan, "modified_at")
        ))
    };
    let found = door.read_lines(&path, on_line).await?;
    let nothing_deleted = found["nothing_deleted"].as_str();
    let what = if nothing_deleted.is_none() { "deleted" } else { "could be deleted" };
    print(&format!("{store}: {} objects, {} bytes {what}", found["records"], found["bytes"]))?;
    if let Some(why) = nothing_deleted {
        print(&format!("{store}: nothing was deleted: {why}"))?;
    }
    for kept in found["kept"].as_array().into_iter().flatten() {
        let [kind, reason] = ["kind", "reason"].map(|field| word(kept, field));
        print(&format!("{store}: {} {kind}, {} bytes stay: {reason}", kept["objects"], kept["bytes"]))?;
    }
    Ok(())
}

fn scrub(arguments: Scrub) -> anyhow::Result<()> {
    let mut path = format!("/admin/scrub?share={}", arguments.share);
    if let Some(team) = &arguments.team {
        path = format!("{path}&team={}", segment(team));
    }
    let mut faults: u64 = 0;
    let read = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let on_line = |line: &str| {
            faults += 1;
            let found: Value = serde_json::from_str(line)?;
            let [of, object, fault] = ["of", "object", "fault"].map(|field| word(&found, field));
            print(&format!("{of} (`{object}`) {fault}"))
        };
        door.read_lines(&path, on_line).await
    })?;
    let (objects, bytes) = (&read["records"], &read["bytes"]);
    let unread = read["unread"].as_array().map(Vec::as_slice).unwrap_or_default();
    for owner in unread {
        print(&format!("not read: {}", owner.as_str().unwrap_or_default()))?;
    }
    if faults > 0 {
        bail!("{faults} of {objects} objects are missing or damaged");
    }
    if !unread.is_empty() {
        bail!("{} stores did not answer", unread.len());
    }
    print(&format!("{objects} objects, {bytes} bytes are as they should be"))
}

fn report(arguments: Scrub) -> anyhow::Result<()> {
    let report = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, "/api/v1/storage/scrub", None).await
    })?;
    for finding in report["findings"].as_array().into_iter().flatten() {
        let [of, object, what, since] = ["of", "object", "what", "found_at"].map(|field| word(finding, field));
        print(&format!("{of} (`{object}`) {what}; known since {since}"))?;
    }
    if report["has_more"] == true {
        print("and more")?;
    }
    let (read, all) = (&report["objects_read"], &report["objects"]);
    print(&match report["round_began_at"].as_str() {
        Some(since) => format!("{read} of {all} objects were read since {since}"),
        None => "nothing was read yet".to_owned(),
    })
}
