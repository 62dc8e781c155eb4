//! `/api/v1/access`: why somebody may or may not do something.

use super::error::RestError;
use super::extract::Parameters;
use super::openapi::Refusals;
use crate::access::{KeyScope, Refusal, Step};
use crate::api::router::{Asking, Shared};
use crate::app::explain::{Explained, Question};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// A user name or an e-mail address.
    user: String,
    /// An action of the permission table, such as `run:log`.
    action: String,
    /// `entity`, `entity/project` or `entity/project/runs/run`; left out for the whole instance.
    on: Option<String>,
    /// As if they asked with an API key of this scope: `read`, `write`, or `admin`, which is all rights of the person
    /// and the default.
    #[param(value_type = Option<String>)]
    scope: Option<KeyScope>,
}

#[derive(Serialize, ToSchema)]
pub struct ExplanationView {
    user: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    allowed: bool,
    /// `allowed`, `forbidden`, `hidden` (answered like a thing that does not exist), `not_licensed`, or `deactivated`.
    verdict: &'static str,
    /// What the person would be told, unless it is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The steps of the decision, in their order.
    reasons: Vec<String>,
}

impl ExplanationView {
    fn of(explained: Explained, on: Option<String>) -> Self {
        let allowed = explained.is_allowed();
        let Explained { username: user, is_deactivated, explanation } = explained;
        let verdict = match explanation.verdict {
            _ if is_deactivated => "deactivated",
            Ok(()) => "allowed",
            Err(Refusal::Hidden) => "hidden",
            Err(Refusal::Forbidden { .. }) => "forbidden",
            Err(Refusal::NotLicensed { .. }) => "not_licensed",
        };
        let deactivated = is_deactivated.then(|| "is deactivated, and so can ask for nothing".to_owned());
        let reasons = deactivated.into_iter().chain(explanation.steps.iter().map(Step::to_string)).collect();
        let message = explanation.verdict.err().map(|refusal| refusal.to_string());
        Self { user, action: explanation.action.name(), on, allowed, verdict, message, reasons }
    }
}

/// Whether a person may do something, and the chain of reasons, from the same decision that requests meet. Admins of a
/// team ask about what is in it and people of its organization, admins of an organization likewise, system admins about
/// everything.
#[utoipa::path(get, path = "/api/v1/access/explain", tag = "access", params(Asked),
    responses((status = 200, description = "Yes or no, and why", body = ExplanationView), Refusals))]
pub async fn explain(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(Asked { user, action, on, scope }): Parameters<Asked>,
) -> Result<Json<ExplanationView>, RestError> {
    let question = Question { user, action, on: on.clone(), scope: scope.unwrap_or(KeyScope::Full) };
    let explained = shared.app.explain(&caller, question).await?;
    Ok(Json(ExplanationView::of(explained, on)))
}
