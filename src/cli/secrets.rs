//! `weighhouse secrets`: the key that seals secrets in the database.

use super::SettingsArguments;
use super::door::{self, Door, Missing};
use clap::{Args, Subcommand};
use http::Method;

#[derive(Subcommand)]
pub enum Secrets {
    /// Make a new key, and seal all secrets in the database with it. API keys, sessions and signed URLs go on working.
    Rotate(Rotate),
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub fn run(command: Secrets) -> anyhow::Result<()> {
    let Secrets::Rotate(arguments) = command;
    let rotated = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/secrets/rotate", None).await
    })?;
    eprintln!("sealed {} records with a new key; the one before goes at the next start", rotated["records"]);
    if rotated["broken"] != 0 {
        anyhow::bail!("{} records do not open with any key, and were left as they are", rotated["broken"]);
    }
    Ok(())
}
