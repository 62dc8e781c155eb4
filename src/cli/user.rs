//! `weighhouse user`: making, listing, changing and deleting people.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json, word};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::BufRead;

#[derive(Subcommand)]
pub enum User {
    /// Make a person and print their new API key, once.
    Create(Create),
    /// List all people, or those who are searched for.
    List(List),
    /// Show a person, and where they belong.
    Show(Show),
    /// Change a person's names, address, or standing.
    Update(Update),
    /// Let nothing of a person's open a door any more; their places stay.
    Deactivate(Named),
    /// Let a deactivated person in again.
    Reactivate(Named),
    /// Delete a person and their keys; what they made in teams stays.
    Delete(Named),
    /// Print a link with which a person chooses another password, once.
    ResetLink(Named),
    /// Turn off the second factor of a person who lost it.
    ResetSecondFactor(Named),
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
    /// What the user name, a word of the full name, or the e-mail address begins with.
    #[arg(value_name = "QUERY")]
    query: Option<String>,
    /// Print the people as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    named: Named,
    /// Print the person as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Update {
    #[command(flatten)]
    named: Named,
    /// The user name to be; the one until now leads to the person as well.
    #[arg(long = "username", value_name = "NAME")]
    to: Option<String>,
    /// The full name; an empty one takes it away.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Whether they administer the whole instance.
    #[arg(long, value_name = "true|false")]
    system_admin: Option<bool>,
}

#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "USERNAME")]
    username: String,
}

pub fn run(command: User) -> anyhow::Result<()> {
    match command {
        User::Create(arguments) => create(arguments),
        User::List(arguments) => list(arguments),
        User::Show(arguments) => show(arguments),
        User::Update(arguments) => update(arguments),
        User::Deactivate(named) => named.ask(&Method::POST, "/deactivate", None, "deactivated"),
        User::Reactivate(named) => named.ask(&Method::POST, "/reactivate", None, "reactivated"),
        User::Delete(named) => named.ask(&Method::DELETE, "", None, "deleted"),
        User::ResetLink(named) => reset_link(named),
        User::ResetSecondFactor(named) => reset_second_factor(named),
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
    let path = match &arguments.query {
        Some(query) => format!("/api/v1/users?query={}", segment(query)),
        None => "/api/v1/users".to_owned(),
    };
    let people =
        door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| door.list(&path, "users").await)?;
    if arguments.json {
        return print_json(&Value::Array(people));
    }
    let mut table =
        Table::new(["USERNAME", "E-MAIL", "NAME", "SYSTEM ADMIN", "STATUS", "SEAT", "LAST ACTIVE", "SINCE"]);
    for person in &people {
        let text = |field: &str| word(person, field);
        let admin = if person["system_admin"] == true { "yes".to_owned() } else { String::new() };
        let [username, email, name, status] = ["username", "email", "name", "status"].map(text);
        let [seat, seen, since] = ["seat", "last_active_at", "created_at"].map(text);
        table.row([username, email, name, admin, status, seat, seen, since]);
    }
    table.print()
}

fn show(arguments: Show) -> anyhow::Result<()> {
    let path = arguments.named.path();
    let person = door::run(arguments.named.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::GET, &path, None).await
    })?;
    if arguments.json {
        return print_json(&person);
    }
    let mut table = Table::new(["FIELD", "VALUE"]);
    for field in ["username", "email", "name", "status", "seat", "created_at", "deactivated_at", "last_active_at"] {
        table.row([field.to_owned(), word(&person, field)]);
    }
    table.row(["system_admin".to_owned(), person["system_admin"].to_string()]);
    for (field, title) in [("organizations", "organization"), ("teams", "team")] {
        for place in person[field].as_array().into_iter().flatten() {
            table.row([title.to_owned(), format!("{} ({})", word(place, "name"), word(place, "role"))]);
        }
    }
    table.print()
}

fn update(arguments: Update) -> anyhow::Result<()> {
    let mut change = Map::new();
    if let Some(to) = arguments.to {
        change.insert("username".into(), to.into());
    }
    if let Some(name) = arguments.name {
        change.insert("name".into(), if name.is_empty() { Value::Null } else { name.into() });
    }
    if let Some(email) = arguments.email {
        change.insert("email".into(), email.into());
    }
    if let Some(system_admin) = arguments.system_admin {
        change.insert("system_admin".into(), system_admin.into());
    }
    anyhow::ensure!(
        !change.is_empty(),
        "say what is to be different: `--username`, `--name`, `--email` or `--system-admin`"
    );
    arguments.named.ask(&Method::PATCH, "", Some(&Value::Object(change)), "changed")
}

impl Named {
    fn path(&self) -> String {
        format!("/api/v1/users/{}", segment(&self.username))
    }

    /// One request about the person, and what was done to them by it.
    fn ask(self, method: &Method, what: &str, body: Option<&Value>, done: &str) -> anyhow::Result<()> {
        let path = format!("{}{what}", self.path());
        door::run(self.settings, Missing::Refuse, async |door: &mut Door| door.ask(method.clone(), &path, body).await)?;
        eprintln!("{done} the person `{}`", self.username);
        Ok(())
    }
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
