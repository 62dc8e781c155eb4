//! The roles people hold, and how far a project can be seen.

use serde::{Deserialize, Serialize};

/// A role in a team, or in one project of it. Later is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeamRole {
    ViewOnly,
    Member,
    Admin,
}

/// A role in the organization that owns teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationRole {
    Admin,
    Member,
    /// Takes part in every team as view-only at most.
    Viewer,
}

/// Who sees a project, from widest to narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Every signed-in user sees it and logs to it.
    Open,
    /// Every signed-in user sees it.
    Public,
    Team,
    /// Invited members and team admins.
    Restricted,
}
