//! `/api/v1/setup/{token}`: the first person of an instance.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use super::user::UserView;
use crate::api::arrival::Anybody;
use crate::api::router::Shared;
use crate::app::organization::JoinOrganization;
use crate::app::user::{CreateUser, FirstKey};
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstPerson {
    username: String,
    email: String,
    name: Option<String>,
    /// 10 to 256 characters.
    password: String,
}

/// Make the first person, a system admin, with the token that the server has shown on its terminal. It is dead once
/// anybody is there.
#[utoipa::path(post, path = "/api/v1/setup/{token}", tag = "signing in", security(()),
    params(("token" = String, Path)), request_body = FirstPerson,
    responses((status = 201, description = "The first person, with an API key that is shown only now",
        body = UserView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    from: Anybody,
    Named(token): Named<String>,
    Body(first): Body<FirstPerson>,
) -> Result<(StatusCode, Json<UserView>), RestError> {
    let person = CreateUser {
        username: Some(first.username),
        email: first.email,
        name: first.name,
        password: Some(Secret::new(first.password)),
        api_key: FirstKey::Made,
        system_admin: true,
        organization: JoinOrganization::First,
    };
    let created = shared.app.set_up(&from.caller, &token, person, &from.visitor).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}
