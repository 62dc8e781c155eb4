//! Logging artifacts and using them.

mod draft;
mod upload;
mod usage;

use async_graphql::MergedObject;

#[derive(MergedObject, Default)]
pub struct ArtifactMutation(draft::DraftMutation, upload::UploadMutation, usage::UsageMutation);
