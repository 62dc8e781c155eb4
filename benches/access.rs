//! What governing costs: a decision for somebody in many teams, a page of a large team, a record of the audit log.

#[expect(dead_code, reason = "each benchmark uses part of what they share")]
mod support;

use anyhow::{Context, anyhow, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::arguments::Arguments;
use support::http::{Connection, request};
use support::report::{self, Latencies, rounded};
use support::server::{Server, fresh_directory, with_server};
use weighhouse::access::{Action, Caller, KeyScope, Licence, OrganizationRole, TeamRole, Visibility};
use weighhouse::db::engine::redb::{RedbEngine, RedbOptions};
use weighhouse::db::repo::project::ProjectPath;
use weighhouse::db::repo::{audit, entity, organization, project, team, user};
use weighhouse::db::tx::WriteTx;
use weighhouse::db::{Db, Limits};
use weighhouse::domain::audit::{Actor, AuditAction, AuditRecord, Subject, UserSubject};
use weighhouse::domain::clock::Clock;
use weighhouse::domain::id::{EntityId, UserId};
use weighhouse::domain::name::EntityName;
use weighhouse::domain::origin::Origin;
use weighhouse::domain::project::ProjectName;

const TEAMS: usize = 200;
const MEMBERS: usize = 10_000;
/// Connections that fill the team at once: their changes share commits.
const FILLERS: usize = 32;
/// Decisions in one measured stretch: a single one is shorter than the clock is exact.
const DECISIONS: u32 = 1_000;
const GRACE: Caller = Caller::user(UserId(1_000_000), false, KeyScope::Full);

#[derive(Serialize)]
struct DecisionLine {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    teams: usize,
    /// Finding the project, its grants, and deciding.
    p50_us: f64,
    p99_us: f64,
    decisions: u64,
}

#[derive(Serialize)]
struct MembersLine {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    members: usize,
    p50_ms: f64,
    p99_ms: f64,
    pages: usize,
}

#[derive(Serialize)]
struct AuditLine {
    bench: &'static str,
    workload: &'static str,
    build: &'static str,
    changes: usize,
    /// Of the database, each with its own syncing of the disk.
    commits_without: u64,
    commits_with: u64,
    p50_without_ms: f64,
    p50_with_ms: f64,
    p99_without_ms: f64,
    p99_with_ms: f64,
}

fn main() -> anyhow::Result<()> {
    let Some(arguments) = Arguments::read()? else { return Ok(()) };
    let wanted = arguments.select(&["decision", "members", "audit"], &[])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if wanted.contains(&"decision") {
        runtime.block_on(decisions(arguments.duration))?;
    }
    if wanted.contains(&"members") {
        with_server(|server| members(server, arguments.duration))?;
    }
    if wanted.contains(&"audit") {
        runtime.block_on(audit_records(arguments.duration))?;
    }
    Ok(())
}

fn open(directory: &Path) -> anyhow::Result<Db> {
    let options = RedbOptions { cache_bytes: 64 << 20, min_free_bytes: 0 };
    let engine = RedbEngine::open(directory.join("metadata.redb"), &options).map_err(|why| anyhow!("{why}"))?;
    Ok(Db::new(Arc::new(engine), Clock::system(), &Limits::default())?)
}

/// An organization, and in it teams with a project each; Grace is a member of all of them.
fn govern(tx: &mut WriteTx<'_>) -> anyhow::Result<Vec<EntityId>> {
    let (system, licence) = (Caller::SYSTEM, Licence::none());
    let instance = system.may(Action::OrgCreate, user::instance(), &licence)?;
    let home = organization::create(tx, &instance, EntityName::parse("research")?)?;
    let find = |tx: &WriteTx<'_>| organization::get(tx, &system, home.id)?.context("an organization just made");
    let id = GRACE.user_id().context("Grace is a person")?;
    let members = system.may(Action::OrgMembers, find(tx)?, &licence)?;
    organization::put_member(tx, &members, id, OrganizationRole::Member)?;
    let at = system.may(Action::TeamCreate, find(tx)?, &licence)?;
    let mut teams = Vec::new();
    for number in 0..TEAMS {
        let made = team::create(tx, &at, EntityName::parse(&format!("team-{number}"))?, &[])?;
        let found = team::get(tx, &system, made.id)?.context("a team just made")?;
        team::add_member(tx, &system.may(Action::TeamMemberAdd, found, &licence)?, id, TeamRole::Member)?;
        let found = entity::get(tx, &system, made.id)?.context("a team just made")?;
        let inside = system.may(Action::ProjectCreate, found, &licence)?;
        project::create(tx, &system, &inside, ProjectName::parse("p")?, None, Visibility::Team)?;
        teams.push(made.id);
    }
    Ok(teams)
}

async fn decisions(duration: Duration) -> anyhow::Result<()> {
    let directory = fresh_directory()?;
    let db = open(directory.path())?;
    db.write(govern).await?;
    let paths: Vec<ProjectPath> = (0..TEAMS)
        .map(|number| ProjectPath::parse(&format!("team-{number}"), "p").context("a name of a project"))
        .collect::<anyhow::Result<_>>()?;
    let (mut latencies, mut decisions, licence) = (Latencies::default(), 0, Licence::none());
    let started = Instant::now();
    while started.elapsed() < duration {
        let stretch = Instant::now();
        for path in paths.iter().cycle().take(DECISIONS as usize) {
            // A snapshot for each, as each request has its own.
            db.look_up(|tx| {
                let found = project::find(tx, &GRACE, path)?.context("the project is gone")?;
                let allowed = GRACE.may(Action::RunLog, found, &licence)?;
                ensure!(allowed.action() == Action::RunLog, "another action was decided");
                Ok::<_, anyhow::Error>(())
            })?;
        }
        latencies.push(stretch.elapsed() / DECISIONS);
        decisions += u64::from(DECISIONS);
    }
    report::print(&DecisionLine {
        bench: "access",
        workload: "decision",
        build: report::BUILD,
        teams: TEAMS,
        p50_us: rounded(latencies.percentile_ms(50) * 1000.0, 1),
        p99_us: rounded(latencies.percentile_ms(99) * 1000.0, 1),
        decisions,
    })
}

fn members(server: &Server, duration: Duration) -> anyhow::Result<()> {
    let socket = server.data_dir().join("admin.sock");
    let ask = |admin: &mut Connection<_>, method: &str, path: &str, body: &Value, status: u16| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = admin.exchange(&request(method, path, None, body.as_bytes()))?;
        Ok::<Value, anyhow::Error>(serde_json::from_slice(answer.expect(status)?)?)
    };
    let mut admin = Connection::open_unix(&socket)?;
    ask(&mut admin, "POST", "/api/v1/teams", &json!({ "name": "crowd", "organization": "default" }), 201)?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let fill = || -> anyhow::Result<()> {
            let mut admin = Connection::open_unix(&socket)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= MEMBERS {
                    return Ok(());
                }
                let person = json!({ "username": format!("p{number}"), "email": format!("p{number}@example.com") });
                ask(&mut admin, "POST", "/api/v1/users", &person, 201)?;
                let path = format!("/api/v1/teams/crowd/members/p{number}");
                ask(&mut admin, "PUT", &path, &json!({ "role": "member" }), 200)?;
            }
        };
        let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(fill)).collect();
        fillers.into_iter().try_for_each(|filler| filler.join().map_err(|_| anyhow!("a filler panicked"))?)
    })?;

    // A new one: the server closes connections that were idle for as long as filling the team takes.
    let mut admin = Connection::open_unix(&socket)?;
    let mut latencies = Latencies::default();
    let started = Instant::now();
    while started.elapsed() < duration {
        let (mut listed, mut path) = (0, "/api/v1/teams/crowd/members".to_owned());
        loop {
            let page_started = Instant::now();
            let page = ask(&mut admin, "GET", &path, &Value::Null, 200)?;
            latencies.push(page_started.elapsed());
            listed += page["members"].as_array().map_or(0, Vec::len);
            let Some(after) = page["next"].as_str() else { break };
            path = format!("/api/v1/teams/crowd/members?after={after}");
        }
        ensure!(listed == MEMBERS, "{listed} members were listed instead of {MEMBERS}");
    }
    report::print(&MembersLine {
        bench: "access",
        workload: "members",
        build: report::BUILD,
        members: MEMBERS,
        p50_ms: latencies.percentile_ms(50),
        p99_ms: latencies.percentile_ms(99),
        pages: latencies.count(),
    })
}

/// The same change without and with a record beside it, by turns.
async fn audit_records(duration: Duration) -> anyhow::Result<()> {
    let directory = fresh_directory()?;
    let db = open(directory.path())?;
    let teams = db.write(govern).await?;
    let (mut without, mut with) = (Latencies::default(), Latencies::default());
    let (mut commits_without, mut commits_with, mut changes) = (0, 0, 0);
    let started = Instant::now();
    while started.elapsed() < duration {
        let at = teams[changes % teams.len()];
        let role = if changes / teams.len() % 2 == 0 { TeamRole::Admin } else { TeamRole::Member };
        for (recorded, latencies, commits) in
            [(false, &mut without, &mut commits_without), (true, &mut with, &mut commits_with)]
        {
            let before = db.sequence();
            let change_started = Instant::now();
            db.write(move |tx| change_role(tx, at, role, recorded)).await?;
            latencies.push(change_started.elapsed());
            *commits += db.sequence() - before;
        }
        changes += 1;
    }
    ensure!(commits_with == commits_without, "records took {commits_with} commits instead of {commits_without}");
    report::print(&AuditLine {
        bench: "access",
        workload: "audit",
        build: report::BUILD,
        changes,
        commits_without,
        commits_with,
        p50_without_ms: without.percentile_ms(50),
        p50_with_ms: with.percentile_ms(50),
        p99_without_ms: without.percentile_ms(99),
        p99_with_ms: with.percentile_ms(99),
    })
}

fn change_role(tx: &mut WriteTx<'_>, at: EntityId, role: TeamRole, recorded: bool) -> anyhow::Result<()> {
    let (system, licence) = (Caller::SYSTEM, Licence::none());
    let id = GRACE.user_id().context("Grace is a person")?;
    let found = team::get(tx, &system, at)?.context("the team is gone")?;
    let found = system.may(Action::TeamRoleChange, found, &licence)?;
    let before = team::member(tx, at, id)?.context("Grace is gone")?;
    team::change_role(tx, &found, id, before, role)?;
    if !recorded {
        return Ok(());
    }
    let email = "grace@example.com".to_owned();
    let record = AuditRecord {
        at: tx.now(),
        action: AuditAction::TeamMember,
        actor: Actor::User { id, email: email.clone() },
        origin: Origin::LOCAL,
        status: 200,
        subject: Subject { user: Some(UserSubject { id: Some(id), email }), ..Subject::default() },
        organizations: vec![found.organization],
        details: [("role".to_owned(), role.as_str().to_owned())].into(),
    };
    Ok(audit::put(tx, &record)?)
}
