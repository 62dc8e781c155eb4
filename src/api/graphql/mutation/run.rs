//! Making, changing, stopping and deleting runs.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::run::Run;
use crate::api::graphql::object::server::ServerSettings;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::JsonString;
use crate::app::run::{RunPath, Target, UpsertRun, project_path};
use crate::domain::project::DEFAULT_PROJECT;
use crate::domain::run::RunState;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct UpsertBucketInput {
    id: Option<String>,
    name: Option<String>,
    model_name: Option<String>,
    entity_name: Option<String>,
    group_name: Option<String>,
    description: Option<String>,
    display_name: Option<String>,
    notes: Option<String>,
    commit: Option<String>,
    config: Option<JsonString>,
    host: Option<String>,
    debug: Option<bool>,
    job_program: Option<String>,
    job_repo: Option<String>,
    job_type: Option<String>,
    state: Option<String>,
    sweep: Option<String>,
    tags: Option<Vec<String>>,
    summary_metrics: Option<JsonString>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UpsertBucketPayload {
    bucket: Run,
    inserted: bool,
    server_settings: ServerSettings,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct StopRunInput {
    id: ID,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct RewindRunInput {
    run_name: String,
    entity_name: Option<String>,
    project_name: Option<String>,
    /// Only `_step`.
    metric_name: String,
    metric_value: f64,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct RewindRunPayload {
    rewound_run: Run,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct DeleteRunInput {
    id: ID,
    delete_artifacts: Option<bool>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct DeleteRunsInput {
    /// At most 1000.
    ids: Vec<ID>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct UndeleteRunsInput {
    /// At most 1000.
    ids: Vec<ID>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct MoveRunsInput {
    /// At most 1000. They have to have ended.
    ids: Vec<ID>,
    destination_entity_name: String,
    destination_project_name: String,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct UpdateRunStateInput {
    id: ID,
    state: String,
    client_mutation_id: Option<String>,
}

macro_rules! success_payloads {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        pub(super) struct $name {
            success: bool,
            client_mutation_id: Option<String>,
        }
    )*};
}

success_payloads!(StopRunPayload DeleteRunPayload UpdateRunStatePayload);
success_payloads!(DeleteRunsPayload UndeleteRunsPayload MoveRunsPayload);

#[derive(Default)]
pub(super) struct RunMutation;

#[Object]
impl RunMutation {
    /// Makes a run or changes it; null leaves a field as it is.
    async fn upsert_bucket(
        &self,
        ctx: &Context<'_>,
        input: UpsertBucketInput,
    ) -> async_graphql::Result<UpsertBucketPayload> {
        let request = Request::of(ctx);
        // Clients set `debug` for their own tests.
        let _not_kept = input.debug;
        let target = match input.id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => Target::Existing(id::run_path(id)?),
            None => Target::Named { entity: input.entity_name, project: input.model_name, run: input.name },
        };
        let upsert = UpsertRun {
            target,
            display_name: input.display_name,
            group: input.group_name,
            job_type: input.job_type,
            notes: input.notes,
            description: input.description,
            tags: input.tags,
            commit: input.commit,
            repo: input.job_repo,
            program: input.job_program,
            host: input.host,
            sweep: input.sweep,
            state: input.state.as_deref().filter(|state| !state.is_empty()).map(parse_state).transpose()?,
            config: input.config.map(|JsonString(text)| text),
            summary: input.summary_metrics.map(|JsonString(text)| text),
            is_shared: request.is_shared,
            attribution: request.attribution.clone(),
        };
        let upserted = request.app.upsert_run(&request.caller, upsert).await.map_err(failed)?;
        Ok(UpsertBucketPayload {
            bucket: Run::with_project(upserted.run),
            inserted: upserted.inserted,
            server_settings: ServerSettings::default(),
            client_mutation_id: input.client_mutation_id,
        })
    }

    /// Tells the client of the run to stop.
    async fn stop_run(&self, ctx: &Context<'_>, input: StopRunInput) -> async_graphql::Result<StopRunPayload> {
        let request = Request::of(ctx);
        request.app.stop_run(&request.caller, id::run_path(&input.id)?).await.map_err(failed)?;
        Ok(StopRunPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    /// Takes back everything that was logged after a step.
    async fn rewind_run(&self, ctx: &Context<'_>, input: RewindRunInput) -> async_graphql::Result<RewindRunPayload> {
        let request = Request::of(ctx);
        if input.metric_name != "_step" {
            return Err(invalid("a run can be rewound by `_step` only"));
        }
        let project = input.project_name.as_deref().unwrap_or(DEFAULT_PROJECT);
        let entity = input.entity_name.as_deref();
        let path = request.app.path_of_run(&request.caller, entity, project, &input.run_name).await.map_err(failed)?;
        let step = input.metric_value.floor() as i64;
        let rewound = request.app.rewind_run(&request.caller, path, step).await.map_err(failed)?;
        Ok(RewindRunPayload { rewound_run: Run::with_project(rewound), client_mutation_id: input.client_mutation_id })
    }

    /// Puts the run into the trash. What it alone has logged goes for good, when that is asked for.
    async fn delete_run(&self, ctx: &Context<'_>, input: DeleteRunInput) -> async_graphql::Result<DeleteRunPayload> {
        let request = Request::of(ctx);
        let path = id::run_path(&input.id)?;
        if input.delete_artifacts == Some(true) {
            request.app.delete_artifacts_of_run(&request.caller, path.clone()).await.map_err(failed)?;
        }
        request.app.delete_run(&request.caller, path).await.map_err(failed)?;
        Ok(DeleteRunPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    /// Puts all of the runs into the trash or, when one of them is not the caller's to delete, none.
    async fn delete_runs(&self, ctx: &Context<'_>, input: DeleteRunsInput) -> async_graphql::Result<DeleteRunsPayload> {
        let request = Request::of(ctx);
        request.app.delete_runs(&request.caller, paths(&input.ids)?).await.map_err(failed)?;
        Ok(DeleteRunsPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    /// Takes all of the runs out of the trash, or none.
    async fn undelete_runs(
        &self,
        ctx: &Context<'_>,
        input: UndeleteRunsInput,
    ) -> async_graphql::Result<UndeleteRunsPayload> {
        let request = Request::of(ctx);
        request.app.restore_runs(&request.caller, paths(&input.ids)?).await.map_err(failed)?;
        Ok(UndeleteRunsPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    /// Moves all of the runs into another project, or none. Their owners stay.
    async fn move_runs(&self, ctx: &Context<'_>, input: MoveRunsInput) -> async_graphql::Result<MoveRunsPayload> {
        let request = Request::of(ctx);
        let to = project_path(&input.destination_entity_name, &input.destination_project_name).map_err(failed)?;
        request.app.move_runs(&request.caller, paths(&input.ids)?, to).await.map_err(failed)?;
        Ok(MoveRunsPayload { success: true, client_mutation_id: input.client_mutation_id })
    }

    async fn update_run_state(
        &self,
        ctx: &Context<'_>,
        input: UpdateRunStateInput,
    ) -> async_graphql::Result<UpdateRunStatePayload> {
        let request = Request::of(ctx);
        let (path, state) = (id::run_path(&input.id)?, parse_state(&input.state)?);
        request.app.set_run_state(&request.caller, path, state).await.map_err(failed)?;
        Ok(UpdateRunStatePayload { success: true, client_mutation_id: input.client_mutation_id })
    }
}

fn paths(ids: &[ID]) -> async_graphql::Result<Vec<RunPath>> {
    ids.iter().map(|id| id::run_path(id)).collect()
}

fn parse_state(text: &str) -> async_graphql::Result<RunState> {
    RunState::parse(text)
        .ok_or_else(|| invalid(format!("`{}` is no state of a run", text.chars().take(50).collect::<String>())))
}
