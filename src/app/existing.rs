//! Checking what a request names: what the caller may not see is answered exactly like what does not exist.

use super::Error;
use crate::access::{Action, Allowed, Caller, Licence, Refusal, Unchecked};
use crate::domain::name::EntityName;

/// What was found, for one action; `missing` is the answer if it is not there, or hidden from the caller.
pub(super) fn existing<T>(
    caller: &Caller,
    action: Action,
    found: Option<Unchecked<T>>,
    licence: &Licence,
    missing: impl FnOnce() -> Error,
) -> Result<Allowed<T>, Error> {
    let Some(found) = found else { return Err(missing()) };
    caller.may(action, found, licence).map_err(|refusal| match refusal {
        Refusal::Hidden => missing(),
        other => other.into(),
    })
}

/// A name in a path. What can be nobody's name is missing like any other.
pub(super) fn name_of_existing(noun: &str, text: &str) -> Result<EntityName, Error> {
    EntityName::parse(text).map_err(|_| missing(noun, text))
}

pub(super) fn missing(noun: &str, name: impl std::fmt::Display) -> Error {
    Error::NotFound(format!("{noun} `{name}` does not exist"))
}

/// The same for what is asked for by an id, which says nothing to people.
pub(super) fn gone(noun: &str) -> Error {
    Error::NotFound(format!("the {noun} does not exist, or was deleted"))
}
