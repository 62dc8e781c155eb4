//! Logging, using and changing artifacts, one file per kind of change.

mod alias;
mod collection;
mod delete;
mod draft;
mod edit;
mod link;
mod upload;
mod usage;

use async_graphql::{InputObject, MergedObject};

#[derive(MergedObject, Default)]
pub struct ArtifactMutation(
    alias::AliasMutation,
    collection::CollectionMutation,
    delete::DeleteMutation,
    draft::DraftMutation,
    edit::EditMutation,
    link::LinkMutation,
    upload::UploadMutation,
    usage::UsageMutation,
);

/// An alias for an artifact in one collection, which the request names anyway.
#[derive(InputObject)]
struct ArtifactAliasInput {
    artifact_collection_name: String,
    alias: String,
}

/// Tags of ours are names alone.
#[derive(InputObject)]
struct TagInput {
    tag_name: String,
    tag_category_name: Option<String>,
    attributes: Option<String>,
}

fn tag_names(tags: Option<Vec<TagInput>>) -> Vec<String> {
    let name = |TagInput { tag_name, tag_category_name: _, attributes: _ }| tag_name;
    tags.into_iter().flatten().map(name).collect()
}
