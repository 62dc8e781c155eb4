//! What happens to every request: an id, a span and a log line, numbers, security headers, and a panic caught.
//! A request line carries method, route, status, duration and id; never query, headers or body.

use crate::api::http::RequestId;
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::{Instrument, debug, error, info_span, warn};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The log's name for request lines: `info,weighhouse::request=debug` shows them all.
const REQUEST_LOG: &str = "weighhouse::request";

/// Wraps a complete router: routes added later would be outside.
pub fn wrap(router: Router) -> Router {
    router.layer(axum::middleware::from_fn(around_request))
}

async fn around_request(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = method_label(request.method());
    // The template, not the path: names and ids stay out of logs, and the numbers stay few.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(id.clone());

    let span = info_span!(target: REQUEST_LOG, "request", %id, method, route);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _entered = span.enter();
    let mut response = answered.unwrap_or_else(|panic| panicked(&id, panic.as_ref()));

    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    record(method, &route, status, seconds);
    if status.is_server_error() {
        warn!(target: REQUEST_LOG, status = status.as_u16(), seconds, "answered");
    } else {
        debug!(target: REQUEST_LOG, status = status.as_u16(), seconds, "answered");
    }
    add_headers(&mut response, &id);
    response
}

/// The client's id when it has the form, so that its log and ours can be read together.
fn request_id(request: &Request) -> RequestId {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.and_then(RequestId::parse).unwrap_or_else(RequestId::random)
}

/// Methods can be any word; as labels they must be few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn record(method: &'static str, route: &str, status: StatusCode, seconds: f64) {
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_u16().to_string())];
    metrics::counter!("weighhouse_http_requests_total", &labels).increment(1);
    metrics::histogram!("weighhouse_http_request_seconds", &labels).record(seconds);
}

fn panicked(id: &RequestId, panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    error!(message, "a request handler panicked; please report this");
    let body = serde_json::json!({ "error": "internal error", "request_id": id.as_str() });
    (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
}

fn add_headers(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Signed URLs are secrets: no page may pass them on as the referrer.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Format, Metrics, log_to};
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tower::ServiceExt;
    use tracing::instrument::WithSubscriber;

    fn router() -> Router {
        let ok = get(async |axum::Extension(id): axum::Extension<RequestId>| id.as_str().to_owned());
        let panics = get(async || -> &'static str { panic!("the seventh seal") });
        wrap(Router::new().route("/runs/{name}", ok).route("/panics", panics))
    }

    fn get_request(path: &str, request_id: Option<&str>) -> Request {
        let mut request = Request::get(path);
        if let Some(id) = request_id {
            request = request.header(REQUEST_ID, id);
        }
        request.body(Body::empty()).unwrap()
    }

    async fn text_of(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_client_s_request_id_is_kept_when_it_has_the_form() {
        let answer = router().oneshot(get_request("/runs/a", Some("mine-1"))).await.unwrap();
        assert_eq!(answer.headers()[REQUEST_ID], "mine-1");
        assert_eq!(text_of(answer).await, "mine-1");

        let answer = router().oneshot(get_request("/runs/a", Some("not mine"))).await.unwrap();
        let given = answer.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        assert!(RequestId::parse(&given).is_some() && given != "not mine", "{given}");
        assert_eq!(text_of(answer).await, given);
    }

    #[tokio::test]
    async fn every_answer_carries_the_security_headers() {
        for path in ["/runs/a", "/panics", "/no/such/path"] {
            let answer = router().oneshot(get_request(path, None)).await.unwrap();

            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{path}");
            assert!(answer.headers().contains_key(REQUEST_ID), "{path}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_names_the_request_and_nothing_else() {
        let answer = router().oneshot(get_request("/panics", Some("r1"))).await.unwrap();

        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body: serde_json::Value = serde_json::from_str(&text_of(answer).await).unwrap();
        assert_eq!(body, serde_json::json!({"error": "internal error", "request_id": "r1"}));
    }

    #[tokio::test]
    async fn numbers_are_kept_by_route_template_and_status() {
        let (recorder, metrics) = Metrics::recorder().unwrap();
        let _recording = metrics::set_default_local_recorder(&recorder);

        for path in ["/runs/a", "/runs/b", "/elsewhere"] {
            router().oneshot(get_request(path, None)).await.unwrap();
        }

        let text = metrics.render();
        let counted = |route: &str, status: u16, count: u64| {
            let line = format!(
                "weighhouse_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"{status}\"}} {count}\n"
            );
            assert!(text.contains(&line), "{line} is missing in:\n{text}");
        };
        counted("/runs/{name}", 200, 2);
        counted("unmatched", 404, 1);
        assert!(text.contains("weighhouse_http_request_seconds_bucket{"), "{text}");
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_request_line_has_method_route_status_duration_and_id_but_no_secrets() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = log_to(Format::Json, "trace", move || writer.clone(), false).unwrap();
        let mut request = get_request("/runs/secret-name?signature=secret-query", Some("r1"));
        request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Basic secret-key"));

        router().oneshot(request).with_subscriber(log).await.unwrap();

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("secret"), "{text}");
        let line = text.lines().find(|line| line.contains("answered")).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["status"], 200);
        assert!(line["seconds"].is_f64());
        let span = &line["span"];
        assert_eq!(
            (&span["id"], &span["method"], &span["route"]),
            (&"r1".into(), &"GET".into(), &"/runs/{name}".into())
        );
    }
}
