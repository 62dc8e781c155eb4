//! The shape of the REST interface's errors.

use crate::api::status::{add_advice, message_of, status_of};
use crate::app::Error;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
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
        match self {
            Self::Body(rejection) => (rejection.status(), "body"),
            Self::App(error) => status_of(error),
        }
    }

    /// What the person reads; a defect's own words stay in the log.
    fn message(&self) -> String {
        match self {
            Self::Body(rejection) => rejection.body_text(),
            Self::App(error) => message_of(error),
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_code();
        let mut error = json!({ "code": code, "message": self.message() });
        if let Self::App(Error::Invalid { field, .. }) = &self {
            error["field"] = json!(field);
        }
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        add_advice(&mut response);
        response
    }
}
