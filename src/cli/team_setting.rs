//! `weighhouse team settings|set` and `weighhouse organization privacy`: what teams set, and what is decided for all of
//! them.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print_json};
use clap::{ArgAction, Args};
use http::Method;
use serde_json::{Map, Value, json};

/// In the order in which they are shown.
const KEYS: [&str; 6] =
    ["hidden", "private_only", "members_invite", "no_report_sharing", "code_saving", "default_visibility"];

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "TEAM")]
    team: String,
    /// Print the settings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Set {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "TEAM")]
    team: String,
    /// To those outside the team it does not exist.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    hidden: Option<bool>,
    /// Nobody chooses open or public for a project any more.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    private_only: Option<bool>,
    /// Every member may invite members, and view-only people.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    members_invite: Option<bool>,
    /// Reports are shared with nobody outside, unless their project is public.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    no_report_sharing: Option<bool>,
    /// The client saves the code of runs unless its user says otherwise.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    code_saving: Option<bool>,
    /// open, public, team or restricted: what a new project is whose maker does not say.
    #[arg(long, value_name = "VISIBILITY")]
    default_visibility: Option<String>,
}

#[derive(Args)]
pub struct Privacy {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// Decide a setting for all teams, such as `private_only=true` or `default_visibility=restricted`; may be given
    /// several times.
    #[arg(long = "enforce", value_name = "SETTING=VALUE", value_parser = parse_decision)]
    enforced: Vec<(String, Value)>,
    /// Leave a setting to the teams again; may be given several times.
    #[arg(long = "free", value_name = "SETTING", value_parser = KEYS)]
    freed: Vec<String>,
    /// Print what is decided as JSON.
    #[arg(long)]
    json: bool,
}

fn parse_decision(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("a decision looks like `private_only=true`")?;
    if !KEYS.contains(&key) {
        return Err(format!("there is no setting `{key}`; there are {}", KEYS.join(", ")));
    }
    let value = match value {
        "true" => json!(true),
        "false" => json!(false),
        other => json!(other),
    };
    Ok((key.to_owned(), value))
}

pub fn show(arguments: Show) -> anyhow::Result<()> {
    let path = format!("/api/v1/teams/{}/settings", segment(&arguments.team));
    let shown = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, &path, None).await
    })?;
    print_settings(&shown["settings"], arguments.json)
}

pub fn set(arguments: Set) -> anyhow::Result<()> {
    let path = format!("/api/v1/teams/{}/settings", segment(&arguments.team));
    let values = [
        json!(arguments.hidden),
        json!(arguments.private_only),
        json!(arguments.members_invite),
        json!(arguments.no_report_sharing),
        json!(arguments.code_saving),
        json!(arguments.default_visibility),
    ];
    let change: Map<String, Value> =
        KEYS.map(str::to_owned).into_iter().zip(values).filter(|(_, value)| !value.is_null()).collect();
    let change = Value::Object(change);
    let changed = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::PATCH, &path, Some(&change)).await
    })?;
    print_settings(&changed, false)
}

pub fn privacy(arguments: Privacy) -> anyhow::Result<()> {
    let path = format!("/api/v1/organizations/{}/privacy", segment(&arguments.organization));
    let freed = arguments.freed.into_iter().map(|key| (key, Value::Null));
    let change: Map<String, Value> = arguments.enforced.into_iter().chain(freed).collect();
    let (method, body) =
        if change.is_empty() { (Method::GET, None) } else { (Method::PATCH, Some(Value::Object(change))) };
    let privacy = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(method.clone(), &path, body.as_ref()).await
    })?;
    if arguments.json {
        return print_json(&privacy);
    }
    let mut table = Table::new(["SETTING", "FOR ALL TEAMS"]);
    for key in KEYS {
        let decided = if privacy[key].is_null() { "each team decides".to_owned() } else { plain(&privacy[key]) };
        table.row([key.to_owned(), decided]);
    }
    table.print()
}

fn print_settings(settings: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(settings);
    }
    let mut table = Table::new(["SETTING", "VALUE", "DECIDED BY"]);
    for key in KEYS {
        let by = settings[key]["enforced_by"].as_str().unwrap_or("the team");
        table.row([key.to_owned(), plain(&settings[key]["value"]), by.to_owned()]);
    }
    table.print()
}

/// A text without its quotes, anything else as JSON has it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
