//! The root of all mutations, one file per noun.

mod alert;
mod file;
mod project;
mod run;
mod sweep;

use async_graphql::MergedObject;

#[derive(MergedObject, Default)]
pub struct Mutation(
    alert::AlertMutation,
    file::FileMutation,
    project::ProjectMutation,
    run::RunMutation,
    sweep::SweepMutation,
);
