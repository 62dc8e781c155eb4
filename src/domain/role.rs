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

impl TeamRole {
    const ALL: [Self; 3] = [Self::ViewOnly, Self::Member, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ViewOnly => "view_only",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
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

impl OrganizationRole {
    const ALL: [Self; 3] = [Self::Admin, Self::Member, Self::Viewer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
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

impl Visibility {
    /// From widest to narrowest.
    pub const ALL: [Self; 4] = [Self::Open, Self::Public, Self::Team, Self::Restricted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Public => "public",
            Self::Team => "team",
            Self::Restricted => "restricted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|visibility| visibility.as_str() == text)
    }

    pub fn is_wider_than(self, other: Self) -> bool {
        (self as u8) < other as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_back_from_its_own_word() {
        assert!(TeamRole::ALL.into_iter().all(|role| TeamRole::parse(role.as_str()) == Some(role)));
        assert!(OrganizationRole::ALL.into_iter().all(|role| OrganizationRole::parse(role.as_str()) == Some(role)));
        assert_eq!((TeamRole::parse("Admin"), OrganizationRole::parse("view_only")), (None, None));
        assert!(Visibility::ALL.into_iter().all(|it| Visibility::parse(it.as_str()) == Some(it)));
    }

    #[test]
    fn open_is_the_widest_visibility_and_restricted_the_narrowest() {
        let wider = |pair: [Visibility; 2]| pair[0].is_wider_than(pair[1]) && !pair[1].is_wider_than(pair[0]);
        assert!(Visibility::ALL.windows(2).all(|pair| wider([pair[0], pair[1]])));
    }
}
