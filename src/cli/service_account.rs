//! `weighhouse service-account`: accounts of teams and organizations that are no people. Their keys: `weighhouse api-key`.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json};
use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum ServiceAccount {
    /// Make an account with a key, and print the key, once.
    Create(Create),
    /// List the accounts of a team or an organization.
    List(List),
    /// Delete an account and its keys; its runs stay.
    Delete(Delete),
}

/// What the account belongs to.
#[derive(Args)]
#[command(group(ArgGroup::new("home").required(true).args(["team", "organization"])))]
pub struct Home {
    /// A team; the account is a member of it.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// An organization; the account is a member of all its teams.
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
}

impl Home {
    fn path(&self) -> String {
        let (kind, name) = match &self.team {
            Some(team) => ("teams", team.as_str()),
            None => ("organizations", self.organization.as_deref().unwrap_or_default()),
        };
        format!("/api/v1/{kind}/{}/service-accounts", segment(name))
    }
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    home: Home,
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// For an organization's account: the team where its runs go that name none.
    #[arg(long, value_name = "TEAM", conflicts_with = "team")]
    default_team: Option<String>,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    home: Home,
    /// Print the accounts as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    home: Home,
    #[arg(value_name = "NAME")]
    name: String,
}

pub fn run(command: ServiceAccount) -> anyhow::Result<()> {
    match command {
        ServiceAccount::Create(arguments) => create(arguments),
        ServiceAccount::List(arguments) => list(arguments),
        ServiceAccount::Delete(arguments) => delete(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let path = arguments.home.path();
    let account = json!({
        "name": arguments.name,
        "description": arguments.description,
        "default_team": arguments.default_team,
    });
    let keys = format!("{path}/{}/api-keys", segment(&arguments.name));
    let key = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, &path, Some(&account)).await?;
        door.ask(Method::POST, &keys, Some(&json!({}))).await
    })?;
    // The key alone on standard output, so that a script can take it.
    eprintln!("made the service account `{}`; this is its API key, shown only now:", arguments.name);
    print(key["api_key"].as_str().unwrap_or_default())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let first = arguments.home.path();
    let accounts = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let (mut accounts, mut path) = (Vec::new(), first.clone());
        loop {
            let mut page = door.ask(Method::GET, &path, None).await?;
            accounts.extend(page["service_accounts"].as_array_mut().map(std::mem::take).unwrap_or_default());
            let Some(next) = page["next"].as_str() else { return Ok(accounts) };
            path = format!("{first}?after={}", segment(next));
        }
    })?;
    if arguments.json {
        return print_json(&Value::Array(accounts));
    }
    let mut table = Table::new(["NAME", "DESCRIPTION", "DEFAULT TEAM", "SINCE"]);
    for account in &accounts {
        let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
        table.row([text("name"), text("description"), text("default_team"), text("created_at")]);
    }
    table.print()
}

fn delete(arguments: Delete) -> anyhow::Result<()> {
    let path = format!("{}/{}", arguments.home.path(), segment(&arguments.name));
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::DELETE, &path, None).await
    })?;
    eprintln!("deleted the service account `{}`", arguments.name);
    Ok(())
}
