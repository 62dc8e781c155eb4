//! `/api/v1/api-keys` and the keys of people and service accounts.

use super::error::RestError;
use super::extract::{Body, Named};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::Error;
use crate::app::api_key::{CreatedKey, Limit, NewKey, ShownKey, Whose};
use crate::domain::api_key::KeyScope;
use crate::domain::clock::Timestamp;
use crate::domain::id::ApiKeyId;
use crate::secrets::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    name: Option<String>,
    /// `admin`: all rights of its owner, also when it is absent. `write`: logging, and all in projects but their
    /// visibility. `read`: reading and downloading.
    scope: Option<String>,
    /// RFC 3339. Absent: as long as the key that makes it.
    expires_at: Option<String>,
    /// Only for these teams, with all their projects; the owner's own entity counts as one. Without `teams` and
    /// `projects` the key is for all that its owner may.
    teams: Option<Vec<String>>,
    /// Only for these projects, as `team/project`.
    projects: Option<Vec<String>>,
    /// One that its owner has already, 40 to 128 characters of `[0-9a-zA-Z_-]`; for system admins. Without it a key is
    /// made.
    api_key: Option<String>,
}

impl TryFrom<NewApiKey> for NewKey {
    type Error = RestError;

    fn try_from(new: NewApiKey) -> Result<Self, RestError> {
        let invalid = |field, message: String| RestError::App(Error::Invalid { field, message });
        let scope = match new.scope.as_deref() {
            None => KeyScope::Full,
            Some(text) => KeyScope::parse(text).ok_or_else(|| {
                invalid("scope", format!("there is no scope `{text}`; the scopes are admin, write and read"))
            })?,
        };
        let moment = |text: String| {
            let wrong = || invalid("expires_at", "an expiry looks like `2030-01-31T12:00:00Z`".to_owned());
            Timestamp::parse_rfc3339(&text).ok_or_else(wrong)
        };
        let is_limited = new.teams.is_some() || new.projects.is_some();
        let limit = Limit { teams: new.teams.unwrap_or_default(), projects: new.projects.unwrap_or_default() };
        Ok(NewKey {
            name: new.name.filter(|name| !name.is_empty()),
            scope,
            expires_at: new.expires_at.map(moment).transpose()?,
            limit: is_limited.then_some(limit),
            given: new.api_key.map(Secret::new),
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedApiKey {
    /// What it is for; null takes the name away.
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ApiKeyView {
    id: String,
    /// The first characters of the key.
    begins_with: String,
    name: Option<String>,
    /// `admin`, `write` or `read`.
    scope: &'static str,
    /// There for a key that is limited: the teams that you see of those it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    teams: Option<Vec<String>>,
    /// There for a key that is limited: the projects that you see of those it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    projects: Option<Vec<String>>,
    created_at: String,
    expires_at: Option<String>,
    /// A few minutes old.
    last_used_at: Option<String>,
    /// Shown once, in the answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
}

impl From<ShownKey> for ApiKeyView {
    fn from(key: ShownKey) -> Self {
        let (teams, projects) = key.limit.map(|limit| (limit.teams, limit.projects)).unzip();
        Self {
            id: key.id.to_string(),
            begins_with: key.record.begins_with,
            name: key.record.name,
            scope: key.record.scope.as_str(),
            teams,
            projects,
            created_at: key.record.created_at.to_rfc3339(),
            expires_at: key.record.expires_at.map(Timestamp::to_rfc3339),
            last_used_at: key.record.last_used_at.map(Timestamp::to_rfc3339),
            api_key: None,
        }
    }
}

impl From<CreatedKey> for ApiKeyView {
    fn from(created: CreatedKey) -> Self {
        let api_key = created.key.map(|key| key.expose().to_owned());
        Self { api_key, ..created.shown.into() }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ApiKeyList {
    /// At most 100.
    api_keys: Vec<ApiKeyView>,
}

/// What nobody can have as the id of a key is answered like one that is gone.
pub(super) fn key_id(text: &str) -> Result<ApiKeyId, RestError> {
    let gone = || Error::NotFound("this API key does not exist, or was deleted already".into());
    Ok(ApiKeyId(text.parse().map_err(|_| gone())?))
}

pub(super) async fn create_for(
    shared: &Shared,
    asking: &Asking,
    whose: Whose,
    new: NewApiKey,
) -> Result<(StatusCode, Json<ApiKeyView>), RestError> {
    let created = shared.app.create_api_key(&asking.0, whose, new.try_into()?).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

pub(super) async fn list_of(shared: &Shared, asking: &Asking, whose: Whose) -> Result<Json<ApiKeyList>, RestError> {
    let found = shared.app.list_api_keys(&asking.0, whose).await?;
    Ok(Json(ApiKeyList { api_keys: found.into_iter().map(ApiKeyView::from).collect() }))
}

pub(super) async fn delete_of(
    shared: &Shared,
    asking: &Asking,
    whose: Whose,
    id: &str,
) -> Result<StatusCode, RestError> {
    shared.app.delete_api_key_of(&asking.0, whose, key_id(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key of your own. The answer shows it, and only now.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "API keys", request_body = NewApiKey,
    responses((status = 201, description = "The new key", body = ApiKeyView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    asking: Asking,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyView>), RestError> {
    create_for(&shared, &asking, Whose::Own, new).await
}

/// Your own keys, oldest first.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "API keys",
    responses((status = 200, description = "All of them", body = ApiKeyList), Refusals))]
pub async fn list(State(shared): State<Shared>, asking: Asking) -> Result<Json<ApiKeyList>, RestError> {
    list_of(&shared, &asking, Whose::Own).await
}

/// Give a key of your own another name.
#[utoipa::path(patch, path = "/api/v1/api-keys/{id}", tag = "API keys", params(("id" = String, Path)),
    request_body = ChangedApiKey,
    responses((status = 200, description = "The key", body = ApiKeyView), Refusals))]
pub async fn rename(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(id): Named<String>,
    Body(changed): Body<ChangedApiKey>,
) -> Result<Json<ApiKeyView>, RestError> {
    let name = changed.name.filter(|name| !name.is_empty());
    Ok(Json(shared.app.rename_api_key(&caller, key_id(&id)?, name).await?.into()))
}

/// Revoke a key: your own, or one of somebody whom you administer. From the next request on it opens nothing.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "API keys", params(("id" = String, Path)),
    responses((status = 204, description = "The key is gone"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(id): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_api_key(&caller, key_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key for a person, or take over one that they have already. For system admins.
#[utoipa::path(post, path = "/api/v1/users/{username}/api-keys", tag = "API keys",
    params(("username" = String, Path)), request_body = NewApiKey,
    responses((status = 201, description = "The new key", body = ApiKeyView), Refusals))]
pub async fn create_for_person(
    State(shared): State<Shared>,
    asking: Asking,
    Named(username): Named<String>,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyView>), RestError> {
    create_for(&shared, &asking, Whose::Person(username), new).await
}

/// The keys of a person, oldest first.
#[utoipa::path(get, path = "/api/v1/users/{username}/api-keys", tag = "API keys",
    params(("username" = String, Path)),
    responses((status = 200, description = "All of them", body = ApiKeyList), Refusals))]
pub async fn list_of_person(
    State(shared): State<Shared>,
    asking: Asking,
    Named(username): Named<String>,
) -> Result<Json<ApiKeyList>, RestError> {
    list_of(&shared, &asking, Whose::Person(username)).await
}

/// Revoke a key of a person.
#[utoipa::path(delete, path = "/api/v1/users/{username}/api-keys/{id}", tag = "API keys",
    params(("username" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "The key is gone"), Refusals))]
pub async fn delete_of_person(
    State(shared): State<Shared>,
    asking: Asking,
    Named((username, id)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    delete_of(&shared, &asking, Whose::Person(username), &id).await
}
