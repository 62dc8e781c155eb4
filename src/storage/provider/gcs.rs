//! Google Cloud Storage.

use super::cached::{Cached, Source};
use super::{Opening, ask, endpoint, retry, settings};
use crate::domain::connector::{Identity, StoreSecret, WorkloadIdentity};
use crate::storage::direct::{Dialect, Direct};
use crate::storage::error::StoreError;
use crate::storage::http::Http;
use crate::storage::store::Store;
use async_trait::async_trait;
use http::Request;
use object_store::Error;
use object_store::client::HttpRequestBody;
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ENDPOINT: &str = "https://storage.googleapis.com";
/// The machine's service account, from its own service.
const MACHINE: &[&str] = &["metadata.google.internal", "169.254.169.254"];
const TOKEN: &str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
/// Google gives the same token out until some minutes before it ends.
const LEAST: Duration = Duration::from_secs(3 * 60);
/// What Google signs for us, with keys that it changes, holds for so long.
const SIGNED_BY_GOOGLE_SECS: u64 = 12 * 60 * 60;

pub(super) fn connect(opening: &Opening<'_>, bucket: &str, other: Option<&str>) -> Result<Store, StoreError> {
    let (store, longest_secs) = open(opening, bucket, other)?;
    // The host that is signed is always Google's, so a URL with another one would be refused.
    let direct = opening.spec.network.client_endpoint.is_none().then(|| Direct {
        dialect: Dialect::Gcs,
        signer: Arc::new(store.clone()),
        clients_go_to: None,
        parts: Some(Arc::new(store.clone())),
        prefix: opening.spec.prefix.clone(),
        encryption: Vec::new(),
        longest_secs,
    });
    Ok(Store::bucket(opening.below_prefix(store), true, direct))
}

fn open(
    opening: &Opening<'_>,
    bucket: &str,
    other: Option<&str>,
) -> Result<(GoogleCloudStorage, Option<u64>), StoreError> {
    let base_url = endpoint(other.unwrap_or(ENDPOINT))?;
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_base_url(base_url.as_str().trim_end_matches('/'))
        .with_retry(retry())
        .with_http_connector(opening.http()?);
    let (builder, longest_secs) = match (&opening.spec.identity, opening.secret) {
        (Identity::Keys, Some(StoreSecret::ServiceAccount { json })) => {
            (builder.with_service_account_key(service_account(json)?), None)
        }
        (Identity::Workload { from: WorkloadIdentity::Adc { file } }, None) => {
            (builder.with_application_credentials(file), Some(SIGNED_BY_GOOGLE_SECS))
        }
        (Identity::Workload { from: WorkloadIdentity::Metadata }, None) => {
            let http = opening.identity_http(MACHINE)?;
            // Only with a token given does the library not look for a file in the home directory first.
            let signing = GoogleCloudStorageBuilder::new()
                .with_bucket_name(bucket)
                .with_bearer_token("unused")
                .with_retry(retry())
                .with_http_connector(http.clone())
                .build()
                .map_err(|error| settings(&error))?;
            let builder = builder
                .with_credentials(Arc::new(Cached::new(Machine(http), LEAST)))
                .with_signing_credentials(Arc::clone(signing.signing_credentials()));
            (builder, Some(SIGNED_BY_GOOGLE_SECS))
        }
        _ => return Err(opening.mismatch()),
    };
    Ok((builder.build().map_err(|error| settings(&error))?, longest_secs))
}

/// The three things of a service account that are needed. The library would also read from it where to go, and that it
/// need not sign.
fn service_account(json: &str) -> Result<String, StoreError> {
    let given: Value = serde_json::from_str(json).unwrap_or_default();
    let field = |name: &str| {
        let wrong = || StoreError::Settings(format!("the service account's JSON has no text `{name}`"));
        given[name].as_str().ok_or_else(wrong)
    };
    let account = json!({
        "private_key": field("private_key")?,
        "private_key_id": field("private_key_id")?,
        "client_email": field("client_email")?,
    });
    Ok(account.to_string())
}

#[derive(Debug)]
struct Machine(Http);

#[async_trait]
impl Source for Machine {
    type Credential = GcpCredential;

    async fn fetch(&self) -> object_store::Result<(GcpCredential, Duration)> {
        let request = Request::get(TOKEN).header("Metadata-Flavor", "Google").body(HttpRequestBody::empty());
        let request = request.expect("the address is written here");
        let answer: Value = serde_json::from_str(&ask("metadata", &self.0, request).await?).unwrap_or_default();
        match (answer["access_token"].as_str(), answer["expires_in"].as_u64()) {
            (Some(token), Some(secs)) => Ok((GcpCredential { bearer: token.to_owned() }, Duration::from_secs(secs))),
            _ => Err(Error::Generic { store: "metadata", source: "its answer has no token".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_says_who_it_is_and_not_where_to_go() {
        let given = json!({
            "type": "service_account",
            "client_email": "a@b",
            "private_key": "a key",
            "private_key_id": "1",
            "gcs_base_url": "http://169.254.169.254",
            "disable_oauth": true,
        });

        let kept: Value = serde_json::from_str(&service_account(&given.to_string()).unwrap()).unwrap();

        assert_eq!(kept, json!({"client_email": "a@b", "private_key": "a key", "private_key_id": "1"}));
        for wrong in ["", "[]", "\"a key\"", r#"{"client_email": 1, "private_key": "a key", "private_key_id": "1"}"#] {
            let error = service_account(wrong).unwrap_err().to_string();
            assert!(!error.contains("a key"), "{error}");
        }
    }
}
