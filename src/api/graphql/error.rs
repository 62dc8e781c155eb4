//! How a failed use case is told to the client: the HTTP status decides what it does, the message is what people read.

use crate::api::status::{message_of, status_of};
use crate::app;
use ::http::StatusCode;
use async_graphql::{Error, ErrorExtensionValues, Value};

const STATUS: &str = "status";

/// The error of a resolver, with the status that the whole answer is to have.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(super) fn failed(error: app::Error) -> Error {
    let (status, code) = status_of(&error);
    with_status(message_of(&error), status_told(status), code)
}

/// The Python code of older clients tries these again for days (wandb 0.17.9 to 0.22.3). It does so on 413 too, but there
/// is no other word for too much, and newer clients give up on it.
pub(super) fn status_told(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            StatusCode::BAD_REQUEST
        }
        other => other,
    }
}

/// The request itself asks for something that cannot be.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    with_status(message.into(), StatusCode::BAD_REQUEST, "invalid")
}

/// Not 413: the Python code of older clients would try that again for days, and give up on this.
pub(super) fn answer_too_large() -> Error {
    let message =
        "the answer would be larger than limits.graphql_answer_mib; ask for a smaller page, or for fewer fields";
    with_status(message.to_owned(), StatusCode::BAD_REQUEST, "too_large")
}

pub(super) fn missing(message: impl Into<String>) -> Error {
    with_status(message.into(), StatusCode::NOT_FOUND, "not_found")
}

fn with_status(message: String, status: StatusCode, code: &str) -> Error {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    extensions.set(STATUS, status.as_u16());
    Error { message, source: None, extensions: Some(extensions) }
}

/// The status of a whole answer: that of its gravest error. What the library itself refuses is the client's mistake.
pub(super) fn status_of_answer(errors: &[async_graphql::ServerError]) -> StatusCode {
    let statuses = errors.iter().map(|error| {
        let status = error.extensions.as_ref().and_then(|extensions| extensions.get(STATUS));
        match status {
            Some(Value::Number(number)) => number.as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500),
            _ => 400,
        }
    });
    statuses.max().map_or(StatusCode::OK, |status| StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST))
}
