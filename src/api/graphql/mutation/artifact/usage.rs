//! Noting that a run uses an artifact.

use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::request::Request;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct UseArtifactInput {
    /// Of the run.
    entity_name: String,
    project_name: String,
    run_name: String,
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    /// Where the artifact is, which its id says too.
    artifact_entity_name: Option<String>,
    artifact_project_name: Option<String>,
    used_as: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UseArtifactPayload {
    artifact: Artifact,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct UsageMutation;

#[Object]
impl UsageMutation {
    /// Notes that a run uses a version.
    async fn use_artifact(
        &self,
        ctx: &Context<'_>,
        input: UseArtifactInput,
    ) -> async_graphql::Result<UseArtifactPayload> {
        let request = Request::of(ctx);
        let _said_twice = (input.artifact_entity_name, input.artifact_project_name);
        let entity = Some(&*input.entity_name);
        let run = request.app.path_of_run(&request.caller, entity, &input.project_name, &input.run_name);
        let run = run.await.map_err(failed)?;
        let id = id::artifact_id(&input.artifact_id)?;
        let used = request.app.use_artifact(&request.caller, id, run, input.used_as).await.map_err(failed)?;
        Ok(UseArtifactPayload { artifact: Artifact::of(used), client_mutation_id: input.client_mutation_id })
    }
}
