//! `weighhouse project`: who sees a project, whose it is, and who has a role of their own in it.

use super::SettingsArguments;
use super::door::{self, Door, Missing, segment};
use super::output::{Table, print_json, word};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

#[derive(Subcommand)]
pub enum Project {
    /// Make a project in a team.
    Create(Create),
    /// List the projects of a team.
    List(List),
    /// Change who sees a project, whose it is, or what it says.
    Set(Set),
    /// List those who have a role of their own in a project.
    Members(Members),
    /// Give a member of the team a role in a project, which lets them into a restricted one.
    SetRole(SetRole),
    /// Take a role in a project away: the role in the team counts, and a restricted project is closed to them.
    RemoveRole(RemoveRole),
}

/// Which project is meant.
#[derive(Args)]
struct Named {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(value_name = "ENTITY/PROJECT", value_parser = parse_path)]
    project: ProjectPath,
}

#[derive(Clone)]
struct ProjectPath {
    entity: String,
    project: String,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    /// open, public, team or restricted; without it what the team has set.
    #[arg(long, value_name = "VISIBILITY")]
    visibility: Option<String>,
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(Args)]
pub struct List {
    #[command(flatten)]
    settings: SettingsArguments,
    #[arg(long, value_name = "NAME")]
    team: String,
    /// Print the projects as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Set {
    #[command(flatten)]
    named: Named,
    /// open, public, team or restricted.
    #[arg(long, value_name = "VISIBILITY")]
    visibility: Option<String>,
    /// A member of the team, whose project it is from now on.
    #[arg(long, value_name = "USERNAME")]
    owner: Option<String>,
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(Args)]
pub struct Members {
    #[command(flatten)]
    named: Named,
    /// Print the members as a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct SetRole {
    #[command(flatten)]
    named: Named,
    #[arg(value_name = "USERNAME")]
    username: String,
    /// admin, member or view_only.
    #[arg(value_name = "ROLE")]
    role: String,
}

#[derive(Args)]
pub struct RemoveRole {
    #[command(flatten)]
    named: Named,
    #[arg(value_name = "USERNAME")]
    username: String,
}

fn parse_path(text: &str) -> Result<ProjectPath, &'static str> {
    let parts = text.split_once('/').filter(|(entity, project)| !entity.is_empty() && !project.is_empty());
    let (entity, project) = parts.ok_or("a project is named like `vision/mnist`: the team, then the project")?;
    Ok(ProjectPath { entity: entity.to_owned(), project: project.to_owned() })
}

pub fn run(command: Project) -> anyhow::Result<()> {
    match command {
        Project::Create(arguments) => create(arguments),
        Project::List(arguments) => list(arguments),
        Project::Set(arguments) => set(arguments),
        Project::Members(arguments) => members(arguments),
        Project::SetRole(arguments) => set_role(arguments),
        Project::RemoveRole(arguments) => remove_role(arguments),
    }
}

fn create(arguments: Create) -> anyhow::Result<()> {
    let Create { named, visibility, description } = arguments;
    let ProjectPath { entity, project } = &named.project;
    let new = json!({ "entity": entity, "name": project, "visibility": visibility, "description": description });
    let made = door::run(named.settings, Missing::Refuse, async |door: &mut Door| {
        door.ask(Method::POST, "/api/v1/projects", Some(&new)).await
    })?;
    eprintln!("made the project `{entity}/{project}`, {}", word(&made, "visibility"));
    Ok(())
}

fn list(arguments: List) -> anyhow::Result<()> {
    let path = format!("/api/v1/projects?entity={}", segment(&arguments.team));
    let projects = pages(arguments.settings, &path, "projects")?;
    if arguments.json {
        return print_json(&Value::Array(projects));
    }
    let mut table = Table::new(["PROJECT", "VISIBILITY", "OWNER", "SINCE"]);
    for project in &projects {
        table.row(["name", "visibility", "owner", "created_at"].map(|field| word(project, field)));
    }
    table.print()
}

fn set(arguments: Set) -> anyhow::Result<()> {
    let Set { named, visibility, owner, description } = arguments;
    let texts = [("visibility", visibility), ("owner", owner), ("description", description)];
    let change: Map<String, Value> =
        texts.into_iter().filter_map(|(field, text)| Some((field.to_owned(), json!(text?)))).collect();
    let changed = ask(named, &Method::PATCH, "", Some(&Value::Object(change)))?;
    eprintln!("the project is {} and owned by {}", word(&changed, "visibility"), word(&changed, "owner"));
    Ok(())
}

fn members(arguments: Members) -> anyhow::Result<()> {
    let path = format!("{}/members", route(&arguments.named.project));
    let members = pages(arguments.named.settings, &path, "members")?;
    if arguments.json {
        return print_json(&Value::Array(members));
    }
    let mut table = Table::new(["USERNAME", "ROLE", "ROLE IN THE TEAM", "SINCE"]);
    for member in &members {
        table.row(["username", "role", "team_role", "since"].map(|field| word(member, field)));
    }
    table.print()
}

fn set_role(arguments: SetRole) -> anyhow::Result<()> {
    let SetRole { named, username, role } = arguments;
    ask(named, &Method::PUT, &format!("/members/{}", segment(&username)), Some(&json!({ "role": role })))?;
    eprintln!("`{username}` is {role} in the project");
    Ok(())
}

fn remove_role(arguments: RemoveRole) -> anyhow::Result<()> {
    let RemoveRole { named, username } = arguments;
    ask(named, &Method::DELETE, &format!("/members/{}", segment(&username)), None)?;
    eprintln!("`{username}` has no role of their own in the project");
    Ok(())
}

fn ask(named: Named, method: &Method, rest: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let path = format!("{}{rest}", route(&named.project));
    door::run(named.settings, Missing::Refuse, async |door: &mut Door| door.ask(method.clone(), &path, body).await)
}

/// All entries of a list that comes in pages.
fn pages(settings: SettingsArguments, path: &str, field: &str) -> anyhow::Result<Vec<Value>> {
    door::run(settings, Missing::Refuse, async |door: &mut Door| door.list(path, field).await)
}

fn route(at: &ProjectPath) -> String {
    format!("/api/v1/projects/{}/{}", segment(&at.entity), segment(&at.project))
}
