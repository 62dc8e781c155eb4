//! Projects: named collections of runs in one entity.

use super::clock::Timestamp;
use super::id::{EntityId, UserId};
use super::role::{TeamRole, Visibility};
use serde::{Deserialize, Serialize};
use std::fmt;

const CHARS_MAX: usize = 128;

/// The project of a run that names none, as the client expects it (wandb 0.17.9 to 0.31.0).
pub const DEFAULT_PROJECT: &str = "uncategorized";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub entity: EntityId,
    pub name: ProjectName,
    pub description: Option<String>,
    pub visibility: Visibility,
    /// Who made it, and so owns it. It stays when that person is deleted: nobody gets their id again.
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    /// How many runs were ever made here: the number in a generated display name.
    pub runs_made: u64,
    /// Gone since then, with the runs that were in it.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

/// A person's own role in one project, instead of the one in the team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectMember {
    /// The team that the project and the person are in.
    pub team: EntityId,
    pub role: TeamRole,
    pub since: Timestamp,
}

/// 1 to 128 characters, none of which would end a path segment; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a {noun} name has 1 to {CHARS_MAX} characters, none of them `/`, `\\`, `#`, `?`, `%`, `:` or a control character"
)]
pub struct BadPathName {
    pub noun: &'static str,
}

/// What the names of projects and runs have in common: the client puts them into paths.
pub(super) fn check_path_name(noun: &'static str, text: &str) -> Result<(), BadPathName> {
    let count = text.chars().count();
    let is_whole = !text.chars().any(|c| c.is_control() || r"/\#?%:".contains(c));
    let is_step = text == "." || text == "..";
    if (1..=CHARS_MAX).contains(&count) && is_whole && !is_step { Ok(()) } else { Err(BadPathName { noun }) }
}

impl ProjectName {
    pub fn parse(text: &str) -> Result<Self, BadPathName> {
        check_path_name("project", text).map(|()| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_break_a_path_is_refused() {
        for bad in ["", ".", "..", "a/b", "a\\b", "a#b", "a?b", "a%b", "a:b", "a\nb", &"x".repeat(129)] {
            assert!(ProjectName::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "my project", "größe-1", "a.b", &"ü".repeat(128)] {
            assert_eq!(ProjectName::parse(good).unwrap().as_str(), good);
        }
    }
}
