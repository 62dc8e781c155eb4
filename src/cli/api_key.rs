//! `weighhouse api-key`: keys of people and service accounts.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json};
use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

#[derive(Subcommand)]
pub enum ApiKey {
    /// Make a key and print it, once.
    Create(Create),
    /// List the keys of somebody; not the keys themselves.
    List(List),
    /// Revoke a key: from the next request on it opens nothing.
    Revoke(Revoke),
}

/// Whose keys.
#[derive(Args)]
#[command(group(ArgGroup::new("owner").required(true).args(["user", "service_account"])))]
pub struct Owner {
    /// A person.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// A service account, of the team or organization that is named too.
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// The team of the service account.
    #[arg(long, value_name = "TEAM", conflicts_with_all = ["user", "organization"])]
    team: Option<String>,
    /// The organization of the service account.
    #[arg(long, value_name = "ORGANIZATION", conflicts_with = "user")]
    organization: Option<String>,
}

impl Owner {
    fn path(&self) -> anyhow::Result<String> {
        let account = match (&self.user, &self.service_account) {
            (Some(user), _) => return Ok(format!("/api/v1/users/{}/api-keys", segment(user))),
            (None, account) => segment(account.as_deref().unwrap_or_default()),
        };
        match (&self.team, &self.organization) {
            (Some(team), _) => Ok(format!("/api/v1/teams/{}/service-accounts/{account}/api-keys", segment(team))),
            (None, Some(name)) => {
                Ok(format!("/api/v1/organizations/{}/service-accounts/{account}/api-keys", segment(name)))
            }
            (None, None) => anyhow::bail!("`--team` or `--organization` says whose service account is meant"),
        }
    }
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    owner: Owner,
    /// What the key is for.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it leaves of its owner's rights: admin (all), write or read [default: admin].
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// When it ends, such as 2030-01-31T12:00:00Z; without it never.
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Only for this team, or for this project (TEAM/PROJECT); may be repeated.
    #[arg(long, value_name = "TEAM[/PROJECT]")]
    only: Vec<String>,
    /// Print the new key as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    owner: Owner,
    /// Print the keys as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Revoke {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    owner: Owner,
    /// As `list` shows it.
    #[arg(value_name = "ID")]
    id: String,
}

pub fn run(command: ApiKey) -> anyhow::Result<()> {
    match command {
        ApiKey::Create(arguments) => create(arguments),
        ApiKey::List(arguments) => list(arguments),
        ApiKey::Revoke(arguments) => revoke(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let path = arguments.owner.path()?;
    let mut key = Map::new();
    key.insert("name".into(), json!(arguments.name));
    key.insert("scope".into(), json!(arguments.scope));
    key.insert("expires_at".into(), json!(arguments.expires));
    if !arguments.only.is_empty() {
        let (projects, teams): (Vec<String>, Vec<String>) =
            arguments.only.into_iter().partition(|target| target.contains('/'));
        key.insert("teams".into(), json!(teams));
        key.insert("projects".into(), json!(projects));
    }
    let key = Value::Object(key);
    let made = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, &path, Some(&key)).await
    })?;
    if arguments.json {
        return print_json(&made);
    }
    // The key alone on standard output, so that a script can take it.
    eprintln!("made the API key {}; it is shown only now:", made["id"].as_str().unwrap_or_default());
    print(made["api_key"].as_str().unwrap_or_default())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let path = arguments.owner.path()?;
    let mut keys = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, &path, None).await
    })?;
    let keys = keys["api_keys"].as_array_mut().map(std::mem::take).unwrap_or_default();
    if arguments.json {
        return print_json(&Value::Array(keys));
    }
    let mut table = Table::new(["ID", "BEGINS WITH", "NAME", "SCOPE", "ONLY FOR", "EXPIRES", "LAST USED"]);
    for key in &keys {
        let text = |field: &str| key[field].as_str().unwrap_or_default().to_owned();
        let names = ["teams", "projects"].into_iter().filter_map(|field| key[field].as_array()).flatten();
        let only: Vec<&str> = names.filter_map(Value::as_str).collect();
        table.row([
            text("id"),
            text("begins_with"),
            text("name"),
            text("scope"),
            only.join(", "),
            text("expires_at"),
            text("last_used_at"),
        ]);
    }
    table.print()
}

fn revoke(arguments: Revoke) -> anyhow::Result<()> {
    let path = format!("{}/{}", arguments.owner.path()?, segment(&arguments.id));
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::DELETE, &path, None).await
    })?;
    eprintln!("revoked the API key {}", arguments.id);
    Ok(())
}
