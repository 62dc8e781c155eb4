//! Collections hold versions of artifacts: a sequence those that were logged to it, a portfolio those that were linked.
//! Both number them from 0, in both an alias leads to one version.

use crate::domain::clock::Timestamp;
use crate::domain::id::{ArtifactId, ArtifactTypeId, ProjectId, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

const NAME_CHARS_MAX: usize = 128;
const ALIAS_CHARS_MAX: usize = 128;
const TAG_CHARS_MAX: usize = 128;

/// The alias that the client gives to whatever it logs last.
pub const LATEST: &str = "latest";

/// What artifacts are for, in a person's words: dataset, model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactType {
    pub project: ProjectId,
    pub name: String,
    pub description: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    pub project: ProjectId,
    pub artifact_type: ArtifactTypeId,
    pub name: CollectionName,
    pub kind: CollectionKind,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The number that the next version gets. Numbers are not used again.
    pub next_version: u32,
    /// How long versions are kept that say nothing themselves.
    pub default_ttl_secs: Option<i64>,
    /// What the client calls it before it knows our id.
    pub client_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionKind {
    Sequence,
    Portfolio,
}

/// A version's place in a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub artifact: ArtifactId,
    pub created_at: Timestamp,
}

/// Leads to one version of its collection; given to another, it leaves the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    pub version: u32,
    pub created_at: Timestamp,
}

/// 1 to 128 characters, none of which would end a path segment or the name in `name:alias`; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectionName(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCollectionText {
    #[error(
        "the name of an artifact has 1 to {NAME_CHARS_MAX} characters, none of them `/`, `\\`, `:`, `#`, `?`, `%` or a \
         control character"
    )]
    Name,
    #[error("an alias has 1 to {ALIAS_CHARS_MAX} characters, none of them `/`, `:` or a control character")]
    Alias,
    #[error("a tag has 1 to {TAG_CHARS_MAX} characters, none of them a control character")]
    Tag,
    #[error("`{0}` is the number of a version, which is given by the server; choose another alias")]
    Version(String),
}

impl CollectionName {
    pub fn parse(text: &str) -> Result<Self, BadCollectionText> {
        let count = text.chars().count();
        let is_plain = !text.chars().any(|c| c.is_control() || r"/\:#?%".contains(c));
        let is_name = (1..=NAME_CHARS_MAX).contains(&count) && is_plain && text != "." && text != "..";
        if is_name { Ok(Self(text.to_owned())) } else { Err(BadCollectionText::Name) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An alias that a person may give.
pub fn check_alias(text: &str) -> Result<(), BadCollectionText> {
    let is_plain = !text.chars().any(|c| c.is_control() || "/:".contains(c));
    if !(1..=ALIAS_CHARS_MAX).contains(&text.chars().count()) || !is_plain {
        return Err(BadCollectionText::Alias);
    }
    if version_number(text).is_some() {
        return Err(BadCollectionText::Version(text.to_owned()));
    }
    Ok(())
}

pub fn check_tag(text: &str) -> Result<(), BadCollectionText> {
    let fits = (1..=TAG_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(BadCollectionText::Tag) }
}

/// Types that clients and servers make by themselves (wandb 0.31.0, `sdk/artifacts/_validators.py`): what has them is kept
/// as long as what it belongs to.
pub fn is_automatic_type(name: &str) -> bool {
    matches!(name, "run_table" | "code" | "job") || name.starts_with("wandb-")
}

/// The number in `v3`.
pub fn version_number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('v')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_not_be_asked_for_again_is_refused() {
        for bad in ["", ".", "..", "a:b", "a/b", "a\\b", "a%2f", "a\nb", &"x".repeat(129)] {
            assert_eq!(CollectionName::parse(bad), Err(BadCollectionText::Name), "{bad:?}");
        }
        for good in ["ds", "run-abc-table", "my model.1", "größe", &"x".repeat(128)] {
            assert_eq!(CollectionName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_number_of_a_version_is_nobodys_alias() {
        assert_eq!(check_alias("v12"), Err(BadCollectionText::Version("v12".into())));
        assert_eq!(check_alias("a:b"), Err(BadCollectionText::Alias));
        for good in ["latest", "v", "vx1", "best-v2", "production"] {
            assert_eq!(check_alias(good), Ok(()), "{good}");
        }
        assert_eq!((version_number("v007"), version_number("7")), (Some(7), None));
    }
}
