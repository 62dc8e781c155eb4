//! Why a use case was not carried out: variants by what the client should do.

use super::sign_in::SignInError;
use crate::access::Refusal;
use crate::db::DbError;
use crate::db::table::PutError;
use crate::domain::json::JsonError;
use crate::history::chunk::ChunkError;
use crate::history::facts::BadFacts;
use crate::history::segment::SegmentError;
use crate::storage::StoreError;
use crate::storage::upload::UploadError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Send something else. Names the field of the request when one is to blame.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// Send less.
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    Conflict(String),
    /// Choose another: what the field says is somebody else's already.
    #[error("{message}")]
    Taken { field: &'static str, message: String },
    /// Of several things that were named, some are not the caller's to do this with; they are listed.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    /// A signed URL that does not, or no longer, allow this: get a new one.
    #[error("this URL cannot be used: {0}")]
    BadUrl(String),
    /// The body did not arrive whole: send it again.
    #[error("{0}")]
    Interrupted(String),
    /// It takes longer than a client waits, and goes on meanwhile: ask again.
    #[error("{0}")]
    Later(String),
    #[error("this needs a valid API key")]
    Unauthenticated,
    /// What is about one's own account wants a session, and there is none, or it has ended.
    #[error("sign in first: there is no session, or it has ended")]
    NoSession,
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A password would be readable on its way.
    #[error(
        "passwords are not taken over plain HTTP from another machine: use HTTPS, or have an administrator turn on the \
         setting `allow_insecure_sign_in`"
    )]
    Insecure,
    /// A page of another site sent the request with this browser's cookie.
    #[error("this request did not come from a page of this server; scripts use an API key instead of a session")]
    CrossSite,
    #[error("too many attempts; try again in {retry_secs} seconds")]
    TooMany { retry_secs: u64 },
    /// Another server that is needed did not do its part; its own words.
    #[error("{0}")]
    Outside(String),
    /// There is a key, and it does not work now: says why.
    #[error("{0}")]
    DeadKey(&'static str),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the object store did not do it")]
    Store(StoreError),
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
            Self::Store(StoreError::Full) => Trouble::Full,
            // Whatever a store has against us, its clients lose nothing by coming again.
            Self::Store(StoreError::NotFound | StoreError::AlreadyExists) => Trouble::Defect,
            Self::Store(_) => Trouble::Busy,
            Self::Db(DbError::Busy | DbError::Unavailable(_) | DbError::TooLong(_)) => Trouble::Busy,
            _ => Trouble::Defect,
        }
    }

    fn taken(field: &'static str, message: &str) -> Self {
        Self::Taken { field, message: message.to_owned() }
    }

    /// The same where a request calls a name by another word.
    pub(super) fn with_name_as(self, word: &'static str) -> Self {
        match self {
            Self::Taken { field: "name", message } => Self::Taken { field: word, message },
            other => other,
        }
    }

    pub(super) fn invalid(field: &'static str, why: &impl ToString) -> Self {
        Self::Invalid { field, message: why.to_string() }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound("the stored bytes are gone".into()),
            other => Self::Store(other),
        }
    }
}

impl From<UploadError> for Error {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Store(error) => error.into(),
            UploadError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            UploadError::TooLong { .. } => Self::invalid("body", &error),
            UploadError::TooShort { .. }
            | UploadError::Stalled
            | UploadError::BrokenOff(_)
            | UploadError::OtherContent => Self::Interrupted(error.to_string()),
        }
    }
}

/// What was checked when it was stored cannot be read: someone should look.
macro_rules! damaged {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Db(DbError::Damaged(error.to_string()))
            }
        }
    )*};
}

damaged!(ChunkError, SegmentError, BadFacts, JsonError);

impl From<PutError> for Error {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Taken("users") => Self::taken("email", "another person has this e-mail address"),
            PutError::Taken("api_keys") => Self::taken("api_key", "this API key is in use already"),
            PutError::Taken(_) => Self::taken("name", "this name is taken; names differ by more than case"),
            PutError::Db(error) => Self::Db(error),
        }
    }
}
