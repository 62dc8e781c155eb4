//! Why a use case was not carried out: variants by what the client should do.

use crate::access::Refusal;
use crate::db::DbError;
use crate::db::table::PutError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Send something else. Names the field of the request when one is to blame.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    NotFound(String),
    #[error("this needs a valid API key")]
    Unauthenticated,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What kind of trouble the server itself is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Passes by itself: try again.
    Busy,
    /// Passes when somebody frees space.
    Full,
    /// Someone should look.
    Defect,
}

impl Error {
    /// Adapters choose a status by it: only `Defect` hides its words from the client.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Db(DbError::Full) => Trouble::Full,
            Self::Db(DbError::Busy | DbError::Unavailable(_) | DbError::TooLong(_)) => Trouble::Busy,
            _ => Trouble::Defect,
        }
    }

    pub(super) fn invalid(field: &'static str, why: &impl ToString) -> Self {
        Self::Invalid { field, message: why.to_string() }
    }
}

impl From<PutError> for Error {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Taken("users") => Self::Conflict("another person has this e-mail address".into()),
            PutError::Taken("api_keys") => Self::Conflict("this API key is in use already".into()),
            PutError::Taken(_) => Self::Conflict("this name is taken; names differ by more than case".into()),
            PutError::Db(error) => Self::Db(error),
        }
    }
}
