//! The root of all mutations, one file per noun.

mod alert;
mod api_key;
mod artifact;
mod custom_chart;
mod file;
mod project;
mod run;
mod service_account;
mod sweep;
mod team;

use async_graphql::MergedObject;

#[derive(MergedObject, Default)]
pub struct Mutation(
    alert::AlertMutation,
    artifact::ArtifactMutation,
    api_key::ApiKeyMutation,
    custom_chart::CustomChartMutation,
    file::FileMutation,
    project::ProjectMutation,
    run::RunMutation,
    service_account::ServiceAccountMutation,
    sweep::SweepMutation,
    team::TeamMutation,
);
