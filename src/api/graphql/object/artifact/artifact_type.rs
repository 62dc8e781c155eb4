//! Types of artifacts, and what there is of a type.

use super::collection::{ArtifactCollection, ArtifactCollectionConnection, ArtifactSequence};
use super::version::Artifact;
use crate::access::Allowed;
use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, JsonString};
use crate::app::artifact::{FoundCollection, FoundType};
use crate::domain::artifact::collection::CollectionKind;
use async_graphql::{Context, ID, Object, SimpleObject};

pub(in crate::api::graphql) struct ArtifactType {
    found: FoundType,
    /// For who sees the project: what there is in it.
    seen: Option<Allowed<FoundType>>,
}

impl ArtifactType {
    pub fn of(found: Allowed<FoundType>) -> Self {
        Self { found: FoundType::clone(&found), seen: Some(found) }
    }

    pub fn of_collection(seen: &Allowed<FoundCollection>) -> Self {
        Self::of(seen.project(type_of))
    }

    /// Its name alone, in a project that the caller does not see.
    pub fn unseen(found: &FoundCollection) -> Self {
        Self { found: type_of(found), seen: None }
    }

    async fn collection(
        &self,
        ctx: &Context<'_>,
        name: &str,
    ) -> async_graphql::Result<Option<Allowed<FoundCollection>>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let request = Request::of(ctx);
        let at = seen.project(|seen| seen.at.clone());
        let found = request.app.collection_named(&request.caller, &at, name).await.map_err(failed)?;
        Ok(found.filter(|found| found.collection.artifact_type == seen.id))
    }
}

fn type_of(found: &FoundCollection) -> FoundType {
    let (at, artifact_type) = (found.at.clone(), found.artifact_type.clone());
    FoundType { at, id: found.collection.artifact_type, artifact_type }
}

#[Object]
impl ArtifactType {
    async fn id(&self) -> ID {
        id::artifact_type(self.found.id)
    }

    async fn name(&self) -> &str {
        &self.found.artifact_type.name
    }

    async fn description(&self) -> Option<&str> {
        self.found.artifact_type.description.as_deref()
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.found.artifact_type.created_at)
    }

    /// A version of this type by `name:alias`.
    async fn artifact(&self, ctx: &Context<'_>, name: String) -> async_graphql::Result<Option<Artifact>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let request = Request::of(ctx);
        let at = seen.project(|seen| seen.at.clone());
        let found = request.app.version_named(&request.caller, &at, &name).await.map_err(failed)?;
        Ok(found.filter(|found| found.within.collection.artifact_type == seen.id).map(Artifact::of))
    }

    async fn artifact_collection(
        &self,
        ctx: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<ArtifactCollection>> {
        Ok(self.collection(ctx, &name).await?.map(|found| ArtifactCollection::of(found.into())))
    }

    /// The collection, if it is no portfolio.
    async fn artifact_sequence(
        &self,
        ctx: &Context<'_>,
        name: String,
    ) -> async_graphql::Result<Option<ArtifactSequence>> {
        let found = self.collection(ctx, &name).await?;
        let found = found.filter(|found| found.collection.kind == CollectionKind::Sequence);
        Ok(found.map(|found| ArtifactSequence::of(found.into())))
    }

    async fn artifact_collections(
        &self,
        ctx: &Context<'_>,
        filters: Option<JsonString>,
        order: Option<String>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<ArtifactCollectionConnection> {
        let Some(seen) = &self.seen else { return Ok(ArtifactCollectionConnection::default()) };
        let at = seen.project(|seen| seen.at.clone());
        let wanted = super::collection::wanted(filters, order, first, after.as_deref())?;
        ArtifactCollectionConnection::list(ctx, &at, Some(seen.id), wanted).await
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactTypeConnection {
    pub edges: Vec<ArtifactTypeEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactTypeEdge {
    pub node: ArtifactType,
    pub cursor: String,
}
