//! `/api/v1/projects`: who sees a project, whose it is, and who has a role of their own in it.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, given, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::page::Page;
use crate::app::project::{ChangeProject, NewProject, ShownProject};
use crate::app::project_member::ProjectMembership;
use crate::app::run::project_path;
use crate::domain::id::UserId;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectToBe {
    /// A team, or yourself; without one yourself.
    entity: Option<String>,
    name: String,
    description: Option<String>,
    /// `open`, `public`, `team` or `restricted`; without one what the team has set.
    visibility: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    /// null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// `open`, `public`, `team` or `restricted`.
    visibility: Option<String>,
    /// The user name of a member of the team, to whom an admin hands the project on.
    owner: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ProjectView {
    entity: String,
    name: String,
    visibility: &'static str,
    /// The user name of who owns it; absent when they are no longer there.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// This and the time are for those who see the project; who only governs its visibility is told the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
}

impl From<ShownProject> for ProjectView {
    fn from(shown: ShownProject) -> Self {
        let created_at = shown.details.as_ref().map(|details| details.created_at.to_rfc3339());
        Self {
            entity: shown.entity,
            name: shown.name,
            visibility: shown.visibility.as_str(),
            owner: shown.owner,
            description: shown.details.and_then(|details| details.description),
            created_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ProjectPage {
    projects: Vec<ProjectView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<(Vec<ShownProject>, bool)> for ProjectPage {
    fn from((projects, has_more): (Vec<ShownProject>, bool)) -> Self {
        let next = projects.last().filter(|_| has_more).map(|project| project.name.clone());
        Self { projects: projects.into_iter().map(ProjectView::from).collect(), next }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfEntity {
    /// A team or a person; without one yourself.
    entity: Option<String>,
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectRole {
    /// `admin`, `member` or `view_only` in this project, whatever the role in the team; null: the role in the team counts.
    #[schema(required)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ProjectMemberView {
    username: String,
    name: Option<String>,
    /// Absent when the role in the team counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    team_role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

impl From<ProjectMembership> for ProjectMemberView {
    fn from(member: ProjectMembership) -> Self {
        Self {
            username: member.user.name.to_string(),
            name: member.user.full_name,
            role: member.role.map(|role| role.as_str()),
            team_role: member.team_role.as_str(),
            since: member.since.map(|since| since.to_rfc3339()),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ProjectMemberPage {
    members: Vec<ProjectMemberView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Page<ProjectMembership, UserId>> for ProjectMemberPage {
    fn from(page: Page<ProjectMembership, UserId>) -> Self {
        let members = page.items.into_iter().map(ProjectMemberView::from).collect();
        Self { members, next: page.next.map(|id| id.to_string()) }
    }
}

/// Make a project.
#[utoipa::path(post, path = "/api/v1/projects", tag = "projects", request_body = ProjectToBe,
    responses((status = 201, description = "The new project", body = ProjectView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<ProjectToBe>,
) -> Result<(StatusCode, Json<ProjectView>), RestError> {
    let ProjectToBe { entity, name, description, visibility } = new;
    let created = shared.app.create_project(&caller, NewProject { entity, name, description, visibility }).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// The projects of a team or a person that you see, by name.
#[utoipa::path(get, path = "/api/v1/projects", tag = "projects", params(OfEntity),
    responses((status = 200, description = "A page of projects", body = ProjectPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(of): Parameters<OfEntity>,
) -> Result<Json<ProjectPage>, RestError> {
    let found = shared.app.list_shown_projects(&caller, of.entity.as_deref(), of.after.as_deref()).await?;
    Ok(Json(found.into()))
}

/// A project that you see, or whose visibility you govern.
#[utoipa::path(get, path = "/api/v1/projects/{entity}/{project}", tag = "projects",
    params(("entity" = String, Path), ("project" = String, Path)),
    responses((status = 200, description = "The project", body = ProjectView), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
) -> Result<Json<ProjectView>, RestError> {
    let at = project_path(&entity, &project)?;
    Ok(Json(shared.app.show_project(&caller, at).await?.into()))
}

/// Change a project: what it says, who sees it, whose it is. What is not sent stays.
#[utoipa::path(patch, path = "/api/v1/projects/{entity}/{project}", tag = "projects",
    params(("entity" = String, Path), ("project" = String, Path)), request_body = ProjectChange,
    responses((status = 200, description = "The project", body = ProjectView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
    Body(change): Body<ProjectChange>,
) -> Result<Json<ProjectView>, RestError> {
    let at = project_path(&entity, &project)?;
    let ProjectChange { description, visibility, owner } = change;
    let change = ChangeProject { description, visibility, owner };
    Ok(Json(shared.app.update_project(&caller, at, change).await?.into()))
}

/// Those who have a role of their own in the project. For the others of the team their role in the team counts.
#[utoipa::path(get, path = "/api/v1/projects/{entity}/{project}/members", tag = "projects",
    params(("entity" = String, Path), ("project" = String, Path), After),
    responses((status = 200, description = "A page of members", body = ProjectMemberPage), Refusals))]
pub async fn list_members(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project)): Named<(String, String)>,
    Parameters(page): Parameters<After>,
) -> Result<Json<ProjectMemberPage>, RestError> {
    let at = project_path(&entity, &project)?;
    let after = number(page.after.as_deref())?.map(UserId);
    Ok(Json(shared.app.list_project_members(&caller, at, after).await?.into()))
}

/// Give a member of the team a role in this project: this lets them into a restricted one.
#[utoipa::path(put, path = "/api/v1/projects/{entity}/{project}/members/{username}", tag = "projects",
    params(("entity" = String, Path), ("project" = String, Path), ("username" = String, Path)),
    request_body = ProjectRole,
    responses((status = 200, description = "The member", body = ProjectMemberView), Refusals))]
pub async fn put_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project, username)): Named<(String, String, String)>,
    Body(new): Body<ProjectRole>,
) -> Result<Json<ProjectMemberView>, RestError> {
    let at = project_path(&entity, &project)?;
    Ok(Json(shared.app.put_project_member(&caller, at, &username, new.role.as_deref()).await?.into()))
}

/// Take a member's role in this project away: their role in the team counts, and a restricted project is closed to them.
#[utoipa::path(delete, path = "/api/v1/projects/{entity}/{project}/members/{username}", tag = "projects",
    params(("entity" = String, Path), ("project" = String, Path), ("username" = String, Path)),
    responses((status = 204, description = "They have no role of their own there"), Refusals))]
pub async fn remove_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((entity, project, username)): Named<(String, String, String)>,
) -> Result<StatusCode, RestError> {
    let at = project_path(&entity, &project)?;
    shared.app.put_project_member(&caller, at, &username, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
