//! Making and changing projects.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::object::project::Project;
use crate::api::graphql::request::Request;
use crate::app::project::UpsertProject;
use async_graphql::{Context, InputObject, Object, SimpleObject};

/// Fields that mean nothing here are taken, because clients send them (wandb 0.31.0, `CreateProject`).
#[derive(InputObject)]
pub(super) struct UpsertModelInput {
    id: Option<String>,
    name: Option<String>,
    entity_name: Option<String>,
    description: Option<String>,
    repo: Option<String>,
    framework: Option<String>,
    access: Option<String>,
    views: Option<String>,
    docker_image: Option<String>,
    is_benchmark: Option<bool>,
    is_published: Option<bool>,
    owner: Option<async_graphql::ID>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UpsertModelPayload {
    project: Project,
    model: Project,
    inserted: bool,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct ProjectMutation;

#[Object]
impl ProjectMutation {
    async fn upsert_model(
        &self,
        ctx: &Context<'_>,
        input: UpsertModelInput,
    ) -> async_graphql::Result<UpsertModelPayload> {
        let request = Request::of(ctx);
        let name = input.name.ok_or_else(|| invalid("a project needs a `name`"))?;
        let upsert = UpsertProject { entity: input.entity_name, name, description: input.description };
        let (found, inserted) = request.app.upsert_project(&request.caller, upsert).await.map_err(failed)?;
        let project = Project::of(found);
        let client_mutation_id = input.client_mutation_id;
        Ok(UpsertModelPayload { model: project.clone(), project, inserted, client_mutation_id })
    }
}
