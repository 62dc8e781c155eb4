//! `weighhouse invitation`: who is invited into a team or an organization, and the links for it.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum Invitation {
    /// Invite somebody and print the link, once. Who is in the organization already becomes a member at once.
    Create(Create),
    /// List the invitations that wait.
    List(List),
    /// Print another link for an invitation, once; the one before ends.
    Link(One),
    /// Take an invitation back.
    Delete(One),
}

/// One of the two.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Into {
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    into: Into,
    /// Whom to invite: an e-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// What they become: in a team `admin`, `member`, `view_only` or a custom role; in an organization `admin`,
    /// `member` or `viewer`.
    #[arg(long, value_name = "ROLE", default_value = "member")]
    role: String,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    into: Into,
    /// Print the invitations as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct One {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(flatten)]
    into: Into,
    /// As `list` shows it.
    #[arg(value_name = "ID")]
    id: String,
}

impl Into {
    fn path(&self) -> String {
        match (&self.team, &self.organization) {
            (Some(team), _) => format!("/api/v1/teams/{}/invitations", segment(team)),
            (None, organization) => {
                format!("/api/v1/organizations/{}/invitations", segment(organization.as_deref().unwrap_or_default()))
            }
        }
    }
}

pub fn run(command: Invitation) -> anyhow::Result<()> {
    match command {
        Invitation::Create(arguments) => create(arguments),
        Invitation::List(arguments) => list(arguments),
        Invitation::Link(arguments) => link(arguments),
        Invitation::Delete(arguments) => delete(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let (path, body) = (arguments.into.path(), json!({ "email": arguments.email, "role": arguments.role }));
    let made = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, &path, Some(&body)).await
    })?;
    match made["member"].as_str() {
        Some(name) => {
            eprintln!("`{name}` has this address and is a member now");
            Ok(())
        }
        None => print_link(&arguments.email, &made["link"]),
    }
}

fn print_link(who: &str, link: &Value) -> anyhow::Result<()> {
    let until = link["expires_at"].as_str().unwrap_or_default();
    eprintln!("hand this link over to {who}; it can be used once, until {until}, and is shown only now:");
    print(link["url"].as_str().unwrap_or_default())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let path = arguments.into.path();
    let listed = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, &path, None).await
    })?;
    if arguments.json {
        return print_json(&listed["invitations"]);
    }
    let mut table = Table::new(["ID", "E-MAIL", "ROLE", "SINCE", "UNTIL"]);
    for invitation in listed["invitations"].as_array().into_iter().flatten() {
        let text = |field: &str| invitation[field].as_str().unwrap_or_default().to_owned();
        let until = if invitation["expired"] == true { "expired".to_owned() } else { text("expires_at") };
        table.row([text("id"), text("email"), text("role"), text("created_at"), until]);
    }
    table.print()
}

fn link(arguments: One) -> anyhow::Result<()> {
    let path = format!("{}/{}/link", arguments.into.path(), segment(&arguments.id));
    let made = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, &path, None).await
    })?;
    print_link("who was invited", &made)
}

fn delete(arguments: One) -> anyhow::Result<()> {
    let path = format!("{}/{}", arguments.into.path(), segment(&arguments.id));
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::DELETE, &path, None).await
    })?;
    eprintln!("took the invitation {} back", arguments.id);
    Ok(())
}
