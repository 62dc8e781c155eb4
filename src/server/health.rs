//! `/healthz`: the process runs. `/ready`: it can do its work. `/metrics`: numbers for Prometheus.
//! The caller decides on which router each is put.

use crate::telemetry::Metrics;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Answers, by part of the server, whether it works. Called for each `/ready`: it must be quick and not block.
pub type ReadyChecks = Arc<dyn Fn() -> Vec<(&'static str, Result<(), String>)> + Send + Sync>;

/// `/healthz` and `/ready`.
pub fn probes<S: Clone + Send + Sync + 'static>(checks: ReadyChecks) -> Router<S> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/ready", get(async move || ready(&checks())))
}

/// `/metrics`.
pub fn metrics<S: Clone + Send + Sync + 'static>(metrics: Metrics) -> Router<S> {
    let answer = async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render());
    Router::new().route("/metrics", get(answer))
}

fn ready(checks: &[(&'static str, Result<(), String>)]) -> Response {
    let is_ready = checks.iter().all(|(_, result)| result.is_ok());
    let parts: Map<String, Value> = checks
        .iter()
        .map(|(name, result)| {
            let shown = result.as_ref().map_or_else(Clone::clone, |()| "ok".to_owned());
            ((*name).to_owned(), Value::String(shown))
        })
        .collect();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(json!({ "ready": is_ready, "checks": parts }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn get_text(router: Router, path: &str) -> (StatusCode, String) {
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_is_503_when_one_part_fails_and_healthz_stays_200() {
        let failing: ReadyChecks = Arc::new(|| vec![("database", Ok(())), ("storage", Err("disk full".to_owned()))]);

        let (status, body) = get_text(probes(Arc::clone(&failing)), "/ready").await;
        let (health, _) = get_text(probes(failing), "/healthz").await;

        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({"ready": false, "checks": {"database": "ok", "storage": "disk full"}}));
        assert_eq!(health, StatusCode::OK);
    }

    #[tokio::test]
    async fn ready_is_200_when_all_parts_work() {
        let (status, body) = get_text(probes(Arc::new(|| vec![("database", Ok(()))])), "/ready").await;

        assert_eq!(status, StatusCode::OK);
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["ready"], true);
    }

    #[tokio::test]
    async fn metrics_shows_what_was_recorded() {
        let (recorder, recorded) = Metrics::recorder().unwrap();
        metrics::with_local_recorder(&recorder, || metrics::counter!("weighhouse_seen_total").increment(1));

        let (status, body) = get_text(super::metrics(recorded), "/metrics").await;

        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("weighhouse_seen_total 1"), "{body}");
    }
}
