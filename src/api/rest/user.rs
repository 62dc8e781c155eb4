//! `/api/v1/users`.

use super::error::RestError;
use crate::api::router::{Asking, Shared};
use crate::app::user::CreateUser;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    username: String,
    email: String,
    name: Option<String>,
    password: Option<String>,
    api_key: Option<String>,
    #[serde(default)]
    system_admin: bool,
}

#[derive(Serialize)]
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

#[derive(Serialize)]
pub struct UserPage {
    users: Vec<UserView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

#[derive(Deserialize)]
pub struct Page {
    after: Option<u64>,
}

/// `POST /users` -> 201.
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<UserView>), RestError> {
    let Json(new) = body?;
    let input = CreateUser {
        username: new.username,
        email: new.email,
        name: new.name,
        password: new.password.map(Secret::new),
        api_key: new.api_key.map(Secret::new),
        system_admin: new.system_admin,
    };
    let created = shared.app.create_user(&caller, input).await?;
    let api_key = created.api_key.map(|key| key.expose().to_owned());
    Ok((StatusCode::CREATED, Json(UserView { api_key, ..created.user.into() })))
}

/// `GET /users?after=`.
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Query(page): Query<Page>,
) -> Result<Json<UserPage>, RestError> {
    let (people, next) = shared.app.list_users(&caller, page.after.map(UserId)).await?;
    let users = people.into_iter().map(UserView::from).collect();
    Ok(Json(UserPage { users, next: next.map(|id| id.0) }))
}

/// `DELETE /users/{username}` -> 204.
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Path(username): Path<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_user(&caller, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
