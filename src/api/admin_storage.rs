//! `/admin/clean_store` and `/admin/scrub`: going through stores and reading objects again, answered line by line while
//! it goes on, for the commands `storage gc` and `storage scrub`.

use super::admin::{LINES_WAITING, answer, refused};
use super::rest::Parameters;
use super::router::{Asking, Shared};
use crate::app::orphan::Orphan;
use crate::domain::orphan::StoreReport;
use crate::domain::scrub::Finding;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/admin/stores", get(stores))
        .route("/admin/clean_store", get(clean_store))
        .route("/admin/scrub", get(scrub))
}

/// `{"store"}` for each store, then how many `records` there are.
async fn stores(State(shared): State<Shared>, Asking(caller): Asking) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let summary = match shared.app.store_names(&caller).await {
            Ok(names) => {
                for name in &names {
                    let _gone = lines.send(json!({ "store": name }).to_string()).await;
                }
                json!({ "records": names.len() })
            }
            Err(error) => refused(&error),
        };
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cleaning {
    store: String,
    #[serde(default)]
    dry_run: bool,
}

/// `{"object", "bytes", "modified_at"}` for each orphan, then what was found in all.
async fn clean_store(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(cleaning): Parameters<Cleaning>,
) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let (orphans, found) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let going = shared.app.clean_store(&caller, &cleaning.store, cleaning.dry_run, Some(orphans));
        let (done, ()) = tokio::join!(going, pass_on(found, &lines, line_of_orphan));
        let summary = done.map_or_else(|error| refused(&error), |report| summary_of(&report));
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

fn line_of_orphan(orphan: &Orphan) -> Value {
    json!({
        "object": orphan.key,
        "bytes": orphan.facts.size_bytes,
        "modified_at": orphan.facts.modified.to_rfc3339_secs(),
    })
}

fn summary_of(report: &StoreReport) -> Value {
    let kept: Vec<Value> = report
        .kept
        .iter()
        .map(|((kind, reason), amount)| {
            json!({ "kind": kind, "reason": reason.text(), "objects": amount.objects, "bytes": amount.bytes })
        })
        .collect();
    json!({
        "records": report.orphans.objects,
        "bytes": report.orphans.bytes,
        "nothing_deleted": report.nothing_deleted,
        "kept": kept,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scrubbing {
    team: Option<String>,
    /// Percent.
    share: u64,
}

/// `{"object", "of", "fault"}` for each object that is not whole, then how many were read.
async fn scrub(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(wanted): Parameters<Scrubbing>,
) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let (findings, found) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let reading = shared.app.scrub(&caller, wanted.team.as_deref(), wanted.share, findings);
        let (done, ()) = tokio::join!(reading, pass_on(found, &lines, line_of_finding));
        let summary = match done {
            Ok(done) => json!({ "records": done.read.objects, "bytes": done.read.bytes, "unread": done.unread }),
            Err(error) => refused(&error),
        };
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

fn line_of_finding(finding: &Finding) -> Value {
    json!({ "object": finding.key, "of": finding.of, "fault": finding.fault.to_string() })
}

/// Until all was said, or nobody reads any more: then the sender finds the channel closed.
async fn pass_on<T>(mut found: mpsc::Receiver<T>, lines: &mpsc::Sender<String>, line_of: fn(&T) -> Value) {
    while let Some(next) = found.recv().await {
        if lines.send(line_of(&next).to_string()).await.is_err() {
            return;
        }
    }
}
