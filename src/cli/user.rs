//! `weighhouse user`: making, listing and deleting people.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::BufRead;

#[derive(Subcommand)]
pub enum User {
    /// Make a person and print their new API key, once.
    Create(Create),
    /// List all people.
    List(List),
    /// Delete a person and their keys; what they made in teams stays.
    Delete(Delete),
    /// Print a link with which a person chooses another password, once.
    ResetLink(Named),
    /// Turn off the second factor of a person who lost it.
    ResetSecondFactor(Named),
}

#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "USERNAME")]
    username: String,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(long, value_name = "NAME")]
    username: String,
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// The full name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Read the password from standard input: its first line.
    #[arg(long)]
    password_stdin: bool,
    /// Read an API key that the person has already from standard input: its first line, or its second after the
    /// password. Without it a key is made.
    #[arg(long)]
    api_key_stdin: bool,
    /// An administrator of the whole instance.
    #[arg(long)]
    system_admin: bool,
    /// Print the new person as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the people as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "USERNAME")]
    username: String,
}

pub fn run(command: User) -> anyhow::Result<()> {
    match command {
        User::Create(arguments) => create(arguments),
        User::List(arguments) => list(arguments),
        User::Delete(arguments) => delete(arguments),
        User::ResetLink(arguments) => reset_link(arguments),
        User::ResetSecondFactor(arguments) => reset_second_factor(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    let mut line = |what: &str| match lines.next() {
        Some(line) => Ok(line?),
        None => anyhow::bail!("standard input has no line with the {what}"),
    };
    let mut person = Map::new();
    person.insert("username".into(), json!(arguments.username));
    person.insert("email".into(), json!(arguments.email));
    person.insert("name".into(), json!(arguments.name));
    person.insert("system_admin".into(), json!(arguments.system_admin));
    if arguments.password_stdin {
        person.insert("password".into(), line("password")?.into());
    }
    if arguments.api_key_stdin {
        person.insert("api_key".into(), line("API key")?.trim().into());
    }
    let person = Value::Object(person);
    let made = door::run(arguments.settings, Missing::Make, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/users", Some(&person)).await
    })?;
    if arguments.json {
        return print_json(&made);
    }
    let name = made["username"].as_str().unwrap_or_default();
    match made["api_key"].as_str() {
        // The key alone on standard output, so that a script can take it.
        Some(key) => {
            eprintln!("made the person `{name}`; this is their API key, shown only now:");
            print(key)
        }
        None => {
            eprintln!("made the person `{name}` with the API key that was given");
            Ok(())
        }
    }
}

fn list(arguments: List) -> anyhow::Result<()> {
    let people = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let (mut people, mut path) = (Vec::new(), "/api/v1/users".to_owned());
        loop {
            let mut page = door.ask(Method::GET, &path, None).await?;
            people.extend(page["users"].as_array_mut().map(std::mem::take).unwrap_or_default());
            let Some(next) = page["next"].as_str() else { return Ok(people) };
            path = format!("/api/v1/users?after={}", segment(next));
        }
    })?;
    if arguments.json {
        return print_json(&Value::Array(people));
    }
    let mut table = Table::new(["USERNAME", "E-MAIL", "NAME", "SYSTEM ADMIN", "SINCE"]);
    for person in &people {
        let text = |field: &str| person[field].as_str().unwrap_or_default().to_owned();
        let admin = if person["system_admin"] == true { "yes" } else { "" };
        table.row([text("username"), text("email"), text("name"), admin.into(), text("created_at")]);
    }
    table.print()
}

fn delete(arguments: Delete) -> anyhow::Result<()> {
    let path = format!("/api/v1/users/{}", segment(&arguments.username));
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::DELETE, &path, None).await
    })?;
    eprintln!("deleted the person `{}`", arguments.username);
    Ok(())
}

fn reset_link(arguments: Named) -> anyhow::Result<()> {
    let path = format!("/api/v1/users/{}/reset-link", segment(&arguments.username));
    let made = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, &path, None).await
    })?;
    let until = made["expires_at"].as_str().unwrap_or_default();
    eprintln!(
        "hand this link over to `{}`; it can be used once, until {until}, and is shown only now:",
        arguments.username
    );
    print(made["url"].as_str().unwrap_or_default())
}

fn reset_second_factor(arguments: Named) -> anyhow::Result<()> {
    let path = format!("/api/v1/users/{}/second-factor", segment(&arguments.username));
    door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::DELETE, &path, None).await
    })?;
    eprintln!("turned off the second factor of `{}`; their password alone signs in now", arguments.username);
    Ok(())
}
