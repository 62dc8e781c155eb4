//! Every route, and whom a request through each door comes from.

use super::arrival::{session_of, visit_of};
use super::artifact_file;
use super::audit_log;
use super::file_stream;
use super::graphql::{self, ClientSchema};
use super::http::body::Intake;
use super::http::budget::BodyBudget;
use super::http::visit::Proxies;
use super::{admin, admin_storage, rest, session_cookie, storage};
use crate::access::Caller;
use crate::app::{App, Error};
use crate::domain::origin::{ClientVersion, Origin};
use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{get, post, put};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use std::sync::Arc;
use std::time::Duration;

/// How a request reached the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The network: an API key says who it is.
    Public,
    /// The admin socket, which only the server's own user can open: the operator.
    Admin,
}

/// What the adapters need of the settings, as plain values.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which proxies are believed, and where clients reach the server; without that, where this request came in.
    pub proxies: Proxies,
    pub graphql_body_bytes: usize,
    /// Texts in one answer.
    pub graphql_answer_bytes: usize,
    pub file_stream_body_bytes: usize,
    /// Request bodies in memory at once, of all doors together.
    pub budget: BodyBudget,
    /// How long a body may stand still.
    pub body_idle: Duration,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub app: App,
    pub door: Door,
    pub intake: Intake,
    pub options: Arc<Options>,
    pub schema: ClientSchema,
}

impl Shared {
    /// What stands in front of every URL handed out: the configured address, else the one that this client used.
    pub fn base_url(&self, host: Option<&str>, is_https: bool) -> String {
        if let Some(url) = &self.options.proxies.public_url {
            return url.clone();
        }
        let scheme = if is_https { "https" } else { "http" };
        format!("{scheme}://{}", host.unwrap_or("localhost"))
    }
}

/// All routes for one door.
pub fn router(app: App, door: Door, options: Options) -> Router {
    let intake = Intake::new(options.budget.clone(), options.body_idle);
    let admin = match door {
        Door::Admin => admin::router().merge(admin_storage::router()),
        Door::Public => Router::new(),
    };
    rest::routes::router()
        .merge(admin)
        .route("/files/{entity}/{project}/{run}/file_stream", post(file_stream::receive))
        .route("/admin/audit_logs", get(audit_log::read))
        .route("/artifacts/{entity}/{digest}", get(artifact_file::get_first_layout))
        .route("/artifactsV2/{*path}", get(artifact_file::get))
        .route("/graphql", post(graphql::post))
        .route("/storage/{token}", put(storage::put).get(storage::get).options(storage::options))
        .with_state(Shared { app, door, intake, options: Arc::new(options), schema: graphql::schema() })
}

/// Who asks, checked before the request's body is read.
pub(super) struct Asking(pub Caller);

impl FromRequestParts<Shared> for Asking {
    type Rejection = rest::error::RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Self::Rejection> {
        if shared.door == Door::Admin {
            return Ok(Self(Caller::OPERATOR));
        }
        if !parts.headers.contains_key(AUTHORIZATION)
            && let Some((caller, _)) = session_of(parts, shared).await?
        {
            return Ok(Self(caller));
        }
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header.and_then(key_of).ok_or(Error::Unauthenticated)?;
        let caller = shared.app.caller_of_key(&key).await?;
        Ok(Self(arriving(caller, parts, shared)))
    }
}

/// Who asks where nobody has to sign in: without a key a visitor, who sees what the instance shows to everybody.
pub(super) struct Visiting(pub Caller);

impl FromRequestParts<Shared> for Visiting {
    type Rejection = rest::error::RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Self::Rejection> {
        let has_session = session_cookie::is_in(&parts.headers, visit_of(parts, shared).channel);
        if shared.door == Door::Public && !has_session && !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self(arriving(Caller::ANONYMOUS, parts, shared)));
        }
        let Asking(caller) = Asking::from_request_parts(parts, shared).await?;
        Ok(Self(caller))
    }
}

/// With what is to be known of the request and of the settings at this time.
pub(super) fn arriving(caller: Caller, parts: &Parts, shared: &Shared) -> Caller {
    shared.app.note_activity(&caller);
    Caller { origin: origin_of(parts, shared), instance: shared.app.instance_rules(), ..caller }
}

fn origin_of(parts: &Parts, shared: &Shared) -> Origin {
    let client = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    Origin { address: visit_of(parts, shared).address, client: client.and_then(ClientVersion::of_user_agent) }
}

/// `Bearer <key>`, or `Basic` with the user `api`, as the client sends it (wandb 0.17.9 to 0.31.0).
fn key_of(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    decoded.strip_prefix("api:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_as_basic_or_bearer() {
        assert_eq!(key_of("Basic YXBpOnNlY3JldA==").as_deref(), Some("secret"));
        assert_eq!(key_of("bearer secret").as_deref(), Some("secret"));
        for wrong in ["", "secret", "Basic !", "Basic dXNlcjpzZWNyZXQ=", "Digest secret"] {
            assert_eq!(key_of(wrong), None, "{wrong}");
        }
    }
}
