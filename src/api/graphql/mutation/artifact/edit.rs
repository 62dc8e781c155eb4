//! Changing what is said about a version.

use super::{ArtifactAliasInput, TagInput, tag_names};
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{Int64, JsonString};
use crate::app::artifact::edit::UpdateArtifact;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct UpdateArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    description: Option<String>,
    /// Nothing reads labels.
    labels: Option<String>,
    metadata: Option<JsonString>,
    ttl_duration_seconds: Option<Int64>,
    tags_to_add: Option<Vec<TagInput>>,
    tags_to_delete: Option<Vec<TagInput>>,
    /// All that the version is to have in its own sequence: how clients wrote it before `addAliases`.
    aliases: Option<Vec<ArtifactAliasInput>>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UpdateArtifactPayload {
    artifact: Artifact,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct EditMutation;

#[Object]
impl EditMutation {
    /// Null leaves a field as it is.
    async fn update_artifact(
        &self,
        ctx: &Context<'_>,
        input: UpdateArtifactInput,
    ) -> async_graphql::Result<UpdateArtifactPayload> {
        let request = Request::of(ctx);
        let _not_kept = input.labels;
        let name = |ArtifactAliasInput { alias, artifact_collection_name: _ }| alias;
        let update = UpdateArtifact {
            description: input.description,
            metadata: input.metadata.map(|JsonString(text)| text),
            ttl_secs: input.ttl_duration_seconds.map(|Int64(secs)| secs),
            tags_to_add: tag_names(input.tags_to_add),
            tags_to_delete: tag_names(input.tags_to_delete),
            aliases: input.aliases.map(|aliases| aliases.into_iter().map(name).collect()),
        };
        let id = id::artifact_id(&input.artifact_id)?;
        let updated = request.app.update_artifact(&request.caller, id, update).await.map_err(failed)?;
        Ok(UpdateArtifactPayload { artifact: Artifact::of(updated), client_mutation_id: input.client_mutation_id })
    }
}
