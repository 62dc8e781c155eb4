//! Changing artifacts, one file per kind of change. Making and filling them is in `upload`.

mod alias;
mod collection;
mod delete;
mod edit;
mod link;

use async_graphql::{InputObject, MergedObject};

#[derive(MergedObject, Default)]
pub(super) struct ArtifactMutation(
    alias::AliasMutation,
    collection::CollectionMutation,
    delete::DeleteMutation,
    edit::EditMutation,
    link::LinkMutation,
);

/// An alias in a collection that the request knows already.
#[derive(InputObject)]
pub(super) struct ArtifactAliasInput {
    pub artifact_collection_name: String,
    pub alias: String,
}

#[derive(InputObject)]
pub(super) struct TagInput {
    pub tag_name: String,
    pub tag_category_name: Option<String>,
    pub attributes: Option<String>,
}

/// Tags of ours are names alone.
fn tag_names(tags: Option<Vec<TagInput>>) -> Vec<String> {
    let name = |TagInput { tag_name, tag_category_name: _, attributes: _ }| tag_name;
    tags.into_iter().flatten().map(name).collect()
}
