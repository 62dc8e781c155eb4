//! Against a real server on loopback, which the rules of these tests allow and the usual ones refuse.

use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const LIMITS: FetchLimits = FetchLimits { bytes: 1000, time: Duration::from_secs(10) };
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";

/// A host `badge.test` that answers every request with the same bytes, and counts them.
pub(crate) struct World {
    port: u16,
    pub fetcher: Fetcher,
    /// The heads of all requests.
    pub asked: Arc<Mutex<Vec<String>>>,
    pub _serving: JoinSet<()>,
}

fn to_loopback(_host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]) })
}

pub(crate) async fn world(answer: Vec<u8>, then_wait: bool) -> World {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["badge.test".into(), "other.test".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (noted, mut serving) = (Arc::clone(&asked), JoinSet::new());
    serving.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            noted.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
            let _gone = stream.write_all(&answer).await;
            let _gone = stream.flush().await;
            if then_wait {
                std::future::pending::<()>().await;
            }
            let _gone = stream.shutdown().await;
        }
    });
    let trusted = cert.der().clone();
    let make_tls = move || {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        tls::trusting(roots)
    };
    let fetcher = Fetcher::new(Arc::new(to_loopback), |address| address.ip().is_loopback(), Box::new(make_tls));
    World { port, fetcher, asked, _serving: serving }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").as_bytes(), body].concat()
}

pub(crate) fn image(body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Type: image/png\r\nContent-Length: {}\r\n", body.len()), body)
}

impl World {
    pub fn url(&self, path: &str) -> String {
        format!("https://badge.test:{}{path}", self.port)
    }

    async fn fetch(&self, address: &str) -> Result<Fetched, FetchError> {
        self.fetcher.fetch(address, |host| host == "badge.test", LIMITS).await
    }

    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[tokio::test]
async fn an_image_of_a_named_host_is_fetched_and_the_host_learns_nothing_of_who_looks() {
    let world = world(image(PNG), false).await;

    let fetched = world.fetch(&world.url("/a.png?b=c#d")).await.unwrap();

    assert_eq!(fetched, Fetched { content_type: "image/png".into(), bytes: PNG.to_vec() });
    let asked = world.asked.lock().unwrap()[0].to_lowercase();
    assert!(asked.starts_with("get /a.png?b=c http/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: badge.test:{}", world.port)), "{asked}");
    for telling in ["cookie", "authorization", "referer", "x-forwarded"] {
        assert!(!asked.contains(telling), "{asked}");
    }
}

#[tokio::test]
async fn only_https_and_named_hosts_are_gone_to() {
    let world = world(image(PNG), false).await;
    let port = world.port;

    for (address, error) in [
        (format!("http://badge.test:{port}/"), FetchError::Address),
        (format!("https://user@badge.test:{port}/"), FetchError::Address),
        ("ftp://badge.test/".into(), FetchError::Address),
        ("data:image/png;base64,AA==".into(), FetchError::Address),
        ("/a.png".into(), FetchError::Address),
        (format!("https://elsewhere.test:{port}/"), FetchError::Host("elsewhere.test".into())),
        (format!("https://badge.test.evil.test:{port}/"), FetchError::Host("badge.test.evil.test".into())),
    ] {
        assert_eq!(world.fetch(&address).await, Err(error), "{address}");
    }
    assert_eq!(world.times_asked(), 0);
}

/// However an address is written, it is no name that somebody allowed.
#[tokio::test]
async fn an_address_in_numbers_is_no_host() {
    let fetcher = Fetcher::default();

    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ] {
        let fetched = fetcher.fetch(&format!("https://{host}/a.png"), |_| true, LIMITS).await;
        assert!(matches!(fetched, Err(FetchError::Host(_))), "{host}: {fetched:?}");
    }
}

#[tokio::test]
async fn the_usual_rules_do_not_go_to_what_is_not_public_whatever_its_name() {
    let resolved = |ip: &'static str| -> Resolve {
        Arc::new(move |_, port| Box::pin(async move { Ok(vec![SocketAddr::new(ip.parse().unwrap(), port)]) }))
    };

    for ip in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0"] {
        let fetcher = Fetcher { resolve: resolved(ip), ..Fetcher::default() };
        let fetched = fetcher.fetch("https://badge.test/a.png", |_| true, LIMITS).await;
        assert_eq!(fetched, Err(FetchError::Private("badge.test".into())), "{ip}");
    }
    let localhost = Fetcher::default().fetch("https://localhost/a.png", |_| true, LIMITS).await;
    assert_eq!(localhost, Err(FetchError::Private("localhost".into())));
}

#[tokio::test]
async fn a_name_with_one_address_that_is_not_public_is_not_gone_to_at_all() {
    let both: Resolve = Arc::new(|_, port| {
        let addresses = ["1.1.1.1", "127.0.0.1"].map(|ip| SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port));
        Box::pin(async move { Ok(addresses.to_vec()) })
    });
    let fetcher = Fetcher { resolve: both, ..Fetcher::default() };

    let fetched = fetcher.fetch("https://badge.test/a.png", |_| true, LIMITS).await;

    assert_eq!(fetched, Err(FetchError::Private("badge.test".into())));
}

/// The first answer of the name server is allowed, any later one is not; the connection goes to the first.
#[tokio::test]
async fn a_name_is_asked_for_once_and_the_checked_address_is_connected_to() {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let world = world(image(PNG), false).await;
    let rebinding: Resolve = Arc::new(|_, port| {
        let ip = if TIMES.fetch_add(1, Ordering::SeqCst) == 0 { [127, 0, 0, 1] } else { [10, 0, 0, 1] };
        Box::pin(async move { Ok(vec![SocketAddr::from((ip, port))]) })
    });
    let address = world.url("/a.png");
    let fetcher = Fetcher { resolve: rebinding, ..world.fetcher };

    let first = fetcher.fetch(&address, |_| true, LIMITS).await;
    let second = fetcher.fetch(&address, |_| true, LIMITS).await;

    assert!(first.is_ok(), "{first:?}");
    assert_eq!(TIMES.load(Ordering::SeqCst), 2, "once for each fetch");
    assert_eq!(second, Err(FetchError::Private("badge.test".into())));
}

#[tokio::test]
async fn an_answer_leads_only_where_a_fetch_might_have_begun() {
    for (to, error) in [
        ("https://127.0.0.1/a.png", FetchError::Host("127.0.0.1".into())),
        ("https://elsewhere.test/a.png", FetchError::Host("elsewhere.test".into())),
        ("http://badge.test/a.png", FetchError::Address),
        ("file:///etc/passwd", FetchError::Address),
        ("//other.test/a.png", FetchError::Host("other.test".into())),
        ("/round/and/round", FetchError::Redirects),
    ] {
        let world = world(answer("302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"), b""), false).await;

        assert_eq!(world.fetch(&world.url("/")).await, Err(error), "{to}");
    }
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_no_image_is_given_up() {
    let large = world(image(&[0; 1001]), false).await;
    assert_eq!(large.fetch(&large.url("/")).await, Err(FetchError::TooLarge(1000)));
    // One that does not say how large it is, and does not end.
    let endless = answer("200 OK", "Content-Type: image/png\r\n", &[0; 5000]);
    let endless = world(endless, true).await;
    assert_eq!(endless.fetch(&endless.url("/")).await, Err(FetchError::TooLarge(1000)));

    let slow = world(answer("200 OK", "Content-Type: image/png\r\nContent-Length: 9\r\n", b"abc"), true).await;
    let limits = FetchLimits { time: Duration::from_millis(300), ..LIMITS };
    let fetched = slow.fetcher.fetch(&slow.url("/"), |_| true, limits).await;
    assert_eq!(fetched, Err(FetchError::TooSlow(limits.time)));

    for content_type in ["image/svg+xml", "text/html", "application/octet-stream"] {
        let headers = format!("Content-Type: {content_type}\r\nContent-Length: 5\r\n");
        let other = world(answer("200 OK", &headers, b"<svg>"), false).await;
        assert_eq!(other.fetch(&other.url("/")).await, Err(FetchError::Type), "{content_type}");
    }
    let missing = world(answer("404 Not Found", "Content-Length: 0\r\n", b""), false).await;
    assert_eq!(missing.fetch(&missing.url("/")).await, Err(FetchError::Status(StatusCode::NOT_FOUND)));
}

#[tokio::test]
async fn a_host_whose_certificate_nobody_trusts_is_not_listened_to() {
    let world = world(image(PNG), false).await;
    let address = world.url("/a.png");
    let fetcher =
        Fetcher { make_tls: Box::new(|| tls::trusting(RootCertStore::empty())), tls: OnceLock::new(), ..world.fetcher };

    let fetched = fetcher.fetch(&address, |_| true, LIMITS).await;

    assert!(matches!(fetched, Err(FetchError::Connection(_))), "{fetched:?}");
    assert_eq!(world.asked.lock().unwrap().len(), 0);
}

#[test]
fn outside_images_come_from_public_addresses_at_the_port_of_https() {
    let goes_to = |address: &str| is_public(address.parse().unwrap());

    assert!(goes_to("1.1.1.1:443") && goes_to("[2a00::1]:443"));
    for address in
        ["1.1.1.1:80", "1.1.1.1:6379", "10.0.0.1:443", "127.0.0.1:443", "169.254.169.254:443", "[fd12::1]:443"]
    {
        assert!(!goes_to(address), "{address}");
    }
}
