//! Deleting versions and collections.

use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::collection::ArtifactCollection;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::request::Request;
use crate::domain::artifact::collection::CollectionKind;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct DeleteArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    /// Without it a version that has aliases stays.
    delete_aliases: Option<bool>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteArtifactPayload {
    /// As it was.
    artifact: Option<Artifact>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct DeleteArtifactSequenceInput {
    #[graphql(name = "artifactSequenceID")]
    artifact_sequence_id: ID,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct DeleteArtifactPortfolioInput {
    #[graphql(name = "artifactPortfolioID")]
    artifact_portfolio_id: ID,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteArtifactSequencePayload {
    artifact_collection: Option<ArtifactCollection>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteArtifactPortfolioPayload {
    artifact_collection: Option<ArtifactCollection>,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct DeleteMutation;

#[Object]
impl DeleteMutation {
    async fn delete_artifact(
        &self,
        ctx: &Context<'_>,
        input: DeleteArtifactInput,
    ) -> async_graphql::Result<DeleteArtifactPayload> {
        let request = Request::of(ctx);
        let (id, with_aliases) = (id::artifact_id(&input.artifact_id)?, input.delete_aliases.unwrap_or(false));
        let deleted = request.app.delete_artifact(&request.caller, id, with_aliases).await.map_err(failed)?;
        let artifact = Some(Artifact::of(deleted));
        Ok(DeleteArtifactPayload { artifact, client_mutation_id: input.client_mutation_id })
    }

    /// With all its versions.
    async fn delete_artifact_sequence(
        &self,
        ctx: &Context<'_>,
        input: DeleteArtifactSequenceInput,
    ) -> async_graphql::Result<DeleteArtifactSequencePayload> {
        let artifact_collection = delete(ctx, &input.artifact_sequence_id, CollectionKind::Sequence).await?;
        let client_mutation_id = input.client_mutation_id;
        Ok(DeleteArtifactSequencePayload { artifact_collection: Some(artifact_collection), client_mutation_id })
    }

    /// Its versions stay where they were logged.
    async fn delete_artifact_portfolio(
        &self,
        ctx: &Context<'_>,
        input: DeleteArtifactPortfolioInput,
    ) -> async_graphql::Result<DeleteArtifactPortfolioPayload> {
        let artifact_collection = delete(ctx, &input.artifact_portfolio_id, CollectionKind::Portfolio).await?;
        let client_mutation_id = input.client_mutation_id;
        Ok(DeleteArtifactPortfolioPayload { artifact_collection: Some(artifact_collection), client_mutation_id })
    }
}

async fn delete(ctx: &Context<'_>, id: &ID, kind: CollectionKind) -> async_graphql::Result<ArtifactCollection> {
    let request = Request::of(ctx);
    let deleted = request.app.delete_collection(&request.caller, id::collection_id(id)?, kind).await;
    Ok(ArtifactCollection::deleted(deleted.map_err(failed)?))
}
