//! Projects. The client also calls them models.

use crate::access::Allowed;
use crate::api::graphql::access;
use crate::api::graphql::cursor::{self, PageInfo, page_size};
use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::artifact_type::{ArtifactType, ArtifactTypeConnection, ArtifactTypeEdge};
use crate::api::graphql::object::artifact::collection::{ArtifactCollection, ArtifactCollectionConnection, wanted};
use crate::api::graphql::object::artifact::membership::ArtifactCollectionMembership;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::object::entity::Entity;
use crate::api::graphql::object::run::{Run, RunConnection, RunEdge, count};
use crate::api::graphql::object::sweep::{Sweep, SweepConnection};
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, JsonString};
use crate::app::artifact::{FoundArtifact, FoundType};
use crate::app::project::FoundProject;
use async_graphql::{Context, ID, Object, SimpleObject};
use std::sync::Arc;
use tokio::sync::OnceCell;

#[derive(Clone)]
pub(in crate::api::graphql) struct Project {
    pub found: Arc<Allowed<FoundProject>>,
    /// Asked once, however many runs want to know.
    may_log: Arc<OnceCell<bool>>,
}

impl Project {
    pub fn of(found: Allowed<FoundProject>) -> Self {
        Self { found: Arc::new(found), may_log: Arc::default() }
    }

    /// One that the caller sees.
    pub async fn find(
        ctx: &Context<'_>,
        entity: Option<&str>,
        name: Option<&str>,
    ) -> async_graphql::Result<Option<Self>> {
        let request = Request::of(ctx);
        let name = name.unwrap_or(crate::domain::project::DEFAULT_PROJECT);
        let found = request.app.find_project(&request.caller, entity, name).await.map_err(failed)?;
        Ok(found.map(Self::of))
    }

    async fn version_named(
        &self,
        ctx: &Context<'_>,
        name: &str,
    ) -> async_graphql::Result<Option<Allowed<FoundArtifact>>> {
        let request = Request::of(ctx);
        request.app.version_named(&request.caller, &self.found, name).await.map_err(failed)
    }

    pub async fn is_read_only(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        let request = Request::of(ctx);
        let ask = || request.app.may_log(&request.caller, &self.found);
        Ok(!*self.may_log.get_or_try_init(ask).await.map_err(failed)?)
    }

    async fn run_named(&self, ctx: &Context<'_>, name: &str) -> async_graphql::Result<Option<Run>> {
        let request = Request::of(ctx);
        let found = request.app.find_run(&request.caller, &self.found, name).await.map_err(failed)?;
        Ok(found.map(|found| Run::of(found, self.clone())))
    }
}

#[Object]
impl Project {
    async fn id(&self) -> ID {
        id::project(self.found.id)
    }

    async fn internal_id(&self) -> ID {
        id::project_internal(self.found.id)
    }

    async fn name(&self) -> &str {
        self.found.project.name.as_str()
    }

    async fn entity_name(&self) -> &str {
        self.found.entity.entity.name.as_str()
    }

    async fn entity(&self) -> Entity {
        Entity { found: self.found.entity.clone().into() }
    }

    async fn description(&self) -> Option<&str> {
        self.found.project.description.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.found.project.created_at)
    }

    /// The client's word for who sees it.
    async fn access(&self) -> &'static str {
        access::word(self.found.project.visibility)
    }

    /// JSON text that some clients keep there; nothing here reads it.
    async fn views(&self) -> Option<String> {
        None
    }

    async fn repo(&self) -> Option<String> {
        None
    }

    async fn docker_image(&self) -> Option<String> {
        None
    }

    async fn is_benchmark(&self) -> bool {
        false
    }

    /// Whether the caller may log to it.
    async fn read_only(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.is_read_only(ctx).await
    }

    async fn user(&self, ctx: &Context<'_>) -> async_graphql::Result<User> {
        User::of(ctx, self.found.project.owner).await
    }

    async fn run(&self, ctx: &Context<'_>, name: String, desc: Option<String>) -> async_graphql::Result<Option<Run>> {
        let _always_null = desc;
        self.run_named(ctx, &name).await
    }

    /// A run by its historical name. `missingOk` changes nothing: a run that is missing is null.
    async fn bucket(
        &self,
        ctx: &Context<'_>,
        name: String,
        desc: Option<String>,
        missing_ok: Option<bool>,
    ) -> async_graphql::Result<Option<Run>> {
        let _nothing_changes = (desc, missing_ok);
        self.run_named(ctx, &name).await
    }

    async fn runs(
        &self,
        ctx: &Context<'_>,
        filters: Option<JsonString>,
        order: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<RunConnection> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?;
        let wanted = crate::app::run_list::RunListing {
            filters: filters.map(|JsonString(text)| text),
            order,
            after,
            limit: page_size(first),
        };
        let page = request.app.list_runs(&request.caller, &self.found, wanted).await.map_err(failed)?;
        let (runs, positions): (Vec<_>, Vec<String>) = page.runs.into_iter().unzip();
        let nodes = Run::list(runs, self).into_iter();
        let edge = |(node, position): (Run, String)| RunEdge { cursor: cursor::encode(&position), node };
        let edges: Vec<RunEdge> = nodes.zip(positions).map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(RunConnection { edges, page_info: PageInfo { end_cursor, has_next_page: page.has_more } })
    }

    async fn sweep(&self, ctx: &Context<'_>, sweep_name: String) -> async_graphql::Result<Option<Sweep>> {
        let request = Request::of(ctx);
        let found = request.app.find_sweep(&request.caller, &self.found, &sweep_name).await.map_err(failed)?;
        Ok(found.map(Sweep::of))
    }

    /// Newest first. Clients send no filters unless the server says that it takes them, and this one does not.
    async fn sweeps(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        filters: Option<JsonString>,
    ) -> async_graphql::Result<SweepConnection> {
        if filters.is_some_and(|JsonString(text)| !matches!(text.trim(), "" | "null" | "{}")) {
            return Err(invalid("sweeps cannot be filtered: list them all"));
        }
        SweepConnection::list(ctx, self, first, after).await
    }

    async fn total_sweeps(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        let request = Request::of(ctx);
        Ok(count(request.app.count_sweeps(&self.found).await.map_err(failed)? as u64))
    }

    /// Runs by their historical name, the first page of them.
    async fn buckets(&self, ctx: &Context<'_>, first: Option<i32>) -> async_graphql::Result<RunConnection> {
        self.runs(ctx, None, None, first, None).await
    }

    /// A version by `name:alias`. What is looked up here is not tracked, whatever the client asks.
    async fn artifact(
        &self,
        ctx: &Context<'_>,
        name: String,
        enable_tracking: Option<bool>,
    ) -> async_graphql::Result<Option<Artifact>> {
        let _not_tracked = enable_tracking;
        Ok(self.version_named(ctx, &name).await?.map(Artifact::of))
    }

    async fn artifact_collection_membership(
        &self,
        ctx: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<ArtifactCollectionMembership>> {
        Ok(self.version_named(ctx, &name).await?.map(ArtifactCollectionMembership::of))
    }

    async fn artifact_collection(
        &self,
        ctx: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<ArtifactCollection>> {
        let request = Request::of(ctx);
        let found = request.app.collection_named(&request.caller, &self.found, &name).await.map_err(failed)?;
        Ok(found.map(|found| ArtifactCollection::of(found.into())))
    }

    async fn artifact_collections(
        &self,
        ctx: &Context<'_>,
        filters: Option<JsonString>,
        order: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<ArtifactCollectionConnection>> {
        let wanted = wanted(filters, order, first, after.as_deref())?;
        ArtifactCollectionConnection::list(ctx, &self.found, None, wanted).await.map(Some)
    }

    async fn artifact_type(&self, ctx: &Context<'_>, name: String) -> async_graphql::Result<Option<ArtifactType>> {
        let request = Request::of(ctx);
        let found = request.app.artifact_type_named(&request.caller, &self.found, &name).await.map_err(failed)?;
        Ok(found.map(ArtifactType::of))
    }

    /// By name. `includeAll` changes nothing: no types are left out.
    async fn artifact_types(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        include_all: Option<bool>,
    ) -> async_graphql::Result<ArtifactTypeConnection> {
        let _always_all = include_all;
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?;
        let listed = request.app.list_artifact_types(&request.caller, &self.found, after, page_size(first));
        let (types, has_next_page) = listed.await.map_err(failed)?;
        let edge = |found: Allowed<FoundType>| ArtifactTypeEdge {
            cursor: cursor::encode(&found.artifact_type.name),
            node: ArtifactType::of(found),
        };
        let edges: Vec<ArtifactTypeEdge> = types.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(ArtifactTypeConnection { edges, page_info: PageInfo { end_cursor, has_next_page } })
    }

    async fn run_count(&self, ctx: &Context<'_>, filters: Option<JsonString>) -> async_graphql::Result<i64> {
        let request = Request::of(ctx);
        let filters = filters.map(|JsonString(text)| text);
        let count = request.app.count_runs(&request.caller, &self.found, filters).await.map_err(failed)?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ProjectConnection {
    pub edges: Vec<ProjectEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ProjectEdge {
    pub node: Project,
    pub cursor: String,
}
