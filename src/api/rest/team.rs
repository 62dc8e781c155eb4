//! `/api/v1/teams` and who belongs to them.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, bad_cursor, number};
use super::member::{MemberPage, MemberView, NewRole};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::team::trash::Restored;
use crate::app::team::{CreateTeam, Team, TeamCursor};
use crate::domain::clock::Timestamp;
use crate::domain::id::{EntityId, OrganizationId, UserId};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// People, teams and organizations share one name space.
    name: String,
    organization: String,
    /// User names of its first admins, who join the organization if they are not in it. Nobody else becomes a
    /// member, you neither.
    #[serde(default)]
    admins: Vec<String>,
    /// The connector whose store its bytes go to; without one it is the store of this server.
    connector: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TeamView {
    name: String,
    organization: String,
    created_at: String,
    /// Since when it is in the trash; absent for a team that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
    /// Until then it can be restored; after that it is removed for good, and its name is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_at: Option<String>,
    /// What somebody has to see to, in a sentence; there for a restored team that has no active admin any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

impl From<Team> for TeamView {
    fn from(team: Team) -> Self {
        Self {
            name: team.entity.name.to_string(),
            organization: team.organization.to_string(),
            created_at: team.entity.created_at.to_rfc3339(),
            deleted_at: team.entity.trash.map(|trash| trash.deleted_at.to_rfc3339()),
            removed_at: team.entity.trash.map(|trash| trash.until.to_rfc3339()),
            notice: None,
        }
    }
}

impl From<Restored> for TeamView {
    fn from(restored: Restored) -> Self {
        let name = &restored.team.entity.name;
        let without_admin = format!(
            "team `{name}` has no active admin any more; make a person one: `weighhouse team set-role {name} USERNAME \
             admin`, or `PUT /api/v1/teams/{name}/members/USERNAME` with the role `admin`"
        );
        Self { notice: (!restored.has_admin).then_some(without_admin), ..restored.team.into() }
    }
}

#[derive(Serialize, ToSchema)]
pub struct TeamPage {
    teams: Vec<TeamView>,
    /// Pass it as `after` for the next page; absent on the last one. A page may be short, or empty, and have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only the teams of this organization.
    organization: Option<String>,
    /// Those in the trash that you may restore, instead of the others.
    #[serde(default)]
    deleted: bool,
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
}

/// Make a team.
#[utoipa::path(post, path = "/api/v1/teams", tag = "teams", request_body = NewTeam,
    responses((status = 201, description = "The new team", body = TeamView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<NewTeam>,
) -> Result<(StatusCode, Json<TeamView>), RestError> {
    let input = CreateTeam { name: new.name, organization: new.organization, admins: new.admins };
    let created = shared.app.create_team_in(&caller, input, new.connector.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// The teams that you see: your own, and those of organizations that you administer.
#[utoipa::path(get, path = "/api/v1/teams", tag = "teams", params(Wanted),
    responses((status = 200, description = "A page of teams", body = TeamPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<TeamPage>, RestError> {
    let (app, organization) = (&shared.app, wanted.organization.as_deref());
    let after = wanted.after.as_deref().map(|text| parse_cursor(text).ok_or_else(bad_cursor)).transpose()?;
    let (teams, next) = if wanted.deleted {
        let after = after.map(|(until, team)| (Timestamp(until), team));
        let found = app.list_deleted_teams(&caller, organization, after).await?;
        (found.items, found.next.map(|(until, team)| (until.0.to_string(), team)))
    } else {
        let id = |number| u64::try_from(number).map(OrganizationId).map_err(|_| bad_cursor());
        let after = after.map(|(number, team)| Ok::<TeamCursor, RestError>((id(number)?, team))).transpose()?;
        let found = app.list_teams(&caller, organization, after).await?;
        (found.items, found.next.map(|(organization, team)| (organization.to_string(), team)))
    };
    let next = next.map(|(first, team)| format!("{first}-{team}"));
    Ok(Json(TeamPage { teams: teams.into_iter().map(TeamView::from).collect(), next }))
}

/// What the list is ordered by, and a team.
fn parse_cursor(text: &str) -> Option<(i64, EntityId)> {
    let (first, team) = text.split_once('-')?;
    Some((first.parse().ok()?, EntityId(team.parse().ok()?)))
}

/// What a team is to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamChange {
    /// People, teams and organizations share one name space.
    name: String,
}

/// Give a team another name. The last ten names of before lead to it as well, and are nobody else's: what logs under one
/// of them goes on.
#[utoipa::path(patch, path = "/api/v1/teams/{name}", tag = "teams", params(("name" = String, Path)),
    request_body = TeamChange,
    responses((status = 200, description = "The team as it is now", body = TeamView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(change): Body<TeamChange>,
) -> Result<Json<TeamView>, RestError> {
    Ok(Json(shared.app.rename_team(&caller, &name, &change.name).await?.into()))
}

/// Put a team into the trash: nobody sees it or what is in it from then on. It keeps its name until it is removed for
/// good.
#[utoipa::path(delete, path = "/api/v1/teams/{name}", tag = "teams", params(("name" = String, Path)),
    responses((status = 200, description = "The deleted team, and until when it can be restored", body = TeamView),
        Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<TeamView>, RestError> {
    Ok(Json(shared.app.delete_team(&caller, &name).await?.into()))
}

/// Take a team out of the trash, with all that was in it. Its admins may have left meanwhile; `notice` says so.
#[utoipa::path(post, path = "/api/v1/teams/{name}/restore", tag = "teams", params(("name" = String, Path)),
    responses((status = 200, description = "The team", body = TeamView), Refusals))]
pub async fn restore(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<TeamView>, RestError> {
    Ok(Json(shared.app.restore_team(&caller, &name).await?.into()))
}

/// Who belongs to a team.
#[utoipa::path(get, path = "/api/v1/teams/{name}/members", tag = "teams", params(("name" = String, Path), After),
    responses((status = 200, description = "A page of members", body = MemberPage), Refusals))]
pub async fn list_members(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Parameters(page): Parameters<After>,
) -> Result<Json<MemberPage>, RestError> {
    let after = number(page.after.as_deref())?.map(UserId);
    Ok(Json(shared.app.list_team_members(&caller, &name, after).await?.into()))
}

/// Make a person a member, or change their role. Doing it twice is doing it once.
#[utoipa::path(put, path = "/api/v1/teams/{name}/members/{username}", tag = "teams",
    params(("name" = String, Path), ("username" = String, Path)), request_body = NewRole,
    responses((status = 200, description = "The member", body = MemberView), Refusals))]
pub async fn put_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, username)): Named<(String, String)>,
    Body(new): Body<NewRole>,
) -> Result<Json<MemberView>, RestError> {
    Ok(Json(shared.app.put_team_member(&caller, &name, &username, &new.role).await?.into()))
}

/// Take a person out of a team, or leave it yourself. What they made stays.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/members/{username}", tag = "teams",
    params(("name" = String, Path), ("username" = String, Path)),
    responses((status = 204, description = "The person is no member any more"), Refusals))]
pub async fn remove_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, username)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.remove_team_member(&caller, &name, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
