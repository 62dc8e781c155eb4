//! `weighhouse mail`: trying the mail settings out, and seeing what could not be sent.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum Mail {
    /// Send a mail at once and print what the mail server says to it.
    Test(Test),
    /// List the mails that wait to be sent, and those that were given up.
    List(List),
}

#[derive(Args)]
pub struct Test {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Whom to send it to.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the mails as a JSON array.
    #[arg(long)]
    json: bool,
}

pub fn run(command: Mail) -> anyhow::Result<()> {
    match command {
        Mail::Test(arguments) => test(arguments),
        Mail::List(arguments) => list(arguments),
    }
}

fn test(arguments: Test) -> anyhow::Result<()> {
    let body = json!({ "to": arguments.to });
    let sent = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/mail/test", Some(&body)).await
    })?;
    print(sent["server"].as_str().unwrap_or_default())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let mails = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        let (mut mails, mut path) = (Vec::new(), "/api/v1/mail".to_owned());
        loop {
            let mut page = door.ask(Method::GET, &path, None).await?;
            mails.extend(page["mails"].as_array_mut().map(std::mem::take).unwrap_or_default());
            let Some(next) = page["next"].as_str() else { return Ok(mails) };
            path = format!("/api/v1/mail?after={}", segment(next));
        }
    })?;
    if arguments.json {
        return print_json(&Value::Array(mails));
    }
    let mut table = Table::new(["TO", "SUBJECT", "SINCE", "TRIES", "NEXT TRY", "TROUBLE"]);
    for mail in &mails {
        let text = |field: &str| mail[field].as_str().unwrap_or_default().to_owned();
        let next = if mail["next_try_at"].is_null() { "given up".to_owned() } else { text("next_try_at") };
        table.row([text("to"), text("subject"), text("created_at"), mail["tries"].to_string(), next, text("trouble")]);
    }
    table.print()
}
