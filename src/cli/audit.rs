//! `weighhouse audit`: checking the audit log and writing it out.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::print;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;

#[derive(Subcommand)]
pub enum Audit {
    /// Follow the chain of the audit log and name the first record that is not as it was written.
    Verify(Verify),
    /// Print the audit log, a line of JSON for each record. Needs a licence that includes it.
    Export(Export),
}

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    settings: SettingsArguments,
    /// A head that an earlier `verify` has printed and that was kept elsewhere: the log must still contain it.
    #[arg(long, value_name = "COUNT:HASH")]
    noted: Option<String>,
}

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    settings: SettingsArguments,
    /// The first day, or second, such as 2026-01-31 or 2026-01-31T12:30:00, in UTC [default: the beginning].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// What is after the last one [default: now].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Leave out e-mail addresses, network addresses and names of people.
    #[arg(long)]
    anonymize: bool,
}

pub fn run(command: Audit) -> anyhow::Result<()> {
    match command {
        Audit::Verify(arguments) => verify(arguments),
        Audit::Export(arguments) => export(arguments),
    }
}

fn verify(arguments: Verify) -> anyhow::Result<()> {
    let mut path = "/admin/audit_check".to_owned();
    if let Some(noted) = &arguments.noted {
        let (count, hash) = noted.split_once(':').context("a noted head looks like COUNT:HASH")?;
        let count: u64 = count.parse().context("a noted head begins with a number")?;
        path = format!("{path}?count={count}&hash={}", segment(hash));
    }
    let summary = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.read_lines(&path, |_| Ok(())).await
    })?;
    let (records, pending) = (&summary["records"], &summary["pending"]);
    if let Some(broken) = summary["broken"].as_str() {
        bail!("the audit log is not as it was written: {broken}");
    }
    print(&format!("{records} records are as they were written, and {pending} wait to be linked"))?;
    print(&format!("head {records}:{}", summary["head"]["hash"].as_str().unwrap_or_default()))?;
    eprintln!("Whoever keeps this head elsewhere can check with `--noted` that nothing before it was replaced.");
    Ok(())
}

/// As many as the server gives at once.
const PAGE: usize = 20_000;
/// Before any record.
const BEGINNING: &str = "1970-01-01";

fn export(arguments: Export) -> anyhow::Result<()> {
    let from = arguments.from.as_deref().unwrap_or(BEGINNING);
    let mut query = format!("startDate={}&limit={PAGE}&anonymize={}", segment(from), arguments.anonymize);
    if let Some(to) = &arguments.to {
        query = format!("{query}&endDate={}", segment(to));
    }
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let mut path = format!("/admin/audit_logs?{query}");
        loop {
            let page = door.ask(Method::GET, &path, None).await?;
            for record in page["audit_logs"].as_array().into_iter().flatten() {
                print(&record.to_string())?;
            }
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(()) };
            path = format!("/admin/audit_logs?{query}&cursor={}", segment(cursor));
        }
    })
}
