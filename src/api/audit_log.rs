//! `/admin/audit_logs`: the audit log for its readers, who come with a key, or through the admin socket. A page, or all of
//! it line by line, read as fast as it is taken.

use super::rest::error::RestError;
use super::router::{Asking, Shared};
use crate::access::Caller;
use crate::app::audit::log::{LogReading, Place};
use crate::app::{App, Error};
use crate::domain::audit::{Actor, AuditRecord};
use crate::domain::clock::Timestamp;
use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;

const PAGE_MAX: usize = 20_000;
/// Longer than any log.
const DAYS_MAX: i64 = 100_000;
const DAY_SECS: i64 = 86_400;
/// Records that are taken out of the database at a time while they are streamed.
const STREAMED_AT_ONCE: usize = 1_000;

pub(super) async fn read(
    State(shared): State<Shared>,
    ByName(caller): ByName,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, RestError> {
    let app = shared.app;
    let wanted = Wanted::parse(&parameters, app.now())?;
    let reading = app.read_audit_log(&caller, wanted.range.clone(), wanted.after).await?;
    match wanted.limit {
        Some(limit) => Ok(Json(page(&app, reading, &wanted, limit).await?).into_response()),
        None => Ok(streamed(app, reading, wanted.is_anonymous)),
    }
}

/// What stands after the `?`.
struct Wanted {
    range: Range<Timestamp>,
    after: Option<Place>,
    is_anonymous: bool,
    /// Without one everything is streamed.
    limit: Option<usize>,
}

impl Wanted {
    fn parse(parameters: &[(String, String)], now: Timestamp) -> Result<Self, RestError> {
        let [mut start, mut end, mut days, mut limit, mut cursor, mut anonymize] = [None; 6];
        for (name, value) in parameters {
            let (place, name) = match name.as_str() {
                "startDate" => (&mut start, "startDate"),
                "endDate" => (&mut end, "endDate"),
                "numDays" => (&mut days, "numDays"),
                "limit" => (&mut limit, "limit"),
                "cursor" => (&mut cursor, "cursor"),
                "anonymize" => (&mut anonymize, "anonymize"),
                _ => {
                    let known = "startDate, endDate, numDays, limit, cursor and anonymize";
                    return Err(bad("parameters", format_args!("there is no such parameter; there are {known}")));
                }
            };
            if place.replace(value.as_str()).is_some() {
                return Err(bad(name, "it is given twice"));
            }
        }
        let date = |name, text: Option<&str>| {
            let wrong =
                || bad(name, "a date looks like 2026-01-31, 2026-01-31T12, 2026-01-31T12:30 or 2026-01-31T12:30:15");
            text.map(|text| Timestamp::parse(text).ok_or_else(wrong)).transpose()
        };
        let number = |name, text: Option<&str>, most: i64| {
            let wrong = || bad(name, format_args!("it is a number of at most {most}"));
            let parsed = text.map(|text| text.parse::<i64>().ok().filter(|n| (0..=most).contains(n)).ok_or_else(wrong));
            parsed.transpose()
        };
        let (start, end) = (date("startDate", start)?, date("endDate", end)?);
        let days = number("numDays", days, DAYS_MAX)?;
        if end.is_some() && days.is_some() {
            return Err(bad("endDate", "numDays says where the range ends already; leave one of them out"));
        }
        let range = match (start, end, days) {
            (Some(start), Some(end), _) if end > start => start..end,
            (_, Some(_), _) => return Err(bad("endDate", "it has to lie behind startDate, which has to be given")),
            (Some(start), None, Some(days)) => start..start.plus_secs(days * DAY_SECS),
            (Some(start), None, None) => start..now,
            // As in the days before startDate: back from today.
            (None, None, days) => now.start_of_day().plus_secs(-days.unwrap_or_default() * DAY_SECS)..now,
        };
        let limit = match number("limit", limit, PAGE_MAX as i64)? {
            Some(0) => return Err(bad("limit", format_args!("it is a number of 1 to {PAGE_MAX}"))),
            limit => limit.and_then(|limit| usize::try_from(limit).ok()),
        };
        let is_page = limit.is_some() || end.is_some() || cursor.is_some();
        let unknown = || bad("cursor", "this is not the next_cursor of a page of this log");
        let is_anonymous = match anonymize {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(bad("anonymize", "it is true or false")),
        };
        Ok(Self {
            range,
            after: cursor.map(|text| parse_cursor(text).ok_or_else(unknown)).transpose()?,
            is_anonymous,
            limit: is_page.then_some(limit.unwrap_or(PAGE_MAX)),
        })
    }
}

fn bad(name: &'static str, why: impl std::fmt::Display) -> RestError {
    RestError::Parameter(name, format!("`{name}`: {why}"))
}

fn parse_cursor(text: &str) -> Option<Place> {
    let (at, number) = text.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(at) && digits(number)).then_some(())?;
    Some((Timestamp(at.parse().ok()?), number.parse().ok()?))
}

#[derive(Serialize)]
struct Page {
    audit_logs: Vec<Entry>,
    range_start_time: String,
    range_end_time: String,
    count: usize,
    next_cursor: Option<String>,
}

async fn page(app: &App, mut reading: LogReading, wanted: &Wanted, limit: usize) -> Result<Page, Error> {
    let (mut audit_logs, mut last, mut next_cursor) = (Vec::new(), None::<Place>, None);
    // One more than the page holds says whether there are more.
    'reading: loop {
        let records = app.next_audit_records(&mut reading, limit + 1 - audit_logs.len()).await?;
        if records.is_empty() {
            break;
        }
        for (place, record) in records {
            if audit_logs.len() == limit {
                next_cursor = last.map(|(at, number)| format!("{}-{number}", at.0));
                break 'reading;
            }
            last = Some(place);
            audit_logs.push(Entry::of(record, wanted.is_anonymous));
        }
    }
    Ok(Page {
        count: audit_logs.len(),
        audit_logs,
        range_start_time: wanted.range.start.to_rfc3339_secs(),
        range_end_time: wanted.range.end.to_rfc3339_secs(),
        next_cursor,
    })
}

/// A line for each record. An error in the middle breaks the answer off, so that nobody takes it for whole.
fn streamed(app: App, reading: LogReading, is_anonymous: bool) -> Response {
    let lines = stream::try_unfold((app, reading), move |(app, mut reading): (App, LogReading)| async move {
        let records = app.next_audit_records(&mut reading, STREAMED_AT_ONCE).await?;
        if records.is_empty() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        for (_, record) in records {
            let entry = Entry::of(record, is_anonymous);
            if serde_json::to_writer(&mut lines, &entry).is_ok() {
                lines.push(b'\n');
            }
        }
        Ok::<_, Error>(Some((Bytes::from(lines), (app, reading))))
    });
    ([(CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response()
}

/// A record as readers get it; what does not apply is left out.
#[derive(Serialize)]
struct Entry {
    timestamp: String,
    action: &'static str,
    /// What kind of actor: a person, the operator, a job of the system, or somebody who was not signed in.
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cli_version: Option<String>,
    response_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_sequence_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_qualified_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_email: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
}

impl Entry {
    fn of(record: AuditRecord, is_anonymous: bool) -> Self {
        let record = if is_anonymous { record.anonymized() } else { record };
        let told = |text: String| Some(text).filter(|text| !text.is_empty());
        let (actor, actor_user_id, actor_email) = match record.actor {
            Actor::User { id, email } => ("user", Some(id.to_string()), told(email)),
            Actor::Operator => ("operator", None, None),
            Actor::System => ("system", None, None),
            Actor::Anonymous => ("anonymous", None, None),
        };
        let subject = record.subject;
        let (entity_asset, entity_name) = subject.entity.map(|it| (it.id.to_string(), it.name)).unzip();
        let (project_asset, project_name) = subject.project.map(|(id, name)| (id.to_string(), name)).unzip();
        let (user_asset, user_email) = subject.user.map(|it| (it.id.map(|id| id.to_string()), it.email)).unzip();
        let artifact = subject.artifact.as_ref();
        Self {
            timestamp: record.at.to_rfc3339(),
            action: record.action.name(),
            actor,
            actor_user_id,
            actor_email,
            actor_ip: record.origin.address.map(|address| address.to_string()),
            cli_version: record.origin.client.map(|client| client.to_string()),
            response_code: record.status,
            entity_asset,
            entity_name: entity_name.and_then(told),
            project_asset,
            project_name,
            artifact_asset: artifact.map(|it| it.id.to_string()),
            artifact_sequence_asset: artifact.map(|it| it.collection.to_string()),
            artifact_digest: artifact.map(|it| it.digest.clone()),
            artifact_qualified_name: artifact.and_then(|it| told(it.qualified_name.clone())),
            user_asset: user_asset.flatten(),
            user_email: user_email.and_then(told),
            details: record.details,
        }
    }
}

/// Who asks. Here `Basic` takes the name of the key's owner too, as the tools that read this log send it.
pub(super) struct ByName(Caller);

impl FromRequestParts<Shared> for ByName {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, RestError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((name, key)) = header.and_then(name_and_key) else {
            let Asking(caller) = Asking::from_request_parts(parts, shared).await?;
            return Ok(Self(caller));
        };
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| Error::Unauthenticated)?;
        parts.headers.insert(AUTHORIZATION, bearer);
        let Asking(caller) = Asking::from_request_parts(parts, shared).await?;
        if name.is_empty() || shared.app.answers_to(&caller, &name).await? {
            return Ok(Self(caller));
        }
        Err(Error::Unauthenticated.into())
    }
}

/// What `Basic` says, unless the name is that which clients send with every key.
fn name_and_key(header: &str) -> Option<(String, String)> {
    let (scheme, rest) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, key) = decoded.split_once(':')?;
    (name != "api").then(|| (name.to_owned(), key.to_owned()))
}

#[cfg(test)]
#[path = "audit_log_tests.rs"]
mod tests;
