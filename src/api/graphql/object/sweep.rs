//! Sweeps and their agents.

use crate::access::Allowed;
use crate::api::graphql::cursor::{self, PageInfo, page_size};
use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::object::run::{Run, RunConnection, RunEdge, count};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, JsonString};
use crate::app::run::FoundRun;
use crate::app::sweep::FoundSweep;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AgentId, RunId, SweepId};
use crate::domain::json::Value;
use crate::domain::sweep::Agent as AgentRecord;
use async_graphql::{Context, ID, Object, SimpleObject};
use std::sync::Arc;

/// Some clients ask for a sweep's runs without saying how many, and mean all (wandb 0.17.9 to 0.31.0, SweepWithRuns).
const RUNS_DEFAULT: i32 = 1_000;

#[derive(Clone)]
pub(in crate::api::graphql) struct Sweep {
    found: Arc<Allowed<FoundSweep>>,
    project: Project,
}

impl Sweep {
    pub fn of(found: Allowed<FoundSweep>) -> Self {
        let project = Project::of(found.project(|found| found.at.clone()));
        Self { found: Arc::new(found), project }
    }

    async fn agents_of(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Agent>> {
        let request = Request::of(ctx);
        let agents = request.app.list_agents(&self.found).await.map_err(failed)?;
        Ok(agents.into_iter().map(|(id, record)| Agent { id, record, of: self.clone() }).collect())
    }

    fn connection(
        &self,
        runs: Vec<Allowed<FoundRun>>,
        has_next_page: bool,
        position: impl Fn(&FoundRun) -> String,
    ) -> RunConnection {
        let edge = |run: Allowed<FoundRun>| RunEdge {
            cursor: cursor::encode(&position(&run)),
            node: Run::of(run, self.project.clone()),
        };
        let edges: Vec<RunEdge> = runs.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        RunConnection { edges, page_info: PageInfo { end_cursor, has_next_page } }
    }
}

#[Object]
impl Sweep {
    async fn id(&self) -> ID {
        id::sweep(self.found.id)
    }

    async fn name(&self) -> &str {
        &self.found.sweep.name
    }

    async fn display_name(&self) -> Option<&str> {
        self.found.sweep.display_name.as_deref()
    }

    async fn description(&self) -> Option<&str> {
        self.found.sweep.description.as_deref()
    }

    async fn method(&self) -> &str {
        &self.found.sweep.method
    }

    async fn state(&self) -> &'static str {
        self.found.sweep.state.as_str()
    }

    async fn project(&self) -> &Project {
        &self.project
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.found.sweep.created_at)
    }

    async fn updated_at(&self) -> DateTime {
        DateTime(self.found.sweep.updated_at)
    }

    /// When an agent was last heard of.
    async fn heartbeat_at(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<DateTime>> {
        let agents = self.agents_of(ctx).await?;
        Ok(agents.iter().map(|agent| agent.record.heartbeat_at).max().map(DateTime))
    }

    /// YAML text, as the client wrote it.
    async fn config(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let request = Request::of(ctx);
        request.app.sweep_config(&self.found).await.map_err(failed)
    }

    /// What a local controller wrote.
    async fn controller(&self) -> JsonString {
        JsonString(self.found.sweep.controller.clone().unwrap_or_else(|| "{}".to_owned()))
    }

    /// What was made of it: `{"scheduled": [{"id", "runid"}]}`.
    async fn scheduler(&self) -> JsonString {
        let text = |text: &str| Value::Text(text.to_owned());
        let entry = |scheduled: &crate::domain::sweep::Scheduled| {
            Value::Object(vec![("id".into(), text(&scheduled.id)), ("runid".into(), text(&scheduled.run))])
        };
        let scheduled = self.found.sweep.scheduled.iter().map(entry).collect();
        JsonString(Value::Object(vec![("scheduled".into(), Value::Array(scheduled))]).to_text())
    }

    /// The run to which a local scheduler writes what it does.
    async fn controller_run_name(&self) -> String {
        format!("{}-scheduler", self.found.sweep.name)
    }

    /// Runs are stopped early with the heartbeats of their agents, not by a job.
    async fn early_stop_job_running(&self) -> bool {
        false
    }

    async fn best_loss(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<f64>> {
        let request = Request::of(ctx);
        request.app.best_of_sweep(&self.found).await.map_err(failed)
    }

    async fn run_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        let request = Request::of(ctx);
        Ok(count(request.app.count_sweep_runs(&self.found).await.map_err(failed)? as u64))
    }

    /// The size of a grid.
    async fn run_count_expected(&self) -> Option<i64> {
        self.found.sweep.runs_expected.map(count)
    }

    /// Oldest first.
    async fn runs(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<RunConnection> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.map(|text| read_position(&text)).transpose()?;
        let first = page_size(first.or(Some(RUNS_DEFAULT)));
        let (runs, has_more) = request.app.sweep_runs(&self.found, after, first).await.map_err(failed)?;
        Ok(self.connection(runs, has_more, |run| position(run.run.created_at, run.id.0)))
    }

    /// By its name or its id.
    async fn agent(&self, ctx: &Context<'_>, agent_name: String) -> async_graphql::Result<Option<Agent>> {
        let agents = self.agents_of(ctx).await?;
        let is_meant = |agent: &Agent| agent.record.name == agent_name || id::agent(agent.id).as_str() == agent_name;
        Ok(agents.into_iter().find(is_meant))
    }

    async fn agents(&self, ctx: &Context<'_>) -> async_graphql::Result<AgentConnection> {
        let agents = self.agents_of(ctx).await?;
        Ok(AgentConnection { edges: agents.into_iter().map(|node| AgentEdge { node }).collect() })
    }
}

fn position(created_at: Timestamp, id: u64) -> String {
    format!("{}:{id}", created_at.0)
}

fn read_position(text: &str) -> async_graphql::Result<(Timestamp, RunId)> {
    let (created_at, id) = numbers(text)?;
    Ok((created_at, RunId(id)))
}

fn numbers(text: &str) -> async_graphql::Result<(Timestamp, u64)> {
    let numbers = text.split_once(':').and_then(|(time, id)| Some((Timestamp(time.parse().ok()?), id.parse().ok()?)));
    numbers.ok_or_else(|| invalid("this cursor was not made by this list"))
}

pub(in crate::api::graphql) struct Agent {
    id: AgentId,
    record: AgentRecord,
    of: Sweep,
}

impl Agent {
    pub fn of(found: &Allowed<crate::app::sweep::FoundAgent>) -> Self {
        Self { id: found.id, record: found.agent.clone(), of: Sweep::of(found.project(|agent| agent.of.clone())) }
    }
}

#[Object]
impl Agent {
    async fn id(&self) -> ID {
        id::agent(self.id)
    }

    async fn name(&self) -> &str {
        &self.record.name
    }

    async fn host(&self) -> &str {
        &self.record.host
    }

    async fn state(&self, ctx: &Context<'_>) -> &'static str {
        let request = Request::of(ctx);
        match self.record {
            AgentRecord { is_ended: true, .. } => "FINISHED",
            _ if request.app.is_agent_dead(&self.record) => "CRASHED",
            _ => "RUNNING",
        }
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.record.created_at)
    }

    async fn heartbeat_at(&self) -> DateTime {
        DateTime(self.record.heartbeat_at)
    }

    async fn total_runs(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        let request = Request::of(ctx);
        Ok(count(request.app.count_agent_runs(self.id).await.map_err(failed)? as u64))
    }

    /// Runs that were given to it, oldest first. `before`, `last` and `order` change nothing: no client uses them.
    async fn runs(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        before: Option<String>,
        last: Option<i32>,
        order: Option<String>,
    ) -> async_graphql::Result<RunConnection> {
        let _nothing_changes = (before, last, order);
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.map(|text| text.parse().map(RunId));
        let after = after.transpose().map_err(|_| invalid("this cursor was not made by this list"))?;
        let listed = request.app.agent_runs(&self.of.found, self.id, after, page_size(first));
        let (runs, has_more) = listed.await.map_err(failed)?;
        Ok(self.of.connection(runs, has_more, |run| run.id.to_string()))
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct AgentConnection {
    edges: Vec<AgentEdge>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct AgentEdge {
    node: Agent,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct SweepConnection {
    edges: Vec<SweepEdge>,
    page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct SweepEdge {
    node: Sweep,
    cursor: String,
}

impl SweepConnection {
    /// The sweeps of a project, newest first.
    pub async fn list(
        ctx: &Context<'_>,
        project: &Project,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Self> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.map(|text| numbers(&text)).transpose()?;
        let before = after.map(|(created_at, id)| (created_at, SweepId(id)));
        let listed = request.app.list_sweeps(&request.caller, &project.found, before, page_size(first));
        let (sweeps, has_next_page) = listed.await.map_err(failed)?;
        let edge = |found: Allowed<FoundSweep>| SweepEdge {
            cursor: cursor::encode(&position(found.sweep.created_at, found.id.0)),
            node: Sweep::of(found),
        };
        let edges: Vec<SweepEdge> = sweeps.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(Self { edges, page_info: PageInfo { end_cursor, has_next_page } })
    }
}
