//! Opening the store of a connector. As whom the server goes there is what the connector says and nothing else: the
//! libraries' habit of trying one identity after the other, down to the machine's own, is kept out here.

mod azure;
mod cached;
mod gcs;
mod role;
mod s3;

use super::error::StoreError;
use super::http::Http;
use super::store::Store;
use crate::domain::connector::{ConnectorSpec, Identity, Place, StoreSecret};
use crate::domain::outbound::OutboundRules;
use object_store::client::{HttpRequest, HttpService};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, Error, ObjectStore, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// URLs signed with credentials that end may end with them; libraries fetch new ones when less than this is left.
const TEMPORARY_SECS: u64 = 5 * 60;

/// What it takes to open a store.
struct Opening<'a> {
    spec: &'a ConnectorSpec,
    secret: Option<&'a StoreSecret>,
    rules: &'a Arc<OutboundRules>,
}

impl Store {
    /// The store of a connector. Asks nobody outside; makes the directory of a local one.
    pub fn connect(
        spec: &ConnectorSpec,
        secret: Option<&StoreSecret>,
        rules: &Arc<OutboundRules>,
    ) -> Result<Self, StoreError> {
        let opening = Opening { spec, secret, rules };
        match &spec.place {
            Place::Local { directory } => match (&spec.identity, secret) {
                (Identity::Process, None) => Self::local(&Path::new(directory).join(&spec.prefix)),
                _ => Err(opening.mismatch()),
            },
            Place::S3 { .. } => s3::connect(&opening),
            Place::Gcs { bucket, endpoint } => gcs::connect(&opening, bucket, endpoint.as_deref()),
            Place::Azure { account, container, endpoint } => {
                azure::connect(&opening, account, container, endpoint.as_deref())
            }
        }
    }
}

impl Opening<'_> {
    /// The client for the store itself: nothing that somebody chose leads it to the machine's identity.
    fn http(&self) -> Result<Http, StoreError> {
        Ok(Http::new(&self.spec.network, self.rules)?)
    }

    /// The client for asking who we are.
    fn identity_http(&self, machine: &'static [&'static str]) -> Result<Http, StoreError> {
        Ok(Http::with_machine(&self.spec.network, self.rules, machine)?)
    }

    fn mismatch(&self) -> StoreError {
        let secret = if self.secret.is_some() { "the secret that is kept" } else { "a connector without a secret" };
        StoreError::Settings(format!("{secret} does not fit the kind of identity at this provider"))
    }

    /// The store with the prefix of the connector before every key.
    fn below_prefix(&self, store: impl ObjectStore) -> Arc<dyn ObjectStore> {
        if self.spec.prefix.is_empty() {
            return Arc::new(store);
        }
        Arc::new(PrefixStore::new(store, self.spec.prefix.as_str()))
    }
}

/// Few tries and short: a call of ours has a minute, and clients try again themselves.
fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(2), base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(20) }
}

/// One request for credentials, and the text that answers it.
async fn ask(store: &'static str, http: &Http, request: HttpRequest) -> object_store::Result<String> {
    let failed = |source| Error::Generic { store, source: Box::new(source) };
    let response = http.call(request).await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Error::Generic { store, source: format!("it answers {status}").into() });
    }
    let body = response.into_body().bytes().await.map_err(failed)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What a builder of the library finds wrong.
fn settings(error: &object_store::Error) -> StoreError {
    StoreError::Settings(error.to_string())
}

/// `http[s]://host[:port][/path]`.
fn endpoint(text: &str) -> Result<Url, StoreError> {
    let wrong = || StoreError::Settings(format!("the endpoint `{text}` is not `https://host[:port]`"));
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if is_plain && is_http && url.fragment().is_none() { Ok(url) } else { Err(wrong()) }
}
