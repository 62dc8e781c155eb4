//! `weighhouse check-config`: the mistakes that `serve` would meet, all at once, without starting anything.

use super::SettingsArguments;
use clap::Args;

#[derive(Args)]
pub struct CheckConfig {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub fn run(arguments: CheckConfig) -> anyhow::Result<()> {
    arguments.settings.load(None)?.check()?;
    println!("the settings are good");
    Ok(())
}
