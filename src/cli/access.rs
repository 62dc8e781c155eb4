//! `weighhouse access`: why somebody may or may not do something.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{print, print_json};
use clap::{Args, Subcommand};
use http::Method;

#[derive(Subcommand)]
pub enum Access {
    /// Say whether a person may do something, and the chain of reasons.
    Explain(Explain),
}

#[derive(Args)]
pub struct Explain {
    #[command(flatten)]
    settings: SettingsArguments,
    /// The user name or e-mail address of the person.
    #[arg(long, value_name = "USER")]
    user: String,
    /// What they want to do, as the permission table calls it, such as `run:log`.
    #[arg(long, value_name = "ACTION")]
    action: String,
    /// Where: `entity`, `entity/project` or `entity/project/runs/run` [default: the whole instance].
    #[arg(long, value_name = "PATH")]
    on: Option<String>,
    /// As if they asked with an API key of this scope: `read`, `write` or `admin`.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(command: Access) -> anyhow::Result<()> {
    let Access::Explain(arguments) = command;
    let parameters = [
        ("user", Some(&arguments.user)),
        ("action", Some(&arguments.action)),
        ("on", arguments.on.as_ref()),
        ("scope", arguments.scope.as_ref()),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", segment(value?))));
    let path = format!("/api/v1/access/explain?{}", given.collect::<Vec<_>>().join("&"));
    let answer = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, &path, None).await
    })?;
    if arguments.json {
        return print_json(&answer);
    }
    print(if answer["allowed"] == true { "yes" } else { "no" })?;
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        print(&format!("  {}", reason.as_str().unwrap_or_default()))?;
    }
    match answer["message"].as_str() {
        Some(message) => print(&format!("they are told: {message}")),
        None => Ok(()),
    }
}
