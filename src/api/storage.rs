//! `/storage/{token}`: bytes that clients send and fetch without credentials, because the token is the authority.
//! Nothing here reads an API key, and nothing sets or needs a cookie.

use super::http::body::stream_body;
use super::rest::error::RestError;
use super::router::Shared;
use crate::app::transfer::Wants;
use ::http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, RANGE,
};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// `PUT`: the whole body becomes the file's contents, or nothing does.
pub(super) async fn put(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RestError> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = stream_body(body, shared.options.body_idle);
    let wanted_md5 = headers.get("content-md5").and_then(|value| STANDARD.decode(value).ok());
    let md5 = shared.app.receive_file(&token, declared, wanted_md5, body).await?;
    let mut etag = String::with_capacity(34);
    etag.push('"');
    for byte in md5 {
        let _text_takes_all = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    Ok((StatusCode::OK, [(ETAG, etag)]).into_response())
}

/// `GET`, whole or one `Range`.
pub(super) async fn get(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RestError> {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let wants = if range.is_some() { Wants::Part } else { Wants::All };
    let download = shared.app.open_download(&token, wants).await?;
    let content_type = download.content_type.clone();
    let part = download.part(range);
    let status = match (&part.content_range, part.is_satisfiable) {
        (_, false) => StatusCode::RANGE_NOT_SATISFIABLE,
        (Some(_), true) => StatusCode::PARTIAL_CONTENT,
        (None, true) => StatusCode::OK,
    };
    let mut response = Response::new(Body::from_stream(part.bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(&content_type).unwrap_or(OCTETS));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(part.length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // A page that somebody logged must not act as a page of ours.
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"),
    );
    if let Some(Ok(content_range)) = part.content_range.map(|text| HeaderValue::from_str(&text)) {
        headers.insert(CONTENT_RANGE, content_range);
    }
    allow_any_origin(headers);
    Ok(response)
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What a browser asks before it fetches from a page of another origin. The token alone gives access, so any page may.
pub(super) async fn options() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    allow_any_origin(response.headers_mut());
    response
}

fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, PUT, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range, Content-Type, Content-MD5"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Content-Range, Content-Length, ETag"));
}
