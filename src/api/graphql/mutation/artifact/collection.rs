//! Changing collections.

use super::{TagInput, tag_names};
use crate::access::Allowed;
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::alias::Tag;
use crate::api::graphql::object::artifact::collection::ArtifactCollection;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::Int64;
use crate::app::artifact::FoundCollection;
use crate::app::artifact::collection::{CollectionPath, UpdateCollection};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct UpdateArtifactSequenceInput {
    #[graphql(name = "artifactSequenceID")]
    artifact_sequence_id: ID,
    name: Option<String>,
    description: Option<String>,
    /// Of this server alone: how long versions are kept that say nothing themselves; -2 is for ever.
    ttl_duration_seconds: Option<Int64>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct UpdateArtifactPortfolioInput {
    #[graphql(name = "artifactPortfolioID")]
    artifact_portfolio_id: ID,
    name: Option<String>,
    description: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct MoveArtifactSequenceInput {
    #[graphql(name = "artifactSequenceID")]
    artifact_sequence_id: ID,
    destination_artifact_type_name: String,
    client_mutation_id: Option<String>,
}

macro_rules! collection_payloads {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        pub(super) struct $name {
            artifact_collection: ArtifactCollection,
            client_mutation_id: Option<String>,
        }
    )*};
}

collection_payloads!(UpdateArtifactSequencePayload UpdateArtifactPortfolioPayload MoveArtifactSequencePayload);

macro_rules! tag_inputs {
    ($($name:ident)*) => {$(
        #[derive(InputObject)]
        pub(super) struct $name {
            entity_name: String,
            project_name: String,
            artifact_collection_name: String,
            tags: Vec<TagInput>,
            #[graphql(name = "clientMutationID")]
            client_mutation_id: Option<String>,
        }
    )*};
}

tag_inputs!(CreateArtifactCollectionTagAssignmentsInput DeleteArtifactCollectionTagAssignmentsInput);

#[derive(SimpleObject)]
pub(super) struct CreateArtifactCollectionTagAssignmentsPayload {
    /// All that the collection has now.
    tags: Vec<Tag>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteArtifactCollectionTagAssignmentsPayload {
    success: bool,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct CollectionMutation;

#[Object]
impl CollectionMutation {
    /// Null leaves a field as it is.
    async fn update_artifact_sequence(
        &self,
        ctx: &Context<'_>,
        input: UpdateArtifactSequenceInput,
    ) -> async_graphql::Result<UpdateArtifactSequencePayload> {
        let default_ttl_secs = input.ttl_duration_seconds.map(|Int64(secs)| secs);
        let change = UpdateCollection { name: input.name, description: input.description, default_ttl_secs };
        let artifact_collection = update(ctx, &input.artifact_sequence_id, change).await?;
        Ok(UpdateArtifactSequencePayload { artifact_collection, client_mutation_id: input.client_mutation_id })
    }

    /// Null leaves a field as it is.
    async fn update_artifact_portfolio(
        &self,
        ctx: &Context<'_>,
        input: UpdateArtifactPortfolioInput,
    ) -> async_graphql::Result<UpdateArtifactPortfolioPayload> {
        let change = UpdateCollection { name: input.name, description: input.description, default_ttl_secs: None };
        let artifact_collection = update(ctx, &input.artifact_portfolio_id, change).await?;
        Ok(UpdateArtifactPortfolioPayload { artifact_collection, client_mutation_id: input.client_mutation_id })
    }

    /// Gives a sequence another type.
    async fn move_artifact_sequence(
        &self,
        ctx: &Context<'_>,
        input: MoveArtifactSequenceInput,
    ) -> async_graphql::Result<MoveArtifactSequencePayload> {
        let request = Request::of(ctx);
        let id = id::collection_id(&input.artifact_sequence_id)?;
        let moved = request.app.move_sequence(&request.caller, id, input.destination_artifact_type_name);
        let artifact_collection = ArtifactCollection::of(moved.await.map_err(failed)?.into());
        Ok(MoveArtifactSequencePayload { artifact_collection, client_mutation_id: input.client_mutation_id })
    }

    async fn create_artifact_collection_tag_assignments(
        &self,
        ctx: &Context<'_>,
        input: CreateArtifactCollectionTagAssignmentsInput,
    ) -> async_graphql::Result<CreateArtifactCollectionTagAssignmentsPayload> {
        let path = (input.entity_name, input.project_name, input.artifact_collection_name);
        let changed = change_tags(ctx, path, tag_names(Some(input.tags)), Vec::new()).await?;
        let tags = Tag::all(&changed.collection.tags);
        Ok(CreateArtifactCollectionTagAssignmentsPayload { tags, client_mutation_id: input.client_mutation_id })
    }

    async fn delete_artifact_collection_tag_assignments(
        &self,
        ctx: &Context<'_>,
        input: DeleteArtifactCollectionTagAssignmentsInput,
    ) -> async_graphql::Result<DeleteArtifactCollectionTagAssignmentsPayload> {
        let path = (input.entity_name, input.project_name, input.artifact_collection_name);
        change_tags(ctx, path, Vec::new(), tag_names(Some(input.tags))).await?;
        let client_mutation_id = input.client_mutation_id;
        Ok(DeleteArtifactCollectionTagAssignmentsPayload { success: true, client_mutation_id })
    }
}

async fn update(ctx: &Context<'_>, id: &ID, change: UpdateCollection) -> async_graphql::Result<ArtifactCollection> {
    let request = Request::of(ctx);
    let updated = request.app.update_collection(&request.caller, id::collection_id(id)?, change).await;
    Ok(ArtifactCollection::of(updated.map_err(failed)?.into()))
}

async fn change_tags(
    ctx: &Context<'_>,
    (entity, project, collection): (String, String, String),
    add: Vec<String>,
    delete: Vec<String>,
) -> async_graphql::Result<Allowed<FoundCollection>> {
    let request = Request::of(ctx);
    let path = CollectionPath { entity, project, collection };
    request.app.change_collection_tags(&request.caller, path, add, delete).await.map_err(failed)
}
