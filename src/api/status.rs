//! Status codes, chosen once for all adapters, and what an answer says beside them.

use crate::access::Refusal;
use crate::app::sign_in::SignInError;
use crate::app::{Error, Trouble};
use axum::response::Response;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// The status of an error, and the word that programs know it by.
pub(super) fn status_of(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        Error::Conflict(_) | Error::Taken { .. } => (StatusCode::CONFLICT, "conflict"),
        Error::NotFound(_) | Error::Refused(Refusal::Hidden) => (StatusCode::NOT_FOUND, "not_found"),
        Error::Unauthenticated | Error::DeadKey(_) => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::NoSession => (StatusCode::UNAUTHORIZED, "no_session"),
        Error::SignIn(SignInError::Wrong) => (StatusCode::UNAUTHORIZED, "wrong_sign_in"),
        Error::SignIn(SignInError::CodeNeeded) => (StatusCode::UNAUTHORIZED, "second_factor_needed"),
        Error::SignIn(SignInError::WrongCode) => (StatusCode::UNAUTHORIZED, "wrong_code"),
        Error::Insecure => (StatusCode::FORBIDDEN, "insecure"),
        Error::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
        Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
        Error::Outside(_) => (StatusCode::BAD_GATEWAY, "outside"),
        Error::BadUrl(_) => (StatusCode::FORBIDDEN, "bad_url"),
        Error::Later(_) => (StatusCode::SERVICE_UNAVAILABLE, "later"),
        Error::Interrupted(_) => (StatusCode::REQUEST_TIMEOUT, "interrupted"),
        Error::Forbidden(_) | Error::Refused(Refusal::Forbidden { .. }) => (StatusCode::FORBIDDEN, "forbidden"),
        Error::Refused(Refusal::NotLicensed { .. }) => (StatusCode::FORBIDDEN, "not_licensed"),
        Error::Db(_) | Error::Store(_) => match error.trouble() {
            Trouble::Full => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Trouble::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Trouble::Defect => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        },
    }
}

/// What the person reads. A defect's own words go to the log instead.
pub(super) fn message_of(error: &Error) -> String {
    let is_of_server = matches!(error, Error::Db(_) | Error::Store(_));
    if is_of_server && error.trouble() == Trouble::Defect {
        tracing::error!(%error, "a request failed");
        return "something went wrong in the server; its log says what".to_owned();
    }
    error.to_string()
}

/// Tells who has no key how to send one, and who came at a bad time when to come again.
pub(super) fn add_advice(response: &mut Response) {
    match response.status() {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"weighhouse\""));
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        _ => {}
    }
}

/// What only the error knows to advise.
pub(super) fn add_advice_of(error: &Error, response: &mut Response) {
    match error {
        Error::TooMany { retry_secs } => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*retry_secs));
        }
        // A browser would open a window of its own and ask for a key.
        Error::NoSession | Error::SignIn(_) => {
            response.headers_mut().remove(WWW_AUTHENTICATE);
        }
        _ => {}
    }
}
