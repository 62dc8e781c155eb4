//! `weighhouse settings`: the system settings, which are changed while the server runs.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print_json};
use crate::domain::setting::Setting;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum Settings {
    /// Show every setting with its value.
    List(List),
    /// Change a setting.
    Set(Set),
    /// Give a setting its default again.
    Reset(Reset),
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the settings as a JSON array, with what each one does.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Set {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "KEY")]
    key: String,
    /// true or false, a whole number, or names of hosts with commas between them.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
}

#[derive(Args)]
pub struct Reset {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "KEY")]
    key: String,
}

pub fn run(command: Settings) -> anyhow::Result<()> {
    match command {
        Settings::List(arguments) => list(arguments),
        Settings::Set(arguments) => set(arguments),
        Settings::Reset(arguments) => reset(arguments),
    }
}

fn list(arguments: List) -> anyhow::Result<()> {
    let mut answer = ask(arguments.settings, Method::GET, "/api/v1/settings", None)?;
    let listed = answer["settings"].take();
    if arguments.json {
        return print_json(&listed);
    }
    let mut table = Table::new(["KEY", "VALUE", "DEFAULT", "UNIT", ""]);
    for setting in listed.as_array().into_iter().flatten() {
        let text = |field: &str| setting[field].as_str().unwrap_or_default().to_owned();
        let state = match (setting["fixed"] == true, setting["changed_at"].is_string()) {
            (true, _) => "fixed in the settings file",
            (false, true) => "changed",
            (false, false) => "",
        };
        table.row([text("key"), shown(&setting["value"]), shown(&setting["default"]), text("unit"), state.into()]);
    }
    table.print()
}

fn set(arguments: Set) -> anyhow::Result<()> {
    // The same list is in the server; an unknown key is its to refuse.
    let value = match Setting::named(&arguments.key) {
        Some(setting) => json!(setting.parse(&arguments.value).map_err(anyhow::Error::msg)?),
        None => json!(arguments.value),
    };
    let path = format!("/api/v1/settings/{}", segment(&arguments.key));
    let set = ask(arguments.settings, Method::PUT, &path, Some(&json!({ "value": value })))?;
    eprintln!("`{}` is {} now", arguments.key, shown(&set["value"]));
    Ok(())
}

fn reset(arguments: Reset) -> anyhow::Result<()> {
    let path = format!("/api/v1/settings/{}", segment(&arguments.key));
    let set = ask(arguments.settings, Method::DELETE, &path, None)?;
    eprintln!("`{}` has its default again: {}", arguments.key, shown(&set["value"]));
    Ok(())
}

fn ask(settings: SettingsArguments, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    door::run(settings, Missing::Refuse, async |door: &mut Door| door.ask(method, path, body).await)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(hosts) => hosts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
