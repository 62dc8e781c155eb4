//! Azure Blob Storage.

use super::{Opening, endpoint, retry, settings};
use crate::domain::connector::{Identity, StoreSecret, WorkloadIdentity};
use crate::storage::direct::{Dialect, Direct};
use crate::storage::error::StoreError;
use crate::storage::http::Http;
use crate::storage::store::Store;
use object_store::azure::{AzureCredentialProvider, MicrosoftAzure, MicrosoftAzureBuilder, split_sas};
use std::sync::Arc;

/// The machine's identity, from its own service.
const MACHINE: &[&str] = &["169.254.169.254"];

pub(super) fn connect(
    opening: &Opening<'_>,
    account: &str,
    container: &str,
    other: Option<&str>,
) -> Result<Store, StoreError> {
    let builder = || MicrosoftAzureBuilder::new().with_account(account).with_container_name(container);
    let (http, credentials) = (opening.http()?, credentials(opening, builder())?);
    let own = format!("https://{account}.blob.core.windows.net");
    let store = open(builder(), other.unwrap_or(&own), &http, &credentials)?;
    // A shared access signature signs nothing itself.
    let direct = match opening.spec.identity {
        Identity::SharedAccess => None,
        _ => Some(Direct {
            dialect: Dialect::Azure,
            signer: Arc::new(store.clone()),
            // The account is part of what is signed, by whatever host it is reached.
            clients_go_to: opening.spec.network.client_endpoint.as_deref().map(endpoint).transpose()?,
            parts: None,
            prefix: opening.spec.prefix.clone(),
            encryption: Vec::new(),
            longest_secs: None,
        }),
    };
    Ok(Store::bucket(opening.below_prefix(store), false, direct))
}

fn open(
    builder: MicrosoftAzureBuilder,
    at: &str,
    http: &Http,
    credentials: &AzureCredentialProvider,
) -> Result<MicrosoftAzure, StoreError> {
    let builder = builder
        .with_endpoint(endpoint(at)?.as_str().trim_end_matches('/').to_owned())
        .with_credentials(Arc::clone(credentials))
        .with_retry(retry())
        .with_http_connector(http.clone());
    builder.build().map_err(|error| settings(&error))
}

/// What the library makes of the one identity that it is told. Of the builder only that is used.
fn credentials(opening: &Opening<'_>, builder: MicrosoftAzureBuilder) -> Result<AzureCredentialProvider, StoreError> {
    let (builder, kind, machine) = match (&opening.spec.identity, opening.secret) {
        (Identity::Keys, Some(StoreSecret::AccountKey { key })) => {
            (builder.with_access_key(key), "access_key", &[][..])
        }
        (Identity::SharedAccess, Some(StoreSecret::SharedAccess { signature })) => {
            let wrong = |_| StoreError::Settings("the shared access signature is not `sv=…&…&sig=…`".into());
            (builder.with_sas_authorization(split_sas(signature).map_err(wrong)?), "sas_token", &[][..])
        }
        (Identity::ClientSecret { tenant, client }, Some(StoreSecret::ClientSecret { secret })) => {
            (builder.with_client_secret_authorization(client, secret, tenant), "client_secret", &[][..])
        }
        (Identity::Workload { from: WorkloadIdentity::Workload { tenant, client, token_file } }, None) => {
            let builder = builder.with_client_id(client).with_tenant_id(tenant).with_federated_token_file(token_file);
            (builder, "workload_identity", &[][..])
        }
        (Identity::Workload { from: WorkloadIdentity::Managed { client } }, None) => {
            let builder = match client {
                Some(client) => builder.with_client_id(client),
                None => builder,
            };
            (builder, "managed_identity", MACHINE)
        }
        _ => return Err(opening.mismatch()),
    };
    let http = opening.identity_http(machine)?;
    let built = builder.with_credential_type(kind).with_retry(retry()).with_http_connector(http).build();
    Ok(Arc::clone(built.map_err(|error| settings(&error))?.credentials()))
}
