//! `/admin`: what only the operator may ask for, on the admin socket. Answers may take long, so they come as lines of
//! JSON while the work goes on; the last line sums up, and an answer without it is not complete.

use super::rest::Parameters;
use super::router::{Asking, Shared};
use super::status::{message_of, status_of};
use crate::access::Caller;
use crate::app::Error;
use crate::app::audit::CheckedLog;
use crate::app::check::Audience;
use crate::domain::audit_chain::Head;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Lines that may wait for the reader.
pub(super) const LINES_WAITING: usize = 256;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/admin/check", get(check))
        .route("/admin/dump", get(dump))
        .route("/admin/audit_check", get(check_audit_log))
}

/// `{"problem"}` for each fault, then `{"records", "objects"}`.
async fn check(State(shared): State<Shared>, Asking(caller): Asking) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let summary = check_all(&shared, &caller, &lines).await.unwrap_or_else(|error| refused(&error));
        // A reader that has gone needs no summary.
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

async fn check_all(shared: &Shared, caller: &Caller, lines: &mpsc::Sender<String>) -> Result<Value, Error> {
    let records =
        shared.app.check_records(caller, Lines { lines: lines.clone(), write: |fault| problem(&fault) }).await?;
    let (app, mut objects) = (&shared.app, 0);
    let mut after_file = None;
    while !lines.is_closed() {
        let page = app.check_files(caller, after_file).await?;
        objects += page.objects;
        tell(lines, page.faults).await;
        after_file = page.next;
        if after_file.is_none() {
            break;
        }
    }
    let mut after_part = None;
    while !lines.is_closed() {
        let page = app.check_sealed(caller, after_part).await?;
        objects += page.objects;
        tell(lines, page.faults).await;
        after_part = page.next;
        if after_part.is_none() {
            break;
        }
    }
    objects += check_artifacts(shared, caller, lines).await?;
    let images = app.check_images(caller).await?;
    objects += images.objects;
    tell(lines, images.faults).await;
    Ok(json!({ "records": records, "objects": objects }))
}

async fn check_artifacts(shared: &Shared, caller: &Caller, lines: &mpsc::Sender<String>) -> Result<u64, Error> {
    let (app, mut objects) = (&shared.app, 0);
    let (mut after, mut is_first) = (None, true);
    while !lines.is_closed() && (is_first || after.is_some()) {
        let page = app.check_artifacts(caller, after).await?;
        tell(lines, page.faults).await;
        (after, is_first) = (page.next, false);
    }
    let (mut after, mut is_first) = (None, true);
    while !lines.is_closed() && (is_first || after.is_some()) {
        let page = app.check_blobs(caller, after).await?;
        objects += page.objects;
        tell(lines, page.faults).await;
        (after, is_first) = (page.next, false);
    }
    let (mut after, mut is_first) = (None, true);
    while !lines.is_closed() && (is_first || after.is_some()) {
        let page = app.check_manifests(caller, after).await?;
        objects += page.objects;
        tell(lines, page.faults).await;
        (after, is_first) = (page.next, false);
    }
    Ok(objects)
}

async fn tell(lines: &mpsc::Sender<String>, faults: Vec<String>) {
    for fault in faults {
        let _gone = lines.send(problem(&fault)).await;
    }
}

fn problem(fault: &str) -> String {
    json!({ "problem": fault }).to_string()
}

/// `{"table", "key", "record"}` for each record, then `{"records"}`.
async fn dump(State(shared): State<Shared>, Asking(caller): Asking) -> Response {
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let audience = Lines { lines: lines.clone(), write: |line| line };
        let summary = match shared.app.dump(&caller, audience).await {
            Ok(records) => json!({ "records": records }),
            Err(error) => refused(&error),
        };
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

/// A head of the audit log that somebody has noted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    count: Option<u64>,
    hash: Option<String>,
}

/// `{"records", "pending", "head", "broken"}`: how many there are, and the first thing that is wrong, if anything is.
async fn check_audit_log(
    State(shared): State<Shared>,
    Asking(caller): Asking,
    Parameters(noted): Parameters<Noted>,
) -> Response {
    let noted = noted.count.zip(noted.hash).map(|(count, hash)| Head { count, hash });
    let (lines, waiting) = mpsc::channel(LINES_WAITING);
    let work = async move {
        let summary = match shared.app.check_audit_log(&caller, noted).await {
            Ok(CheckedLog { head, pending, broken }) => {
                json!({ "records": head.count, "pending": pending, "head": head, "broken": broken })
            }
            Err(error) => refused(&error),
        };
        let _gone = lines.send(summary.to_string()).await;
    };
    answer(work, waiting)
}

/// An error after the answer has begun: the last line says so.
pub(super) fn refused(error: &Error) -> Value {
    let (_, code) = status_of(error);
    json!({ "error": { "code": code, "message": message_of(error) } })
}

/// The lines as they come. The work goes on as long as somebody reads.
pub(super) fn answer(work: impl Future<Output = ()> + Send + 'static, waiting: mpsc::Receiver<String>) -> Response {
    let lines = stream::unfold(waiting, async |mut waiting| {
        let line = waiting.recv().await?;
        Some((Bytes::from(line + "\n"), waiting))
    });
    let silent_work = stream::once(work).filter_map(async |()| None);
    let body = stream::select(lines.boxed(), silent_work.boxed()).map(Ok::<_, Infallible>);
    ([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(body)).into_response()
}

/// Hands lines from the thread that reads the database to the answer.
struct Lines {
    lines: mpsc::Sender<String>,
    write: fn(String) -> String,
}

impl Audience for Lines {
    fn tell(&mut self, line: String) {
        // A reader that has gone is noticed by `is_gone`.
        let _gone = self.lines.blocking_send((self.write)(line));
    }

    fn is_gone(&self) -> bool {
        self.lines.is_closed()
    }
}
