//! Fetching from hosts outside, when somebody else has chosen the address: only over HTTPS, only from hosts that were
//! named beforehand, and only at addresses that are checked before they are connected to. A name is resolved once per
//! attempt, and the connection goes to what was checked, so no second answer of a name server can lead elsewhere.

#[cfg(test)]
pub(crate) mod tests;
pub mod tls;

use crate::domain::image::ImageFormat;
use crate::domain::outbound::Reach;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// How often an answer may lead elsewhere.
const REDIRECTS_MAX: usize = 3;
const PORT: u16 = 443;

/// Turns a name into addresses.
type Resolve = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;
type MakeTls = Box<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;

/// What was fetched. What it really is its bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// How much of a fetch is waited for.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    pub bytes: usize,
    /// From the first look at a name to the last byte.
    pub time: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("only `https` addresses without a user, on the usual port, are fetched")]
    Address,
    #[error("nothing is fetched from the host `{0}`")]
    Host(String),
    #[error("the host `{0}` leads to an address that is not public")]
    Private(String),
    #[error("the host `{0}` is not known")]
    Unknown(String),
    #[error("the host was not reached: {0}")]
    Connection(String),
    #[error("the host answered {0}")]
    Status(StatusCode),
    #[error("the answer leads elsewhere too often")]
    Redirects,
    #[error("the answer is no image that is shown")]
    Type,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("the answer took longer than {} seconds", .0.as_secs())]
    TooSlow(Duration),
}

/// Fetches, within the rules above.
pub struct Fetcher {
    resolve: Resolve,
    /// Whether an address may be connected to.
    may_connect: fn(SocketAddr) -> bool,
    /// What certificates of hosts are trusted; read from the system at the first fetch.
    make_tls: MakeTls,
    tls: OnceLock<Arc<ClientConfig>>,
}

/// An answer, and the connection that it comes over.
struct Answer {
    response: Response<Incoming>,
    _connection: JoinSet<()>,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self::new(
            Arc::new(|host, port| Box::pin(look_up(host, port))),
            is_public,
            Box::new(|| tls::trusting(tls::system_roots())),
        )
    }
}

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// Where outside images are fetched from, unless a test says otherwise.
fn is_public(address: SocketAddr) -> bool {
    Reach::of(address.ip()) == Reach::Public && address.port() == PORT
}

impl Fetcher {
    fn new(resolve: Resolve, may_connect: fn(SocketAddr) -> bool, make_tls: MakeTls) -> Self {
        Self { resolve, may_connect, make_tls, tls: OnceLock::new() }
    }

    /// One image, from a host that `is_named`, as are those that its answers lead to.
    pub async fn fetch(
        &self,
        address: &str,
        is_named: impl Fn(&str) -> bool,
        limits: FetchLimits,
    ) -> Result<Fetched, FetchError> {
        let fetched = tokio::time::timeout(limits.time, self.follow(address, &is_named, limits.bytes));
        fetched.await.map_err(|_| FetchError::TooSlow(limits.time))?
    }

    async fn follow(
        &self,
        address: &str,
        is_named: &impl Fn(&str) -> bool,
        bytes_max: usize,
    ) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(address).map_err(|_| FetchError::Address)?;
        for _ in 0..=REDIRECTS_MAX {
            let host = named_host(&url, is_named)?;
            let answer = self.ask(&url, &host).await?;
            let status = answer.response.status();
            if !status.is_redirection() {
                return read(answer, bytes_max).await;
            }
            let location = text(answer.response.headers(), &LOCATION);
            if location.is_empty() {
                return Err(FetchError::Status(status));
            }
            url = url.join(&location).map_err(|_| FetchError::Address)?;
        }
        Err(FetchError::Redirects)
    }

    /// One request over a connection of its own.
    async fn ask(&self, url: &Url, host: &str) -> Result<Answer, FetchError> {
        let failed = |error: &dyn std::fmt::Display| FetchError::Connection(error.to_string());
        let stream = self.connect(host, url.port().unwrap_or(PORT)).await?;
        let tls = TlsConnector::from(Arc::clone(self.tls.get_or_init(|| (self.make_tls)())));
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Address)?;
        let stream = tls.connect(name, stream).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::get(path)
            .header(HOST, authority)
            .header(USER_AGENT, concat!("weighhouse/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "image/png, image/jpeg, image/webp, image/gif")
            // What is unpacked may be of any size.
            .header(ACCEPT_ENCODING, "identity")
            .body(Empty::<Bytes>::new())
            .map_err(|error| failed(&error))?;
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            // Whoever waits for an answer is told of the error.
            let _told = connection.await;
        });
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        Ok(Answer { response, _connection: connections })
    }

    /// To an address that was checked: all that the name leads to have to be, or none is gone to.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchError> {
        let found = (self.resolve)(host.to_owned(), port).await;
        let addresses = found.map_err(|_| FetchError::Unknown(host.to_owned()))?;
        if !addresses.iter().all(|address| (self.may_connect)(*address)) {
            return Err(FetchError::Private(host.to_owned()));
        }
        let mut failure = FetchError::Unknown(host.to_owned());
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = FetchError::Connection(error.to_string()),
            }
        }
        Err(failure)
    }
}

/// The host of an address that may be fetched from. An address in numbers is no name, however it is written.
fn named_host(url: &Url, is_named: &impl Fn(&str) -> bool) -> Result<String, FetchError> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if url.scheme() != "https" || has_user {
        return Err(FetchError::Address);
    }
    match url.host() {
        Some(Host::Domain(name)) if is_named(name) => Ok(name.to_owned()),
        Some(host) => Err(FetchError::Host(host.to_string())),
        None => Err(FetchError::Address),
    }
}

async fn read(answer: Answer, bytes_max: usize) -> Result<Fetched, FetchError> {
    let Answer { response, _connection } = answer;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let content_type = text(response.headers(), &CONTENT_TYPE);
    if !ImageFormat::is_named_by(&content_type) {
        return Err(FetchError::Type);
    }
    let declared: Option<usize> = text(response.headers(), &CONTENT_LENGTH).parse().ok();
    if declared.is_some_and(|declared| declared > bytes_max) {
        return Err(FetchError::TooLarge(bytes_max));
    }
    let (mut bytes, mut body) = (Vec::new(), response.into_body());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Connection(error.to_string()))?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > bytes_max {
            return Err(FetchError::TooLarge(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Fetched { content_type, bytes })
}

fn text(headers: &HeaderMap, name: &http::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
