//! A version's place in a collection.

use super::alias::ArtifactAlias;
use super::collection::ArtifactCollection;
use super::file;
use super::version::Artifact;
use crate::access::Allowed;
use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::file::FileConnection;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::DateTime;
use crate::app::artifact::{FoundArtifact, FoundCollection};
use crate::domain::artifact::collection::Membership;
use async_graphql::{Context, ID, Object, SimpleObject};
use std::sync::Arc;
use tokio::sync::OnceCell;

pub(in crate::api::graphql) struct ArtifactCollectionMembership {
    found: Arc<Allowed<FoundArtifact>>,
    within: Arc<Allowed<FoundCollection>>,
    /// Read once, however many fields ask.
    place: OnceCell<(Vec<String>, Option<Membership>)>,
}

impl ArtifactCollectionMembership {
    pub fn of(found: Allowed<FoundArtifact>) -> Self {
        let within = Arc::new(found.project(|found| found.within.clone()));
        Self { found: Arc::new(found), within, place: OnceCell::new() }
    }

    async fn place(&self, ctx: &Context<'_>) -> async_graphql::Result<&(Vec<String>, Option<Membership>)> {
        let request = Request::of(ctx);
        self.place.get_or_try_init(|| request.app.place_of(&self.found)).await.map_err(failed)
    }
}

#[Object]
impl ArtifactCollectionMembership {
    async fn id(&self) -> ID {
        id::membership(self.within.id, self.found.version.unwrap_or_default())
    }

    /// The number of the version in this collection.
    async fn version_index(&self) -> Option<u32> {
        self.found.version
    }

    async fn created_at(&self, ctx: &Context<'_>) -> async_graphql::Result<DateTime> {
        let (_, membership) = self.place(ctx).await?;
        Ok(DateTime(membership.as_ref().map_or(self.found.artifact.created_at, |membership| membership.created_at)))
    }

    /// Its number is one of them, as in `Artifact.aliases`.
    async fn aliases(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ArtifactAlias>> {
        let (aliases, _) = self.place(ctx).await?;
        let number = self.found.version.map(|version| format!("v{version}"));
        let alias = |alias: String| ArtifactAlias { within: Arc::clone(&self.within), alias };
        Ok(aliases.iter().cloned().chain(number).map(alias).collect())
    }

    async fn artifact_collection(&self) -> Option<ArtifactCollection> {
        Some(ArtifactCollection::of(Arc::clone(&self.within)))
    }

    async fn artifact(&self) -> Option<Artifact> {
        Some(Artifact::shared(Arc::clone(&self.found)))
    }

    /// All that is in the version, references too.
    async fn files(
        &self,
        ctx: &Context<'_>,
        names: Option<Vec<String>>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<FileConnection>> {
        file::list(ctx, &self.found, names, first, after).await.map(Some)
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactCollectionMembershipConnection {
    pub edges: Vec<ArtifactCollectionMembershipEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactCollectionMembershipEdge {
    pub node: ArtifactCollectionMembership,
    pub cursor: String,
}
