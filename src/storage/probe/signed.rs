//! What clients do with signed URLs, tried out by a plain HTTP client without credentials, and what browsers ask first.

use super::log::{Done, Log, Trouble};
use super::objects::{SMALL, same};
use super::reach::unsent;
use super::{Keys, Probe};
use crate::domain::connector::probe::ProbeStep;
use crate::domain::connector::{DataPath, Identity};
use crate::storage::StoreError;
use crate::storage::direct::{Direct, SignedUrl};
use crate::storage::http::{Answered, DialError, Http};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{Method, Request, Response};
use md5::{Digest, Md5};

/// A URL of a test is needed for seconds.
const URL_SECS: u64 = 300;
/// Where no URL of this server is known: what counts is that pages of some other origin may.
const SOME_ORIGIN: &str = "https://weighhouse.invalid";

pub(super) async fn run(probe: &Probe<'_>, keys: &Keys, log: &mut Log<'_>) {
    let needs = [ProbeStep::Connect, ProbeStep::Put];
    log.step(ProbeStep::SignedGet, &needs, get(probe, keys)).await;
    log.step(ProbeStep::SignedPut, &needs, put(probe, keys)).await;
}

/// After the objects are gone: a browser asks before it sends anything.
pub(super) async fn ask_as_browser(probe: &Probe<'_>, keys: &Keys, log: &mut Log<'_>) {
    log.step(ProbeStep::Cors, &[ProbeStep::Connect], preflight(probe, keys)).await;
}

async fn get(probe: &Probe<'_>, keys: &Keys) -> Done {
    let url = direct(probe)?.get_url(&keys.small, URL_SECS, None, None).await?;
    let answer = send(probe, Method::GET, &url, &[], Bytes::new()).await?;
    succeeded(&answer)?;
    same(answer.body() == SMALL, || "a signed URL leads to something else than what was written".into())
}

async fn put(probe: &Probe<'_>, keys: &Keys) -> Done {
    let md5 = Md5::digest(SMALL).into();
    let url = direct(probe)?.put_url(&keys.by_url, Some(md5), URL_SECS).await?;
    let answer = send(probe, Method::PUT, &url, &[], Bytes::from_static(SMALL)).await?;
    succeeded(&answer)?;
    let bytes = probe.store.get(&keys.by_url).await?;
    same(bytes == SMALL, || "what a client has put is read back as something else".into())
}

async fn preflight(probe: &Probe<'_>, keys: &Keys) -> Done {
    let direct = direct(probe)?;
    if probe.spec.data_path == DataPath::Proxy {
        return Err(Trouble::Nothing("browsers get everything from this server: the data path is `proxy`".into()));
    }
    let origin = probe.origin.as_deref().unwrap_or(SOME_ORIGIN);
    let put = direct.put_url(&keys.by_url, None, URL_SECS).await?;
    let get = direct.get_url(&keys.small, URL_SECS, None, None).await?;
    for (method, url) in [("PUT", put), ("GET", get)] {
        let names: Vec<String> = url.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        let asked = [
            (ORIGIN, origin.to_owned()),
            (ACCESS_CONTROL_REQUEST_METHOD, method.to_owned()),
            (ACCESS_CONTROL_REQUEST_HEADERS, names.join(",")),
        ];
        // What is signed is sent later, by the request that is asked for.
        let bare = SignedUrl { url: url.url, headers: Vec::new() };
        let asked: Vec<_> = asked.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let answer = send(probe, Method::OPTIONS, &bare, &asked, Bytes::new()).await?;
        let allowed = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (origins, methods) = (allowed(ACCESS_CONTROL_ALLOW_ORIGIN), allowed(ACCESS_CONTROL_ALLOW_METHODS));
        let is_allowed = origins == "*" || origins.eq_ignore_ascii_case(origin);
        let may = methods == "*" || methods.split(',').any(|allowed| allowed.trim().eq_ignore_ascii_case(method));
        if !answer.status().is_success() || !is_allowed || !may {
            let status = answer.status();
            let words = format!("a page of `{origin}` may not `{method}`: asked for it, the store answers {status}");
            return Err(Trouble::seen(words, "a CORS rule of the bucket for pages of this server"));
        }
    }
    Ok(None)
}

/// What signs, or why nothing does.
pub(super) fn direct<'a>(probe: &'a Probe<'_>) -> Result<&'a Direct, Trouble> {
    let reason = match probe.spec.identity {
        Identity::Process => "a directory has no URLs: everything goes through the server",
        Identity::SharedAccess => {
            "nothing can be signed with a shared access signature: everything goes through the server"
        }
        _ => "nothing can be signed for this store: everything goes through the server",
    };
    probe.store.direct().ok_or_else(|| Trouble::Nothing(reason.into()))
}

pub(super) async fn send(
    probe: &Probe<'_>,
    method: Method,
    url: &SignedUrl,
    more: &[(http::HeaderName, String)],
    body: Bytes,
) -> Result<Response<Bytes>, Trouble> {
    let http = Http::new(&probe.spec.network, probe.rules).map_err(StoreError::from)?;
    let mut request = Request::builder().method(method).uri(&url.url);
    for (name, value) in &url.headers {
        request = request.header(name, value);
    }
    for (name, value) in more {
        request = request.header(name, value);
    }
    let request = request.body(body).map_err(|error| StoreError::Settings(error.to_string()))?;
    let sent = http.send(request).await.map_err(unsent);
    match sent {
        Err(Trouble::Store(StoreError::Unreachable(why))) if leads_elsewhere(probe, &why) => Err(Trouble::Nothing(
            format!("this server does not reach the endpoint of clients, so it cannot tell whether they do: {why}"),
        )),
        other => other,
    }
}

/// Clients have an endpoint of their own, which may be one in another network.
fn leads_elsewhere(probe: &Probe<'_>, why: &DialError) -> bool {
    probe.spec.network.client_endpoint.is_some() && !matches!(why, DialError::Tls { .. })
}

pub(super) fn succeeded(answer: &Response<Bytes>) -> Result<(), Trouble> {
    if answer.status().is_success() {
        return Ok(());
    }
    Err(StoreError::Refused(Answered::of(answer)).into())
}
