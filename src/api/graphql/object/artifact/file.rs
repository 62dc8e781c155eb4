//! The entries of a version as files.

use crate::access::Allowed;
use crate::api::graphql::cursor::{self, PageInfo};
use crate::api::graphql::error::failed;
use crate::api::graphql::id;
use crate::api::graphql::object::file::{Counted, File, FileBytes, FileConnection, FileEdge};
use crate::api::graphql::object::run::count;
use crate::api::graphql::request::Request;
use crate::app::artifact::FoundArtifact;
use crate::domain::artifact::manifest::{Entry, EntrySource};
use async_graphql::{Context, InputObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// Clients ask for 5,000 URLs at once (wandb 0.31.0, `Artifact.download`).
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 10_000;

/// An entry by what its manifest says of it (wandb-core 0.31.0, `ArtifactFileURLsByManifestEntries`).
#[derive(InputObject)]
pub(in crate::api::graphql) struct ArtifactManifestEntryInput {
    pub name: String,
    pub digest: String,
    #[graphql(name = "birthArtifactID")]
    pub birth_artifact_id: Option<String>,
    pub size: Option<crate::api::graphql::scalar::Int64>,
    #[graphql(name = "ref")]
    pub reference: Option<String>,
}

/// All entries by path, or those named.
pub(in crate::api::graphql) async fn list(
    ctx: &Context<'_>,
    found: &Arc<Allowed<FoundArtifact>>,
    names: Option<Vec<String>>,
    first: Option<i32>,
    after: Option<String>,
) -> async_graphql::Result<FileConnection> {
    let app = &Request::of(ctx).app;
    let names = names.filter(|names| !names.is_empty());
    if let Some(names) = names {
        let entries = app.entries_named(found, names).await.map_err(failed)?;
        return Ok(connection(found, entries, false));
    }
    let limit = first.and_then(|first| usize::try_from(first).ok()).unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    let after = cursor::decode(after.as_deref())?;
    let (entries, has_more) = app.list_entries(found, after, limit).await.map_err(failed)?;
    Ok(connection(found, entries, has_more))
}

/// Those of the entries that the version has: wandb-core asks for one that is left out again and again, so a reference is
/// not left out either.
pub(in crate::api::graphql) async fn list_entries(
    ctx: &Context<'_>,
    found: &Arc<Allowed<FoundArtifact>>,
    entries: Vec<ArtifactManifestEntryInput>,
) -> async_graphql::Result<FileConnection> {
    let names = entries.into_iter().map(|entry| entry.name).collect();
    let entries = Request::of(ctx).app.entries_named(found, names).await.map_err(failed)?;
    Ok(connection(found, entries, false))
}

fn connection(
    found: &Arc<Allowed<FoundArtifact>>,
    entries: Vec<(String, Entry)>,
    has_next_page: bool,
) -> FileConnection {
    let edges: Vec<FileEdge> = entries
        .into_iter()
        .map(|(path, entry)| FileEdge { cursor: cursor::encode(&path), node: file(found, path, entry) })
        .collect();
    let end_cursor = edges.last().map(|edge| edge.cursor.clone());
    FileConnection {
        edges,
        page_info: PageInfo { end_cursor, has_next_page },
        upload_headers: Vec::new(),
        counted: Counted::Known(count(found.artifact.entry_count)),
    }
}

fn file(found: &Arc<Allowed<FoundArtifact>>, path: String, entry: Entry) -> File {
    let (bytes, md5) = match entry.source {
        EntrySource::Blob(object) => {
            let md5 = STANDARD.decode(&entry.digest).ok().and_then(|bytes| bytes.try_into().ok());
            (FileBytes::Blob { found: Arc::clone(found), object }, md5)
        }
        EntrySource::Reference(uri) => (FileBytes::Reference(uri), None),
    };
    File {
        id: id::entry(found.id, &path),
        name: path,
        size_bytes: entry.size_bytes,
        md5,
        digest: Some(entry.digest),
        updated_at: Some(found.artifact.created_at),
        bytes,
        upload: None,
    }
}
