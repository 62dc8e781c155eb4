//! `/api/v1/users`.

use super::error::RestError;
use super::extract::{Body, Named, Parameters, given, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::organization::JoinOrganization;
use crate::app::user::change::ChangeUser;
use crate::app::user::list::{ListedUser, Wanted};
use crate::app::user::{CreateUser, CreatedUser, FirstKey};
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::seat::SeatKind;
use crate::domain::user::User;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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

/// What is to be different; fields that are absent stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The one before leads to the person as well, and is nobody else's.
    username: Option<String>,
    /// The full name; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    email: Option<String>,
    system_admin: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    Active,
    Deactivated,
}

impl UserStatus {
    pub fn of(user: &User) -> Self {
        if user.is_active() { Self::Active } else { Self::Deactivated }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WantedUsers {
    /// What the user name, a word of the full name, or the e-mail address begins with; the case does not matter.
    query: Option<String>,
    /// Only those of this status.
    status: Option<UserStatus>,
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct UserView {
    username: String,
    email: String,
    name: Option<String>,
    system_admin: bool,
    status: UserStatus,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<String>,
    /// To within some minutes; absent if the person was never there.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_active_at: Option<String>,
    /// What the licence counts them as: `full`, `view_only`, or `none`. There where people are listed or shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<&'static str>,
    /// Shown once, in the answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            status: UserStatus::of(&user),
            username: user.name.to_string(),
            email: user.email,
            name: user.full_name,
            system_admin: user.system_admin,
            created_at: user.created_at.to_rfc3339(),
            deactivated_at: user.deactivated_at.map(Timestamp::to_rfc3339),
            last_active_at: None,
            seat: None,
            api_key: None,
        }
    }
}

impl From<CreatedUser> for UserView {
    fn from(created: CreatedUser) -> Self {
        let api_key = created.api_key.map(|key| key.expose().to_owned());
        Self { api_key, ..created.user.into() }
    }
}

impl From<ListedUser> for UserView {
    fn from(listed: ListedUser) -> Self {
        let (last_active_at, seat) = (listed.last_active.map(Timestamp::to_rfc3339), Some(SeatKind::word(listed.seat)));
        Self { last_active_at, seat, ..listed.user.into() }
    }
}

/// A person's place in an organization or a team.
#[derive(Serialize, ToSchema)]
pub struct PlaceView {
    name: String,
    role: &'static str,
}

/// A person, and where they belong.
#[derive(Serialize, ToSchema)]
pub struct UserDetails {
    #[serde(flatten)]
    user: UserView,
    organizations: Vec<PlaceView>,
    teams: Vec<PlaceView>,
}

#[derive(Serialize, ToSchema)]
pub struct UserPage {
    users: Vec<UserView>,
    /// Pass it as `after` for the next page; absent on the last one. A page may be short, or empty, and have one.
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
    Ok((StatusCode::CREATED, Json(shared.app.create_user(&caller, input).await?.into())))
}

/// All people, or those who are searched for, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", params(WantedUsers),
    responses((status = 200, description = "A page of people", body = UserPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(wanted): Parameters<WantedUsers>,
) -> Result<Json<UserPage>, RestError> {
    let after = number(wanted.after.as_deref())?.map(UserId);
    let is_active = wanted.status.map(|status| status == UserStatus::Active);
    let wanted = Wanted { query: wanted.query, is_active };
    let people = shared.app.list_users(&caller, wanted, after).await?;
    let users = people.items.into_iter().map(UserView::from).collect();
    Ok(Json(UserPage { users, next: people.next.map(|id| id.to_string()) }))
}

/// One person, and where they belong.
#[utoipa::path(get, path = "/api/v1/users/{username}", tag = "people", params(("username" = String, Path)),
    responses((status = 200, description = "The person", body = UserDetails), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
) -> Result<Json<UserDetails>, RestError> {
    let (user, places) = shared.app.show_user(&caller, &username).await?;
    let place = |name: EntityName, role| PlaceView { name: name.to_string(), role };
    Ok(Json(UserDetails {
        user: user.into(),
        organizations: places.organizations.into_iter().map(|(name, role)| place(name, role.as_str())).collect(),
        teams: places.teams.into_iter().map(|(name, role)| place(name, role.as_str())).collect(),
    }))
}

/// Change a person. The last system admin stays one.
#[utoipa::path(patch, path = "/api/v1/users/{username}", tag = "people", params(("username" = String, Path)),
    request_body = UserChange,
    responses((status = 200, description = "The person as they are now", body = UserView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
    Body(change): Body<UserChange>,
) -> Result<Json<UserView>, RestError> {
    let UserChange { username: to, name, email, system_admin } = change;
    let change = ChangeUser { username: to, name, email, system_admin };
    Ok(Json(shared.app.update_user(&caller, &username, change).await?.into()))
}

/// Let nothing of a person's open a door any more. They keep their places, and take no seat. Refused for the last admin
/// of the instance, an organization or a team.
#[utoipa::path(post, path = "/api/v1/users/{username}/deactivate", tag = "people",
    params(("username" = String, Path)),
    responses((status = 200, description = "The person as they are now", body = UserView), Refusals))]
pub async fn deactivate(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
) -> Result<Json<UserView>, RestError> {
    Ok(Json(shared.app.deactivate_user(&caller, &username).await?.into()))
}

/// Let a deactivated person in again, with all that was theirs.
#[utoipa::path(post, path = "/api/v1/users/{username}/reactivate", tag = "people",
    params(("username" = String, Path)),
    responses((status = 200, description = "The person as they are now", body = UserView), Refusals))]
pub async fn reactivate(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(username): Named<String>,
) -> Result<Json<UserView>, RestError> {
    Ok(Json(shared.app.reactivate_user(&caller, &username).await?.into()))
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
