//! Alerts that a script raises.

use crate::api::graphql::error::failed;
use crate::api::graphql::object::alert::AlertSeverity;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::Duration;
use crate::app::run::run_path;
use crate::domain::run::Severity;
use async_graphql::{Context, InputObject, Object, SimpleObject};

#[derive(InputObject)]
pub(super) struct NotifyScriptableRunAlertInput {
    entity_name: String,
    project_name: String,
    run_name: String,
    title: String,
    text: String,
    severity: Option<AlertSeverity>,
    /// Milliseconds in which the same title is not told again.
    wait_duration: Option<Duration>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct NotifyScriptableRunAlertPayload {
    success: bool,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct AlertMutation;

#[Object]
impl AlertMutation {
    async fn notify_scriptable_run_alert(
        &self,
        ctx: &Context<'_>,
        input: NotifyScriptableRunAlertInput,
    ) -> async_graphql::Result<NotifyScriptableRunAlertPayload> {
        let request = Request::of(ctx);
        let path = run_path(&input.entity_name, &input.project_name, &input.run_name).map_err(failed)?;
        let severity = input.severity.map_or(Severity::Info, Severity::from);
        let wait_secs = input.wait_duration.map(|Duration(millis)| millis / 1000);
        let added = request.app.add_alert(&request.caller, path, (input.title, input.text, severity), wait_secs);
        added.await.map_err(failed)?;
        Ok(NotifyScriptableRunAlertPayload { success: true, client_mutation_id: input.client_mutation_id })
    }
}
