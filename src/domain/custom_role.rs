//! Custom roles: what an organization adds to one of the roles that everybody knows.

use super::clock::Timestamp;
use super::id::{CustomRoleId, OrganizationId};
use super::role::TeamRole;
use serde::{Deserialize, Serialize};
use std::fmt;

const NAME_CHARS_MAX: usize = 64;

/// Words for roles that there are anyway, folded.
const TAKEN: [&str; 11] = [
    "admin",
    "member",
    "org_admin",
    "organization_admin",
    "owner",
    "registry_admin",
    "restricted_viewer",
    "system_admin",
    "team_admin",
    "view_only",
    "viewer",
];

/// A role that teams of the organization may give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomRole {
    pub organization: OrganizationId,
    pub name: RoleName,
    pub description: Option<String>,
    /// `ViewOnly` or `Member`: what its holders have besides.
    pub base: TeamRole,
    /// The names of the actions it adds, in the order of the table.
    pub actions: Vec<String>,
    pub created_at: Timestamp,
}

/// `[A-Za-z0-9][A-Za-z0-9 _-]{0,63}`, kept as given. Two names are the same that differ only in case, or in what stands
/// between their words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoleName {
    #[error("the name of a role has 1 to {NAME_CHARS_MAX} characters, this one has {0}")]
    Length(usize),
    #[error(
        "the name of a role has only letters, digits, spaces, `_` and `-`, and begins and ends with a letter or a digit"
    )]
    Characters,
    #[error("`{0}` is the name of a role that there is anyway; choose another one")]
    Taken(String),
}

impl RoleName {
    pub fn parse(text: &str) -> Result<Self, BadRoleName> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" _-".contains(&byte)) {
            return Err(BadRoleName::Characters);
        }
        if text.is_empty() || text.len() > NAME_CHARS_MAX {
            return Err(BadRoleName::Length(text.len()));
        }
        let is_rounded = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !is_rounded(text.bytes().next()) || !is_rounded(text.bytes().last()) {
            return Err(BadRoleName::Characters);
        }
        let name = Self(text.to_owned());
        if TAKEN.contains(&name.folded().as_str()) {
            return Err(BadRoleName::Taken(text.to_owned()));
        }
        Ok(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What uniqueness is about.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase().replace([' ', '-'], "_")
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody is given in a team: one of the known roles, or a custom one on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenRole {
    pub base: TeamRole,
    pub custom: Option<CustomRoleId>,
    /// Whether the custom role adds something that writes. Kept here, because keys and seats ask for it all the time.
    pub writes: bool,
}

impl From<TeamRole> for GivenRole {
    fn from(base: TeamRole) -> Self {
        Self { base, custom: None, writes: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_given_and_folded_for_comparison() {
        let name = RoleName::parse("Data labeller-2").unwrap();

        assert_eq!((name.as_str(), name.folded().as_str()), ("Data labeller-2", "data_labeller_2"));
    }

    #[test]
    fn a_name_of_another_role_or_of_nothing_readable_is_refused() {
        for taken in ["admin", "View-Only", "TEAM admin", "viewer"] {
            assert_eq!(RoleName::parse(taken), Err(BadRoleName::Taken(taken.into())), "{taken}");
        }
        for bad in ["a/b", "é", "a\n", " a", "a-", "_"] {
            assert_eq!(RoleName::parse(bad), Err(BadRoleName::Characters), "{bad:?}");
        }
        assert_eq!(RoleName::parse(""), Err(BadRoleName::Length(0)));
        assert_eq!(RoleName::parse(&"x".repeat(65)), Err(BadRoleName::Length(65)));
    }
}
