//! The HTTP client that all stores are reached by: no redirects, addresses that are checked, answers of limited length,
//! and refusals in the provider's own words.

mod answer;
mod dial;

use crate::domain::connector::Network;
use crate::domain::outbound::OutboundRules;
use bytes::Bytes;
use dial::Dial;
use http::header::{HeaderValue, USER_AGENT};
use http::response::Parts;
use http::{Method, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use answer::Answered;
pub(super) use answer::element;
pub use dial::DialError;

/// Connections that nobody uses are closed before most servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const IDLE_PER_HOST: usize = 16;
/// Of an answer that is read as a whole. A page of a listing has a thousand entries of 3 KiB at most.
const ANSWER_BYTES: usize = 8 << 20;
/// Of one that says no.
const REFUSAL_BYTES: usize = 64 << 10;

/// An HTTP client. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Http {
    client: legacy::Client<Dial, HttpRequestBody>,
}

impl Http {
    /// For a store, and for everything else that somebody else has chosen the address of.
    pub fn new(network: &Network, rules: &Arc<OutboundRules>) -> Result<Self, DialError> {
        Self::with_machine(network, rules, &[])
    }

    /// For whoever asks the machine for its identity, and for nothing else: these hosts are reached wherever they are.
    pub(super) fn with_machine(
        network: &Network,
        rules: &Arc<OutboundRules>,
        machine: &'static [&'static str],
    ) -> Result<Self, DialError> {
        let dial = Dial::new(network, rules, machine)?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(dial);
        Ok(Self { client })
    }

    /// One request, and the whole answer, whatever its status. What is longer than some MiB is an error.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let (parts, body) = self.ask(request.map(HttpRequestBody::from)).await?.into_parts();
        let body = collect(body, ANSWER_BYTES).await?;
        Ok(http::Response::from_parts(parts, body))
    }

    async fn ask(&self, mut request: HttpRequest) -> Result<http::Response<Incoming>, HttpError> {
        let agent = HeaderValue::from_static(concat!("weighhouse/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().entry(USER_AGENT).or_insert(agent);
        self.client.request(request).await.map_err(|error| failure(&error))
    }
}

#[async_trait::async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_whole = is_read_as_a_whole(request.method(), request.uri());
        let (parts, body) = self.ask(request).await?.into_parts();
        let body = if parts.status.is_success() && !is_whole {
            HttpResponseBody::new(body.map_err(|error| failure(&error)))
        } else {
            let most = if parts.status.is_success() { ANSWER_BYTES } else { REFUSAL_BYTES };
            let body = collect(body, most).await?;
            refuse(&parts, &body)?;
            body.into()
        };
        Ok(HttpResponse::from_parts(parts, body))
    }
}

impl HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// Everything but objects is: a hostile answer could fill the memory.
fn is_read_as_a_whole(method: &Method, uri: &Uri) -> bool {
    let is_listing = uri.query().is_some_and(|query| query.contains("list-type=") || query.contains("comp="));
    *method != Method::GET || is_listing
}

fn refuse(parts: &Parts, body: &Bytes) -> Result<(), HttpError> {
    let answered = Answered::read(parts, body);
    if !answer::is_refusal(parts, &answered.code) {
        return Ok(());
    }
    Err(HttpError::new(HttpErrorKind::Unknown, answered))
}

async fn collect<B>(body: B, most: usize) -> Result<Bytes, HttpError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let collected = Limited::new(body, most).collect().await;
    Ok(collected.map_err(|error| failure(error.as_ref()))?.to_bytes())
}

/// What failed below HTTP, with whether it is worth another try.
fn failure(error: &(dyn Error + 'static)) -> HttpError {
    let causes = || std::iter::successors(Some(error), |&error| error.source());
    if let Some(dial) = causes().find_map(|cause| cause.downcast_ref::<DialError>()) {
        let may_pass =
            matches!(dial, DialError::Connection { .. } | DialError::Unknown { .. } | DialError::Proxy { .. });
        let kind = if may_pass { HttpErrorKind::Connect } else { HttpErrorKind::Unknown };
        return HttpError::new(kind, dial.clone());
    }
    let kind = match causes().find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_timeout() => HttpErrorKind::Timeout,
        // The server may have begun with what it was asked for.
        Some(error) if error.is_incomplete_message() || error.is_body_write_aborted() => HttpErrorKind::Interrupted,
        Some(error) if error.is_closed() || error.is_canceled() => HttpErrorKind::Request,
        Some(error) if error.is_parse() => HttpErrorKind::Decode,
        _ => HttpErrorKind::Interrupted,
    };
    let words: Vec<_> = causes().map(ToString::to_string).collect();
    HttpError::new(kind, Broken(words.join(": ")))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

#[cfg(test)]
mod tests;
