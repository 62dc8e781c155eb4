//! `/api/v1/projects/{entity}/{project}/runs` and its trash: what is done to many runs at once.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, bad_cursor};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::Error;
use crate::app::run::{DeletedRun, ProjectPath, RunPath, project_path, run_path};
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunNames {
    /// At most 1000.
    runs: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsToMove {
    /// At most 1000. They have to have ended.
    runs: Vec<String>,
    /// Where they go.
    entity: String,
    project: String,
}

/// How many runs it was done to.
#[derive(Serialize, ToSchema)]
pub struct RunCount {
    runs: usize,
}

#[derive(Serialize, ToSchema)]
pub struct DeletedRunView {
    name: String,
    display_name: String,
    /// The user name of who made it; absent when they are no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    deleted_at: String,
    /// Until then it can be restored; after that it is removed for good, and its name is free.
    removed_at: String,
}

impl From<DeletedRun> for DeletedRunView {
    fn from(run: DeletedRun) -> Self {
        Self {
            name: run.name,
            display_name: run.display_name,
            owner: run.owner,
            deleted_at: run.deleted_at.to_rfc3339(),
            removed_at: run.removed_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct DeletedRunPage {
    runs: Vec<DeletedRunView>,
    /// Pass it as `after` for the next page; absent on the last one. A page may be empty and have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Put runs of a project into the trash. All of them or none: the answer names those that are not yours to delete.
#[utoipa::path(post, path = "/api/v1/projects/{entity}/{project}/runs/delete", tag = "runs",
    params(("entity" = String, Path), ("project" = String, Path)), request_body = RunNames,
    responses((status = 200, description = "They are in the trash", body = RunCount), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
    Body(named): Body<RunNames>,
) -> Result<Json<RunCount>, RestError> {
    let paths = paths(&entity, &project, &named.runs)?;
    Ok(Json(RunCount { runs: shared.app.delete_runs(&caller, paths).await? }))
}

/// What is in the trash of a project, the last deleted first.
#[utoipa::path(get, path = "/api/v1/projects/{entity}/{project}/trash", tag = "runs",
    params(("entity" = String, Path), ("project" = String, Path), After),
    responses((status = 200, description = "A page of deleted runs", body = DeletedRunPage), Refusals))]
pub async fn list_trash(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
    Parameters(page): Parameters<After>,
) -> Result<Json<DeletedRunPage>, RestError> {
    let before = page.after.as_deref().map(|text| parse_cursor(text).ok_or_else(bad_cursor)).transpose()?;
    let at: ProjectPath = project_path(&entity, &project)?;
    let found = shared.app.list_deleted_runs(&caller, at, before).await?;
    let next = found.next.map(|(at, id)| format!("{}-{id}", at.0));
    Ok(Json(DeletedRunPage { runs: found.items.into_iter().map(DeletedRunView::from).collect(), next }))
}

fn parse_cursor(text: &str) -> Option<(Timestamp, RunId)> {
    let (at, id) = text.rsplit_once('-')?;
    Some((Timestamp(at.parse().ok()?), RunId(id.parse().ok()?)))
}

/// Take a run out of the trash.
#[utoipa::path(post, path = "/api/v1/projects/{entity}/{project}/runs/{run}/restore", tag = "runs",
    params(("entity" = String, Path), ("project" = String, Path), ("run" = String, Path)),
    responses((status = 200, description = "It is where it was", body = RunCount), Refusals))]
pub async fn restore(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project, run)): Named<(String, String, String)>,
) -> Result<Json<RunCount>, RestError> {
    let path = run_path(&entity, &project, &run)?;
    Ok(Json(RunCount { runs: shared.app.restore_runs(&caller, vec![path]).await? }))
}

/// Move runs into another project, in which their names have to be free. Who made them goes on owning them.
#[utoipa::path(post, path = "/api/v1/projects/{entity}/{project}/runs/move", tag = "runs",
    params(("entity" = String, Path), ("project" = String, Path)), request_body = RunsToMove,
    responses((status = 200, description = "They are in the other project", body = RunCount), Refusals))]
pub async fn move_runs(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
    Body(asked): Body<RunsToMove>,
) -> Result<Json<RunCount>, RestError> {
    let paths = paths(&entity, &project, &asked.runs)?;
    let to = project_path(&asked.entity, &asked.project)?;
    Ok(Json(RunCount { runs: shared.app.move_runs(&caller, paths, to).await? }))
}

fn paths(entity: &str, project: &str, runs: &[String]) -> Result<Vec<RunPath>, Error> {
    runs.iter().map(|run| run_path(entity, project, run)).collect()
}
