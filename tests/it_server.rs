//! The listener from outside: what it does with slow, silent, numerous and encrypted clients, and at shutdown.
//! Limits are made short where they are to strike and long where not; every wait is for the socket.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

use axum::body::{Body, Bytes};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use weighhouse::api::http::Peer;
use weighhouse::config::certificate;
use weighhouse::server::{Listeners, Options, Tls, bind_admin, bind_public, serve};

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(120);
/// A test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn patient() -> Options {
    Options {
        connections: 100,
        connections_per_address: 100,
        tls_handshake: LONG,
        first_byte: LONG,
        header: LONG,
        idle: LONG,
        write_stall: LONG,
        drain: LONG,
        tls_reload: Duration::from_millis(5),
    }
}

/// A running server; dropping it ends it.
struct Running {
    address: SocketAddr,
    /// Each permit lets one request to `/gated` be answered.
    gate: Arc<Semaphore>,
    /// Gets a permit when a request has come to `/gated`.
    arrived: Arc<Semaphore>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinSet<io::Result<()>>,
}

impl Running {
    fn start(options: Options) -> Self {
        Self::start_with(options, None, None)
    }

    fn start_with(options: Options, tls: Option<Tls>, admin_socket: Option<&Path>) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let arrived = Arc::new(Semaphore::new(0));
        let (gated, noted) = (Arc::clone(&gate), Arc::clone(&arrived));
        let app = Router::new()
            .route("/", get(async || "app"))
            .route("/peer", get(async |Extension(peer): Extension<Peer>| format!("{peer:?}")))
            .route(
                "/gated",
                get(async move || {
                    noted.add_permits(1);
                    gated.acquire().await.unwrap().forget();
                    "through"
                }),
            );
        Self { gate, arrived, ..Self::start_app(app, options, tls, admin_socket) }
    }

    fn start_app(app: Router, options: Options, tls: Option<Tls>, admin_socket: Option<&Path>) -> Self {
        let public = bind_public("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = public.local_addr().unwrap();
        let admin = admin_socket.map(|path| bind_admin(path).unwrap());
        let admin_app = Router::new().route("/", get(async || "admin"));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _stopped_or_dropped = stopped.await;
        };
        let mut server = JoinSet::new();
        server.spawn(serve(Listeners { public, tls, admin }, app, admin_app, options, None, shutdown));
        let [gate, arrived] = [0, 0].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { address, gate, arrived, stop: Some(stop), server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until a request has come to `/gated`.
    async fn arrival(&self) {
        timeout(PATIENCE, self.arrived.acquire()).await.expect("a request arrives").unwrap().forget();
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn ended(&mut self) -> io::Result<()> {
        timeout(PATIENCE, self.server.join_next()).await.expect("the server ends").unwrap().unwrap()
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads one answer with a declared length: its status line and its body.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(String, String)> {
    let mut seen = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut piece)).await.expect("an answer")?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= length.parse::<usize>().unwrap() {
            return Ok((head.lines().next().unwrap().to_owned(), body.to_owned()));
        }
    }
}

async fn get_body(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    send(stream, path).await;
    let (status, body) = answer(stream).await.unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
    body
}

/// Waits until the server closes the connection; a reset closes it, too.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server closes the connection");
    match read {
        Ok(_) => assert_eq!(String::from_utf8_lossy(&rest), ""),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = Running::start(Options { first_byte: SHORT, ..patient() });

    closed(&mut server.connect().await).await;
}

#[tokio::test]
async fn a_head_that_stops_half_way_is_closed() {
    let server = Running::start(Options { header: SHORT, ..patient() });
    let mut stream = server.connect().await;

    stream.write_all(b"GET / HTTP/1.1\r\nhost: te").await.unwrap();

    closed(&mut stream).await;
}

#[tokio::test]
async fn a_head_that_drips_is_closed_however_steadily_it_comes() {
    let server = Running::start(Options { header: SHORT, ..patient() });
    let (mut reading, mut writing) = server.connect().await.into_split();
    writing.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();

    let drip = async {
        let mut one_byte = [0];
        for _ in 0..2000 {
            if writing.write_all(b"x").await.is_err() {
                return;
            }
            match timeout(SHORT / 10, reading.read(&mut one_byte)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) => panic!("an answer to half a request"),
                Err(_still_open) => {}
            }
        }
        panic!("still open after 2000 bytes");
    };

    timeout(PATIENCE, drip).await.expect("the server closes the connection");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed() {
    let server = Running::start(Options { idle: SHORT, ..patient() });
    let mut stream = server.connect().await;

    assert_eq!(get_body(&mut stream, "/").await, "app");

    closed(&mut stream).await;
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_the_head_s_limit_is_each_one_s_own() {
    let server = Running::start(Options { header: 2 * SHORT, ..patient() });
    let mut stream = server.connect().await;

    // Together the requests take longer than one head may.
    for _ in 0..10 {
        assert_eq!(get_body(&mut stream, "/").await, "app");
        let nothing = timeout(SHORT / 2, stream.read(&mut [0])).await;
        assert!(nothing.is_err(), "closed between requests");
    }
}

#[tokio::test]
async fn a_request_at_work_is_not_cut_however_long_it_takes() {
    let server = Running::start(Options { first_byte: SHORT, header: SHORT, idle: SHORT, ..patient() });
    let mut stream = server.connect().await;

    send(&mut stream, "/gated").await;
    let nothing = timeout(4 * SHORT, stream.read(&mut [0])).await;
    assert!(nothing.is_err(), "cut while at work");
    server.gate.add_permits(1);

    assert_eq!(answer(&mut stream).await.unwrap().1, "through");
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    struct Gone(Option<oneshot::Sender<()>>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _nobody_waits = self.0.take().unwrap().send(());
        }
    }
    let (sender, gone) = oneshot::channel();
    let guard = Arc::new(std::sync::Mutex::new(Some(Gone(Some(sender)))));
    let endless = async move || {
        let guard = guard.lock().unwrap().take();
        Body::from_stream(stream::repeat_with(move || {
            let _kept = &guard;
            io::Result::Ok(Bytes::from_static(&[0; 65536]))
        }))
    };
    let app = Router::new().route("/endless", get(endless));
    let options = Options { write_stall: SHORT, ..patient() };
    let server = Running::start_app(app, options, None, None);
    let mut stream = server.connect().await;

    send(&mut stream, "/endless").await;

    timeout(PATIENCE, gone).await.expect("the answer is given up").unwrap();
}

#[tokio::test]
async fn too_large_a_head_is_431() {
    let server = Running::start(patient());
    let mut stream = server.connect().await;

    let request = format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "x".repeat(80 * 1024));
    stream.write_all(request.as_bytes()).await.unwrap();

    assert_eq!(answer(&mut stream).await.unwrap().0, "HTTP/1.1 431 Request Header Fields Too Large");
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let server = Running::start(patient());
    let mut stream = server.connect().await;
    let own = stream.local_addr().unwrap();

    let seen = get_body(&mut stream, "/peer").await;

    assert_eq!(seen, format!("{:?}", Peer { address: Some(own), is_tls: false }));
}

#[tokio::test]
async fn an_address_has_no_more_connections_than_it_may() {
    let server = Running::start(Options { connections_per_address: 2, ..patient() });
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(get_body(&mut first, "/").await, "app");
    assert_eq!(get_body(&mut second, "/").await, "app");

    closed(&mut server.connect().await).await;
    assert_eq!(get_body(&mut second, "/").await, "app");

    // Its place is free again once the server has seen it go.
    drop(first);
    let let_in = async {
        loop {
            let mut stream = server.connect().await;
            if stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.is_ok()
                && answer(&mut stream).await.is_ok()
            {
                return;
            }
        }
    };
    timeout(PATIENCE, let_in).await.expect("a place is free again");
}

#[tokio::test]
async fn with_all_places_taken_the_next_connection_waits() {
    let server = Running::start(Options { connections: 1, ..patient() });
    let mut first = server.connect().await;
    assert_eq!(get_body(&mut first, "/").await, "app");

    let mut second = server.connect().await;
    send(&mut second, "/").await;
    assert!(timeout(SHORT, second.read(&mut [0])).await.is_err(), "served above the limit");
    drop(first);

    assert_eq!(answer(&mut second).await.unwrap().1, "app");
}

#[tokio::test]
async fn shutdown_lets_a_running_request_finish_and_takes_no_new_ones() {
    let mut server = Running::start(patient());
    let mut resting = server.connect().await;
    assert_eq!(get_body(&mut resting, "/").await, "app");
    let mut silent = server.connect().await;
    let mut running = server.connect().await;
    send(&mut running, "/gated").await;
    server.arrival().await;

    server.stop();
    closed(&mut resting).await;
    closed(&mut silent).await;
    let deaf = async { while TcpStream::connect(server.address).await.is_ok() {} };
    timeout(PATIENCE, deaf).await.expect("the server stops listening");
    server.gate.add_permits(1);

    assert_eq!(answer(&mut running).await.unwrap().1, "through");
    closed(&mut running).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn shutdown_ends_requests_that_do_not_finish_in_time() {
    let mut server = Running::start(Options { drain: SHORT, ..patient() });
    let mut running = server.connect().await;
    send(&mut running, "/gated").await;
    server.arrival().await;

    server.stop();

    server.ended().await.unwrap();
    closed(&mut running).await;
}

#[tokio::test]
async fn the_admin_socket_serves_its_own_router_to_its_own_user_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    // A killed server leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());

    let mut server = Running::start_with(patient(), None, Some(&path));

    let mut stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(get_body(&mut stream, "/").await, "admin");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    server.stop();
    closed(&mut stream).await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn the_admin_socket_does_not_replace_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    std::fs::write(&path, "precious").unwrap();

    let refused = bind_admin(&path).unwrap_err().to_string();

    assert!(refused.contains("something else is in its place"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

/// Certificate files in a directory of their own.
struct TestCertificate {
    dir: tempfile::TempDir,
}

impl TestCertificate {
    fn new() -> (Self, CertificateDer<'static>) {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        let certificate = files.replace();
        (files, certificate)
    }

    fn cert(&self) -> std::path::PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key(&self) -> std::path::PathBuf {
        self.dir.path().join("key.pem")
    }

    fn load(&self) -> Tls {
        Tls::load(&self.cert(), &self.key()).unwrap()
    }

    /// Writes a new pair of files and returns the certificate.
    fn replace(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.key(), signing_key.serialize_pem()).unwrap();
        std::fs::write(self.cert(), cert.pem()).unwrap();
        cert.der().clone()
    }
}

/// Connects with TLS, trusting this certificate only.
async fn connect_tls(
    server: &Running,
    trusted: &CertificateDer<'static>,
    alpn: &[u8],
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

#[tokio::test]
async fn http1_is_served_over_tls() {
    let (files, certificate) = TestCertificate::new();
    let server = Running::start_with(patient(), Some(files.load()), None);

    let mut stream = connect_tls(&server, &certificate, b"http/1.1").await.unwrap();

    assert_eq!(get_body(&mut stream, "/").await, "app");
    assert!(get_body(&mut stream, "/peer").await.contains("is_tls: true"));
}

#[tokio::test]
async fn http2_is_served_over_tls_and_a_resting_connection_is_closed() {
    let (files, certificate) = TestCertificate::new();
    let options = Options { idle: 4 * SHORT, ..patient() };
    let server = Running::start_with(options, Some(files.load()), None);

    let stream = connect_tls(&server, &certificate, b"h2").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut client = JoinSet::new();
    client.spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("https://localhost/").body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "app");
    }

    let _ended = timeout(PATIENCE, client.join_next()).await.expect("the server closes the connection");
}

#[tokio::test]
async fn shutdown_lets_a_running_http2_request_finish() {
    let (files, certificate) = TestCertificate::new();
    let mut server = Running::start_with(patient(), Some(files.load()), None);
    let stream = connect_tls(&server, &certificate, b"h2").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut client = JoinSet::new();
    client.spawn(connection);
    let request = http::Request::get("https://localhost/gated").body(Body::empty()).unwrap();
    let mut running = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        () = server.arrival() => {}
        _answer = running.as_mut() => panic!("answered before the gate opened"),
    }

    server.stop();
    assert!(timeout(SHORT, running.as_mut()).await.is_err());
    server.gate.add_permits(1);

    let answer = timeout(PATIENCE, running).await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "through");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_closed() {
    let (files, _) = TestCertificate::new();
    let server = Running::start_with(Options { tls_handshake: SHORT, ..patient() }, Some(files.load()), None);

    closed(&mut server.connect().await).await;
}

#[tokio::test]
async fn a_client_that_is_silent_after_the_handshake_is_closed() {
    let (files, certificate) = TestCertificate::new();
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let options = Options { first_byte: SHORT, header: SHORT, ..patient() };
        let server = Running::start_with(options, Some(files.load()), None);
        let mut stream = connect_tls(&server, &certificate, alpn).await.unwrap();

        // HTTP/2 servers speak first; then comes the end, with or without a farewell.
        let _farewell = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("the server closes");
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart() {
    let (files, old) = TestCertificate::new();
    let server = Running::start_with(patient(), Some(files.load()), None);
    connect_tls(&server, &old, b"http/1.1").await.unwrap();

    let new = files.replace();

    let seen = async { while connect_tls(&server, &new, b"http/1.1").await.is_err() {} };
    timeout(PATIENCE, seen).await.expect("the new certificate is used");
    assert!(connect_tls(&server, &old, b"http/1.1").await.is_err());
}

#[tokio::test]
async fn sighup_reads_the_certificate_again() {
    let (files, old) = TestCertificate::new();
    let options = Options { tls_reload: LONG, ..patient() };
    let server = Running::start_with(options, Some(files.load()), None);
    connect_tls(&server, &old, b"http/1.1").await.unwrap();
    let new = files.replace();

    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();

    let seen = async { while connect_tls(&server, &new, b"http/1.1").await.is_err() {} };
    timeout(PATIENCE, seen).await.expect("the new certificate is used");
}

#[tokio::test]
async fn bad_certificate_files_keep_the_old_certificate() {
    let (files, old) = TestCertificate::new();
    let tls = files.load();
    let server = Running::start_with(Options { tls_reload: LONG, ..patient() }, Some(tls.clone()), None);

    std::fs::write(files.cert(), "no certificate").unwrap();
    tls.reload_if_changed();
    connect_tls(&server, &old, b"http/1.1").await.unwrap();
    std::fs::remove_file(files.cert()).unwrap();
    tls.reload_if_changed();
    connect_tls(&server, &old, b"http/1.1").await.unwrap();

    let new = files.replace();
    tls.reload_if_changed();
    connect_tls(&server, &new, b"http/1.1").await.unwrap();
}

#[test]
fn a_key_of_another_certificate_is_a_mismatch() {
    let (one, _) = TestCertificate::new();
    let (other, _) = TestCertificate::new();

    let error = certificate::read(&one.cert(), &other.key()).unwrap_err().to_string();

    assert!(error.contains("does not belong to"), "{error}");
    certificate::read(&one.cert(), &one.key()).unwrap();
}

#[test]
fn files_without_certificate_or_key_are_named() {
    let (files, _) = TestCertificate::new();

    let no_certificate = certificate::read(&files.key(), &files.key()).unwrap_err().to_string();
    let no_key = certificate::read(&files.cert(), &files.cert()).unwrap_err().to_string();
    let no_file = certificate::read(Path::new("/nowhere.pem"), &files.key()).unwrap_err().to_string();

    assert!(no_certificate.contains("holds no certificate"), "{no_certificate}");
    assert!(no_key.contains("holds no private key"), "{no_key}");
    assert!(no_file.contains("`/nowhere.pem`"), "{no_file}");
}
