//! Who belongs to an organization or a team: what both commands have in common.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print_json, word};
use clap::Args;
use http::Method;
use serde_json::{Value, json};

/// A place that has members: `organizations` or `teams`, as paths have it, and one of them as people have it.
pub struct Place {
    pub plural: &'static str,
    pub noun: &'static str,
}

impl Place {
    pub fn path(&self, name: &str) -> String {
        format!("/api/v1/{}/{}", self.plural, segment(name))
    }
}

#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    pub settings: SettingsArguments,
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Args)]
pub struct Rename {
    #[command(flatten)]
    named: Named,
    #[arg(value_name = "NEW_NAME")]
    to: String,
}

#[derive(Args)]
pub struct Members {
    #[command(flatten)]
    pub named: Named,
    /// Print the members as a JSON array.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct SetRole {
    #[command(flatten)]
    named: Named,
    #[arg(value_name = "USERNAME")]
    username: String,
    #[arg(value_name = "ROLE")]
    role: String,
}

#[derive(Args)]
pub struct RemoveMember {
    #[command(flatten)]
    named: Named,
    #[arg(value_name = "USERNAME")]
    username: String,
}

pub fn list(place: &Place, arguments: Members) -> anyhow::Result<()> {
    let path = format!("{}/members", place.path(&arguments.named.name));
    let members = door::run(arguments.named.settings, Missing::Refuse, async |door: &mut Door| {
        door.list(&path, "members").await
    })?;
    if arguments.json {
        return print_json(&Value::Array(members));
    }
    let mut table = Table::new(["USERNAME", "NAME", "ROLE", "SINCE"]);
    for member in &members {
        table.row(["username", "name", "role", "since"].map(|field| word(member, field)));
    }
    table.print()
}

pub fn rename(place: &Place, arguments: Rename) -> anyhow::Result<()> {
    let Rename { named, to } = arguments;
    ask(place, named, (Method::PATCH, ""), Some(&json!({ "name": to })), "renamed")
}

pub fn set_role(place: &Place, arguments: SetRole) -> anyhow::Result<()> {
    let SetRole { named, username, role } = arguments;
    let path = format!("{}/members/{}", place.path(&named.name), segment(&username));
    let wanted = json!({ "role": role });
    door::run(named.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::PUT, &path, Some(&wanted)).await
    })?;
    eprintln!("`{username}` is {role} of the {} `{}`", place.noun, named.name);
    Ok(())
}

pub fn remove(place: &Place, arguments: RemoveMember) -> anyhow::Result<()> {
    let RemoveMember { named, username } = arguments;
    let path = format!("{}/members/{}", place.path(&named.name), segment(&username));
    door::run(named.settings, Missing::Refuse, async |door: &mut Door| door.ask(Method::DELETE, &path, None).await)?;
    eprintln!("`{username}` is no member of the {} `{}` any more", place.noun, named.name);
    Ok(())
}

/// One request about the place itself, and what was done to it.
pub fn ask(
    place: &Place,
    named: Named,
    (method, what): (Method, &str),
    body: Option<&Value>,
    done: &str,
) -> anyhow::Result<()> {
    let path = format!("{}{what}", place.path(&named.name));
    let answer = door::run(named.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(method.clone(), &path, body).await
    })?;
    eprintln!("{done} the {} `{}`", place.noun, named.name);
    if let Some(notice) = answer["notice"].as_str() {
        eprintln!("{notice}");
    }
    Ok(())
}
