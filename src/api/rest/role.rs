//! `/api/v1/organizations/{name}/roles`: the custom roles of an organization.

use super::error::RestError;
use super::extract::{Body, Named, given};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::custom_role::{ChangedCustomRole, NewCustomRole, ShownCustomRole};
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoleOf {
    /// 1 to 64 letters, digits, spaces, `_` and `-`, and not a name that a role has anyway.
    name: String,
    /// At most 1000 characters.
    description: Option<String>,
    /// `member` or `view_only`: what holders of the role have besides.
    base: String,
    /// What the role adds, such as `run:stop`: actions on projects, experiments, reports, artifacts and models.
    actions: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    name: Option<String>,
    /// null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    base: Option<String>,
    /// All of them: what is not named here is not added any more.
    actions: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub struct RoleView {
    name: String,
    description: Option<String>,
    base: &'static str,
    actions: Vec<String>,
    /// The seat that a holder takes, `member` or `view_only`: who may write is not view-only, and has an API key.
    seat: &'static str,
    created_at: String,
}

impl From<ShownCustomRole> for RoleView {
    fn from(ShownCustomRole { role, seat }: ShownCustomRole) -> Self {
        Self {
            name: role.name.to_string(),
            description: role.description,
            base: role.base.as_str(),
            actions: role.actions,
            seat: seat.as_str(),
            created_at: role.created_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct RoleList {
    roles: Vec<RoleView>,
}

/// The custom roles of an organization by name, for everybody in it. There are at most 200.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/roles", tag = "roles", params(("name" = String, Path)),
    responses((status = 200, description = "All of them", body = RoleList), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<RoleList>, RestError> {
    let roles = shared.app.list_custom_roles(&caller, &name).await?;
    Ok(Json(RoleList { roles: roles.into_iter().map(RoleView::from).collect() }))
}

/// Define a custom role, which admins of the organization's teams may then give.
#[utoipa::path(post, path = "/api/v1/organizations/{name}/roles", tag = "roles", params(("name" = String, Path)),
    request_body = NewRoleOf, responses((status = 201, description = "The new role", body = RoleView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<NewRoleOf>,
) -> Result<(StatusCode, Json<RoleView>), RestError> {
    let new = NewCustomRole { name: new.name, description: new.description, base: new.base, actions: new.actions };
    let created = shared.app.create_custom_role(&caller, &name, new).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Change a custom role, at once for everybody who holds it. What is not sent stays.
#[utoipa::path(patch, path = "/api/v1/organizations/{name}/roles/{role}", tag = "roles",
    params(("name" = String, Path), ("role" = String, Path)), request_body = RoleChange,
    responses((status = 200, description = "The role", body = RoleView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, role)): Named<(String, String)>,
    Body(change): Body<RoleChange>,
) -> Result<Json<RoleView>, RestError> {
    let RoleChange { name: new_name, description, base, actions } = change;
    let change = ChangedCustomRole { name: new_name, description, base, actions };
    Ok(Json(shared.app.update_custom_role(&caller, &name, &role, change).await?.into()))
}

/// Delete a custom role. Who holds it goes on with its base.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}/roles/{role}", tag = "roles",
    params(("name" = String, Path), ("role" = String, Path)),
    responses((status = 204, description = "The role is gone"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, role)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_custom_role(&caller, &name, &role).await?;
    Ok(StatusCode::NO_CONTENT)
}
