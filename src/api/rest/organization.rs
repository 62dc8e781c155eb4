//! `/api/v1/organizations` and who belongs to them.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, number};
use super::member::{MemberView, NewRole};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::domain::entity::Organization;
use crate::domain::id::OrganizationId;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// People, teams and organizations share one name space.
    name: String,
}

#[derive(Serialize, ToSchema)]
pub struct OrganizationView {
    name: String,
    created_at: String,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        Self { name: organization.name.to_string(), created_at: organization.created_at.to_rfc3339() }
    }
}

#[derive(Serialize, ToSchema)]
pub struct OrganizationPage {
    organizations: Vec<OrganizationView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Make an organization. Nobody belongs to it yet.
#[utoipa::path(post, path = "/api/v1/organizations", tag = "organizations", request_body = NewOrganization,
    responses((status = 201, description = "The new organization", body = OrganizationView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<NewOrganization>,
) -> Result<(StatusCode, Json<OrganizationView>), RestError> {
    let created = shared.app.create_organization(&caller, &new.name).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// The organizations whose members you may manage, oldest first.
#[utoipa::path(get, path = "/api/v1/organizations", tag = "organizations", params(After),
    responses((status = 200, description = "A page of organizations", body = OrganizationPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(page): Parameters<After>,
) -> Result<Json<OrganizationPage>, RestError> {
    let after = number(page.after.as_deref())?.map(OrganizationId);
    let found = shared.app.list_organizations(&caller, after).await?;
    let organizations = found.items.into_iter().map(OrganizationView::from).collect();
    Ok(Json(OrganizationPage { organizations, next: found.next.map(|id| id.to_string()) }))
}

/// An organization whose members you may manage.
#[utoipa::path(get, path = "/api/v1/organizations/{name}", tag = "organizations", params(("name" = String, Path)),
    responses((status = 200, description = "The organization", body = OrganizationView), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<OrganizationView>, RestError> {
    Ok(Json(shared.app.show_organization(&caller, &name).await?.into()))
}

/// Give an organization another name. The old one leads to it as well, and is nobody else's.
#[utoipa::path(patch, path = "/api/v1/organizations/{name}", tag = "organizations",
    params(("name" = String, Path)), request_body = NewOrganization,
    responses((status = 200, description = "The organization as it is now", body = OrganizationView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<NewOrganization>,
) -> Result<Json<OrganizationView>, RestError> {
    Ok(Json(shared.app.rename_organization(&caller, &name, &new.name).await?.into()))
}

/// Delete an organization that has no teams and is not the last one.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}", tag = "organizations",
    params(("name" = String, Path)),
    responses((status = 204, description = "The organization is gone"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_organization(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a person a member, or change their role. Doing it twice is doing it once.
#[utoipa::path(put, path = "/api/v1/organizations/{name}/members/{username}", tag = "organizations",
    params(("name" = String, Path), ("username" = String, Path)), request_body = NewRole,
    responses((status = 200, description = "The member", body = MemberView), Refusals))]
pub async fn put_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, username)): Named<(String, String)>,
    Body(new): Body<NewRole>,
) -> Result<Json<MemberView>, RestError> {
    Ok(Json(shared.app.put_organization_member(&caller, &name, &username, &new.role).await?.into()))
}

/// Take a person out of an organization and out of its teams. What they made stays.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}/members/{username}", tag = "organizations",
    params(("name" = String, Path), ("username" = String, Path)),
    responses((status = 204, description = "The person is no member any more"), Refusals))]
pub async fn remove_member(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, username)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.remove_organization_member(&caller, &name, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
