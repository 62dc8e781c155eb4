//! `weighhouse team`: teams and who belongs to them.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::member::{self, Members, Named, Place, RemoveMember, Rename, SetRole};
use super::output::{Table, print_json, word};
use super::team_setting;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

const PLACE: Place = Place { plural: "teams", noun: "team" };

#[derive(Subcommand)]
pub enum Team {
    /// Make a team.
    Create(Create),
    /// List teams, or those in the trash.
    List(List),
    /// Give a team another name; the one until now leads to it as well.
    Rename(Rename),
    /// Put a team into the trash; nobody sees it or what is in it from then on.
    Delete(Named),
    /// Take a team out of the trash, with all that is in it.
    Restore(Named),
    /// Show what a team has set, and what is decided for it.
    Settings(team_setting::Show),
    /// Change what a team has set: its privacy, and what new projects are.
    Set(team_setting::Set),
    /// List who belongs to a team.
    Members(Members),
    /// Make a person admin, member or view_only of a team.
    SetRole(SetRole),
    /// Take a person out of a team; what they made stays.
    RemoveMember(RemoveMember),
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    #[arg(long, value_name = "NAME", default_value = "default")]
    organization: String,
    /// A first admin of the team; may be given several times.
    #[arg(long = "admin", value_name = "USERNAME")]
    admins: Vec<String>,
    /// The connector whose store the team's bytes go to [default: the store of the server].
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Only the teams of this organization.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Those in the trash, until when they can be restored.
    #[arg(long)]
    deleted: bool,
    /// Print the teams as a JSON array.
    #[arg(long)]
    json: bool,
}

pub fn run(command: Team) -> anyhow::Result<()> {
    match command {
        Team::Create(arguments) => create(arguments),
        Team::List(arguments) => list(arguments),
        Team::Rename(arguments) => member::rename(&PLACE, arguments),
        Team::Delete(named) => member::ask(&PLACE, named, (Method::DELETE, ""), None, "deleted"),
        Team::Restore(named) => member::ask(&PLACE, named, (Method::POST, "/restore"), None, "restored"),
        Team::Settings(arguments) => team_setting::show(arguments),
        Team::Set(arguments) => team_setting::set(arguments),
        Team::Members(arguments) => member::list(&PLACE, arguments),
        Team::SetRole(arguments) => member::set_role(&PLACE, arguments),
        Team::RemoveMember(arguments) => member::remove(&PLACE, arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let Create { named, organization, admins, connector } = arguments;
    let new = json!({ "name": named.name, "organization": organization, "admins": admins, "connector": connector });
    door::run(named.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/teams", Some(&new)).await
    })?;
    eprintln!("made the team `{}`", named.name);
    Ok(())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let within = arguments.organization.as_ref().map(|name| format!("organization={}", segment(name)));
    let wanted: Vec<String> = within.into_iter().chain(arguments.deleted.then(|| "deleted=true".into())).collect();
    let path = format!("/api/v1/teams?{}", wanted.join("&"));
    let teams =
        door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| door.list(&path, "teams").await)?;
    if arguments.json {
        return print_json(&Value::Array(teams));
    }
    if arguments.deleted {
        let mut table = Table::new(["NAME", "ORGANIZATION", "DELETED", "REMOVED FOR GOOD"]);
        for team in &teams {
            table.row(["name", "organization", "deleted_at", "removed_at"].map(|field| word(team, field)));
        }
        return table.print();
    }
    let mut table = Table::new(["NAME", "ORGANIZATION", "SINCE"]);
    for team in &teams {
        table.row(["name", "organization", "created_at"].map(|field| word(team, field)));
    }
    table.print()
}
