//! `weighhouse license`: showing, installing and verifying licences.

use super::SettingsArguments;
use super::door::{self, Door, Missing};
use super::output::{print, print_json};
use crate::domain::clock::Clock;
use crate::domain::licence::{LICENCE_BYTES_MAX, LicenceTerms};
use crate::secrets::open_licence;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum License {
    /// Show the installed licence and how many of its seats are taken.
    Show(Show),
    /// Install a licence in place of the one there is; it counts at once, also in a running server.
    Install(FileArguments),
    /// Say whether a licence file is good, by the trusted keys of the settings alone.
    Verify(FileArguments),
}

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the licence as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct FileArguments {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(command: License) -> anyhow::Result<()> {
    match command {
        License::Show(arguments) => show(arguments),
        License::Install(arguments) => install(arguments),
        License::Verify(arguments) => verify(arguments),
    }
}

fn show(arguments: Show) -> anyhow::Result<()> {
    let shown = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, "/api/v1/license", None).await
    })?;
    if arguments.json { print_json(&shown) } else { print_license(&shown) }
}

fn install(arguments: FileArguments) -> anyhow::Result<()> {
    let body = json!({ "license": read(&arguments.file)? });
    let installed = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::PUT, "/api/v1/license", Some(&body)).await
    })?;
    eprintln!("installed the licence");
    print_license(&installed)
}

fn verify(arguments: FileArguments) -> anyhow::Result<()> {
    let text = read(&arguments.file)?;
    let trusted = arguments.settings.load(None)?.license.read_trusted_keys()?;
    if trusted.is_empty() {
        bail!("`license.trusted_keys` names no key, so no licence can be verified");
    }
    let terms = open_licence(&text, &trusted)?;
    print_terms(&terms)?;
    let now = Clock::system().now();
    if now >= terms.expires.ends() {
        bail!("the signature is good, and the licence has expired: its last day was {}", terms.expires);
    }
    match terms.not_before {
        Some(first) if now < first.begins() => eprintln!("the licence is good, from {first} on"),
        _ => eprintln!("the licence is good"),
    }
    Ok(())
}

/// Never more than a licence has.
fn read(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    let mut text = String::new();
    let most = LICENCE_BYTES_MAX as u64 + 1;
    file.take(most).read_to_string(&mut text).with_context(|| format!("`{shown}` is no licence file"))?;
    Ok(text)
}

fn print_terms(terms: &LicenceTerms) -> anyhow::Result<()> {
    let mut shown = serde_json::to_value(terms)?;
    shown["seats"] = shown["limits"].take();
    shown["licensed_deployment"] = shown["deployment"].take();
    print_license(&shown)
}

/// One line for each thing that it says.
fn print_license(license: &Value) -> anyhow::Result<()> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let named = [
        ("state", "state"),
        ("holder", "holder"),
        ("licensed_deployment", "for deployment"),
        ("not_before", "valid from"),
        ("expires", "last day"),
        ("days_left", "whole days left"),
        ("features", "features"),
        ("deployment", "this deployment"),
    ];
    for (field, title) in named {
        if !license[field].is_null() {
            print(&format!("{title:16} {}", text(&license[field])))?;
        }
    }
    for (taken, limit, title) in [
        ("users", "max_users", "full seats"),
        ("view_only_users", "max_view_only_users", "view-only seats"),
        ("", "max_teams", "teams"),
    ] {
        let seats = &license["seats"];
        let parts = [("taken", &seats[taken]), ("at most", &seats[limit])];
        let parts: Vec<_> =
            parts.iter().filter(|(_, count)| !count.is_null()).map(|(what, count)| format!("{what} {count}")).collect();
        if !parts.is_empty() {
            print(&format!("{title:16} {}", parts.join(", ")))?;
        }
    }
    for warning in license["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
