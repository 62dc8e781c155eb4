//! The root of all mutations, one file per noun.

mod alert;
mod artifact;
mod file;
mod project;
mod run;

use async_graphql::MergedObject;

#[derive(MergedObject, Default)]
pub struct Mutation(
    alert::AlertMutation,
    artifact::ArtifactMutation,
    file::FileMutation,
    project::ProjectMutation,
    run::RunMutation,
);
