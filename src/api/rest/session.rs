//! `/api/v1/session`, the one that a request came with, and `/api/v1/sessions`, all that its person has.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::arrival::{Anybody, SignedIn};
use crate::api::router::Shared;
use crate::api::session_cookie;
use crate::app::Error;
use crate::app::session::ShownSession;
use crate::app::sign_in::Credentials;
use crate::domain::id::SessionId;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A user name or an e-mail address.
    login: String,
    password: String,
    /// Of the authenticator app, or a recovery code; for people with a second factor. Without it they are refused
    /// with the code `second_factor_needed`.
    code: Option<String>,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedInView {
    username: String,
    email: String,
    name: Option<String>,
    system_admin: bool,
    second_factor: bool,
    session: SessionView,
}

#[derive(Serialize, ToSchema)]
pub struct SessionView {
    id: String,
    /// The one that this request came with.
    current: bool,
    created_at: String,
    /// To within some minutes.
    last_used_at: String,
    /// If it is not used before.
    ends_at: String,
    /// Where it was used last.
    address: Option<String>,
    /// What the browser calls itself.
    agent: String,
}

impl SessionView {
    fn of(shown: ShownSession, current: SessionId) -> Self {
        Self {
            id: shown.id.to_string(),
            current: shown.id == current,
            created_at: shown.session.created_at.to_rfc3339(),
            last_used_at: shown.session.last_used_at.to_rfc3339(),
            ends_at: shown.ends_at.to_rfc3339(),
            address: shown.session.address.map(|address| address.to_string()),
            agent: shown.session.agent,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SessionList {
    sessions: Vec<SessionView>,
}

/// Sign in: begins a session, which the answer's cookie holds.
#[utoipa::path(post, path = "/api/v1/session", tag = "signing in", security(()), request_body = SignIn,
    responses((status = 201, description = "Who is signed in; `Set-Cookie` holds the session", body = SignedInView),
        Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    from: Anybody,
    Body(given): Body<SignIn>,
) -> Result<Response, RestError> {
    let credentials = Credentials {
        login: given.login,
        password: Secret::new(given.password),
        code: given.code.map(Secret::new),
        previous: from.previous.clone(),
    };
    let channel = from.visitor.channel;
    let token = shared.app.sign_in(&from.caller, credentials, from.visitor).await?;
    let cookie = session_cookie::set(&token, channel, shared.app.session_limits().absolute_secs);
    let (caller, id) = shared.app.caller_of_session(&token, None)?;
    let view = view(&shared, &caller, id).await?;
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], Json(view)).into_response())
}

async fn view(shared: &Shared, caller: &crate::access::Caller, id: SessionId) -> Result<SignedInView, RestError> {
    let found = shared.app.signed_in(caller, id).await?;
    Ok(SignedInView {
        username: found.user.name.to_string(),
        email: found.user.email,
        name: found.user.full_name,
        system_admin: found.user.system_admin,
        second_factor: found.has_second_factor,
        session: SessionView::of(found.session, id),
    })
}

/// Who is signed in with the session of this request.
#[utoipa::path(get, path = "/api/v1/session", tag = "signing in", security(("session" = [])),
    responses((status = 200, description = "Who is signed in", body = SignedInView), Refusals))]
pub async fn get(State(shared): State<Shared>, signed_in: SignedIn) -> Result<Json<SignedInView>, RestError> {
    Ok(Json(view(&shared, &signed_in.caller, signed_in.session).await?))
}

/// Sign out: ends the session of this request.
#[utoipa::path(delete, path = "/api/v1/session", tag = "signing in", security(("session" = [])),
    responses((status = 204, description = "The session has ended"), Refusals))]
pub async fn delete(State(shared): State<Shared>, signed_in: SignedIn) -> Result<Response, RestError> {
    shared.app.end_session(&signed_in.caller, signed_in.session).await?;
    Ok(signed_out(&signed_in))
}

/// Your own sessions, oldest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "signing in", security(("session" = [])),
    responses((status = 200, description = "The sessions", body = SessionList), Refusals))]
pub async fn list(State(shared): State<Shared>, signed_in: SignedIn) -> Result<Json<SessionList>, RestError> {
    let found = shared.app.list_sessions(&signed_in.caller).await?;
    let sessions = found.into_iter().map(|shown| SessionView::of(shown, signed_in.session)).collect();
    Ok(Json(SessionList { sessions }))
}

/// Sign out everywhere: ends all your sessions, this one too.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "signing in", security(("session" = [])),
    responses((status = 204, description = "All your sessions have ended"), Refusals))]
pub async fn delete_all(State(shared): State<Shared>, signed_in: SignedIn) -> Result<Response, RestError> {
    shared.app.end_all_sessions(&signed_in.caller).await?;
    Ok(signed_out(&signed_in))
}

/// End one of your sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "signing in", security(("session" = [])),
    params(("id" = String, Path)),
    responses((status = 204, description = "The session has ended"), Refusals))]
pub async fn delete_one(
    State(shared): State<Shared>,
    signed_in: SignedIn,
    Named(id): Named<String>,
) -> Result<Response, RestError> {
    let unknown = || Error::NotFound("you have no such session; it may have ended already".into());
    let id = SessionId(id.parse().map_err(|_| unknown())?);
    shared.app.end_session(&signed_in.caller, id).await?;
    if id == signed_in.session { Ok(signed_out(&signed_in)) } else { Ok(StatusCode::NO_CONTENT.into_response()) }
}

fn signed_out(signed_in: &SignedIn) -> Response {
    let cookie = session_cookie::clear(signed_in.visitor.channel);
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}
