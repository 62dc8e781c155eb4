//! `/api/v1/license`: what the licence says, and installing one.

use super::error::RestError;
use super::extract::Body;
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::licence::{LicenceState, SeenLicence};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLicense {
    /// The text of the licence file, every byte of it.
    license: String,
}

#[derive(Serialize, ToSchema)]
pub struct LicenseView {
    /// `none`, `valid`, `not_yet_valid`, `expired` or `unusable`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    /// The one deployment that may use it; absent when any may.
    #[serde(skip_serializing_if = "Option::is_none")]
    licensed_deployment: Option<String>,
    /// Its first day, in UTC; absent when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    /// Its last day, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Whole days until it expires, while it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    /// What it turns on.
    features: Vec<&'static str>,
    seats: SeatsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_at: Option<String>,
    /// The name of this deployment, for a licence that is to be for it alone.
    deployment: String,
    /// What somebody should do something about, in a sentence each.
    warnings: Vec<String>,
}

/// How many there are, and how many there may be; a limit is absent when there may be any number.
#[derive(Serialize, ToSchema)]
pub struct SeatsView {
    /// People with a full seat: whoever may have an API key.
    users: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_users: Option<u32>,
    /// People who are view-only wherever they are.
    view_only_users: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_view_only_users: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_teams: Option<u32>,
}

impl From<SeenLicence> for LicenseView {
    fn from(seen: SeenLicence) -> Self {
        let state = match seen.state {
            LicenceState::None => "none",
            LicenceState::Valid => "valid",
            LicenceState::NotYetValid => "not_yet_valid",
            LicenceState::Expired => "expired",
            LicenceState::Unusable(_) => "unusable",
        };
        let terms = seen.terms.as_ref();
        let limits = terms.map(|terms| terms.limits).unwrap_or_default();
        Self {
            state,
            holder: terms.map(|terms| terms.holder.clone()),
            licensed_deployment: terms.and_then(|terms| terms.deployment.clone()),
            not_before: terms.and_then(|terms| terms.not_before).map(|day| day.to_string()),
            expires: terms.map(|terms| terms.expires.to_string()),
            days_left: seen.days_left,
            features: terms.into_iter().flat_map(|terms| &terms.features).map(|feature| feature.name()).collect(),
            seats: SeatsView {
                users: seen.seats.full,
                max_users: limits.max_users,
                view_only_users: seen.seats.view_only,
                max_view_only_users: limits.max_view_only_users,
                max_teams: limits.max_teams,
            },
            installed_at: seen.installed_at.map(|at| at.to_rfc3339()),
            deployment: seen.deployment,
            warnings: seen.warnings,
        }
    }
}

/// The licence, the seats it counts, and what is to be done about it.
#[utoipa::path(get, path = "/api/v1/license", tag = "system",
    responses((status = 200, description = "The licence", body = LicenseView), Refusals))]
pub async fn get(State(shared): State<Shared>, Asking(caller): Asking) -> Result<Json<LicenseView>, RestError> {
    Ok(Json(shared.app.see_licence(&caller).await?.into()))
}

/// Install a licence in place of the one there is. It counts at once.
#[utoipa::path(put, path = "/api/v1/license", tag = "system", request_body = NewLicense,
    responses((status = 200, description = "The licence", body = LicenseView), Refusals))]
pub async fn put(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<NewLicense>,
) -> Result<Json<LicenseView>, RestError> {
    Ok(Json(shared.app.install_licence(&caller, &new.license).await?.into()))
}
