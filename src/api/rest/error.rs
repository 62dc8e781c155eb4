//! Status codes and the shape of errors, chosen once.

use crate::access::Refusal;
use crate::app::{Error, Trouble};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Debug)]
pub enum RestError {
    App(Error),
    /// The body is not what the route takes.
    Body(JsonRejection),
    /// What stands after the `?` is not what the route takes.
    Parameters(QueryRejection),
    Path(PathRejection),
    /// There is no such route.
    Route,
    /// The route takes other methods.
    Method,
}

/// What every refusal looks like.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A word for programs, such as `not_found`.
    code: &'static str,
    /// A sentence for people: what is wrong and what to do about it.
    message: String,
    /// The field of the request that is to blame, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl From<Error> for RestError {
    fn from(error: Error) -> Self {
        Self::App(error)
    }
}

impl RestError {
    fn status_code(&self) -> (StatusCode, &'static str) {
        let error = match self {
            Self::Body(rejection) => return (rejection.status(), "body"),
            Self::Parameters(rejection) => return (rejection.status(), "parameters"),
            Self::Path(rejection) => return (rejection.status(), "path"),
            Self::Route => return (StatusCode::NOT_FOUND, "no_route"),
            Self::Method => return (StatusCode::METHOD_NOT_ALLOWED, "method"),
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
            Self::Parameters(rejection) => rejection.body_text(),
            Self::Path(rejection) => rejection.body_text(),
            Self::Route => "there is no such route; `/api/v1/openapi.json` lists those there are".to_owned(),
            Self::Method => "this route does not take this method".to_owned(),
            Self::App(error) if code == "internal" => {
                tracing::error!(%error, "a request failed");
                "something went wrong in the server; its log says what".to_owned()
            }
            Self::App(error) => error.to_string(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::App(Error::Invalid { field, .. }) => Some(field),
            _ => None,
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_code();
        let error = ErrorDetail { code, message: self.message(code), field: self.field() };
        let mut response = (status, Json(ErrorBody { error })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"weighhouse\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
