//! The keys by which collections and versions are filtered and ordered, in every spelling that clients send (wandb
//! 0.31.0, `apis/public/artifacts.py`), and their values.

use super::Artifact;
use super::collection::{Collection, CollectionKind};
use crate::domain::filter::{BadQuery, FieldValue, FilterKey};
use crate::domain::json::{MAX_DEPTH, Value};

/// A key with more parts than this is nobody's.
const PARTS_MAX: usize = 32;

/// What of a collection a condition or an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CollectionKey {
    Id,
    Name,
    Description,
    /// The name of its type.
    Type,
    /// Sequence or portfolio.
    Kind,
    Tags,
    State,
    CreatedAt,
    UpdatedAt,
}

impl FilterKey for CollectionKey {
    fn parse(key: &str) -> Result<Self, BadQuery> {
        Ok(match key {
            "id" => Self::Id,
            "name" => Self::Name,
            "description" => Self::Description,
            "type" | "artifactType" | "artifact_type" | "defaultArtifactType" => Self::Type,
            "collectionType" | "collection_type" => Self::Kind,
            "tag" | "tags" => Self::Tags,
            "state" => Self::State,
            "created_at" | "createdAt" => Self::CreatedAt,
            "updated_at" | "updatedAt" => Self::UpdatedAt,
            _ => {
                let known = "`name`, `description`, `type`, `tags`, `state`, `createdAt`, `updatedAt`";
                return Err(BadQuery::new(format!("`{key}` is no key of collections; there are {known}")));
            }
        })
    }

    fn is_date(&self) -> bool {
        matches!(self, Self::CreatedAt | Self::UpdatedAt)
    }
}

impl CollectionKey {
    /// What all collections of a list have: one that was deleted is in none.
    pub fn common_value(&self) -> Option<FieldValue> {
        (*self == Self::State).then(|| FieldValue::text("READY"))
    }

    pub fn value(&self, id: u64, collection: &Collection, type_name: &str) -> Option<FieldValue> {
        Some(match self {
            Self::Id => FieldValue::Json(Value::Int(i64::try_from(id).ok()?)),
            Self::Name => FieldValue::text(collection.name.as_str()),
            Self::Description => FieldValue::text(collection.description.as_deref()?),
            Self::Type => FieldValue::text(type_name),
            Self::Kind => FieldValue::text(match collection.kind {
                CollectionKind::Sequence => "SEQUENCE",
                CollectionKind::Portfolio => "PORTFOLIO",
            }),
            Self::Tags => texts(&collection.tags),
            Self::State => return self.common_value(),
            Self::CreatedAt => FieldValue::Time(collection.created_at),
            Self::UpdatedAt => FieldValue::Time(collection.updated_at),
        })
    }
}

/// What of a version a condition or an order is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VersionKey {
    State,
    /// Its number in the collection that is listed.
    Number,
    /// The same as `v3`.
    Version,
    Description,
    Digest,
    Tags,
    Aliases,
    SizeBytes,
    FileCount,
    CreatedAt,
    UpdatedAt,
    Metadata(String),
}

impl FilterKey for VersionKey {
    fn parse(key: &str) -> Result<Self, BadQuery> {
        if let Some(path) = key.strip_prefix("metadata.")
            && !path.is_empty()
            && path.split('.').count() <= PARTS_MAX
        {
            return Ok(Self::Metadata(path.to_owned()));
        }
        Ok(match key {
            "state" => Self::State,
            "versionIndex" | "version_index" => Self::Number,
            "version" => Self::Version,
            "description" => Self::Description,
            "digest" => Self::Digest,
            "tag" | "tags" => Self::Tags,
            "alias" | "aliases" => Self::Aliases,
            "size" => Self::SizeBytes,
            "fileCount" | "file_count" => Self::FileCount,
            "created_at" | "createdAt" => Self::CreatedAt,
            "updated_at" | "updatedAt" => Self::UpdatedAt,
            _ => {
                let known =
                    "`state`, `versionIndex`, `description`, `tags`, `aliases`, `size`, `createdAt`, `metadata.…`";
                return Err(BadQuery::new(format!("`{key}` is no key of versions; there are {known}")));
            }
        })
    }

    fn is_date(&self) -> bool {
        matches!(self, Self::CreatedAt | Self::UpdatedAt)
    }
}

/// A version as a query sees it. What no key needs may be left out.
pub struct VersionView<'a> {
    pub artifact: &'a Artifact,
    pub number: u32,
    pub aliases: &'a [String],
    pub metadata: &'a Value,
}

impl VersionKey {
    /// What all versions of a list have: drafts and what was deleted are in none.
    pub fn common_value(&self) -> Option<FieldValue> {
        (*self == Self::State).then(|| FieldValue::text("COMMITTED"))
    }

    pub fn value(&self, view: &VersionView<'_>) -> Option<FieldValue> {
        let count = |count: u64| FieldValue::Json(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
        Some(match self {
            Self::State => return self.common_value(),
            Self::Number => count(u64::from(view.number)),
            Self::Version => FieldValue::text(&format!("v{}", view.number)),
            Self::Description => FieldValue::text(view.artifact.description.as_deref()?),
            Self::Digest => FieldValue::text(&view.artifact.digest),
            Self::Tags => texts(&view.artifact.tags),
            Self::Aliases => texts(view.aliases),
            Self::SizeBytes => count(view.artifact.size_bytes),
            Self::FileCount => count(view.artifact.entry_count),
            Self::CreatedAt => FieldValue::Time(view.artifact.created_at),
            Self::UpdatedAt => FieldValue::Time(view.artifact.updated_at),
            Self::Metadata(path) => FieldValue::Json(at_path(view.metadata, path)?.clone()),
        })
    }

    pub fn needs_aliases(&self) -> bool {
        *self == Self::Aliases
    }

    pub fn needs_metadata(&self) -> bool {
        matches!(self, Self::Metadata(_))
    }
}

/// What people wrote; nothing in it when it is no JSON.
pub fn metadata_value(text: Option<&str>) -> Value {
    text.and_then(|text| Value::parse(text.as_bytes(), MAX_DEPTH).ok()).unwrap_or(Value::Null)
}

/// Dots may be part of a name or lead into an object; the longest name that is there counts.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
    dots.into_iter().rev().find_map(|at| at_path(value.get(&path[..at])?, &path[at + 1..]))
}

fn texts(texts: &[String]) -> FieldValue {
    FieldValue::Json(Value::Array(texts.iter().cloned().map(Value::Text).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::artifact::{ArtifactState, Ttl};
    use crate::domain::clock::Timestamp;
    use crate::domain::filter::Filter;
    use crate::domain::id::CollectionId;

    fn version() -> Artifact {
        Artifact {
            sequence: CollectionId(1),
            state: ArtifactState::Committed,
            digest: "d1".into(),
            description: Some("clean".into()),
            tags: vec!["gold".into()],
            run: None,
            creator: None,
            created_at: Timestamp(1_769_860_800_000_000),
            updated_at: Timestamp(1_769_860_800_000_000),
            history_step: None,
            ttl: Ttl::Inherit,
            distributed_id: None,
            version: Some(3),
            base: None,
            wanted_aliases: Vec::new(),
            manifest: None,
            entry_count: 2,
            size_bytes: 1_000,
        }
    }

    fn matches(filter: &str) -> bool {
        let filter = Filter::<VersionKey>::parse(filter).unwrap();
        let (artifact, aliases) = (version(), ["latest".to_owned(), "best".to_owned()]);
        let metadata = metadata_value(Some(r#"{"acc":0.9,"a.b":1,"data":{"rows":5}}"#));
        let view = VersionView { artifact: &artifact, number: 3, aliases: &aliases, metadata: &metadata };
        let values: Vec<_> = filter.fields().iter().map(|key| key.value(&view)).collect();
        filter.matches(&values.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    #[test]
    fn versions_are_told_apart_by_every_key() {
        for filter in [
            r#"{"state":"COMMITTED"}"#,
            r#"{"tags":"gold"}"#,
            r#"{"aliases":{"$in":["best"]}}"#,
            r#"{"versionIndex":{"$gte":3}}"#,
            r#"{"version":"v3"}"#,
            r#"{"metadata.acc":{"$gt":0.5},"metadata.data.rows":5,"metadata.a.b":1}"#,
            r#"{"createdAt":{"$lt":"2027-01-01"}}"#,
            r#"{"size":1000,"fileCount":2,"description":{"$regex":"^cl"}}"#,
        ] {
            assert!(matches(filter), "{filter}");
        }
        for filter in [r#"{"tags":"silver"}"#, r#"{"metadata.data.cols":{"$exists":true}}"#, r#"{"state":"DELETED"}"#] {
            assert!(!matches(filter), "{filter}");
        }
    }

    #[test]
    fn a_key_that_nobody_has_is_refused_by_its_name() {
        let why = Filter::<VersionKey>::parse(r#"{"colour":"red"}"#).unwrap_err().to_string();
        assert!(why.starts_with("`colour` is no key of versions"), "{why}");
        let why = Filter::<CollectionKey>::parse(r#"{"metadata.a":1}"#).unwrap_err().to_string();
        assert!(why.starts_with("`metadata.a` is no key of collections"), "{why}");
    }
}
