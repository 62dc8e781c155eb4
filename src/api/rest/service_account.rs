//! Service accounts of teams and organizations, and their keys.

use super::api_key::{ApiKeyList, ApiKeyView, NewApiKey, create_for, delete_of, list_of};
use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::app::api_key::Whose;
use crate::app::service_account::{CreateServiceAccount, HomeNamed, ServiceAccount};
use crate::domain::id::UserId;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServiceAccount {
    /// People, teams, organizations and service accounts share one name space. Absent: made from the description.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// For an account of an organization: the team where its runs go that name none.
    default_team: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedServiceAccount {
    /// The team where its runs go that name none.
    default_team: String,
}

#[derive(Serialize, ToSchema)]
pub struct ServiceAccountView {
    name: String,
    description: Option<String>,
    /// Where its runs go that name none.
    default_team: String,
    created_at: String,
}

impl From<ServiceAccount> for ServiceAccountView {
    fn from(found: ServiceAccount) -> Self {
        Self {
            name: found.account.name.to_string(),
            description: found.account.full_name,
            default_team: found.default_team,
            created_at: found.account.created_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ServiceAccountPage {
    service_accounts: Vec<ServiceAccountView>,
    /// Pass it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn create_in(
    shared: &Shared,
    asking: &Asking,
    home: HomeNamed,
    new: NewServiceAccount,
) -> Result<(StatusCode, Json<ServiceAccountView>), RestError> {
    let new = CreateServiceAccount { name: new.name, description: new.description, default_team: new.default_team };
    let created = shared.app.create_service_account(&asking.0, home, new).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

async fn list_in(
    shared: &Shared,
    asking: &Asking,
    home: HomeNamed,
    page: &After,
) -> Result<Json<ServiceAccountPage>, RestError> {
    let after = number(page.after.as_deref())?.map(UserId);
    let found = shared.app.list_service_accounts(&asking.0, home, after).await?;
    let service_accounts = found.items.into_iter().map(ServiceAccountView::from).collect();
    Ok(Json(ServiceAccountPage { service_accounts, next: found.next.map(|id| id.to_string()) }))
}

fn of_team((team, account): (String, String)) -> Whose {
    Whose::AccountOfTeam { team, account }
}

fn of_organization((organization, account): (String, String)) -> Whose {
    Whose::AccountOfOrganization { organization, account }
}

/// Make a service account of a team: a member that is no person. It has no key yet.
#[utoipa::path(post, path = "/api/v1/teams/{name}/service-accounts", tag = "service accounts",
    params(("name" = String, Path)), request_body = NewServiceAccount,
    responses((status = 201, description = "The new account", body = ServiceAccountView), Refusals))]
pub async fn create_in_team(
    State(shared): State<Shared>,
    asking: Asking,
    Named(name): Named<String>,
    Body(new): Body<NewServiceAccount>,
) -> Result<(StatusCode, Json<ServiceAccountView>), RestError> {
    create_in(&shared, &asking, HomeNamed::Team(name), new).await
}

/// The service accounts of a team, oldest first.
#[utoipa::path(get, path = "/api/v1/teams/{name}/service-accounts", tag = "service accounts",
    params(("name" = String, Path), After),
    responses((status = 200, description = "A page of accounts", body = ServiceAccountPage), Refusals))]
pub async fn list_in_team(
    State(shared): State<Shared>,
    asking: Asking,
    Named(name): Named<String>,
    Parameters(page): Parameters<After>,
) -> Result<Json<ServiceAccountPage>, RestError> {
    list_in(&shared, &asking, HomeNamed::Team(name), &page).await
}

/// Delete a service account of a team with its keys. Its runs stay.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/service-accounts/{account}", tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)),
    responses((status = 204, description = "The account is gone"), Refusals))]
pub async fn delete_in_team(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, account)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_service_account(&caller, HomeNamed::Team(name), &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key of a team's service account. The answer shows it, and only now.
#[utoipa::path(post, path = "/api/v1/teams/{name}/service-accounts/{account}/api-keys", tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)), request_body = NewApiKey,
    responses((status = 201, description = "The new key", body = ApiKeyView), Refusals))]
pub async fn create_key_in_team(
    State(shared): State<Shared>,
    asking: Asking,
    Named(path): Named<(String, String)>,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyView>), RestError> {
    create_for(&shared, &asking, of_team(path), new).await
}

/// The keys of a team's service account, oldest first.
#[utoipa::path(get, path = "/api/v1/teams/{name}/service-accounts/{account}/api-keys", tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)),
    responses((status = 200, description = "All of them", body = ApiKeyList), Refusals))]
pub async fn list_keys_in_team(
    State(shared): State<Shared>,
    asking: Asking,
    Named(path): Named<(String, String)>,
) -> Result<Json<ApiKeyList>, RestError> {
    list_of(&shared, &asking, of_team(path)).await
}

/// Revoke a key of a team's service account.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/service-accounts/{account}/api-keys/{id}",
    tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "The key is gone"), Refusals))]
pub async fn delete_key_in_team(
    State(shared): State<Shared>,
    asking: Asking,
    Named((team, account, id)): Named<(String, String, String)>,
) -> Result<StatusCode, RestError> {
    delete_of(&shared, &asking, of_team((team, account)), &id).await
}

/// Make a service account of an organization: a member of all its teams that is no person. It has no key yet.
#[utoipa::path(post, path = "/api/v1/organizations/{name}/service-accounts", tag = "service accounts",
    params(("name" = String, Path)), request_body = NewServiceAccount,
    responses((status = 201, description = "The new account", body = ServiceAccountView), Refusals))]
pub async fn create_in_organization(
    State(shared): State<Shared>,
    asking: Asking,
    Named(name): Named<String>,
    Body(new): Body<NewServiceAccount>,
) -> Result<(StatusCode, Json<ServiceAccountView>), RestError> {
    create_in(&shared, &asking, HomeNamed::Organization(name), new).await
}

/// The service accounts of an organization, oldest first; those of its teams are listed there.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/service-accounts", tag = "service accounts",
    params(("name" = String, Path), After),
    responses((status = 200, description = "A page of accounts", body = ServiceAccountPage), Refusals))]
pub async fn list_in_organization(
    State(shared): State<Shared>,
    asking: Asking,
    Named(name): Named<String>,
    Parameters(page): Parameters<After>,
) -> Result<Json<ServiceAccountPage>, RestError> {
    list_in(&shared, &asking, HomeNamed::Organization(name), &page).await
}

/// Give a service account of an organization another default team.
#[utoipa::path(patch, path = "/api/v1/organizations/{name}/service-accounts/{account}", tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)), request_body = ChangedServiceAccount,
    responses((status = 200, description = "The account", body = ServiceAccountView), Refusals))]
pub async fn update_in_organization(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, account)): Named<(String, String)>,
    Body(changed): Body<ChangedServiceAccount>,
) -> Result<Json<ServiceAccountView>, RestError> {
    Ok(Json(shared.app.set_default_team(&caller, &name, &account, &changed.default_team).await?.into()))
}

/// Delete a service account of an organization with its keys. Its runs stay.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}/service-accounts/{account}", tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)),
    responses((status = 204, description = "The account is gone"), Refusals))]
pub async fn delete_in_organization(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named((name, account)): Named<(String, String)>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_service_account(&caller, HomeNamed::Organization(name), &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a key of an organization's service account. The answer shows it, and only now.
#[utoipa::path(post, path = "/api/v1/organizations/{name}/service-accounts/{account}/api-keys",
    tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)), request_body = NewApiKey,
    responses((status = 201, description = "The new key", body = ApiKeyView), Refusals))]
pub async fn create_key_in_organization(
    State(shared): State<Shared>,
    asking: Asking,
    Named(path): Named<(String, String)>,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyView>), RestError> {
    create_for(&shared, &asking, of_organization(path), new).await
}

/// The keys of an organization's service account, oldest first.
#[utoipa::path(get, path = "/api/v1/organizations/{name}/service-accounts/{account}/api-keys",
    tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path)),
    responses((status = 200, description = "All of them", body = ApiKeyList), Refusals))]
pub async fn list_keys_in_organization(
    State(shared): State<Shared>,
    asking: Asking,
    Named(path): Named<(String, String)>,
) -> Result<Json<ApiKeyList>, RestError> {
    list_of(&shared, &asking, of_organization(path)).await
}

/// Revoke a key of an organization's service account.
#[utoipa::path(delete, path = "/api/v1/organizations/{name}/service-accounts/{account}/api-keys/{id}",
    tag = "service accounts",
    params(("name" = String, Path), ("account" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "The key is gone"), Refusals))]
pub async fn delete_key_in_organization(
    State(shared): State<Shared>,
    asking: Asking,
    Named((organization, account, id)): Named<(String, String, String)>,
) -> Result<StatusCode, RestError> {
    delete_of(&shared, &asking, of_organization((organization, account)), &id).await
}
