//! `weighhouse check-config`: the mistakes that `serve` would meet, all at once, without starting anything.

use super::SettingsArguments;
use super::opening::mailer;
use clap::Args;

#[derive(Args)]
pub struct CheckConfig {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub fn run(arguments: CheckConfig) -> anyhow::Result<()> {
    let config = arguments.settings.load(None)?;
    config.check()?;
    mailer(&config)?;
    println!("the settings are good");
    Ok(())
}
