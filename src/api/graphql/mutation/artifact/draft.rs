//! Beginning to log an artifact, and committing it.

use super::{ArtifactAliasInput, TagInput, tag_names};
use crate::api::graphql::error::{failed, invalid, missing};
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::artifact_type::ArtifactType;
use crate::api::graphql::object::artifact::collection::ArtifactDigestAlgorithm;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{Int64, JsonString};
use crate::app::artifact::draft::CreateArtifact;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

/// Fields that mean nothing here are taken, because clients send them (wandb 0.31.0, `CreateArtifactInput`).
#[derive(InputObject)]
pub(super) struct CreateArtifactInput {
    entity_name: String,
    project_name: String,
    run_name: Option<String>,
    artifact_type_name: String,
    artifact_collection_name: Option<String>,
    /// Older clients name the one collection here.
    artifact_collection_names: Option<Vec<String>>,
    digest: String,
    digest_algorithm: Option<ArtifactDigestAlgorithm>,
    description: Option<String>,
    aliases: Option<Vec<ArtifactAliasInput>>,
    tags: Option<Vec<TagInput>>,
    labels: Option<JsonString>,
    metadata: Option<JsonString>,
    ttl_duration_seconds: Option<Int64>,
    history_step: Option<Int64>,
    enable_digest_deduplication: Option<bool>,
    #[graphql(name = "distributedID")]
    distributed_id: Option<String>,
    #[graphql(name = "clientID")]
    client_id: Option<ID>,
    #[graphql(name = "sequenceClientID")]
    sequence_client_id: Option<ID>,
    storage_region: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateArtifactPayload {
    artifact: Artifact,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct CommitArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CommitArtifactPayload {
    artifact: Artifact,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct CreateArtifactTypeInput {
    entity_name: String,
    project_name: String,
    name: String,
    description: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateArtifactTypePayload {
    artifact_type: Option<ArtifactType>,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct DraftMutation;

#[Object]
impl DraftMutation {
    /// A draft to be filled, or the version that has the same content already.
    async fn create_artifact(
        &self,
        ctx: &Context<'_>,
        input: CreateArtifactInput,
    ) -> async_graphql::Result<CreateArtifactPayload> {
        let request = Request::of(ctx);
        let client_mutation_id = input.client_mutation_id.clone();
        let created = request.app.create_artifact(&request.caller, plain(input)?).await.map_err(failed)?;
        Ok(CreateArtifactPayload { artifact: Artifact::of(created), client_mutation_id })
    }

    /// Makes a version of a draft whose files and manifest are there.
    async fn commit_artifact(
        &self,
        ctx: &Context<'_>,
        input: CommitArtifactInput,
    ) -> async_graphql::Result<CommitArtifactPayload> {
        let request = Request::of(ctx);
        let id = id::artifact_id(&input.artifact_id)?;
        let committed = request.app.commit_artifact(&request.caller, id).await.map_err(failed)?;
        Ok(CommitArtifactPayload { artifact: Artifact::of(committed), client_mutation_id: input.client_mutation_id })
    }

    /// Makes a type that the project may lack.
    async fn create_artifact_type(
        &self,
        ctx: &Context<'_>,
        input: CreateArtifactTypeInput,
    ) -> async_graphql::Result<CreateArtifactTypePayload> {
        let request = Request::of(ctx);
        let (app, caller) = (&request.app, &request.caller);
        let at = (input.entity_name.as_str(), input.project_name.as_str());
        app.create_artifact_type(caller, at, input.name.clone(), input.description).await.map_err(failed)?;
        let project = app.find_project(caller, Some(at.0), at.1).await.map_err(failed)?;
        let project = project.ok_or_else(|| missing("the project does not exist"))?;
        let made = app.artifact_type_named(caller, &project, &input.name).await.map_err(failed)?;
        Ok(CreateArtifactTypePayload {
            artifact_type: made.map(ArtifactType::of),
            client_mutation_id: input.client_mutation_id,
        })
    }
}

fn plain(input: CreateArtifactInput) -> async_graphql::Result<CreateArtifact> {
    // Labels were never shown anywhere; there is one region.
    let _not_kept = (input.labels, input.storage_region);
    if input.digest_algorithm.is_some_and(|algorithm| algorithm != ArtifactDigestAlgorithm::ManifestMd5) {
        return Err(invalid("this server knows the digest algorithm MANIFEST_MD5 only"));
    }
    let collections = input.artifact_collection_names.unwrap_or_default();
    let collection = input.artifact_collection_name.or_else(|| collections.into_iter().next());
    let collection = collection.ok_or_else(|| invalid("an artifact needs an `artifactCollectionName`"))?;
    let mut aliases: Vec<String> = Vec::new();
    for alias in input.aliases.unwrap_or_default() {
        if alias.artifact_collection_name != collection {
            let other = alias.artifact_collection_name.chars().take(100).collect::<String>();
            return Err(invalid(format!("an alias of an artifact of `{collection}` cannot be one of `{other}`")));
        }
        if !aliases.contains(&alias.alias) {
            aliases.push(alias.alias);
        }
    }
    let tags = tag_names(input.tags);
    Ok(CreateArtifact {
        entity: input.entity_name,
        project: input.project_name,
        run: input.run_name,
        artifact_type: input.artifact_type_name,
        collection,
        digest: input.digest,
        description: input.description,
        aliases,
        tags,
        metadata: input.metadata.map(|JsonString(text)| text),
        ttl_secs: input.ttl_duration_seconds.map(|Int64(secs)| secs),
        history_step: input.history_step.map(|Int64(step)| step),
        is_deduplicated: input.enable_digest_deduplication == Some(true),
        distributed_id: input.distributed_id,
        client_id: input.client_id.map(|ID(id)| id),
        sequence_client_id: input.sequence_client_id.map(|ID(id)| id),
    })
}
