//! What can go wrong with a store: what a caller can act on, and the provider's own words, without a secret in them.

use super::http::{Answered, DialError};
use std::error::Error;
use std::io::{self, ErrorKind};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the object does not exist")]
    NotFound,
    #[error("the object exists already")]
    AlreadyExists,
    #[error("the store has no space left")]
    Full,
    /// The provider said no: to us, or to what was asked for. The words are its own.
    #[error("the store refuses: {0}")]
    Refused(Answered),
    /// The store was not reached at all.
    #[error("the store is not reached: {0}")]
    Unreachable(DialError),
    /// The text is for the log, not for clients: it may name paths.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What the connector says does not go together.
    #[error("the connector cannot be used: {0}")]
    Settings(String),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        if let Some(answered) = cause::<Answered>(&error) {
            return Self::Refused(answered.clone());
        }
        if let Some(dial) = cause::<DialError>(&error) {
            return Self::Unreachable(dial.clone());
        }
        match &error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            // What must not exist yet does: S3 and GCS call that a precondition.
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => Self::AlreadyExists,
            other if is_full(other) => Self::Full,
            other => Self::Unavailable(redacted(&other.to_string())),
        }
    }
}

impl From<DialError> for StoreError {
    fn from(error: DialError) -> Self {
        Self::Unreachable(error)
    }
}

pub(super) fn from_io(error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound => StoreError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// The first cause of this kind.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// Whether some cause of the error is a disk or a quota without space.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// Addresses without their queries: signatures and shared access are kept there, and tokens of identities.
fn redacted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            kept.push(' ');
        }
        match word.split_once('?') {
            Some((address, _)) if address.contains("://") => {
                kept.push_str(address);
                kept.push_str("?***");
            }
            _ => kept.push_str(word),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::client::{HttpError, HttpErrorKind};

    #[test]
    fn addresses_lose_their_queries_and_everything_else_stays() {
        for (text, kept) in [
            ("nothing to see", "nothing to see"),
            ("GET https://a.test/b/c in 1s - 503", "GET https://a.test/b/c in 1s - 503"),
            ("GET https://a.test/b?sig=secret in 1s", "GET https://a.test/b?*** in 1s"),
            ("(http://sts.test/?WebIdentityToken=secret&x=y)", "(http://sts.test/?***"),
            ("is it so? yes", "is it so? yes"),
        ] {
            assert_eq!(redacted(text), kept);
        }
    }

    #[test]
    fn a_cause_below_the_library_is_found() {
        let answered = Answered { status: 403, code: "AccessDenied".into(), words: "no".into() };
        let below = |error: HttpError| object_store::Error::Generic { store: "S3", source: Box::new(error) };

        let refused = below(HttpError::new(HttpErrorKind::Unknown, answered.clone()));
        assert_eq!(StoreError::from(refused), StoreError::Refused(answered));
        let unknown = DialError::Unknown { host: "store.test".into(), error: "no such name".into() };
        let unreachable = below(HttpError::new(HttpErrorKind::Connect, unknown.clone()));
        assert_eq!(StoreError::from(unreachable), StoreError::Unreachable(unknown));
    }
}
