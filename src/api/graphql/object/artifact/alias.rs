//! Aliases and tags.

use super::collection::ArtifactCollection;
use crate::access::Allowed;
use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::id;
use crate::app::artifact::FoundCollection;
use async_graphql::{ID, Object, SimpleObject};
use std::sync::Arc;

pub(in crate::api::graphql) struct ArtifactAlias {
    pub within: Arc<Allowed<FoundCollection>>,
    pub alias: String,
}

#[Object]
impl ArtifactAlias {
    async fn id(&self) -> ID {
        id::alias(self.within.id, &self.alias)
    }

    async fn alias(&self) -> &str {
        &self.alias
    }

    async fn artifact_collection(&self) -> Option<ArtifactCollection> {
        Some(ArtifactCollection::of(Arc::clone(&self.within)))
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactAliasConnection {
    pub edges: Vec<ArtifactAliasEdge>,
    pub page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactAliasEdge {
    pub node: ArtifactAlias,
    pub cursor: String,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct Tag {
    id: ID,
    name: String,
    /// Tags of ours have no categories.
    tag_category_name: Option<String>,
}

impl Tag {
    pub fn named(name: &str) -> Self {
        Self { id: id::tag(name), name: name.to_owned(), tag_category_name: None }
    }

    pub fn all(names: &[String]) -> Vec<Self> {
        names.iter().map(|name| Self::named(name)).collect()
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct TagConnection {
    edges: Vec<TagEdge>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct TagEdge {
    node: Tag,
}

impl TagConnection {
    pub fn of(names: &[String]) -> Self {
        Self { edges: Tag::all(names).into_iter().map(|node| TagEdge { node }).collect() }
    }
}
