//! Runs. The client also calls them buckets.

use crate::access::Allowed;
use crate::api::graphql::cursor::{self, PageInfo, page_size};
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::alert::{AlertConnection, AlertEdge};
use crate::api::graphql::object::artifact::version::{
    Artifact, ArtifactConnection, ArtifactEdge, InputArtifactConnection, InputArtifactEdge,
};
use crate::api::graphql::object::batch::Batch;
use crate::api::graphql::object::file::{Counted, File, FileConnection, FileEdge, is_like};
use crate::api::graphql::object::history::RunHistory;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::object::run_info::RunInfo;
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, JsonString};
use crate::app::artifact::FoundArtifact;
use crate::app::artifact::lineage::{Direction, RunArtifacts};
use crate::app::file::ListedFile;
use crate::app::run::FoundRun;
use crate::domain::id::{AlertId, ArtifactId};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::RunState;
use crate::domain::run_config;
use crate::domain::stream::RunStreams;
use async_graphql::{Context, ID, MergedObject, Object, SimpleObject};
use std::sync::Arc;

/// A run in two files: what it is, and what was logged to it.
#[derive(MergedObject)]
pub(in crate::api::graphql) struct Run(RunIdentity, RunHistory);

impl Run {
    pub fn of(found: Allowed<FoundRun>, project: Project) -> Self {
        let batch = Arc::new(Batch::new(vec![found]));
        Self::at(batch, 0, project)
    }

    /// Runs of one project, in their order.
    pub fn list(runs: Vec<Allowed<FoundRun>>, project: &Project) -> Vec<Self> {
        let count = runs.len();
        let batch = Arc::new(Batch::new(runs));
        (0..count).map(|at| Self::at(Arc::clone(&batch), at, project.clone())).collect()
    }

    fn at(batch: Arc<Batch>, at: usize, project: Project) -> Self {
        let seen = SeenRun { batch, at, project };
        Self(RunIdentity(seen.clone()), RunHistory(seen))
    }

    /// A run whose project goes with it.
    pub fn with_project(found: Allowed<FoundRun>) -> Self {
        let project = Project::of(found.project(|found| found.at.clone()));
        Self::of(found, project)
    }
}

/// What both halves know of the run.
#[derive(Clone)]
pub(super) struct SeenRun {
    pub batch: Arc<Batch>,
    /// Which run of the batch it is.
    pub at: usize,
    project: Project,
}

pub(in crate::api::graphql) struct RunIdentity(SeenRun);

impl SeenRun {
    pub fn found(&self) -> &Allowed<FoundRun> {
        self.batch.run(self.at)
    }

    pub async fn streams(&self, ctx: &Context<'_>) -> async_graphql::Result<&RunStreams> {
        self.batch.streams(Request::of(ctx), self.at).await
    }
}

#[Object]
impl RunIdentity {
    async fn id(&self) -> ID {
        id::run(self.0.found())
    }

    async fn internal_id(&self) -> ID {
        ID(self.0.found().id.to_string())
    }

    /// An integer, as the client sends it back.
    async fn project_id(&self) -> i64 {
        i64::try_from(self.0.found().at.id.0).unwrap_or(i64::MAX)
    }

    async fn project(&self) -> &Project {
        &self.0.project
    }

    async fn name(&self) -> &str {
        self.0.found().run.name.as_str()
    }

    async fn display_name(&self) -> &str {
        &self.0.found().run.display_name
    }

    async fn state(&self) -> &'static str {
        self.0.found().run.state.as_str()
    }

    async fn running(&self) -> bool {
        self.0.found().run.state.is_alive()
    }

    async fn failed(&self) -> bool {
        self.0.found().run.state == RunState::Failed
    }

    async fn exitcode(&self) -> Option<i64> {
        self.0.found().run.exit_code
    }

    /// Somebody asked the client to stop.
    async fn stopped(&self) -> bool {
        self.0.found().run.stop_requested
    }

    async fn should_stop(&self) -> bool {
        self.0.found().run.stop_requested
    }

    async fn group(&self) -> Option<&str> {
        self.0.found().run.group.as_deref()
    }

    async fn job_type(&self) -> Option<&str> {
        self.0.found().run.job_type.as_deref()
    }

    async fn notes(&self) -> Option<&str> {
        self.0.found().run.notes.as_deref()
    }

    async fn description(&self) -> Option<&str> {
        self.0.found().run.description.as_deref()
    }

    async fn tags(&self) -> &[String] {
        &self.0.found().run.tags
    }

    async fn commit(&self) -> Option<&str> {
        self.0.found().run.commit.as_deref()
    }

    async fn host(&self) -> Option<&str> {
        self.0.found().run.host.as_deref()
    }

    async fn job_program(&self) -> Option<&str> {
        self.0.found().run.program.as_deref()
    }

    async fn sweep_name(&self) -> Option<&str> {
        self.0.found().run.sweep.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.0.found().run.created_at)
    }

    async fn heartbeat_at(&self, ctx: &Context<'_>) -> async_graphql::Result<DateTime> {
        Ok(DateTime(self.0.streams(ctx).await?.heartbeat_at.unwrap_or(self.0.found().run.created_at)))
    }

    async fn read_only(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.0.project.is_read_only(ctx).await
    }

    /// Never null: 0.31.0 cannot read a run without one.
    async fn user(&self, ctx: &Context<'_>) -> async_graphql::Result<User> {
        let owner = self.0.batch.owner(Request::of(ctx), self.0.at).await?;
        Ok(User::or_deleted(owner))
    }

    /// JSON text, every key wrapped in `value`.
    async fn config(&self, ctx: &Context<'_>) -> async_graphql::Result<JsonString> {
        let config = self.0.batch.config(Request::of(ctx), self.0.at).await?;
        Ok(JsonString(config.to_owned()))
    }

    /// The client's own notes in the config, those named: JSON text without spaces.
    async fn wandb_config(
        &self,
        ctx: &Context<'_>,
        keys: Option<Vec<Option<String>>>,
    ) -> async_graphql::Result<JsonString> {
        let text = self.0.batch.config(Request::of(ctx), self.0.at).await?;
        let config = Value::parse(text.as_bytes(), MAX_DEPTH).unwrap_or(Value::Null);
        let keys: Option<Vec<String>> = keys.map(|keys| keys.into_iter().flatten().collect());
        Ok(JsonString(run_config::notes(&config, keys.as_deref()).to_text()))
    }

    /// What the client said about its machine and program; null when it said nothing.
    async fn run_info(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<RunInfo>> {
        let found = Request::of(ctx).app.run_info(self.0.found()).await.map_err(failed)?;
        Ok(found.map(|said| RunInfo { said }))
    }

    async fn file_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        let request = Request::of(ctx);
        let files = request.app.count_run_files(self.0.found(), |_| true).await.map_err(failed)?;
        Ok(count(files as u64))
    }

    /// What the script told with `run.alert`, oldest first.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<AlertConnection> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.and_then(|id| id.parse().ok()).map(AlertId);
        let listed = request.app.list_alerts(self.0.found(), after, page_size(first));
        let (alerts, has_next_page) = listed.await.map_err(failed)?;
        let edge = |(id, alert): (AlertId, crate::domain::run::Alert)| AlertEdge {
            cursor: cursor::encode(&id.to_string()),
            node: alert.into(),
        };
        let edges: Vec<AlertEdge> = alerts.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(AlertConnection { edges, page_info: PageInfo { end_cursor, has_next_page } })
    }

    /// What it used, as far as the caller sees.
    async fn input_artifacts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<InputArtifactConnection>> {
        let (listed, page_info) = self.artifacts(ctx, Direction::Input, first, after).await?;
        let total_count = count(listed.total as u64);
        let edge = |(found, position): (Allowed<FoundArtifact>, String)| InputArtifactEdge {
            cursor: cursor::encode(&position),
            node: Artifact::of(found),
        };
        let edges = listed.versions.into_iter().map(edge).collect();
        Ok(Some(InputArtifactConnection { edges, page_info, total_count }))
    }

    /// What it logged, as far as the caller sees.
    async fn output_artifacts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<ArtifactConnection>> {
        let (listed, page_info) = self.artifacts(ctx, Direction::Output, first, after).await?;
        let total_count = count(listed.total as u64);
        let edge = |(found, position): (Allowed<FoundArtifact>, String)| ArtifactEdge {
            cursor: cursor::encode(&position),
            version: format!("v{}", found.artifact.version.unwrap_or_default()),
            node: Artifact::of(found),
        };
        let edges = listed.versions.into_iter().map(edge).collect();
        Ok(Some(ArtifactConnection { edges, page_info, total_count }))
    }

    /// Files whose bytes have arrived: all, or those named, or those that fit an SQL `LIKE` pattern.
    async fn files(
        &self,
        ctx: &Context<'_>,
        names: Option<Vec<Option<String>>>,
        first: Option<i32>,
        after: Option<String>,
        pattern: Option<String>,
    ) -> async_graphql::Result<FileConnection> {
        let request = Request::of(ctx);
        let names: Vec<String> = names.into_iter().flatten().flatten().collect();
        let counted = FilesCounted { run: self.0.clone(), pattern: pattern.clone(), named: None };
        if !names.is_empty() {
            let files = request.app.run_files_named(self.0.found(), names).await.map_err(failed)?;
            return Ok(self.connection(FilesCounted { named: Some(files.len()), ..counted }, files, false));
        }
        let after = cursor::decode(after.as_deref())?;
        let fits = move |path: &str| pattern.as_deref().is_none_or(|pattern| is_like(path, pattern));
        let listed = request.app.list_run_files(self.0.found(), after, page_size(first), fits);
        let (files, has_next_page) = listed.await.map_err(failed)?;
        Ok(self.connection(counted, files, has_next_page))
    }
}

impl RunIdentity {
    async fn artifacts(
        &self,
        ctx: &Context<'_>,
        direction: Direction,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<(RunArtifacts, PageInfo)> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.and_then(|id| id.parse().ok()).map(ArtifactId);
        let listed = request.app.artifacts_of_run(&request.caller, self.0.found(), direction, after, page_size(first));
        let listed = listed.await.map_err(failed)?;
        let end_cursor = listed.versions.last().map(|(_, position)| cursor::encode(position));
        let page_info = PageInfo { end_cursor, has_next_page: listed.has_more };
        Ok((listed, page_info))
    }

    fn connection(&self, counted: FilesCounted, files: Vec<ListedFile>, has_next_page: bool) -> FileConnection {
        let counted = Counted::OfRun(counted);
        let run = self.0.found().id;
        let edge = |listed: ListedFile| FileEdge {
            cursor: cursor::encode(listed.path.as_str()),
            node: File::of_run(run, listed),
        };
        let edges: Vec<FileEdge> = files.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        FileConnection { edges, page_info: PageInfo { end_cursor, has_next_page }, upload_headers: Vec::new(), counted }
    }
}

/// Which files a list is of; they are counted when somebody asks.
pub(in crate::api::graphql) struct FilesCounted {
    run: SeenRun,
    pattern: Option<String>,
    /// Of a list by names.
    named: Option<usize>,
}

impl FilesCounted {
    pub async fn count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        if let Some(named) = self.named {
            return Ok(count(named as u64));
        }
        let pattern = self.pattern.clone();
        let fits = move |path: &str| pattern.as_deref().is_none_or(|pattern| is_like(path, pattern));
        let counted = Request::of(ctx).app.count_run_files(self.run.found(), fits).await.map_err(failed)?;
        Ok(count(counted as u64))
    }
}

pub(in crate::api::graphql) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct RunConnection {
    pub edges: Vec<RunEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct RunEdge {
    pub node: Run,
    pub cursor: String,
}
