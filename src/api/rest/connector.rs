//! `/api/v1/connectors`: where bytes are kept, and self-tests of that; `/api/v1/teams/{name}/connector`: whose are where.
//! Secrets come in here and never go out.

use super::connector_view::{ConnectorPage, ConnectorView, TeamConnector};
use super::error::RestError;
use super::extract::{After, Body, Named, Parameters, number};
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use crate::domain::connector::{DataPath, GivenConnector};
use crate::domain::id::ConnectorId;
use crate::domain::secret::Secret;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where a store is and how it is reached. Of a connector that is changed, what is not sent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// `s3://BUCKET/PREFIX?region=REGION`, `s3://KEY:SECRET@HOST/BUCKET`, `gs://BUCKET`, `az://ACCOUNT/CONTAINER`,
    /// `cw://BUCKET`, or `file:///DIRECTORY`. Instead of `place`, `prefix` and `identity`.
    address: Option<String>,
    /// `{"provider": "s3", "bucket", "region", "endpoint"?, "path_style"}`, `{"provider": "gcs", "bucket", "endpoint"?}`,
    /// `{"provider": "azure", "account", "container", "endpoint"?}`, or `{"provider": "local", "directory"}`.
    place: Option<Value>,
    /// Keys of objects begin with it.
    prefix: Option<String>,
    /// As whom the server goes there, such as `{"kind": "keys"}`.
    identity: Option<Value>,
    /// As the provider hands them out: `ID:SECRET` or a credentials file of AWS, the JSON of a service account, the key of
    /// an account. They are sealed, and never shown.
    credentials: Option<String>,
    /// `direct`: clients come to the store themselves, by signed URLs; `proxy`: everything goes through this server;
    /// `auto`: directly, where the self-test has shown that this works.
    #[schema(value_type = Option<String>)]
    data_path: Option<DataPath>,
    /// The endpoint in the URLs that clients get, if it is another than the server's. An empty text is none.
    client_endpoint: Option<String>,
    /// Certificates in PEM that are trusted beside the system's. An empty text is none.
    ca: Option<String>,
    /// `http://HOST:PORT` of a proxy that this server goes through. An empty text is none.
    proxy: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnector {
    /// 1 to 64 letters, digits, `_` and `-`.
    name: String,
    /// Where its store is and how it is reached.
    store: Description,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredentials {
    /// As the provider hands them out.
    credentials: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// The name of a connector; `default` is the store of this server.
    connector: String,
}

impl From<Description> for GivenConnector {
    fn from(described: Description) -> Self {
        Self {
            address: described.address.map(Secret::from),
            place: described.place,
            prefix: described.prefix,
            identity: described.identity,
            credentials: described.credentials.map(Secret::from),
            data_path: described.data_path,
            client_endpoint: described.client_endpoint,
            ca: described.ca,
            proxy: described.proxy,
        }
    }
}

/// Define a connector. Nobody outside is asked yet: the self-test does that.
#[utoipa::path(post, path = "/api/v1/connectors", tag = "storage", request_body = NewConnector,
    responses((status = 201, description = "The new connector", body = ConnectorView), Refusals))]
pub async fn create(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Body(new): Body<NewConnector>,
) -> Result<(StatusCode, Json<ConnectorView>), RestError> {
    let created = shared.app.create_connector(&caller, &new.name, &new.store.into()).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// All connectors, each with its last self-test.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "storage", params(After),
    responses((status = 200, description = "A page of connectors", body = ConnectorPage), Refusals))]
pub async fn list(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(page): Parameters<After>,
) -> Result<Json<ConnectorPage>, RestError> {
    let after = number(page.after.as_deref())?.map(ConnectorId);
    Ok(Json(shared.app.list_connectors(&caller, after).await?.into()))
}

/// One connector, with its last self-test.
#[utoipa::path(get, path = "/api/v1/connectors/{name}", tag = "storage", params(("name" = String, Path)),
    responses((status = 200, description = "The connector", body = ConnectorView), Refusals))]
pub async fn show(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<ConnectorView>, RestError> {
    Ok(Json(shared.app.show_connector(&caller, &name).await?.into()))
}

/// Change a connector. One that is used is tested first, and stays as it is if that fails; it cannot be led to another
/// bucket or prefix.
#[utoipa::path(patch, path = "/api/v1/connectors/{name}", tag = "storage", params(("name" = String, Path)),
    request_body = Description, responses((status = 200, description = "The connector", body = ConnectorView), Refusals))]
pub async fn update(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(described): Body<Description>,
) -> Result<Json<ConnectorView>, RestError> {
    Ok(Json(shared.app.update_connector(&caller, &name, &described.into()).await?.into()))
}

/// Give a connector other credentials. They are tested first; if that fails, the old ones go on.
#[utoipa::path(post, path = "/api/v1/connectors/{name}/rotate", tag = "storage", params(("name" = String, Path)),
    request_body = NewCredentials, responses((status = 200, description = "The connector", body = ConnectorView), Refusals))]
pub async fn rotate(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<NewCredentials>,
) -> Result<Json<ConnectorView>, RestError> {
    let credentials = Secret::from(new.credentials);
    Ok(Json(shared.app.rotate_store_secret(&caller, &name, &credentials).await?.into()))
}

/// Delete a connector that no team's bytes are in.
#[utoipa::path(delete, path = "/api/v1/connectors/{name}", tag = "storage", params(("name" = String, Path)),
    responses((status = 204, description = "The connector is gone"), Refusals))]
pub async fn delete(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.delete_connector(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try everything out that a store is needed for. It may take a minute. Admins of a team test the connector of the team.
#[utoipa::path(post, path = "/api/v1/connectors/{name}/test", tag = "storage", params(("name" = String, Path)),
    responses((status = 200, description = "The connector, with what the test has found", body = ConnectorView), Refusals))]
pub async fn test(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<ConnectorView>, RestError> {
    Ok(Json(shared.app.test_connector(&caller, &name).await?.into()))
}

/// Where a team's bytes go, for its admins.
#[utoipa::path(get, path = "/api/v1/teams/{name}/connector", tag = "storage", params(("name" = String, Path)),
    responses((status = 200, description = "The connector of the team", body = TeamConnector), Refusals))]
pub async fn show_of_team(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<Json<TeamConnector>, RestError> {
    Ok(Json(shared.app.connector_of_team(&caller, &name).await?.into()))
}

/// Attach a connector to a team that nothing is kept of yet. It is tested first. A team with projects is migrated instead.
#[utoipa::path(put, path = "/api/v1/teams/{name}/connector", tag = "storage", params(("name" = String, Path)),
    request_body = Attached, responses((status = 200, description = "The connector of the team", body = TeamConnector),
        Refusals))]
pub async fn attach(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
    Body(new): Body<Attached>,
) -> Result<Json<TeamConnector>, RestError> {
    Ok(Json(shared.app.attach_connector(&caller, &name, &new.connector).await?.into()))
}

/// Back to the store of this server, for a team that nothing is kept of yet.
#[utoipa::path(delete, path = "/api/v1/teams/{name}/connector", tag = "storage", params(("name" = String, Path)),
    responses((status = 204, description = "The team is in the store of this server"), Refusals))]
pub async fn detach(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Named(name): Named<String>,
) -> Result<StatusCode, RestError> {
    shared.app.detach_connector(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
