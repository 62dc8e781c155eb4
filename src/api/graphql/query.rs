//! The root of all queries. What does not exist, or is hidden from the caller, is null and no error.

use super::cursor::{self, PageInfo, page_size};
use super::error::failed;
use super::id;
use super::object::artifact::collection::ArtifactCollection;
use super::object::artifact::version::Artifact;
use super::object::entity::{Entity, Organization};
use super::object::project::{Project, ProjectConnection, ProjectEdge};
use super::object::server::ServerInfo;
use super::object::user::{User, UserConnection, UserEdge};
use super::request::Request;
use async_graphql::{Context, ID, Object, SimpleObject};

pub struct Query;

#[derive(SimpleObject)]
#[graphql(name = "ClientIDMapping")]
struct ClientIdMapping {
    #[graphql(name = "serverID")]
    server_id: ID,
}

#[Object]
impl Query {
    /// Who asks; null without a valid key.
    async fn viewer(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<User>> {
        let request = Request::of(ctx);
        let person = request.app.viewer(&request.caller).await.map_err(failed)?;
        Ok(person.map(|person| User { person }))
    }

    async fn server_info(&self) -> ServerInfo {
        ServerInfo
    }

    async fn project(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        entity_name: Option<String>,
    ) -> async_graphql::Result<Option<Project>> {
        Project::find(ctx, entity_name.as_deref(), name.as_deref()).await
    }

    /// A project by its historical name.
    async fn model(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
        entity_name: Option<String>,
    ) -> async_graphql::Result<Option<Project>> {
        Project::find(ctx, entity_name.as_deref(), name.as_deref()).await
    }

    /// Projects by their historical name.
    async fn models(
        &self,
        ctx: &Context<'_>,
        entity_name: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<ProjectConnection> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?;
        let listed =
            request.app.list_projects(&request.caller, entity_name.as_deref(), after.as_deref(), page_size(first));
        let (projects, has_next_page) = listed.await.map_err(failed)?;
        let edge = |found: crate::access::Allowed<_>| {
            let node = Project::of(found);
            ProjectEdge { cursor: cursor::encode(node.found.project.name.as_str()), node }
        };
        let edges: Vec<ProjectEdge> = projects.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(ProjectConnection { edges, page_info: PageInfo { end_cursor, has_next_page } })
    }

    /// What we call the artifact that a client has named itself.
    #[graphql(name = "clientIDMapping")]
    async fn client_id_mapping(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "clientID")] client_id: ID,
    ) -> async_graphql::Result<Option<ClientIdMapping>> {
        let request = Request::of(ctx);
        let found = request.app.find_artifact_by_client_id(&request.caller, &client_id).await.map_err(failed)?;
        Ok(found.map(|found| ClientIdMapping { server_id: id::artifact(found) }))
    }

    /// A version, or a draft that the caller may fill.
    async fn artifact(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Artifact>> {
        let request = Request::of(ctx);
        let found = request.app.find_artifact(&request.caller, id::artifact_id(&id)?).await.map_err(failed)?;
        Ok(found.map(Artifact::of))
    }

    async fn artifact_collection(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<Option<ArtifactCollection>> {
        let request = Request::of(ctx);
        let found = request.app.find_collection(&request.caller, id::collection_id(&id)?).await.map_err(failed)?;
        Ok(found.map(|found| ArtifactCollection::of(found.into())))
    }

    async fn entity(&self, ctx: &Context<'_>, name: Option<String>) -> async_graphql::Result<Option<Entity>> {
        let request = Request::of(ctx);
        let found = request.app.find_entity(&request.caller, name.as_deref()).await.map_err(failed)?;
        Ok(found.map(|found| Entity { found }))
    }

    /// One that the caller is in, or administers as a system admin.
    async fn organization(
        &self,
        ctx: &Context<'_>,
        name: Option<String>,
    ) -> async_graphql::Result<Option<Organization>> {
        let request = Request::of(ctx);
        let found = request.app.find_organization(&request.caller, &name.unwrap_or_default()).await.map_err(failed)?;
        Ok(found.map(|found| Organization { found }))
    }

    /// People by user name or e-mail address: those of the caller's organizations.
    async fn users(&self, ctx: &Context<'_>, query: Option<String>) -> async_graphql::Result<UserConnection> {
        let request = Request::of(ctx);
        let text = query.unwrap_or_default();
        let found = request.app.search_person(&request.caller, &text).await.map_err(failed)?;
        Ok(UserConnection { edges: found.into_iter().map(|person| UserEdge { node: User { person } }).collect() })
    }
}
