//! `weighhouse check`: whether everything in the data directory is as it should be.

use super::SettingsArguments;
use super::door::{self, Door, Missing};
use super::output::print;
use anyhow::bail;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    settings: SettingsArguments,
}

pub fn run(arguments: Check) -> anyhow::Result<()> {
    let mut problems: u64 = 0;
    let summary = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let on_line = |line: &str| {
            problems += 1;
            let line: Value = serde_json::from_str(line)?;
            print(line["problem"].as_str().unwrap_or_default())
        };
        door.read_lines("/admin/check", on_line).await
    })?;
    let (records, objects) = (&summary["records"], &summary["objects"]);
    if problems > 0 {
        bail!("{problems} problems in {records} records and {objects} objects");
    }
    print(&format!("{records} records and {objects} objects are as they should be"))
}
