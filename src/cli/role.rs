//! `weighhouse role`: the custom roles of an organization.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print_json, word};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

#[derive(Subcommand)]
pub enum Role {
    /// List the custom roles of an organization.
    List(List),
    /// Define a custom role; admins of teams give it with `team set-role`.
    Create(Create),
    /// Change a custom role, at once for everybody who holds it.
    Update(Update),
    /// Delete a custom role; who holds it goes on with its base.
    Delete(Delete),
}

/// Whose roles are meant.
#[derive(Args)]
struct Of {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(long, value_name = "NAME", default_value = "default")]
    organization: String,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    of: Of,
    /// Print the roles as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    of: Of,
    #[arg(value_name = "ROLE")]
    name: String,
    /// What its holders have besides.
    #[arg(long, value_parser = ["member", "view_only"])]
    base: String,
    /// An action that it adds, such as `run:stop`; may be given several times.
    #[arg(long = "add", value_name = "ACTION", required = true)]
    actions: Vec<String>,
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(Args)]
pub struct Update {
    #[command(flatten)]
    of: Of,
    #[arg(value_name = "ROLE")]
    name: String,
    /// Another name for it.
    #[arg(long, value_name = "ROLE")]
    rename: Option<String>,
    #[arg(long, value_parser = ["member", "view_only"])]
    base: Option<String>,
    /// All actions that it is to add from now on, each given with `--add`.
    #[arg(long = "add", value_name = "ACTION")]
    actions: Vec<String>,
    /// An empty text takes it away.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    of: Of,
    #[arg(value_name = "ROLE")]
    name: String,
}

pub fn run(command: Role) -> anyhow::Result<()> {
    match command {
        Role::List(arguments) => list(arguments),
        Role::Create(arguments) => create(arguments),
        Role::Update(arguments) => update(arguments),
        Role::Delete(arguments) => delete(arguments),
    }
}

fn list(arguments: List) -> anyhow::Result<()> {
    let roles = ask(arguments.of, &Method::GET, "", None)?["roles"].take();
    if arguments.json {
        return print_json(&roles);
    }
    let mut table = Table::new(["ROLE", "BASE", "SEAT", "ADDS"]);
    for role in roles.as_array().into_iter().flatten() {
        let actions: Vec<&str> = role["actions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        table.row([word(role, "name"), word(role, "base"), word(role, "seat"), actions.join(" ")]);
    }
    table.print()
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let Create { of, name, base, actions, description } = arguments;
    let new = json!({ "name": name, "base": base, "actions": actions, "description": description });
    ask(of, &Method::POST, "", Some(&new))?;
    eprintln!("defined the role `{name}`");
    Ok(())
}

fn update(arguments: Update) -> anyhow::Result<()> {
    let Update { of, name, rename, base, actions, description } = arguments;
    let texts = [("name", rename), ("base", base), ("description", description)];
    let mut change: Map<String, Value> =
        texts.into_iter().filter_map(|(field, text)| Some((field.to_owned(), json!(text?)))).collect();
    if !actions.is_empty() {
        change.insert("actions".into(), json!(actions));
    }
    ask(of, &Method::PATCH, &format!("/{}", segment(&name)), Some(&Value::Object(change)))?;
    eprintln!("changed the role `{name}`");
    Ok(())
}

fn delete(arguments: Delete) -> anyhow::Result<()> {
    ask(arguments.of, &Method::DELETE, &format!("/{}", segment(&arguments.name)), None)?;
    eprintln!("deleted the role `{}`", arguments.name);
    Ok(())
}

fn ask(of: Of, method: &Method, rest: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let path = format!("/api/v1/organizations/{}/roles{rest}", segment(&of.organization));
    door::run(of.settings, Missing::Refuse, async |door: &mut Door| door.ask(method.clone(), &path, body).await)
}
