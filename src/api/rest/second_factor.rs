//! `/api/v1/second-factor`: an authenticator app and recovery codes for one's own account.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::arrival::SignedIn;
use crate::api::router::{Asking, Shared};
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    /// Your own: a session alone is not enough for this.
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstCode {
    /// Six digits from the authenticator app.
    code: String,
}

#[derive(Serialize, ToSchema)]
pub struct FactorView {
    on: bool,
    since: Option<String>,
    recovery_codes_left: usize,
}

/// What the authenticator app is told, shown now and never again.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentView {
    /// In base 32, to type.
    secret: String,
    /// For a picture that the app reads.
    otpauth_url: String,
}

/// Each signs in once when the app is lost. Shown now and never again.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

impl From<Vec<Secret>> for RecoveryCodes {
    fn from(codes: Vec<Secret>) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() }
    }
}

/// Whether you have a second factor.
#[utoipa::path(get, path = "/api/v1/second-factor", tag = "signing in", security(("session" = [])),
    responses((status = 200, description = "The second factor", body = FactorView), Refusals))]
pub async fn get(State(shared): State<Shared>, signed_in: SignedIn) -> Result<Json<FactorView>, RestError> {
    let state = shared.app.second_factor(&signed_in.caller).await?;
    let since = state.on_since.map(|at| at.to_rfc3339());
    Ok(Json(FactorView { on: since.is_some(), since, recovery_codes_left: state.recovery_codes_left }))
}

/// Begin: makes a secret for an authenticator app. Nothing changes before a first code is sent to `…/confirm`.
#[utoipa::path(post, path = "/api/v1/second-factor", tag = "signing in", security(("session" = [])),
    request_body = OwnPassword,
    responses((status = 201, description = "The secret", body = EnrolmentView), Refusals))]
pub async fn enrol(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Body(own): Body<OwnPassword>,
) -> Result<(StatusCode, Json<EnrolmentView>), RestError> {
    let SignedIn { caller, visitor, .. } = signed_in;
    let made = shared.app.enrol_second_factor(&caller, Secret::new(own.password), visitor).await?;
    let (secret, otpauth_url) = (made.secret.expose().to_owned(), made.otpauth_url.expose().to_owned());
    Ok((StatusCode::CREATED, Json(EnrolmentView { secret, otpauth_url })))
}

/// Turn it on with a first code. From now on a code is asked for to sign in; your other sessions end.
#[utoipa::path(post, path = "/api/v1/second-factor/confirm", tag = "signing in", security(("session" = [])),
    request_body = FirstCode,
    responses((status = 200, description = "It is on; the codes for when the app is lost", body = RecoveryCodes),
        Refusals))]
pub async fn confirm(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Body(first): Body<FirstCode>,
) -> Result<Json<RecoveryCodes>, RestError> {
    let SignedIn { caller, session, .. } = signed_in;
    Ok(Json(shared.app.confirm_second_factor(&caller, session, Secret::new(first.code)).await?.into()))
}

/// Make new recovery codes. Those before are worth nothing any more.
#[utoipa::path(post, path = "/api/v1/second-factor/recovery-codes", tag = "signing in", security(("session" = [])),
    request_body = OwnPassword,
    responses((status = 200, description = "The new codes", body = RecoveryCodes), Refusals))]
pub async fn renew_codes(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Body(own): Body<OwnPassword>,
) -> Result<Json<RecoveryCodes>, RestError> {
    let SignedIn { caller, visitor, .. } = signed_in;
    Ok(Json(shared.app.renew_recovery_codes(&caller, Secret::new(own.password), visitor).await?.into()))
}

/// Turn it off. Your other sessions end.
#[utoipa::path(post, path = "/api/v1/second-factor/disable", tag = "signing in", security(("session" = [])),
    request_body = OwnPassword,
    responses((status = 204, description = "No codes are asked for any more"), Refusals))]
pub async fn disable(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Body(own): Body<OwnPassword>,
) -> Result<StatusCode, RestError> {
    let SignedIn { caller, session, visitor } = signed_in;
    shared.app.disable_second_factor(&caller, session, Secret::new(own.password), visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turn off the second factor of a person who lost it. All their sessions end.
#[utoipa::path(delete, path = "/api/v1/users/{username}/second-factor", tag = "people",
    params(("username" = String, Path)),
    responses((status = 204, description = "No codes are asked of them any more"), Refusals))]
pub async fn reset(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.reset_second_factor(&caller, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
