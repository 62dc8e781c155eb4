//! `/api/v1/users`.

use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, given, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::organization::JoinOrganization;
use crate::app::user::{CreateUser, FirstKey};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    username: String,
    email: String,
    name: Option<String>,
    password: Option<String>,
    /// A key the person has already; without it one is made.
    api_key: Option<String>,
    #[serde(default)]
    system_admin: bool,
    /// The organization the person joins as member. Absent: the oldest one; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    organization: Option<Option<String>>,
}

#[derive(Serialize, ToSchema)]
pub struct UserView {
    username: String,
    email: String,
    name: Option<String>,
    system_admin: bool,
    created_at: String,
    /// Shown once, in the answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            username: user.name.to_string(),
            email: user.email,
            name: user.full_name,
            system_admin: user.system_admin,
            created_at: user.created_at.to_rfc3339(),
            api_key: None,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct UserPage {
    users: Vec<UserView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Make a person. The answer shows their API key if it was made here, and only now.
#[utoipa::path(post, path = "/api/v1/users", tag = "people", request_body = NewUser,
    responses((status = 201, description = "The new person", body = UserView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<UserView>), RestError> {
    let input = CreateUser {
        username: Some(new.username),
        email: new.email,
        name: new.name,
        password: new.password.map(Secret::new),
        api_key: new.api_key.map_or(FirstKey::Made, |key| FirstKey::Given(Secret::new(key))),
        system_admin: new.system_admin,
        organization: match new.organization {
            None => JoinOrganization::First,
            Some(None) => JoinOrganization::None,
            Some(Some(name)) => JoinOrganization::Named(name),
        },
    };
    let created = shared.app.create_user(&caller, input).await?;
    let api_key = created.api_key.map(|key| key.expose().to_owned());
    Ok((StatusCode::CREATED, Json(UserView { api_key, ..created.user.into() })))
}

/// All people, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", params(After),
    responses((status = 200, description = "A page of people", body = UserPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(page): Parameters<After>,
) -> Result<Json<UserPage>, RestError> {
    let after = number(page.after.as_deref())?.map(UserId);
    let people = shared.app.list_users(&caller, after).await?;
    let users = people.items.into_iter().map(UserView::from).collect();
    Ok(Json(UserPage { users, next: people.next.map(|id| id.to_string()) }))
}

/// Delete a person with their keys. What they made in teams stays.
#[utoipa::path(delete, path = "/api/v1/users/{username}", tag = "people", params(("username" = String, Path)),
    responses((status = 204, description = "The person is gone"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_user(&caller, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
