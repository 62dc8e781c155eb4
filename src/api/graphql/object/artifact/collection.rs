//! Collections: sequences and portfolios, which clients tell apart by the name of their type.

use super::alias::{ArtifactAlias, ArtifactAliasConnection, ArtifactAliasEdge, TagConnection};
use super::artifact_type::ArtifactType;
use super::membership::ArtifactCollectionMembership;
use super::version::{Artifact, VersionedArtifactConnection, VersionedArtifactEdge};
use crate::access::Allowed;
use crate::api::graphql::cursor::{self, PageInfo, page_size};
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::project::Project;
use crate::api::graphql::object::run::count;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, Int64, JsonString};
use crate::app::artifact::FoundCollection;
use crate::app::artifact::list::Wanted;
use crate::app::project::FoundProject;
use crate::domain::artifact::collection::CollectionKind;
use crate::domain::id::ArtifactTypeId;
use async_graphql::{Context, Enum, ID, Interface, Object, SimpleObject};
use std::sync::Arc;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::graphql) enum ArtifactCollectionState {
    Ready,
    Deleted,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::graphql) enum ArtifactDigestAlgorithm {
    #[graphql(name = "MANIFEST_MD5")]
    ManifestMd5,
    #[graphql(name = "MANIFEST_XXH128")]
    ManifestXxh128,
}

#[expect(clippy::duplicated_attributes, reason = "two fields have arguments of the same names")]
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID"),
    field(name = "name", ty = "&str"),
    field(name = "description", ty = "Option<&str>"),
    field(name = "created_at", ty = "DateTime"),
    field(name = "updated_at", ty = "Option<DateTime>"),
    field(name = "state", ty = "ArtifactCollectionState"),
    field(name = "project", ty = "Option<Project>"),
    field(name = "default_artifact_type", ty = "Option<ArtifactType>"),
    field(name = "tags", ty = "Option<TagConnection>"),
    field(
        name = "aliases",
        ty = "Option<ArtifactAliasConnection>",
        arg(name = "first", ty = "Option<i32>"),
        arg(name = "after", ty = "Option<String>")
    ),
    field(
        name = "artifact_membership",
        ty = "Option<ArtifactCollectionMembership>",
        arg(name = "alias_name", ty = "String")
    ),
    field(
        name = "artifacts",
        ty = "Option<VersionedArtifactConnection>",
        arg(name = "filters", ty = "Option<JsonString>"),
        arg(name = "order", ty = "Option<String>"),
        arg(name = "first", ty = "Option<i32>"),
        arg(name = "after", ty = "Option<String>")
    )
)]
pub(in crate::api::graphql) enum ArtifactCollection {
    Sequence(ArtifactSequence),
    Portfolio(ArtifactPortfolio),
}

impl ArtifactCollection {
    pub fn of(seen: Arc<Allowed<FoundCollection>>) -> Self {
        match seen.collection.kind {
            CollectionKind::Sequence => Self::Sequence(ArtifactSequence::of(seen)),
            CollectionKind::Portfolio => Self::Portfolio(ArtifactPortfolio::of(seen)),
        }
    }

    /// One that was deleted just now.
    pub fn deleted(found: FoundCollection) -> Self {
        let kind = found.collection.kind;
        let collection = Collection { found: Arc::new(found), seen: None, state: ArtifactCollectionState::Deleted };
        match kind {
            CollectionKind::Sequence => Self::Sequence(ArtifactSequence(collection)),
            CollectionKind::Portfolio => Self::Portfolio(ArtifactPortfolio(collection)),
        }
    }
}

/// What sequences and portfolios have in common.
struct Collection {
    found: Arc<FoundCollection>,
    /// For who sees the project: all but name and type.
    seen: Option<Arc<Allowed<FoundCollection>>>,
    state: ArtifactCollectionState,
}

pub(in crate::api::graphql) struct ArtifactSequence(Collection);
pub(in crate::api::graphql) struct ArtifactPortfolio(Collection);

impl ArtifactSequence {
    /// Its name and type alone, in a project that the caller does not see.
    pub fn unseen(found: FoundCollection) -> Self {
        Self(Collection { found: Arc::new(found), seen: None, state: ArtifactCollectionState::Ready })
    }
}

impl Collection {
    fn of(seen: Arc<Allowed<FoundCollection>>) -> Self {
        let found = Arc::new(FoundCollection::clone(&seen));
        Self { found, seen: Some(seen), state: ArtifactCollectionState::Ready }
    }

    async fn aliases(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<ArtifactAliasConnection>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let after = cursor::decode(after.as_deref())?;
        let listed = Request::of(ctx).app.list_aliases(seen, after, page_size(first));
        let (aliases, has_next_page) = listed.await.map_err(failed)?;
        let edge = |alias: String| ArtifactAliasEdge {
            cursor: cursor::encode(&alias),
            node: ArtifactAlias { within: Arc::clone(seen), alias },
        };
        let edges: Vec<ArtifactAliasEdge> = aliases.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(Some(ArtifactAliasConnection { edges, page_info: PageInfo { end_cursor, has_next_page } }))
    }

    async fn membership(
        &self,
        ctx: &Context<'_>,
        alias: String,
    ) -> async_graphql::Result<Option<ArtifactCollectionMembership>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let found = Request::of(ctx).app.version_in(seen, Some(alias)).await.map_err(failed)?;
        Ok(found.map(ArtifactCollectionMembership::of))
    }

    async fn artifacts(
        &self,
        ctx: &Context<'_>,
        wanted: Wanted,
    ) -> async_graphql::Result<Option<VersionedArtifactConnection>> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let listed = Request::of(ctx).app.list_versions(seen, wanted).await.map_err(failed)?;
        let edge = |(found, position): (Allowed<crate::app::artifact::FoundArtifact>, String)| VersionedArtifactEdge {
            cursor: cursor::encode(&position),
            version: format!("v{}", found.version.unwrap_or_default()),
            node: Artifact::of(found),
        };
        let edges: Vec<VersionedArtifactEdge> = listed.items.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(Some(VersionedArtifactConnection {
            edges,
            page_info: PageInfo { end_cursor, has_next_page: listed.has_more },
            total_count: count(listed.total as u64),
        }))
    }
}

/// The fields of the interface, and those that only one of the two has.
macro_rules! collection_object {
    ($name:ident { $($own_fields:tt)* }) => {
        impl $name {
            pub fn of(seen: Arc<Allowed<FoundCollection>>) -> Self {
                Self(Collection::of(seen))
            }
        }

        #[Object]
        impl $name {
            async fn id(&self) -> ID {
                id::collection(self.0.found.id)
            }

            async fn name(&self) -> &str {
                self.0.found.collection.name.as_str()
            }

            async fn description(&self) -> Option<&str> {
                self.0.seen.as_ref().and_then(|seen| seen.collection.description.as_deref())
            }

            async fn created_at(&self) -> DateTime {
                DateTime(self.0.found.collection.created_at)
            }

            async fn updated_at(&self) -> Option<DateTime> {
                Some(DateTime(self.0.found.collection.updated_at))
            }

            async fn state(&self) -> ArtifactCollectionState {
                self.0.state
            }

            /// Null for who does not see it.
            async fn project(&self) -> Option<Project> {
                self.0.seen.as_ref().map(|seen| Project::of(seen.project(|seen| seen.at.clone())))
            }

            async fn default_artifact_type(&self) -> Option<ArtifactType> {
                Some(match &self.0.seen {
                    Some(seen) => ArtifactType::of_collection(seen),
                    None => ArtifactType::unseen(&self.0.found),
                })
            }

            async fn tags(&self) -> Option<TagConnection> {
                self.0.seen.as_ref().map(|seen| TagConnection::of(&seen.collection.tags))
            }

            /// By name.
            async fn aliases(
                &self,
                ctx: &Context<'_>,
                first: Option<i32>,
                after: Option<String>,
            ) -> async_graphql::Result<Option<ArtifactAliasConnection>> {
                self.0.aliases(ctx, first, after).await
            }

            /// The place that an alias, or a number like `v3`, leads to.
            async fn artifact_membership(
                &self,
                ctx: &Context<'_>,
                alias_name: String,
            ) -> async_graphql::Result<Option<ArtifactCollectionMembership>> {
                self.0.membership(ctx, alias_name).await
            }

            /// Its versions, the newest first.
            async fn artifacts(
                &self,
                ctx: &Context<'_>,
                filters: Option<JsonString>,
                order: Option<String>,
                first: Option<i32>,
                after: Option<String>,
            ) -> async_graphql::Result<Option<VersionedArtifactConnection>> {
                self.0.artifacts(ctx, wanted(filters, order, first, after.as_deref())?).await
            }

            $($own_fields)*
        }
    };
}

collection_object!(ArtifactSequence {
    /// What an upload would build on.
    async fn latest_artifact(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Artifact>> {
        let Some(seen) = &self.0.seen else { return Ok(None) };
        let found = Request::of(ctx).app.latest_version(seen).await.map_err(failed)?;
        Ok(found.map(Artifact::of))
    }

    async fn digest_algorithm(&self) -> ArtifactDigestAlgorithm {
        ArtifactDigestAlgorithm::ManifestMd5
    }

    /// Of this server alone: how long versions are kept that say nothing themselves; null is for ever.
    async fn ttl_duration_seconds(&self) -> Option<Int64> {
        self.0.seen.as_ref().and_then(|seen| seen.collection.default_ttl_secs).map(Int64)
    }
});

collection_object!(ArtifactPortfolio {});

/// The arguments of a list.
pub(in crate::api::graphql) fn wanted(
    filters: Option<JsonString>,
    order: Option<String>,
    first: Option<i32>,
    after: Option<&str>,
) -> async_graphql::Result<Wanted> {
    let after = cursor::decode(after)?;
    Ok(Wanted { filters: filters.map(|JsonString(text)| text), order, after, limit: page_size(first) })
}

#[derive(SimpleObject, Default)]
pub(in crate::api::graphql) struct ArtifactCollectionConnection {
    edges: Vec<ArtifactCollectionEdge>,
    page_info: PageInfo,
    total_count: i64,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactCollectionEdge {
    node: ArtifactCollection,
    cursor: String,
}

impl ArtifactCollectionConnection {
    /// Collections of a project, of one type or of any.
    pub async fn list(
        ctx: &Context<'_>,
        at: &Allowed<FoundProject>,
        of_type: Option<ArtifactTypeId>,
        wanted: Wanted,
    ) -> async_graphql::Result<Self> {
        let request = Request::of(ctx);
        let listed = request.app.list_collections(&request.caller, at, of_type, wanted).await.map_err(failed)?;
        let edge = |(found, position): (Allowed<FoundCollection>, String)| ArtifactCollectionEdge {
            cursor: cursor::encode(&position),
            node: ArtifactCollection::of(found.into()),
        };
        let edges: Vec<ArtifactCollectionEdge> = listed.items.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        let page_info = PageInfo { end_cursor, has_next_page: listed.has_more };
        Ok(Self { edges, page_info, total_count: count(listed.total as u64) })
    }
}
