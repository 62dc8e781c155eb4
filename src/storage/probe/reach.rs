//! Whether the host of a store is known, may be gone to, answers, and has the time.

use super::Probe;
use super::log::{Done, Log, Trouble};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::connector::Place;
use crate::domain::connector::probe::ProbeStep;
use crate::storage::StoreError;
use crate::storage::http::{DialError, Http};
use bytes::Bytes;
use http::header::DATE;
use http::{Method, Request};
use std::net::SocketAddr;
use url::Url;

/// Amazon refuses signatures whose time is further away; Google and Azure are as strict.
const SKEW_SECS_MAX: i64 = 15 * 60;
/// Nobody refuses this, and somebody should look all the same.
const SKEW_SECS_NOTED: i64 = 60;

pub(super) async fn run(probe: &Probe<'_>, log: &mut Log<'_>) {
    let mut date = None;
    log.step(ProbeStep::Resolve, &[], resolve(probe)).await;
    log.step(ProbeStep::Connect, &[ProbeStep::Resolve], connect(probe, &mut date)).await;
    log.step(ProbeStep::Clock, &[ProbeStep::Connect], async { compare(probe, date) }).await;
}

async fn resolve(probe: &Probe<'_>) -> Done {
    let url = endpoint(&probe.spec.place)?;
    if let Some(proxy) = &probe.spec.network.proxy {
        return Err(Trouble::Nothing(format!("the proxy `{proxy}` resolves names")));
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let unknown = |error: String| StoreError::Unreachable(DialError::Unknown { host: host.clone(), error });
    let found = tokio::net::lookup_host((bare, port)).await.map_err(|error| unknown(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() {
        return Err(unknown("it has no address".into()).into());
    }
    for &address in &addresses {
        probe
            .rules
            .check(&host, address)
            .map_err(|refusal| StoreError::Unreachable(DialError::Refused { host: host.clone(), address, refusal }))?;
    }
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    Ok(Some(format!("{host} is {}", shown.join(", "))))
}

/// Any answer will do, and it says what time it is.
async fn connect(probe: &Probe<'_>, date: &mut Option<Timestamp>) -> Done {
    let url = endpoint(&probe.spec.place)?;
    let http = Http::new(&probe.spec.network, probe.rules).map_err(StoreError::from)?;
    let request = Request::builder().method(Method::GET).uri(url.as_str()).body(Bytes::new());
    let request = request.map_err(|error| StoreError::Settings(error.to_string()))?;
    let answer = http.send(request).await.map_err(unsent)?;
    *date = answer.headers().get(DATE).and_then(|date| Timestamp::parse_http(date.to_str().ok()?));
    Ok(None)
}

fn compare(probe: &Probe<'_>, date: Option<Timestamp>) -> Done {
    if probe.is_local() {
        return Err(no_network());
    }
    let Some(theirs) = date else { return Err(Trouble::Nothing("its answers do not say what time it is".into())) };
    // Signatures carry the machine's time, whatever other clock there may be.
    let ahead = Clock::system().now().secs_since(theirs);
    let off = ahead.abs();
    let words = format!(
        "the clock of this server is {off} seconds {} that of the store",
        if ahead > 0 { "ahead of" } else { "behind" }
    );
    if off > SKEW_SECS_MAX {
        return Err(Trouble::seen(
            words,
            "the right time: let this machine's clock, or the store's, follow a time server",
        ));
    }
    Ok((off > SKEW_SECS_NOTED).then_some(words))
}

/// A request that was not answered.
pub(super) fn unsent(error: object_store::client::HttpError) -> Trouble {
    let error = object_store::Error::Generic { store: "http", source: Box::new(error) };
    Trouble::Store(error.into())
}

fn no_network() -> Trouble {
    Trouble::Nothing("a directory is reached without a network".into())
}

/// Where the store answers.
fn endpoint(place: &Place) -> Result<Url, Trouble> {
    let text = match place {
        Place::Local { .. } => return Err(no_network()),
        Place::S3 { endpoint: Some(endpoint), .. }
        | Place::Gcs { endpoint: Some(endpoint), .. }
        | Place::Azure { endpoint: Some(endpoint), .. } => endpoint.clone(),
        Place::S3 { region, .. } if region.starts_with("cn-") => format!("https://s3.{region}.amazonaws.com.cn"),
        Place::S3 { region, .. } => format!("https://s3.{region}.amazonaws.com"),
        Place::Gcs { .. } => "https://storage.googleapis.com".to_owned(),
        Place::Azure { account, .. } => format!("https://{account}.blob.core.windows.net"),
    };
    let mut url = Url::parse(&text).map_err(|error| StoreError::Settings(format!("the endpoint `{text}`: {error}")))?;
    if let Place::S3 { bucket, path_style: false, .. } = place {
        // The bucket is part of the name that is resolved and that the certificate has to be for.
        let host = format!("{bucket}.{}", url.host_str().unwrap_or_default());
        url.set_host(Some(&host)).map_err(|_| StoreError::Settings(format!("`{host}` is no name of a host")))?;
    }
    Ok(url)
}
