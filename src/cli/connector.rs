//! `weighhouse connector`: where bytes are kept.

mod migrate;

use clap::Subcommand;

#[derive(Subcommand)]
pub enum Connector {
    /// Move the stored bytes of a team into another store, or see how far that has come.
    Migrate(migrate::Migrate),
}

pub fn run(command: Connector) -> anyhow::Result<()> {
    match command {
        Connector::Migrate(arguments) => migrate::run(arguments),
    }
}
