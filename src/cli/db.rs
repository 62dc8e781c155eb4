//! `weighhouse db`: the metadata database as a whole.

use super::SettingsArguments;
use super::door::{self, Door, Missing};
use clap::{Args, Subcommand};
use std::io::{ErrorKind, Write};

#[derive(Subcommand)]
pub enum Database {
    /// Print every record of every table as a line of JSON; hashes of secrets show as `***`.
    Dump(Dump),
}

#[derive(Args)]
pub struct Dump {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub fn run(command: Database) -> anyhow::Result<()> {
    let Database::Dump(arguments) = command;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let dumped = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let on_line = |line: &str| Ok(writeln!(out, "{line}")?);
        door.read_lines("/admin/dump", on_line).await
    });
    let written = dumped.and_then(|_| Ok(out.flush()?));
    match written {
        // Somebody has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
