//! Against servers on loopback that say what they are told to.

use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers every connection with the same bytes, and notes what was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, mut serving) = (Arc::clone(&asked), JoinSet::new());
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap_or(0);
                noted.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                let _gone = stream.write_all(&answer).await;
                let _gone = stream.shutdown().await;
            }
        });
        Self { port, asked, _serving: serving }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn rules(entries: &[&str]) -> Arc<OutboundRules> {
    Arc::new(OutboundRules::parse(entries).unwrap())
}

fn get(url: &str) -> http::Request<Bytes> {
    http::Request::get(url).body(Bytes::new()).unwrap()
}

fn dial_error(outcome: Result<http::Response<Bytes>, HttpError>) -> DialError {
    let error = outcome.map(|response| response.status()).unwrap_err();
    error.source().and_then(|error| error.downcast_ref::<DialError>()).cloned().unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test]
async fn where_the_machine_says_who_it_is_only_questions_for_that_lead() {
    let server = Server::start(answer("200 OK", "who I am")).await;
    let for_identity = Http::with_machine(&Network::default(), &rules(&[]), &["127.0.0.1"]).unwrap();
    let for_stores = Http::new(&Network::default(), &rules(&[])).unwrap();

    assert_eq!(for_identity.send(get(&server.url("/"))).await.unwrap().into_body(), "who I am");
    assert!(matches!(dial_error(for_stores.send(get(&server.url("/"))).await), DialError::Refused { .. }));
    let by_name = format!("http://localhost:{}/", server.port);
    assert!(matches!(dial_error(for_identity.send(get(&by_name)).await), DialError::Refused { .. }), "another name");
    let by_tls = format!("https://127.0.0.1:{}/", server.port);
    assert!(matches!(dial_error(for_identity.send(get(&by_tls)).await), DialError::Refused { .. }), "no TLS there");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_asked_by_the_whole_address_and_for_a_tunnel() {
    let proxy = Server::start(answer("200 OK", "from afar")).await;
    let network = Network { proxy: Some(proxy.url("")), ..Network::default() };
    let http = Http::new(&network, &rules(&["127.0.0.1"])).unwrap();

    let plain = http.send(get("http://store.invalid/bucket")).await.unwrap();
    let tunnel = dial_error(http.send(get("https://store.invalid/bucket")).await);
    let inner = dial_error(http.send(get("http://[::1]:80/bucket")).await);

    assert_eq!(plain.into_body(), "from afar");
    assert!(matches!(tunnel, DialError::Tls { .. }), "what is behind the tunnel speaks no TLS: {tunnel}");
    assert!(matches!(inner, DialError::Refused { .. }), "{inner}");
    let asked = proxy.asked();
    assert!(asked[0].starts_with("GET http://store.invalid/bucket HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[1].starts_with("CONNECT store.invalid:443 HTTP/1.1\r\n"), "{asked:?}");
    assert_eq!(asked.len(), 2);

    let closed = Server::start(answer("407 Proxy Authentication Required", "")).await;
    let network = Network { proxy: Some(closed.url("")), ..Network::default() };
    let http = Http::new(&network, &rules(&["127.0.0.1"])).unwrap();
    let refused = dial_error(http.send(get("https://store.invalid/")).await);
    assert!(refused.to_string().contains("407"), "{refused}");
}

#[tokio::test]
async fn a_proxy_is_guarded_as_every_host_is() {
    let proxy = Server::start(answer("200 OK", "")).await;
    let network = Network { proxy: Some(proxy.url("")), ..Network::default() };
    let http = Http::new(&network, &rules(&[])).unwrap();

    assert!(matches!(dial_error(http.send(get("http://store.invalid/")).await), DialError::Refused { .. }));
    for wrong in ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://user:password@127.0.0.1:1", "127.0.0.1"] {
        let network = Network { proxy: Some(wrong.into()), ..Network::default() };
        assert!(Http::new(&network, &rules(&[])).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_read_as_a_whole_is_of_limited_length() {
    let endless = Server::start([answer("200 OK", "").as_slice(), &vec![b'x'; 20 << 20]].concat()).await;
    let unlimited = String::from_utf8(answer("200 OK", "")).unwrap().replace("Content-Length: 0\r\n", "");
    let listing = Server::start([unlimited.as_bytes(), &vec![b'x'; 20 << 20]].concat()).await;
    let http = Http::new(&Network::default(), &rules(&["127.0.0.1"])).unwrap();
    let call = async |server: &Server, path: &str| {
        let request = http::Request::get(server.url(path)).body(HttpRequestBody::empty()).unwrap();
        match http.call(request).await {
            Ok(response) => response.into_body().bytes().await.map(|bytes| bytes.len()),
            Err(error) => Err(error),
        }
    };

    assert_eq!(call(&endless, "/object").await.unwrap(), 0, "no more than it says");
    assert!(call(&listing, "/bucket?list-type=2").await.is_err());
    assert!(call(&listing, "/container?restype=container&comp=list").await.is_err());
    assert_eq!(call(&listing, "/object").await.unwrap(), 20 << 20, "an object may be of any size");
}

#[tokio::test]
async fn certificates_of_ones_own_are_trusted_when_they_are_given() {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _head = stream.read(&mut [0; 4096]).await;
            let _gone = stream.write_all(&answer("200 OK", "safe")).await;
            let _gone = stream.shutdown().await;
        }
    });
    let ask = async |ca: Option<String>| {
        let network = Network { ca, ..Network::default() };
        Http::new(&network, &rules(&["localhost"])).unwrap().send(get(&url)).await
    };

    assert_eq!(ask(Some(cert.pem())).await.unwrap().into_body(), "safe");
    assert!(matches!(dial_error(ask(None).await), DialError::Tls { .. }));
    let unreadable = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert!(matches!(dial_error(ask(Some(unreadable)).await), DialError::Authority(_)));
}
