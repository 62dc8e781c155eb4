//! `POST /files/{entity}/{project}/{run}/file_stream`: what a client streams into a run.
//!
//! The client gives a run's stream up for ever on 400, 401, 402, 403, 404, 409, 410, 413, 422 and 501. Only what will
//! never become right gets one of these; trouble of the server's own is 503 or 507, which it tries again for days.

#[cfg(test)]
mod tests;

use super::http::body::BodyError;
use super::router::{Asking, Shared};
use crate::access::Refusal;
use crate::app::run::run_path;
use crate::app::stream::Writer;
use crate::app::{Error, Trouble};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

// Headers of the client (wandb 0.19.11 to 0.31.0).
const ASYNC_CLIENT: &str = "x-wandb-async-client-id";
const DERIVE_SUMMARY: &str = "x-wandb-server-side-derived-summary";

// Old clients look at `exitcode` and `limits`; the newer ones at `stopped` alone.
const GO_ON: &str = r#"{"exitcode":null,"limits":{}}"#;
const STOP: &str = r#"{"exitcode":null,"limits":{},"stopped":true}"#;

pub(super) async fn receive(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Path((entity, project, run)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, StreamError> {
    let at = run_path(&entity, &project, &run)?;
    let body = shared.intake.receive(&headers, body, shared.options.file_stream_body_bytes).await?;
    let reply = shared.app.accept_stream(&caller, at, body, writer(&headers)).await?;
    let answer = if reply.stopped { STOP } else { GO_ON };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response())
}

fn writer(headers: &HeaderMap) -> Writer {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    Writer {
        async_client_id: text(ASYNC_CLIENT).map(str::to_owned),
        derive_summary: text(DERIVE_SUMMARY).is_some_and(|text| text.eq_ignore_ascii_case("true")),
    }
}

#[derive(Debug)]
pub(super) enum StreamError {
    App(Error),
    Body(BodyError),
}

impl From<Error> for StreamError {
    fn from(error: Error) -> Self {
        Self::App(error)
    }
}

impl From<BodyError> for StreamError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl StreamError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(error) => error.status(),
            Self::App(Error::Invalid { .. }) => StatusCode::BAD_REQUEST,
            Self::App(Error::NotFound(_) | Error::Refused(Refusal::Hidden)) => StatusCode::NOT_FOUND,
            Self::App(Error::Unauthenticated | Error::DeadKey(_)) => StatusCode::UNAUTHORIZED,
            Self::App(Error::Refused(_)) => StatusCode::FORBIDDEN,
            Self::App(error) if error.trouble() == Trouble::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::App(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Body(error) => error.to_string(),
            Self::App(Error::Refused(Refusal::Hidden)) => "this run does not exist".to_owned(),
            Self::App(error) if self.status() == StatusCode::SERVICE_UNAVAILABLE => {
                if error.trouble() == Trouble::Defect {
                    tracing::error!(%error, "a file_stream request failed");
                }
                "the server cannot take this now; try again".to_owned()
            }
            Self::App(error) => error.to_string(),
        }
    }
}

impl IntoResponse for StreamError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(json!({ "error": self.message() }))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
