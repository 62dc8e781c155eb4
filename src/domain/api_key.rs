//! API keys as they are kept: by hash, with what they leave of their owner's rights.

use super::clock::Timestamp;
use super::id::{EntityId, ProjectId, UserId};
use serde::{Deserialize, Serialize};

/// As many keys as one person or service account may have.
pub const KEYS_MAX: usize = 100;
/// As many teams and projects as one key may be limited to.
pub const TARGETS_MAX: usize = 100;

/// What an API key leaves of its owner's rights; a session has [`KeyScope::Full`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// All rights of the owner; people know it as "admin".
    #[default]
    #[serde(rename = "admin")]
    Full,
    Write,
    Read,
}

impl KeyScope {
    const ALL: [Self; 3] = [Self::Full, Self::Write, Self::Read];

    /// The word for it in requests and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "admin",
            Self::Write => "write",
            Self::Read => "read",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// Something that a key may be limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTarget {
    /// A team or the owner's own entity, with everything in it.
    Entity(EntityId),
    Project(ProjectId),
}

/// A key's keyed hash; the key itself is shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The person or service account whose key it is.
    pub user: UserId,
    pub hash: [u8; 32],
    /// The first few characters, by which its owner knows it again.
    #[serde(default)]
    pub begins_with: String,
    /// What it is for, in its owner's words.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub scope: KeyScope,
    /// All that it may be used for; without it, wherever its owner may be.
    #[serde(default)]
    pub targets: Option<Vec<KeyTarget>>,
    pub created_at: Timestamp,
    /// From then on it opens nothing.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Written now and then, so up to a few minutes old.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// A key with all rights of its owner, for ever.
    pub fn unlimited(user: UserId, hash: [u8; 32], begins_with: String, created_at: Timestamp) -> Self {
        Self {
            user,
            hash,
            begins_with,
            name: None,
            scope: KeyScope::Full,
            targets: None,
            created_at,
            expires_at: None,
            last_used_at: None,
        }
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether a project of the entity, or for `None` the entity itself, is among what the key is limited to.
    pub fn reaches(&self, entity: EntityId, project: Option<ProjectId>) -> bool {
        let Some(targets) = &self.targets else { return true };
        targets.iter().any(|target| match target {
            KeyTarget::Entity(id) => *id == entity,
            KeyTarget::Project(id) => Some(*id) == project,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(targets: Option<Vec<KeyTarget>>) -> KeyRecord {
        let whole = KeyRecord::unlimited(UserId(1), [0; 32], String::new(), Timestamp(0));
        KeyRecord { targets, expires_at: Some(Timestamp(10)), ..whole }
    }

    #[test]
    fn a_limited_key_reaches_its_teams_with_their_projects_and_single_projects_without_their_team() {
        let limited = key(Some(vec![KeyTarget::Entity(EntityId(1)), KeyTarget::Project(ProjectId(7))]));

        assert!(limited.reaches(EntityId(1), None) && limited.reaches(EntityId(1), Some(ProjectId(3))));
        assert!(limited.reaches(EntityId(2), Some(ProjectId(7))));
        assert!(!limited.reaches(EntityId(2), None) && !limited.reaches(EntityId(2), Some(ProjectId(8))));
        assert!(key(None).reaches(EntityId(2), None));
        assert!(!key(Some(Vec::new())).reaches(EntityId(1), None));
    }

    #[test]
    fn a_key_has_expired_from_its_last_moment_on() {
        assert!(!key(None).has_expired(Timestamp(9)) && key(None).has_expired(Timestamp(10)));
    }

    #[test]
    fn a_scope_is_read_back_from_its_own_word() {
        assert!(KeyScope::ALL.into_iter().all(|scope| KeyScope::parse(scope.as_str()) == Some(scope)));
        assert_eq!(KeyScope::parse("full"), None);
    }
}
