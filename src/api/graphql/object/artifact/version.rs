//! Artifacts: versions, and drafts for those who fill them.

use super::alias::{ArtifactAlias, Tag};
use super::artifact_type::ArtifactType;
use super::collection::{ArtifactDigestAlgorithm, ArtifactSequence};
use super::file::{self, ArtifactManifestEntryInput};
use super::manifest::ArtifactManifest;
use super::membership::{
    ArtifactCollectionMembership, ArtifactCollectionMembershipConnection, ArtifactCollectionMembershipEdge,
};
use crate::access::Allowed;
use crate::api::graphql::cursor::{self, PageInfo, page_size};
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::file::FileConnection;
use crate::api::graphql::object::run::{Run, RunConnection, RunEdge, count};
use crate::api::graphql::object::user::User;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, Int64, JsonString};
use crate::app::artifact::FoundArtifact;
use crate::app::artifact::find::ArtifactFacts;
use crate::domain::artifact::ArtifactState as State;
use crate::domain::id::RunId;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Enum, ID, Object, OutputType, Positioned, ServerResult, SimpleObject, Union, Value,
};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Clients ask for the users of a version without pages (wandb 0.31.0, `ArtifactUsedBy`).
const USERS_MAX: usize = 10_000;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(in crate::api::graphql) enum ArtifactState {
    Pending,
    Committed,
    Deleted,
}

/// Who made a version: the run that logged it first, else the person.
#[derive(Union)]
pub(in crate::api::graphql) enum ArtifactCreator {
    Run(Box<Run>),
    User(User),
}

/// A maker of whom nothing is asked that they have is an object without members, and not null as async-graphql has it:
/// clients look into it (wandb 0.17.9, `Artifact.logged_by`).
pub(in crate::api::graphql) struct Maker(ArtifactCreator);

impl OutputType for Maker {
    fn type_name() -> Cow<'static, str> {
        <ArtifactCreator as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ArtifactCreator as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        Ok(match self.0.resolve(ctx, field).await? {
            Value::Null => Value::Object(IndexMap::default()),
            value => value,
        })
    }
}

#[derive(Clone)]
pub(in crate::api::graphql) struct Artifact {
    pub found: Arc<Allowed<FoundArtifact>>,
    /// Read once, however many fields ask.
    facts: Arc<OnceCell<Option<ArtifactFacts>>>,
}

impl Artifact {
    /// For reading: the proof is of `artifact:read`.
    pub fn of(found: Allowed<FoundArtifact>) -> Self {
        Self::shared(Arc::new(found))
    }

    pub fn shared(found: Arc<Allowed<FoundArtifact>>) -> Self {
        Self { found, facts: Arc::default() }
    }

    async fn facts(&self, ctx: &Context<'_>) -> async_graphql::Result<&ArtifactFacts> {
        let request = Request::of(ctx);
        let read = || request.app.artifact_facts(&request.caller, &self.found);
        let facts = self.facts.get_or_try_init(read).await.map_err(failed)?;
        let gone = || crate::api::graphql::error::missing("the artifact was deleted just now");
        facts.as_ref().ok_or_else(gone)
    }
}

#[Object]
impl Artifact {
    async fn id(&self) -> ID {
        id::artifact(self.found.id)
    }

    async fn artifact_sequence(&self, ctx: &Context<'_>) -> async_graphql::Result<ArtifactSequence> {
        let facts = self.facts(ctx).await?;
        Ok(match &facts.seen_sequence {
            Some(seen) => ArtifactSequence::of(Arc::new(seen.project(Clone::clone))),
            None => ArtifactSequence::unseen(facts.sequence.clone()),
        })
    }

    async fn artifact_type(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<ArtifactType>> {
        let facts = self.facts(ctx).await?;
        Ok(Some(match &facts.seen_sequence {
            Some(seen) => ArtifactType::of_collection(seen),
            None => ArtifactType::unseen(&facts.sequence),
        }))
    }

    /// The number of the version in its own sequence. A draft has none.
    async fn version_index(&self) -> Option<u32> {
        self.found.artifact.version
    }

    async fn state(&self) -> ArtifactState {
        match self.found.artifact.state {
            State::Draft => ArtifactState::Pending,
            State::Committed => ArtifactState::Committed,
            State::Deleted => ArtifactState::Deleted,
        }
    }

    async fn description(&self) -> Option<&str> {
        self.found.artifact.description.as_deref()
    }

    /// JSON text.
    async fn metadata(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<JsonString>> {
        let text = Request::of(ctx).app.artifact_metadata(&self.found).await.map_err(failed)?;
        Ok(text.map(JsonString))
    }

    async fn digest(&self) -> &str {
        &self.found.artifact.digest
    }

    async fn digest_algorithm(&self) -> ArtifactDigestAlgorithm {
        ArtifactDigestAlgorithm::ManifestMd5
    }

    async fn commit_hash(&self) -> Option<&str> {
        (self.found.artifact.state == State::Committed).then_some(&self.found.artifact.digest)
    }

    async fn size(&self) -> Int64 {
        Int64(count(self.found.artifact.size_bytes))
    }

    async fn file_count(&self) -> Int64 {
        Int64(count(self.found.artifact.entry_count))
    }

    async fn created_at(&self) -> DateTime {
        DateTime(self.found.artifact.created_at)
    }

    async fn updated_at(&self) -> Option<DateTime> {
        Some(DateTime(self.found.artifact.updated_at))
    }

    async fn history_step(&self) -> Option<Int64> {
        self.found.artifact.history_step.map(Int64)
    }

    /// How long it is kept: -1 as its collection says, -2 for ever.
    async fn ttl_duration_seconds(&self, ctx: &Context<'_>) -> async_graphql::Result<Int64> {
        Ok(Int64(self.facts(ctx).await?.time_to_live(self.found.artifact.ttl).wire_secs))
    }

    async fn ttl_is_inherited(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(self.facts(ctx).await?.time_to_live(self.found.artifact.ttl).is_inherited)
    }

    async fn tags(&self) -> Vec<Tag> {
        Tag::all(&self.found.artifact.tags)
    }

    /// In every collection that the caller sees. The number there is one of them, as `v3`: by it clients know the version of
    /// a portfolio, and leave it out of what they show (wandb 0.17.9 to 0.31.0, `alias_is_version_index`).
    async fn aliases(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<ArtifactAlias>> {
        let mut aliases = Vec::new();
        for place in &self.facts(ctx).await?.places {
            let within = Arc::new(place.within.project(Clone::clone));
            let alias = |alias: String| ArtifactAlias { within: Arc::clone(&within), alias };
            aliases.extend(place.aliases.iter().cloned().map(alias));
            aliases.push(alias(format!("v{}", place.version)));
        }
        Ok(aliases)
    }

    /// Its places in the collections that the caller sees.
    async fn artifact_memberships(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<ArtifactCollectionMembershipConnection> {
        let facts = self.facts(ctx).await?;
        let edge = |place: &crate::app::artifact::find::Place| {
            let (id, artifact, version) = (self.found.id, self.found.artifact.clone(), Some(place.version));
            let found = place.within.project(|within| FoundArtifact { within: within.clone(), id, artifact, version });
            ArtifactCollectionMembershipEdge {
                cursor: cursor::encode(&format!("{}:{}", place.within.id, place.version)),
                node: ArtifactCollectionMembership::of(found),
            }
        };
        let edges: Vec<ArtifactCollectionMembershipEdge> = facts.places.iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(ArtifactCollectionMembershipConnection { edges, page_info: PageInfo { end_cursor, has_next_page: false } })
    }

    /// The run that logged it first, else the person who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Maker>> {
        let request = Request::of(ctx);
        let run = request.app.maker_of(&request.caller, &self.found).await.map_err(failed)?;
        if let Some(run) = run {
            return Ok(Some(Maker(ArtifactCreator::Run(Box::new(Run::with_project(run))))));
        }
        match self.found.artifact.creator {
            Some(creator) => Ok(Some(Maker(ArtifactCreator::User(User::of(ctx, Some(creator)).await?)))),
            None => Ok(None),
        }
    }

    /// The runs that used it, as far as the caller sees them.
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<RunConnection>> {
        let request = Request::of(ctx);
        let after = cursor::decode(after.as_deref())?.and_then(|id| id.parse().ok()).map(RunId);
        let limit = first.map_or(USERS_MAX, |_| page_size(first));
        let listed = request.app.users_of(&request.caller, &self.found, after, limit);
        let (runs, has_next_page) = listed.await.map_err(failed)?;
        let edge = |found: Allowed<crate::app::run::FoundRun>| RunEdge {
            cursor: cursor::encode(&found.id.to_string()),
            node: Run::with_project(found),
        };
        let edges: Vec<RunEdge> = runs.into_iter().map(edge).collect();
        let end_cursor = edges.last().map(|edge| edge.cursor.clone());
        Ok(Some(RunConnection { edges, page_info: PageInfo { end_cursor, has_next_page } }))
    }

    async fn current_manifest(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<ArtifactManifest>> {
        let manifest = Request::of(ctx).app.manifest_of(&self.found).await.map_err(failed)?;
        Ok(manifest.map(ArtifactManifest::stored))
    }

    /// All that is in it, references too.
    async fn files(
        &self,
        ctx: &Context<'_>,
        names: Option<Vec<String>>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<Option<FileConnection>> {
        file::list(ctx, &self.found, names, first, after).await.map(Some)
    }

    /// The files of some entries. How they are kept is ours to know, so the client's word on it changes nothing.
    async fn files_by_manifest_entries(
        &self,
        ctx: &Context<'_>,
        entries: Option<Vec<ArtifactManifestEntryInput>>,
        storage_layout: String,
        manifest_version: String,
        storage_region: Option<String>,
    ) -> async_graphql::Result<Option<FileConnection>> {
        let _not_needed = (storage_layout, manifest_version, storage_region);
        file::list_entries(ctx, &self.found, entries.unwrap_or_default()).await.map(Some)
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct VersionedArtifactConnection {
    pub edges: Vec<VersionedArtifactEdge>,
    pub page_info: PageInfo,
    pub total_count: i64,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct VersionedArtifactEdge {
    pub node: Artifact,
    /// `v3`.
    pub version: String,
    pub cursor: String,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactConnection {
    pub edges: Vec<ArtifactEdge>,
    pub page_info: PageInfo,
    pub total_count: i64,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct ArtifactEdge {
    pub node: Artifact,
    /// `v3`, in its own sequence.
    pub version: String,
    pub cursor: String,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct InputArtifactConnection {
    pub edges: Vec<InputArtifactEdge>,
    pub page_info: PageInfo,
    pub total_count: i64,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct InputArtifactEdge {
    pub node: Artifact,
    pub cursor: String,
}
