//! Making and changing sweeps; what their agents, controllers and schedulers send.

use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::sweep::{Agent, Sweep};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::JsonString;
use crate::app::sweep::{Command, NewAgent, SweepTarget, UpsertSweep};
use crate::domain::json::Value;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct UpsertSweepInput {
    id: Option<ID>,
    /// YAML text.
    config: Option<String>,
    description: Option<String>,
    display_name: Option<String>,
    entity_name: Option<String>,
    project_name: Option<String>,
    /// What a local controller wants to have run and stopped.
    controller: Option<JsonString>,
    /// Only the server writes it: `Sweep.scheduler`.
    scheduler: Option<JsonString>,
    launch_scheduler: Option<JsonString>,
    template_variable_values: Option<JsonString>,
    state: Option<String>,
    /// Runs of the project whose results count from the beginning.
    prior_runs_filters: Option<JsonString>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct UpsertSweepPayload {
    sweep: Sweep,
    config_validation_warnings: Vec<String>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct CreateAgentInput {
    host: String,
    entity_name: Option<String>,
    project_name: Option<String>,
    sweep: String,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateAgentPayload {
    agent: Agent,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct AgentHeartbeatInput {
    id: ID,
    metrics: Option<JsonString>,
    /// `{"run": true}` for each run that the agent runs.
    run_state: Option<JsonString>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct AgentHeartbeatPayload {
    agent: Agent,
    /// A list; at most one entry of it is of type `run`.
    commands: JsonString,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct EnqueueSweepRunInput {
    id: ID,
    config: JsonString,
    display_name: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct EnqueueSweepRunPayload {
    /// The run's name: the client's core looks for its run by it (wandb 0.31.0).
    id: ID,
    run_queue_item_id: String,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct SweepMutation;

#[Object]
impl SweepMutation {
    /// Makes a sweep, or changes the one with the id; null leaves a field as it is.
    async fn upsert_sweep(
        &self,
        ctx: &Context<'_>,
        input: UpsertSweepInput,
    ) -> async_graphql::Result<UpsertSweepPayload> {
        let request = Request::of(ctx);
        let _not_kept = (input.scheduler, input.template_variable_values);
        if input.launch_scheduler.is_some_and(|JsonString(text)| !matches!(text.trim(), "" | "null" | "{}")) {
            return Err(invalid("this server has no launch queues: make the sweep with `wandb sweep`"));
        }
        let target = match input.id.filter(|id| !id.is_empty()) {
            Some(id) => SweepTarget::Existing(id::sweep_id(&id)?),
            None => SweepTarget::New { entity: input.entity_name, project: input.project_name },
        };
        let text = |json: Option<JsonString>| json.map(|JsonString(text)| text);
        let upsert = UpsertSweep {
            target,
            config: input.config,
            display_name: input.display_name,
            description: input.description,
            state: input.state,
            controller: text(input.controller),
            prior_runs: text(input.prior_runs_filters),
        };
        let upserted = request.app.upsert_sweep(&request.caller, upsert).await.map_err(failed)?;
        Ok(UpsertSweepPayload {
            sweep: Sweep::of(upserted.sweep),
            config_validation_warnings: upserted.warnings,
            client_mutation_id: input.client_mutation_id,
        })
    }

    /// Registers a process that runs what the sweep suggests.
    async fn create_agent(
        &self,
        ctx: &Context<'_>,
        input: CreateAgentInput,
    ) -> async_graphql::Result<CreateAgentPayload> {
        let request = Request::of(ctx);
        let agent =
            NewAgent { entity: input.entity_name, project: input.project_name, sweep: input.sweep, host: input.host };
        let made = request.app.create_agent(&request.caller, agent).await.map_err(failed)?;
        Ok(CreateAgentPayload { agent: Agent::of(&made), client_mutation_id: input.client_mutation_id })
    }

    /// Takes in which runs an agent runs, and says what it is to do.
    async fn agent_heartbeat(
        &self,
        ctx: &Context<'_>,
        input: AgentHeartbeatInput,
    ) -> async_graphql::Result<AgentHeartbeatPayload> {
        let request = Request::of(ctx);
        // Every supported client sends `{}`.
        let _not_kept = input.metrics;
        let agent = id::agent_id(&input.id)?;
        let states = input.run_state.map_or_else(String::new, |JsonString(text)| text);
        let beat = request.app.agent_heartbeat(&request.caller, agent, &states).await.map_err(failed)?;
        let commands = beat.commands.iter().map(Command::to_value).collect();
        Ok(AgentHeartbeatPayload {
            agent: Agent::of(&beat.agent),
            commands: JsonString(Value::Array(commands).to_text()),
            client_mutation_id: input.client_mutation_id,
        })
    }

    /// Hands in a run that a local scheduler chose; the next free agent gets it.
    async fn enqueue_sweep_run(
        &self,
        ctx: &Context<'_>,
        input: EnqueueSweepRunInput,
    ) -> async_graphql::Result<EnqueueSweepRunPayload> {
        let request = Request::of(ctx);
        let (sweep, JsonString(config)) = (id::sweep_id(&input.id)?, input.config);
        let made = request.app.enqueue_sweep_run(&request.caller, sweep, &config, input.display_name);
        let made = made.await.map_err(failed)?;
        Ok(EnqueueSweepRunPayload {
            id: ID(made.run.name.to_string()),
            run_queue_item_id: made.run.name.to_string(),
            client_mutation_id: input.client_mutation_id,
        })
    }
}
