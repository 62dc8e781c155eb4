//! Status codes and the shape of errors, chosen once.

use crate::access::Refusal;
use crate::app::{Error, Trouble};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a request was not carried out.
#[derive(Debug)]
pub enum RestError {
    App(Error),
    /// The body is not what the route takes.
    Body(JsonRejection),
}

impl From<Error> for RestError {
    fn from(error: Error) -> Self {
        Self::App(error)
    }
}

impl From<JsonRejection> for RestError {
    fn from(rejection: JsonRejection) -> Self {
        Self::Body(rejection)
    }
}

impl RestError {
    fn status_code(&self) -> (StatusCode, &'static str) {
        let error = match self {
            Self::Body(rejection) => return (rejection.status(), "body"),
            Self::App(error) => error,
        };
        match error {
            Error::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Error::NotFound(_) | Error::Refused(Refusal::Hidden) => (StatusCode::NOT_FOUND, "not_found"),
            Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Error::Refused(Refusal::Forbidden { .. }) => (StatusCode::FORBIDDEN, "forbidden"),
            Error::Refused(Refusal::NotLicensed { .. }) => (StatusCode::FORBIDDEN, "not_licensed"),
            Error::Db(_) => match error.trouble() {
                Trouble::Full => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
                Trouble::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
                Trouble::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            },
        }
    }

    /// What the person reads; a defect's own words stay in the log.
    fn message(&self, code: &str) -> String {
        match self {
            Self::Body(rejection) => rejection.body_text(),
            Self::App(error) if code == "internal" => {
                tracing::error!(%error, "a request failed");
                "something went wrong in the server; its log says what".to_owned()
            }
            Self::App(error) => error.to_string(),
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_code();
        let mut error = json!({ "code": code, "message": self.message(code) });
        if let Self::App(Error::Invalid { field, .. }) = &self {
            error["field"] = json!(field);
        }
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"weighhouse\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
