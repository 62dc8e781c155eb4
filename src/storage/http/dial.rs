//! Connections to stores: a name is resolved by us, every address it leads to is checked, and the connection goes to
//! what was checked, so no second answer of a name server can lead elsewhere.

use crate::domain::connector::Network;
use crate::domain::outbound::{OutboundRules, Refusal};
use crate::fetch::tls;
use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::Service;

/// From the first look at a name until the first byte may be sent.
const TIMEOUT: Duration = Duration::from_secs(10);
/// One that does not answer leaves time for another.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);
/// A proxy says in few words whether it connects.
const PROXY_ANSWER_BYTES: usize = 8 * 1024;

/// Why a host was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    #[error("the name `{host}` is not known: {error}")]
    Unknown { host: String, error: String },
    #[error("`{host}` leads to {address}: {refusal}")]
    Refused { host: String, address: SocketAddr, refusal: Refusal },
    #[error("`{host}` does not take the connection: {error}")]
    Connection { host: String, error: String },
    #[error("`{host}` does not answer when it is connected to")]
    Slow { host: String },
    #[error("the certificate or the TLS of `{host}` is not accepted: {error}")]
    Tls { host: String, error: String },
    #[error("the proxy `{proxy}` does not connect to `{host}`: {error}")]
    Proxy { proxy: String, host: String, error: String },
    #[error("`{0}` is no address of a host")]
    Address(String),
    #[error("the certificates that are to be trusted cannot be read: {0}")]
    Authority(String),
}

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Dial(Arc<Rules>);

struct Rules {
    outbound: Arc<OutboundRules>,
    /// Where the machine's own identity comes from: hosts, written like this. Only who asks for that identity has any.
    machine: &'static [&'static str],
    proxy: Option<Target>,
    ca: Option<String>,
    /// Made at the first connection that needs it: the system's certificates are files.
    tls: OnceLock<Result<Arc<ClientConfig>, DialError>>,
}

#[derive(Debug, Clone)]
struct Target {
    host: String,
    port: u16,
    is_https: bool,
}

/// What both kinds of connection are.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection, for the HTTP client.
pub(super) struct Link {
    wire: TokioIo<Box<dyn Wire>>,
    /// Requests without TLS are told to a proxy by their whole address.
    through_proxy: bool,
}

impl Dial {
    pub(super) fn new(
        network: &Network,
        outbound: &Arc<OutboundRules>,
        machine: &'static [&'static str],
    ) -> Result<Self, DialError> {
        let proxy = network.proxy.as_deref().map(proxy_of).transpose()?;
        let (outbound, ca) = (Arc::clone(outbound), network.ca.clone());
        Ok(Self(Arc::new(Rules { outbound, machine, proxy, ca, tls: OnceLock::new() })))
    }

    async fn connect(self, uri: Uri) -> Result<Link, DialError> {
        let target = Target::of(&uri)?;
        let host = target.host.clone();
        let connect = self.0.connect(&target);
        tokio::time::timeout(TIMEOUT, connect).await.map_err(|_| DialError::Slow { host })?
    }
}

impl Rules {
    async fn connect(&self, target: &Target) -> Result<Link, DialError> {
        let proxy = self.proxy.as_ref().filter(|_| !self.is_machine(target));
        let stream = match proxy {
            Some(proxy) => self.connect_through(proxy, target).await?,
            None => self.open(target).await?,
        };
        if !target.is_https {
            return Ok(Link { wire: TokioIo::new(Box::new(stream)), through_proxy: proxy.is_some() });
        }
        let failed =
            |error: &dyn std::fmt::Display| DialError::Tls { host: target.host.clone(), error: error.to_string() };
        let name = ServerName::try_from(bare(&target.host).to_owned()).map_err(|error| failed(&error))?;
        let tls = TlsConnector::from(self.tls()?).connect(name, stream).await.map_err(|error| failed(&error))?;
        Ok(Link { wire: TokioIo::new(Box::new(tls)), through_proxy: false })
    }

    fn is_machine(&self, target: &Target) -> bool {
        !target.is_https && self.machine.contains(&target.host.as_str())
    }

    /// To the first address that takes the connection: all that the name leads to have to be allowed, or none is gone to.
    async fn open(&self, target: &Target) -> Result<TcpStream, DialError> {
        let Target { host, port, .. } = target;
        let unknown = |error: &str| DialError::Unknown { host: host.clone(), error: error.to_owned() };
        let found = tokio::net::lookup_host((bare(host), *port)).await;
        let addresses: Vec<_> = found.map_err(|error| unknown(&error.to_string()))?.collect();
        self.check(target, &addresses)?;
        let mut failure = unknown("it has no address");
        for address in addresses {
            match tokio::time::timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _only_slower = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = DialError::Connection { host: host.clone(), error: error.to_string() },
                Err(_) => failure = DialError::Slow { host: host.clone() },
            }
        }
        Err(failure)
    }

    fn check(&self, target: &Target, addresses: &[SocketAddr]) -> Result<(), DialError> {
        for &address in addresses {
            match self.outbound.check(&target.host, address) {
                Err(_) if self.is_machine(target) => {}
                Err(refusal) => return Err(DialError::Refused { host: target.host.clone(), address, refusal }),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The proxy resolves the name itself. What we know of the name must be allowed all the same.
    async fn connect_through(&self, proxy: &Target, target: &Target) -> Result<TcpStream, DialError> {
        if let Ok(found) = tokio::net::lookup_host((bare(&target.host), target.port)).await {
            self.check(target, &found.collect::<Vec<_>>())?;
        }
        let mut stream = self.open(proxy).await?;
        if !target.is_https {
            return Ok(stream);
        }
        let failed = |error: &dyn std::fmt::Display| DialError::Proxy {
            proxy: proxy.host.clone(),
            host: target.host.clone(),
            error: error.to_string(),
        };
        let to = format!("{}:{}", target.host, target.port);
        let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| failed(&error))?;
        let answer = read_head(&mut stream).await.map_err(|error| failed(&error))?;
        let status = answer.split_ascii_whitespace().nth(1).unwrap_or_default();
        if status.starts_with('2') { Ok(stream) } else { Err(failed(&format!("it answers {status}"))) }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, DialError> {
        self.tls.get_or_init(|| trusting(self.ca.as_deref())).clone()
    }
}

/// The system's certificates, and those that are given in PEM.
fn trusting(ca: Option<&str>) -> Result<Arc<ClientConfig>, DialError> {
    let mut roots = tls::system_roots();
    let wrong = |error: &dyn std::fmt::Display| DialError::Authority(error.to_string());
    for certificate in ca.map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes())).into_iter().flatten() {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(tls::trusting(roots))
}

/// The head of an answer. Nothing follows it before we have sent more, so it is read byte by byte.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= PROXY_ANSWER_BYTES {
            return Err(io::Error::other("its answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn proxy_of(address: &str) -> Result<Target, DialError> {
    let uri: Uri = address.parse().map_err(|_| DialError::Address(address.to_owned()))?;
    let target = Target::of(&uri)?;
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if target.is_https || has_user { Err(DialError::Address(address.to_owned())) } else { Ok(target) }
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, DialError> {
        let wrong = || DialError::Address(uri.authority().map_or_else(String::new, ToString::to_string));
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Ok(Self { host: host.to_owned(), port, is_https })
    }
}

impl Service<Uri> for Dial {
    type Response = Link;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Link, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.through_proxy)
    }
}

impl Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
