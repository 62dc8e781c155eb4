//! Pages: cursors are opaque texts that name the last thing seen, so a listing goes on where it was while things are added.

use super::error::invalid;
use async_graphql::SimpleObject;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a client gets at once when it does not say, and at most.
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 1_000;

#[derive(SimpleObject, Default)]
pub(super) struct PageInfo {
    pub end_cursor: Option<String>,
    pub has_next_page: bool,
}

/// How many were asked for.
pub(super) fn page_size(first: Option<i32>) -> usize {
    first.and_then(|first| usize::try_from(first).ok()).unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
}

pub(super) fn encode(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// What a cursor of ours names. An empty one is the beginning: some clients send it.
pub(super) fn decode(cursor: Option<&str>) -> async_graphql::Result<Option<String>> {
    let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| invalid("this cursor was not made by this server"))
}
