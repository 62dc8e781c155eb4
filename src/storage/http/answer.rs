//! What a provider says when it refuses, in its own words.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Longer than any message of a provider.
const WORDS_CHARS: usize = 500;

/// An answer that says no, and that asking again does not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {words}")]
pub struct Answered {
    pub status: u16,
    /// Such as `AccessDenied`; empty where the provider names none.
    pub code: String,
    pub words: String,
}

/// Whether an answer with this status is kept from the layer above, which knows what to make of the others: an object
/// that is missing, one that exists, and what is worth another try.
pub(super) fn is_refusal(parts: &Parts, code: &str) -> bool {
    let is_missing_place = ["NoSuchBucket", "ContainerNotFound", "NoSuchContainer", "AccountNotFound"].contains(&code);
    match parts.status {
        StatusCode::NOT_FOUND => is_missing_place,
        StatusCode::NOT_MODIFIED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::PRECONDITION_FAILED
        | StatusCode::RANGE_NOT_SATISFIABLE
        | StatusCode::TOO_MANY_REQUESTS => false,
        status => status.is_redirection() || status.is_client_error(),
    }
}

impl Answered {
    /// What a whole answer says.
    pub(in crate::storage) fn of(answer: &http::Response<Bytes>) -> Self {
        let (parts, body) = answer.clone().into_parts();
        Self::read(&parts, &body)
    }

    pub(super) fn read(parts: &Parts, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body);
        let (code, words) = from_json(&text).unwrap_or_else(|| from_xml(&text));
        let code = if code.is_empty() { header(&parts.headers, "x-ms-error-code") } else { code };
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let words = if words.is_empty() { reason.to_owned() } else { words };
        Self { status: parts.status.as_u16(), code: plain(&code, 100), words: plain(&words, WORDS_CHARS) }
    }
}

/// S3, the XML API of GCS, Azure and STS: `<Code>` and `<Message>` somewhere.
fn from_xml(text: &str) -> (String, String) {
    (element(text, "Code"), element(text, "Message"))
}

/// `{"error": {"status": …, "message": …}}`, `{"error": "…", "error_description": "…"}`, `{"Code": …, "Message": …}`.
fn from_json(text: &str) -> Option<(String, String)> {
    let json: Value = serde_json::from_str(text).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let error = &json["error"];
    Some(match error {
        Value::Object(_) => (text(&error["status"]), text(&error["message"])),
        Value::String(code) => (code.clone(), text(&json["error_description"])),
        _ => (text(&json["Code"]), text(&json["Message"])),
    })
}

pub(in crate::storage) fn element(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = xml.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(inner, _)| inner);
    let unescaped = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    unescaped.replace("&amp;", "&")
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// One line, of limited length.
fn plain(text: &str, chars: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(status: u16, headers: &[(&'static str, &str)]) -> Parts {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_words_of_every_provider_are_kept() {
        let s3 =
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access &lt;Denied&gt;</Message></Error>";
        let google = r#"{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "signBlob denied"}}"#;
        let oauth = r#"{"error": "invalid_client", "error_description": "AADSTS7000215:\r\nInvalid secret"}"#;

        for (body, code, words) in [
            (s3, "AccessDenied", "Access <Denied>"),
            (google, "PERMISSION_DENIED", "signBlob denied"),
            (oauth, "invalid_client", "AADSTS7000215: Invalid secret"),
            ("", "", "Forbidden"),
            ("<html>proxy</html>", "", "Forbidden"),
        ] {
            let found = Answered::read(&parts(403, &[]), &Bytes::copy_from_slice(body.as_bytes()));
            assert_eq!(found, Answered { status: 403, code: code.into(), words: words.into() });
        }
        let azure = Answered::read(&parts(404, &[("x-ms-error-code", "ContainerNotFound")]), &Bytes::new());
        assert_eq!(azure.code, "ContainerNotFound");
    }

    #[test]
    fn the_words_are_one_line_of_limited_length() {
        let body = format!("<Error><Code>X</Code><Message>{}</Message></Error>", "a\n\u{7}".repeat(10_000));

        let found = Answered::read(&parts(400, &[]), &body.into());

        assert!(found.words.chars().count() == WORDS_CHARS && !found.words.contains(['\n', '\u{7}']));
    }

    #[test]
    fn what_the_layer_above_knows_is_left_to_it() {
        for (status, code, is_kept) in [
            (403, "", true),
            (400, "ExpiredToken", true),
            (301, "PermanentRedirect", true),
            (404, "NoSuchBucket", true),
            (404, "NoSuchKey", false),
            (404, "", false),
            (409, "BlobAlreadyExists", false),
            (412, "", false),
            (416, "", false),
            (304, "", false),
            (429, "", false),
            (503, "SlowDown", false),
            (200, "", false),
        ] {
            assert_eq!(is_refusal(&parts(status, &[]), code), is_kept, "{status} {code}");
        }
    }
}
