//! Self-tests of a store that speaks as much of S3 as they need, and fails in one way at a time. What signatures are worth
//! is tested elsewhere, against servers that verify them.

use super::{Probe, run};
use crate::domain::connector::probe::{Outcome, ProbeStep, StepResult};
use crate::domain::connector::{ConnectorSpec, DataPath, Identity, Network, Place, StoreSecret};
use crate::domain::outbound::OutboundRules;
use crate::storage::Store;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Router, routing};
use futures_util::stream;
use http::{Method, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// Steps that get no answer end with this.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Says no to these requests: method, what the query holds, status, code.
    Refuses(&'static str, &'static str, u16, &'static str),
    /// Says no to everything.
    RefusesAll(u16, &'static str),
    /// What its clock is ahead of ours, in seconds.
    Clock(i64),
    /// Never answers these.
    Stalls(&'static str),
    /// Closes the connection in place of an answer.
    Resets(&'static str),
    /// Sends less than it announced.
    Truncates,
    Overwrites,
    /// Has this rule.
    Rule(&'static str),
    /// Lets pages of this origin come.
    Cors(&'static str),
}

#[derive(Clone)]
struct Fake {
    fault: Fault,
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

fn said(status: u16, code: &str) -> Response {
    let text = format!("<Error><Code>{code}</Code><Message>its own words</Message></Error>");
    Response::builder().status(status).body(Body::from(text)).unwrap()
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (method, query) = (request.method().clone(), request.uri().query().unwrap_or_default().to_owned());
    let mut answered = match fake.fault {
        Fault::RefusesAll(status, code) => said(status, code),
        Fault::Refuses(which, what, status, code) if method == which && query.contains(what) => said(status, code),
        Fault::Stalls(which) if method == which => std::future::pending().await,
        Fault::Resets(which) if method == which => broken(None, b""),
        _ => fake.serve(method, &query, request).await,
    };
    if let Fault::Clock(ahead) = fake.fault {
        let date =
            chrono::DateTime::from_timestamp_micros(crate::domain::clock::Clock::system().now().plus_secs(ahead).0);
        let date = date.unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        answered.headers_mut().insert("date", date.parse().unwrap());
    }
    answered
}

/// A body that ends with the connection.
fn broken(length: Option<usize>, first: &'static [u8]) -> Response {
    let pieces = [Ok(Bytes::from_static(first)), Err(std::io::Error::other("cut off"))];
    let mut response = Response::builder().header("etag", "\"e\"").header("last-modified", MODIFIED);
    if let Some(length) = length {
        response = response.header("content-length", length);
    }
    response.body(Body::from_stream(stream::iter(pieces))).unwrap()
}

const MODIFIED: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

impl Fake {
    async fn serve(&self, method: Method, query: &str, request: Request) -> Response {
        let key = request.uri().path().trim_start_matches("/b").trim_start_matches('/').to_owned();
        let (create_only, range) =
            (request.headers().contains_key("if-none-match"), request.headers().get("range").cloned());
        let origin = request.headers().get("origin").cloned();
        let body = axum::body::to_bytes(request.into_body(), 32 << 20).await.unwrap();
        let ok = |text: &str| Response::builder().header("etag", "\"e\"").body(Body::from(text.to_owned())).unwrap();
        let mut objects = self.objects.lock().unwrap();
        match (method.as_str(), query) {
            ("OPTIONS", _) => match (self.fault, origin) {
                (Fault::Cors(allowed), Some(_)) => Response::builder()
                    .header("access-control-allow-origin", allowed)
                    .header("access-control-allow-methods", "GET, PUT")
                    .body(Body::empty())
                    .unwrap(),
                _ => said(403, "AccessForbidden"),
            },
            ("GET", q) if q.contains("list-type") => {
                let entries: String = objects.keys().map(|key| format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>\"e\"</ETag>\
                     <Size>1</Size></Contents>"
                )).collect();
                ok(&format!("<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"))
            }
            ("GET", q) if q.starts_with("versioning") => {
                ok("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
            }
            ("GET", q) if q.starts_with("lifecycle") => match self.fault {
                Fault::Rule(rule) => ok(&format!("<LifecycleConfiguration>{rule}</LifecycleConfiguration>")),
                _ => said(404, "NoSuchLifecycleConfiguration"),
            },
            ("POST", q) if q.starts_with("uploads") => {
                ok("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
            }
            ("POST", q) if q.contains("uploadId") => {
                let parts: Vec<Bytes> = objects
                    .iter()
                    .filter(|(name, _)| name.starts_with("part-"))
                    .map(|(_, part)| part.clone())
                    .collect();
                objects.retain(|name, _| !name.starts_with("part-"));
                objects.insert(key, parts.concat().into());
                ok("<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>")
            }
            ("POST", q) if q.starts_with("delete") => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                let keys: Vec<&str> = text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
                keys.iter().for_each(|key| drop(objects.remove(*key)));
                let deleted: String = keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
                ok(&format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            ("PUT", q) if q.contains("partNumber") => {
                let number = q.split("partNumber=").nth(1).unwrap().split('&').next().unwrap().to_owned();
                objects.insert(format!("part-{number}"), body);
                ok("")
            }
            ("PUT", _) if create_only && objects.contains_key(&key) && self.fault != Fault::Overwrites => {
                said(412, "PreconditionFailed")
            }
            ("PUT", _) => {
                objects.insert(key, body);
                ok("")
            }
            ("DELETE", _) => {
                objects.remove(&key);
                Response::builder().status(StatusCode::NO_CONTENT).body(Body::empty()).unwrap()
            }
            (read, _) => {
                let Some(bytes) = objects.get(&key).cloned() else { return said(404, "NoSuchKey") };
                if read == "GET" && self.fault == Fault::Truncates {
                    return broken(Some(bytes.len()), b"This");
                }
                let (status, bytes, shown) = match range {
                    Some(range) => {
                        let (first, last) = range.to_str().unwrap()["bytes=".len()..].split_once('-').unwrap();
                        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                        (206, bytes.slice(first..=last), Some(format!("bytes {first}-{last}/{}", bytes.len())))
                    }
                    None => (200, bytes, None),
                };
                let mut response =
                    Response::builder().status(status).header("etag", "\"e\"").header("last-modified", MODIFIED);
                if let Some(shown) = shown {
                    response = response.header("content-range", shown);
                }
                response = response.header("content-length", bytes.len());
                response.body(if read == "HEAD" { Body::empty() } else { Body::from(bytes) }).unwrap()
            }
        }
    }
}

struct Served {
    fake: Fake,
    address: SocketAddr,
    _server: JoinSet<()>,
}

async fn serve(fault: Fault) -> Served {
    let fake = Fake { fault, objects: Arc::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(routing::any(answer)).with_state(fake.clone());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                // One that is cut off is what some tests want.
                let _cut_off = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Served { fake, address, _server: server }
}

fn spec(endpoint: String, data_path: DataPath) -> ConnectorSpec {
    ConnectorSpec {
        place: Place::S3 {
            bucket: "b".into(),
            region: "r".into(),
            endpoint: Some(endpoint),
            path_style: true,
            encryption: None,
        },
        prefix: "teams/a".into(),
        identity: Identity::Keys,
        data_path,
        network: Network::default(),
    }
}

async fn probe(spec: &ConnectorSpec, allowed: &[&str]) -> Vec<StepResult> {
    let rules = Arc::new(OutboundRules::parse(allowed).unwrap());
    let secret = StoreSecret::AccessKey { id: "id".into(), secret: "secret".into(), session_token: None };
    let store = Store::connect(spec, Some(&secret), &rules).unwrap();
    let origin = Some("https://weigh.example".to_owned());
    run(&Probe { store: &store, spec, rules: &rules, origin, step_within: PATIENCE }).await
}

async fn with(fault: Fault) -> Vec<StepResult> {
    let served = serve(fault).await;
    let results = probe(&spec(format!("http://{}", served.address), DataPath::Auto), &["127.0.0.1"]).await;
    let left: Vec<String> = served.fake.objects.lock().unwrap().keys().cloned().collect();
    let may_leave = matches!(fault, Fault::Refuses("DELETE" | "POST", ..) | Fault::Stalls(_) | Fault::Resets(_));
    assert!(left.is_empty() || may_leave, "{fault:?} leaves {left:?}");
    results
}

fn outcome(results: &[StepResult], step: ProbeStep) -> &Outcome {
    &results.iter().find(|result| result.step == step).unwrap().outcome
}

#[track_caller]
fn failed(results: &[StepResult], step: ProbeStep, words: &str, missing: &str) -> Option<String> {
    match outcome(results, step) {
        Outcome::Failed(failure) => {
            assert!(failure.words.contains(words), "{words}: {failure:?}");
            assert!(failure.missing.clone().unwrap_or_default().contains(missing), "{missing}: {failure:?}");
            failure.paste.clone()
        }
        other => panic!("{step:?}: {other:?}"),
    }
}

/// Those that neither passed nor were skipped.
fn red(results: &[StepResult]) -> Vec<ProbeStep> {
    results.iter().filter(|result| matches!(result.outcome, Outcome::Failed(_))).map(|result| result.step).collect()
}

#[tokio::test]
async fn a_good_store_passes_every_step_and_keeps_nothing_of_it() {
    let results = with(Fault::Cors("https://weigh.example")).await;

    assert_eq!(results.iter().map(|result| result.step).collect::<Vec<_>>(), ProbeStep::ALL);
    for result in &results {
        assert!(matches!(result.outcome, Outcome::Passed { .. }), "{result:?}");
    }
}

#[tokio::test]
async fn a_refused_permission_is_named_with_the_policy_to_paste() {
    for (fault, step, permission) in [
        (Fault::Refuses("GET", "list-type", 403, "AccessDenied"), ProbeStep::List, "s3:ListBucket"),
        (Fault::Refuses("POST", "uploads", 403, "AccessDenied"), ProbeStep::Multipart, "s3:AbortMultipartUpload"),
        // An answer to `HEAD` has no words.
        (Fault::Refuses("HEAD", "", 403, "AccessDenied"), ProbeStep::Head, "s3:GetObject"),
    ] {
        let results = with(fault).await;
        let paste = failed(&results, step, "403", permission).unwrap();
        assert!(paste.contains("arn:aws:s3:::b/teams/a/*") && paste.contains("s3:DeleteObject"), "{paste}");
    }
    for method in ["DELETE", "POST"] {
        let results =
            with(Fault::Refuses(method, if method == "POST" { "delete" } else { "" }, 403, "AccessDenied")).await;
        if red(&results).contains(&ProbeStep::Delete) {
            failed(&results, ProbeStep::Delete, "AccessDenied", "s3:DeleteObject").unwrap();
            return;
        }
    }
    panic!("a store that deletes nothing passes");
}

#[tokio::test]
async fn what_the_store_says_about_everything_is_explained_at_the_first_step() {
    for (fault, missing) in [
        (Fault::RefusesAll(403, "SignatureDoesNotMatch"), "the right credentials"),
        (Fault::RefusesAll(403, "InvalidAccessKeyId"), "connector rotate"),
        (Fault::RefusesAll(404, "NoSuchBucket"), "the bucket `b`"),
        (Fault::RefusesAll(301, "PermanentRedirect"), "the region"),
        (Fault::RefusesAll(400, "AuthorizationHeaderMalformed"), "the region"),
        (Fault::RefusesAll(403, "RequestTimeTooSkewed"), "the right time"),
    ] {
        let results = with(fault).await;
        failed(&results, ProbeStep::List, "its own words", missing);
        failed(&results, ProbeStep::Put, "its own words", missing);
        let skipped = outcome(&results, ProbeStep::Get);
        assert!(matches!(skipped, Outcome::Skipped { reason } if reason.contains("`put` failed")), "{skipped:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_twenty_minutes_off_is_seen_by_either_side() {
    for (ahead, words) in [(1200, "behind"), (-1200, "ahead of")] {
        let results = with(Fault::Clock(ahead)).await;
        failed(&results, ProbeStep::Clock, words, "follow a time server");
    }
    let results = with(Fault::Clock(300)).await;
    let Outcome::Passed { note: Some(note) } = outcome(&results, ProbeStep::Clock) else { panic!("{results:?}") };
    assert!(note.contains("behind"), "{note}");
}

#[tokio::test]
async fn a_name_that_is_not_known_and_an_address_that_is_not_allowed_end_it_at_once() {
    let unknown = probe(&spec("http://store.invalid:9000".into(), DataPath::Auto), &[]).await;
    failed(&unknown, ProbeStep::Resolve, "store.invalid", "the spelling of the endpoint");

    let served = serve(Fault::None).await;
    let port = served.address.port();
    for (endpoint, missing) in [
        (format!("http://127.0.0.1:{port}"), "storage.allow_endpoints"),
        (format!("http://localhost:{port}"), "storage.allow_endpoints"),
        ("http://169.254.169.254".to_owned(), "no setting opens it"),
    ] {
        let results = probe(&spec(endpoint.clone(), DataPath::Auto), &[]).await;
        failed(&results, ProbeStep::Resolve, "leads to", missing);
        assert_eq!(red(&results), [ProbeStep::Resolve], "{endpoint}");
    }
    let metadata = probe(&spec("http://169.254.169.254".into(), DataPath::Auto), &["0.0.0.0/0"]).await;
    failed(&metadata, ProbeStep::Resolve, "never goes to the metadata", "");
    assert!(served.fake.objects.lock().unwrap().is_empty());

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = probe(&spec(format!("http://{free}"), DataPath::Auto), &["127.0.0.1"]).await;
    failed(&nobody, ProbeStep::Connect, "does not take the connection", "firewall");
    let https = format!("https://{}", served.address);
    let tls = probe(&spec(https, DataPath::Auto), &["127.0.0.1"]).await;
    failed(&tls, ProbeStep::Connect, "TLS", "a certificate that this server trusts");
}

#[tokio::test]
async fn a_store_that_stalls_resets_or_truncates_fails_where_it_does_so_and_holds_nobody_up() {
    let stalls = with(Fault::Stalls("PUT")).await;
    failed(&stalls, ProbeStep::Put, "no answer within", "holds it back");
    assert!(!red(&stalls).contains(&ProbeStep::List), "{stalls:?}");

    let resets = with(Fault::Resets("PUT")).await;
    failed(&resets, ProbeStep::Put, "", "");
    assert!(!red(&resets).contains(&ProbeStep::List), "{resets:?}");

    let truncates = with(Fault::Truncates).await;
    failed(&truncates, ProbeStep::Get, "", "");
    assert!(!red(&truncates).contains(&ProbeStep::Put), "{truncates:?}");
}

#[tokio::test]
async fn a_store_that_overwrites_and_a_rule_that_deletes_are_dangers() {
    let overwrites = with(Fault::Overwrites).await;
    failed(&overwrites, ProbeStep::ConditionalPut, "was overwritten", "conditional writes");

    let rule = "<Rule><ID>tidy</ID><Filter><Prefix>teams/</Prefix></Filter><Status>Enabled</Status>\
                <Expiration><Days>30</Days></Expiration></Rule>";
    let deletes = with(Fault::Rule(rule)).await;
    failed(&deletes, ProbeStep::Lifecycle, "`tidy`", "no rule deletes");
    assert!(deletes.iter().any(|result| result.step == ProbeStep::Lifecycle && result.is_needed));

    let silent = with(Fault::Refuses("GET", "lifecycle", 403, "AccessDenied")).await;
    let skipped = outcome(&silent, ProbeStep::Lifecycle);
    assert!(
        matches!(skipped, Outcome::Skipped { reason } if reason.contains("s3:GetLifecycleConfiguration")),
        "{skipped:?}"
    );
}

#[tokio::test]
async fn what_browsers_and_urls_want_is_needed_only_where_nothing_else_is_left() {
    let plain = with(Fault::None).await;
    assert_eq!(red(&plain), [ProbeStep::Cors]);
    let paste = failed(&plain, ProbeStep::Cors, "https://weigh.example", "a CORS rule").unwrap();
    assert!(paste.contains("AllowedOrigins") && paste.contains("PUT"), "{paste}");
    assert!(plain.iter().all(|result| result.step != ProbeStep::Cors || !result.is_needed));

    let served = serve(Fault::Refuses("GET", "X-Amz-Signature", 403, "AccessDenied")).await;
    for (data_path, is_needed) in [(DataPath::Auto, false), (DataPath::Direct, true)] {
        let results = probe(&spec(format!("http://{}", served.address), data_path), &["127.0.0.1"]).await;
        failed(&results, ProbeStep::SignedGet, "AccessDenied", "s3:GetObject");
        let signed = results.iter().find(|result| result.step == ProbeStep::SignedGet).unwrap();
        assert_eq!(signed.is_needed, is_needed);
    }
}

#[tokio::test]
async fn a_directory_passes_what_concerns_it_and_skips_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let place = Place::Local { directory: path.to_str().unwrap().into() };
    let network = Network::default();
    let spec =
        ConnectorSpec { place, prefix: "p".into(), identity: Identity::Process, data_path: DataPath::Auto, network };
    let rules = Arc::new(OutboundRules::default());
    let store = Store::connect(&spec, None, &rules).unwrap();

    let results = run(&Probe { store: &store, spec: &spec, rules: &rules, origin: None, step_within: PATIENCE }).await;

    for result in &results {
        use ProbeStep as Step;
        let concerns = [
            Step::List,
            Step::Put,
            Step::Head,
            Step::Get,
            Step::Range,
            Step::ConditionalPut,
            Step::Multipart,
            Step::Delete,
        ];
        match &result.outcome {
            Outcome::Passed { .. } => assert!(concerns.contains(&result.step), "{result:?}"),
            Outcome::Skipped { reason } => {
                assert!(!concerns.contains(&result.step) && reason.contains("directory"), "{result:?}");
            }
            Outcome::Failed(_) => panic!("{result:?}"),
        }
    }
}
