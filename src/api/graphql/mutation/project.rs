//! Making and changing projects.

use crate::api::graphql::access;
use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::JsonString;
use crate::app::project::UpsertProject;
use crate::app::run::project_path;
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
    views: Option<JsonString>,
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

#[derive(InputObject)]
pub(super) struct RenameProjectInput {
    entity_name: String,
    old_project_name: String,
    new_project_name: String,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct RenameProjectPayload {
    project: Project,
    /// A renamed project is never a new one.
    inserted: bool,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct DeleteModelInput {
    id: String,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct DeleteModelPayload {
    success: bool,
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
        let visibility = input.access.as_deref().map(access::parse).transpose()?;
        let upsert = UpsertProject { entity: input.entity_name, name, description: input.description, visibility };
        let (found, inserted) = request.app.upsert_project(&request.caller, upsert).await.map_err(failed)?;
        let project = Project::of(found);
        let client_mutation_id = input.client_mutation_id;
        Ok(UpsertModelPayload { model: project.clone(), project, inserted, client_mutation_id })
    }

    async fn rename_project(
        &self,
        ctx: &Context<'_>,
        input: RenameProjectInput,
    ) -> async_graphql::Result<RenameProjectPayload> {
        let request = Request::of(ctx);
        let at = project_path(&input.entity_name, &input.old_project_name).map_err(failed)?;
        let renamed = request.app.rename_project(&request.caller, at, &input.new_project_name).await.map_err(failed)?;
        let client_mutation_id = input.client_mutation_id;
        Ok(RenameProjectPayload { project: Project::of(renamed), inserted: false, client_mutation_id })
    }

    /// Deletes a project in which there is nobody else's run.
    async fn delete_model(
        &self,
        ctx: &Context<'_>,
        input: DeleteModelInput,
    ) -> async_graphql::Result<DeleteModelPayload> {
        let request = Request::of(ctx);
        request.app.delete_project(&request.caller, id::project_id(&input.id)?).await.map_err(failed)?;
        Ok(DeleteModelPayload { success: true, client_mutation_id: input.client_mutation_id })
    }
}
