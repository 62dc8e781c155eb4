//! The shape of the REST interface's errors.

use crate::api::status::{add_advice, add_advice_of, message_of, status_of};
use crate::app::Error;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
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
    /// One of those after the `?` cannot be what it says.
    Parameter(&'static str, String),
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
    pub(in crate::api) fn status_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(rejection) => (rejection.status(), "body"),
            Self::Parameters(rejection) => (rejection.status(), "parameters"),
            Self::Path(rejection) => (rejection.status(), "path"),
            Self::Parameter(..) => (StatusCode::BAD_REQUEST, "parameters"),
            Self::Route => (StatusCode::NOT_FOUND, "no_route"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Self::App(error) => status_of(error),
        }
    }

    /// What the person reads; a defect's own words stay in the log.
    pub(in crate::api) fn message(&self) -> String {
        match self {
            Self::Body(rejection) => without_value(&rejection.body_text()),
            Self::Parameters(rejection) => rejection.body_text(),
            Self::Path(rejection) => rejection.body_text(),
            Self::Parameter(_, message) => message.clone(),
            Self::Route => "there is no such route; `/api/v1/openapi.json` lists those there are".to_owned(),
            Self::Method => "this route does not take this method".to_owned(),
            Self::App(error) => message_of(error),
        }
    }

    /// What only the error knows to advise; the rest goes by the status.
    pub(in crate::api) fn add_advice_to(&self, response: &mut Response) {
        if let Self::App(error) = self {
            add_advice_of(error, response);
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::App(Error::Invalid { field, .. } | Error::Taken { field, .. }) | Self::Parameter(field, _) => {
                Some(field)
            }
            _ => None,
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_code();
        let error = ErrorDetail { code, message: self.message(), field: self.field() };
        let mut response = (status, Json(ErrorBody { error })).into_response();
        add_advice(&mut response);
        self.add_advice_to(&mut response);
        response
    }
}

/// The library repeats a value of the wrong type, and that may be a password or a key.
fn without_value(message: &str) -> String {
    let kinds = ["invalid type: ", "invalid value: "];
    let found = kinds.iter().find_map(|kind| Some((message.find(kind)?, message.rfind(", expected ")?)));
    match found {
        Some((from, to)) if from < to => format!("{}not what belongs here{}", &message[..from], &message[to..]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_wrong_type_is_not_repeated() {
        let wrong = |text: &str| serde_json::from_str::<[u8; 1]>(text).unwrap_err().to_string();

        for text in ["[\"a secret\"]", "[\"a, expected secret\"]", "\"a secret\"", "[12345]"] {
            let told = without_value(&format!("members: {}", wrong(text)));
            assert!(!told.contains("secret") && !told.contains("12345"), "{told}");
            assert!(told.starts_with("members: not what belongs here, expected "), "{told}");
        }
        assert_eq!(without_value("missing field `name`"), "missing field `name`");
    }
}
