//! `weighhouse connector`: where bytes are kept.

mod migrate;

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print, print_json, word};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longer than any address, credentials or certificates.
const INPUT_BYTES_MAX: u64 = 256 * 1024;

#[derive(Subcommand)]
pub enum Connector {
    /// Define a connector; `connector test` says whether its store can be used.
    Create(Create),
    /// List the connectors.
    List(List),
    /// Show a connector with its last self-test.
    Show(Show),
    /// Try everything out that a store is needed for, and say what is missing.
    Test(Show),
    /// Change how a store is reached; one that is used is tested first.
    Update(Update),
    /// Give a connector other credentials, which are tested first.
    Rotate(Rotate),
    /// Delete a connector that no team's bytes are in.
    Delete(Named),
    /// Attach a connector to a team that has no projects yet.
    Attach(Attach),
    /// Back to the store of the server, for a team that has no projects yet.
    Detach(Detach),
    /// Move the stored bytes of a team into another store, or see how far that has come.
    Migrate(migrate::Migrate),
}

#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "NAME")]
    name: String,
}

/// How a store is reached.
#[derive(Args)]
struct Way {
    /// A file with the credentials as the provider hands them out; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// How bytes go between clients and the store.
    #[arg(long, value_parser = ["auto", "direct", "proxy"])]
    data_path: Option<String>,
    /// The endpoint in the URLs that clients get, if it is another than the server's.
    #[arg(long, value_name = "URL")]
    client_endpoint: Option<String>,
    /// A file with certificates to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A proxy that the server goes through.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    /// `s3://BUCKET/PREFIX?region=REGION`, `gs://BUCKET`, `az://ACCOUNT/CONTAINER`, `file:///DIRECTORY` …; `-` reads it from
    /// standard input, where nobody else sees a secret in it.
    #[arg(long, value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    way: Way,
}

#[derive(Args)]
pub struct Update {
    #[command(flatten)]
    named: Named,
    /// Another way to the same bucket and prefix, or to others while nothing is kept there; `-` is standard input.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    way: Way,
}

#[derive(Args)]
pub struct Rotate {
    #[command(flatten)]
    named: Named,
    /// A file with the credentials as the provider hands them out; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    credentials_file: PathBuf,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print the connectors as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    named: Named,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Attach {
    #[command(flatten)]
    named: Named,
    #[arg(long, value_name = "TEAM")]
    team: String,
}

#[derive(Args)]
pub struct Detach {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(long, value_name = "TEAM")]
    team: String,
}

pub fn run(command: Connector) -> anyhow::Result<()> {
    match command {
        Connector::Create(arguments) => create(arguments),
        Connector::List(arguments) => list(arguments),
        Connector::Show(arguments) => show(arguments),
        Connector::Test(arguments) => test(arguments),
        Connector::Update(arguments) => update(arguments),
        Connector::Rotate(arguments) => rotate(arguments),
        Connector::Delete(named) => delete(named),
        Connector::Attach(arguments) => attach(arguments),
        Connector::Detach(arguments) => detach(arguments),
        Connector::Migrate(arguments) => migrate::run(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let Create { named: Named { settings, name }, address, way } = arguments;
    let mut store = way.described()?;
    store.insert("address".into(), given_or_read(&address)?.into());
    let new = json!({ "name": name, "store": store });
    ask(settings, Method::POST, "/api/v1/connectors", Some(&new))?;
    eprintln!("defined the connector `{name}`; try it out: weighhouse connector test {name}");
    Ok(())
}

fn update(arguments: Update) -> anyhow::Result<()> {
    let Update { named: Named { settings, name }, address, way } = arguments;
    let mut change = way.described()?;
    if let Some(address) = address {
        change.insert("address".into(), given_or_read(&address)?.into());
    }
    if change.is_empty() {
        bail!("nothing is to be changed: say what");
    }
    ask(settings, Method::PATCH, &path(&name, ""), Some(&Value::Object(change)))?;
    eprintln!("changed the connector `{name}`");
    Ok(())
}

fn rotate(arguments: Rotate) -> anyhow::Result<()> {
    let Rotate { named: Named { settings, name }, credentials_file } = arguments;
    let new = json!({ "credentials": read(&credentials_file)? });
    ask(settings, Method::POST, &path(&name, "/rotate"), Some(&new))?;
    eprintln!("the connector `{name}` has its new credentials");
    Ok(())
}

fn delete(Named { settings, name }: Named) -> anyhow::Result<()> {
    ask(settings, Method::DELETE, &path(&name, ""), None)?;
    eprintln!("deleted the connector `{name}`");
    Ok(())
}

fn attach(arguments: Attach) -> anyhow::Result<()> {
    let Attach { named: Named { settings, name }, team } = arguments;
    let path = format!("/api/v1/teams/{}/connector", segment(&team));
    ask(settings, Method::PUT, &path, Some(&json!({ "connector": name })))?;
    eprintln!("what is of team `{team}` goes to `{name}`");
    Ok(())
}

fn detach(arguments: Detach) -> anyhow::Result<()> {
    let path = format!("/api/v1/teams/{}/connector", segment(&arguments.team));
    ask(arguments.settings, Method::DELETE, &path, None)?;
    eprintln!("what is of team `{}` goes to the store of the server", arguments.team);
    Ok(())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let connectors = door::run(arguments.settings, Missing::Refuse, async |door: &mut Door| {
        door.list("/api/v1/connectors", "connectors").await
    })?;
    if arguments.json {
        return print_json(&Value::Array(connectors));
    }
    let mut table = Table::new(["NAME", "PROVIDER", "PLACE", "DATA PATH", "TEAMS", "TEST"]);
    for connector in &connectors {
        let teams: Vec<&str> = connector["teams"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let name = word(connector, "name") + if connector["is_default"] == true { " (default)" } else { "" };
        let (provider, place) = place_of(connector);
        table.row([name, provider, place, data_path_of(connector), teams.join(" "), test_of(connector)]);
    }
    table.print()
}

fn show(arguments: Show) -> anyhow::Result<()> {
    let Show { named: Named { settings, name }, json } = arguments;
    let shown = ask(settings, Method::GET, &path(&name, ""), None)?;
    if json {
        return print_json(&shown);
    }
    let (provider, place) = place_of(&shown);
    print(&format!("{name}: {provider} {place}, {}, test {}", data_path_of(&shown), test_of(&shown)))?;
    print_steps(&shown)
}

/// Fails when the store cannot be used, so that scripts see it.
fn test(arguments: Show) -> anyhow::Result<()> {
    let Show { named: Named { settings, name }, json } = arguments;
    let tested = ask(settings, Method::POST, &path(&name, "/test"), None)?;
    if json {
        print_json(&tested)?;
    } else {
        print_steps(&tested)?;
    }
    if tested["test"]["passed"] != true {
        bail!("the store of connector `{name}` cannot be used as it is");
    }
    Ok(())
}

/// A line for each step; below what failed, what to do.
fn print_steps(connector: &Value) -> anyhow::Result<()> {
    for step in connector["test"]["steps"].as_array().into_iter().flatten() {
        print(&step_line(step))?;
        for (title, field) in [("missing", "missing"), ("paste", "paste")] {
            if let Some(text) = step[field].as_str() {
                let indented: Vec<String> = text.lines().map(|line| format!("      {line}")).collect();
                print(&format!("    {title}:\n{}", indented.join("\n")))?;
            }
        }
    }
    Ok(())
}

fn step_line(step: &Value) -> String {
    let failed = step["outcome"] == "failed";
    let outcome = if failed && step["needed"] == false { "failed, not needed".into() } else { word(step, "outcome") };
    let words = step["words"].as_str().map(|words| format!(": {words}")).unwrap_or_default();
    format!("{:<16} {outcome}{words}", word(step, "step"))
}

fn place_of(connector: &Value) -> (String, String) {
    let place = &connector["place"];
    let names = ["account", "bucket", "container", "directory"].map(|field| word(place, field));
    let parts = names.into_iter().chain([word(connector, "prefix")]).filter(|part| !part.is_empty());
    (word(place, "provider"), parts.collect::<Vec<_>>().join("/"))
}

fn data_path_of(connector: &Value) -> String {
    let now = if connector["is_direct"] == true { "direct" } else { "proxy" };
    let given = word(connector, "data_path");
    if given == now { given } else { format!("{given} ({now})") }
}

fn test_of(connector: &Value) -> String {
    let test = &connector["test"];
    match test["passed"].as_bool() {
        None => "none yet".into(),
        Some(passed) => format!("{} {}", if passed { "passed" } else { "failed" }, word(test, "at")),
    }
}

impl Way {
    fn described(&self) -> anyhow::Result<Map<String, Value>> {
        let credentials = self.credentials_file.as_deref().map(read).transpose()?;
        let ca = self.ca_file.as_deref().map(read).transpose()?;
        let texts = [
            ("credentials", credentials),
            ("data_path", self.data_path.clone()),
            ("client_endpoint", self.client_endpoint.clone()),
            ("ca", ca),
            ("proxy", self.proxy.clone()),
        ];
        Ok(texts.into_iter().filter_map(|(field, text)| Some((field.to_owned(), json!(text?)))).collect())
    }
}

fn given_or_read(text: &str) -> anyhow::Result<String> {
    if text == "-" { Ok(read(Path::new("-"))?.trim().to_owned()) } else { Ok(text.to_owned()) }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("cannot read `{shown}`"))?;
        opened.take(INPUT_BYTES_MAX).read_to_string(&mut text)
    };
    read.with_context(|| format!("cannot read `{shown}`"))?;
    Ok(text)
}

fn path(name: &str, rest: &str) -> String {
    format!("/api/v1/connectors/{}{rest}", segment(name))
}

fn ask(settings: SettingsArguments, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    door::run(settings, Missing::Refuse, async |door: &mut Door| door.ask(method, path, body).await)
}
