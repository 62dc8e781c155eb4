//! The route through the router: what is answered, with which status, to which body.

use crate::api::http::budget::BodyBudget;
use crate::api::http::visit::Proxies;
use crate::api::{Door, Options, router};
use crate::app::testing::{World, history};
use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use std::io::Write;
use std::time::Duration;
use tower::ServiceExt;

const BODY_MAX: usize = 4096;

struct Client {
    world: World,
    router: axum::Router,
}

impl Client {
    async fn new() -> Client {
        let world = World::new().await;
        world.create_run("r", false).await;
        let options = Options {
            proxies: Proxies::default(),
            graphql_body_bytes: BODY_MAX,
            graphql_answer_bytes: BODY_MAX,
            file_stream_body_bytes: BODY_MAX,
            budget: BodyBudget::new(1 << 20, Duration::ZERO),
            body_idle: Duration::from_secs(5),
        };
        Client { router: router(world.app.clone(), Door::Public, options), world }
    }

    async fn post(&self, path: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = Request::post(path).header("authorization", format!("Bearer {}", self.world.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

const PATH: &str = "/files/ada/p/r/file_stream";

#[tokio::test]
async fn lines_are_taken_plain_and_compressed_and_the_answer_is_what_old_clients_read() {
    let client = Client::new().await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(history(1, &[r#"{"_step":1}"#]).as_bytes()).unwrap();

    let plain = client.post(PATH, history(0, &[r#"{"_step":0}"#]), &[]).await;
    let packed = client.post(PATH, gzip.finish().unwrap(), &[("content-encoding", "gzip")]).await;

    let expected = (StatusCode::OK, r#"{"exitcode":null,"limits":{}}"#.to_owned());
    assert_eq!((plain, packed), (expected.clone(), expected));
    assert_eq!(client.world.streams("r").await.history.lines, 2);
}

#[tokio::test]
async fn each_refusal_has_the_status_that_makes_the_client_do_the_right_thing() {
    let client = Client::new().await;
    let cases = [
        ("/files/ada/p/other/file_stream", "{}".to_owned(), StatusCode::NOT_FOUND),
        ("/files/ada/a:b/r/file_stream", "{}".to_owned(), StatusCode::NOT_FOUND),
        (PATH, "[]".to_owned(), StatusCode::BAD_REQUEST),
        (PATH, "{\"files\":".to_owned(), StatusCode::BAD_REQUEST),
        (PATH, history(0, &[&"x".repeat(BODY_MAX)]), StatusCode::PAYLOAD_TOO_LARGE),
        (PATH, history(0, &["no row"]), StatusCode::OK),
        (PATH, "{}".to_owned(), StatusCode::OK),
    ];
    for (path, body, expected) in cases {
        let (status, text) = client.post(path, body, &[]).await;
        assert_eq!(status, expected, "{path} {text}");
    }
    let no_key = Request::post(PATH).body(Body::from("{}")).unwrap();
    assert_eq!(client.router.oneshot(no_key).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_writer_of_a_shared_run_is_known_by_its_header() {
    let client = Client::new().await;
    for writer in ["one", "two"] {
        let header = ("x-wandb-async-client-id", writer);
        client.post(PATH, history(0, &["{}"]), &[header]).await;
        client.post(PATH, history(0, &["{}"]), &[header]).await;
    }

    assert_eq!(client.world.streams("r").await.history.lines, 2);
}
