//! Names of people, teams and organizations: one name space, since each is a first path segment.

use serde::{Deserialize, Serialize};
use std::fmt;

const CHARS_MAX: usize = 128;

/// First path segments that the server answers itself.
const RESERVED: [&str; 20] = [
    "admin",
    "api",
    "artifacts",
    "artifactsv2",
    "assets",
    "authorize",
    "files",
    "graphql",
    "healthz",
    "home",
    "login",
    "logout",
    "metrics",
    "oidc",
    "ready",
    "scim",
    "settings",
    "setup",
    "storage",
    "teams",
];

/// `[A-Za-z0-9_-]{1,128}`, kept as given; two names that differ only in case are the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a name has 1 to {CHARS_MAX} characters, this one has {0}")]
    Length(usize),
    #[error("a name has only letters, digits, `_` and `-`")]
    Characters,
    #[error("`{0}` is a page of the server itself; choose another name")]
    Reserved(String),
}

impl EntityName {
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Err(BadName::Characters);
        }
        if text.is_empty() || text.len() > CHARS_MAX {
            return Err(BadName::Length(text.len()));
        }
        let name = Self(text.to_owned());
        if RESERVED.contains(&name.folded().as_str()) {
            return Err(BadName::Reserved(text.to_owned()));
        }
        Ok(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What uniqueness is about.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_given_and_folded_for_comparison() {
        let name = EntityName::parse("Ada_Lovelace-1").unwrap();

        assert_eq!((name.as_str(), name.folded().as_str()), ("Ada_Lovelace-1", "ada_lovelace-1"));
    }

    #[test]
    fn what_would_break_a_path_is_refused() {
        for text in ["a/b", "..", "a b", "é", "a\0"] {
            assert_eq!(EntityName::parse(text), Err(BadName::Characters), "{text:?}");
        }
        assert_eq!(EntityName::parse(""), Err(BadName::Length(0)));
        assert_eq!(EntityName::parse(&"x".repeat(129)), Err(BadName::Length(129)));
        assert_eq!(EntityName::parse("GraphQL"), Err(BadName::Reserved("GraphQL".into())));
    }
}
