//! `weighhouse organization`: organizations and who belongs to them.

use super::SettingsArguments;
use super::door::{self, Door, Missing};
use super::member::{self, Members, Named, Place, RemoveMember, Rename, SetRole};
use super::output::{Table, print_json, word};
use super::team_setting;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

const PLACE: Place = Place { plural: "organizations", noun: "organization" };

#[derive(Subcommand)]
pub enum Organization {
    /// Make an organization; nobody belongs to it yet.
    Create(Named),
    /// List all organizations.
    List(List),
    /// Give an organization another name; the one until now leads to it as well.
    Rename(Rename),
    /// Delete an organization that has no teams and is not the last one.
    Delete(Named),
    /// Show or change what an organization decides for all of its teams.
    Privacy(team_setting::Privacy),
    /// List who belongs to an organization.
    Members(Members),
    /// Make a person admin, member or viewer of an organization.
    SetRole(SetRole),
    /// Take a person out of an organization and of its teams.
    RemoveMember(RemoveMember),
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the organizations as a JSON array.
    #[arg(long)]
    json: bool,
}

pub fn run(command: Organization) -> anyhow::Result<()> {
    match command {
        Organization::Create(named) => create(named),
        Organization::List(arguments) => list(arguments),
        Organization::Rename(arguments) => member::rename(&PLACE, arguments),
        Organization::Delete(named) => member::ask(&PLACE, named, (Method::DELETE, ""), None, "deleted"),
        Organization::Privacy(arguments) => team_setting::privacy(arguments),
        Organization::Members(arguments) => member::list(&PLACE, arguments),
        Organization::SetRole(arguments) => member::set_role(&PLACE, arguments),
        Organization::RemoveMember(arguments) => member::remove(&PLACE, arguments),
    }
}

fn create(named: Named) -> anyhow::Result<()> {
    let new = json!({ "name": named.name });
    door::run(named.settings, Missing::Make, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/organizations", Some(&new)).await
    })?;
    eprintln!("made the organization `{}`", named.name);
    Ok(())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let organizations = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.list("/api/v1/organizations", "organizations").await
    })?;
    if arguments.json {
        return print_json(&Value::Array(organizations));
    }
    let mut table = Table::new(["NAME", "SINCE"]);
    for organization in &organizations {
        table.row(["name", "created_at"].map(|field| word(organization, field)));
    }
    table.print()
}
