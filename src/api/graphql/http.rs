//! The envelope: how a GraphQL request comes in over HTTP, and how its answer goes out.

use super::document;
use super::error::{status_of_answer, status_told};
use super::request::{AnswerBudget, Request};
use crate::api::http::Peer;
use crate::api::http::visit::Visit;
use crate::api::router::{Shared, Visiting};
use crate::api::status::add_advice;
use crate::domain::user::Attribution;
use ::http::header::{CONTENT_TYPE, HOST};
use ::http::{HeaderMap, StatusCode};
use async_graphql::{ServerError, Value, Variables};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::io::Write;

/// What is told of one error, and how many of them: a short document can be wrong in many places.
const MESSAGE_BYTES_MAX: usize = 1000;
const ERRORS_MAX: usize = 20;
/// A body above this size is read and written away from the threads that serve connections.
const INLINE_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Envelope {
    query: String,
    variables: Option<Variables>,
    /// Often empty, which means absent (wandb 0.31.0).
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
}

/// `POST /graphql` -> `{"data", "errors"?}`. With an error the status is not 200: it decides whether the client tries again.
pub async fn post(
    State(shared): State<Shared>,
    // Older clients ask `viewer` without a key to see whether anybody is there.
    asking: Result<Visiting, crate::api::rest::error::RestError>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let caller = match asking {
        Ok(Visiting(caller)) => caller,
        Err(error) => {
            let mut response = refuse(error.status_code().0, &error.message());
            error.add_advice_to(&mut response);
            return response;
        }
    };
    let body = match shared.intake.receive(&headers, body, shared.options.graphql_body_bytes).await {
        Ok(body) => body,
        Err(error) => return refuse(status_told(error.status()), &error.to_string()),
    };
    let is_long = body.len() > INLINE_BYTES;
    let parse = move || {
        let envelope: Envelope = serde_json::from_slice(&body).map_err(|why| not_an_envelope(&why))?;
        let document = document::read(&envelope.query)?;
        Ok((envelope, document))
    };
    let (envelope, document) = match on_pool_if(is_long, parse).await {
        Ok(read) => read,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let visit = Visit::of(peer.as_deref(), &headers, &shared.options.proxies);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let request = Request {
        base_url: shared.base_url(host, visit.is_https()),
        is_shared: headers.get("x-wandb-use-async-filestream").is_some_and(|value| value == "true"),
        attribution: attribution(&headers),
        app: shared.app.clone(),
        answer: AnswerBudget::new(shared.options.graphql_answer_bytes),
        caller,
    };
    let mut operation = async_graphql::Request::new(envelope.query).data(request);
    operation.operation_name = envelope.operation_name.filter(|name| !name.is_empty());
    let variables = envelope.variables.unwrap_or_default();
    operation.variables = document::with_defaults(&document, operation.operation_name.as_deref(), variables);
    operation.set_parsed_query(document);
    let mut answer = shared.schema.execute(operation).await;
    let status = status_of_answer(&answer.errors);
    answer.errors.truncate(ERRORS_MAX);
    for error in &mut answer.errors {
        error.message.truncate(shortened(&error.message).len());
    }
    let written = on_pool_if(true, move || Ok(write_answer(&answer.data, &answer.errors))).await;
    respond(status, written.unwrap_or_default())
}

/// What the client says with `WANDB_USERNAME` and `WANDB_USER_EMAIL`; empty texts say nothing (wandb 0.17.9 to 0.31.0).
fn attribution(headers: &HeaderMap) -> Attribution {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    Attribution {
        username: text("x-wandb-username").map(str::to_owned),
        email: text("x-wandb-user-email").map(str::to_owned),
    }
}

/// The library would repeat a value in a wrong place, and that may be a key.
fn not_an_envelope(why: &serde_json::Error) -> String {
    if why.is_data() {
        "a GraphQL request is a JSON object with the text `query` and, if need be, the object `variables`".to_owned()
    } else {
        format!("a GraphQL request is JSON, and this is none: {why}")
    }
}

fn shortened(message: &str) -> &str {
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

async fn on_pool_if<T: Send + 'static>(
    is_long: bool,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    if !is_long {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("the server is shutting down".into()))
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let text = serde_json::json!({ "errors": [{ "message": message }] }).to_string();
    respond(status, text.into_bytes())
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    add_advice(&mut response);
    response
}

fn write_answer(data: &Value, errors: &[ServerError]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"data\":");
    write_value(data, &mut out);
    if !errors.is_empty() {
        out.extend_from_slice(b",\"errors\":");
        write_plain(&errors, &mut out);
    }
    out.push(b'}');
    out
}

/// Like the library's own writer, but for `Binary`, which holds JSON text of ours (see `scalar::StrictJson`).
fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Binary(json) => out.extend_from_slice(json),
        Value::Number(number) => write_plain(number, out),
        Value::String(text) => write_plain(text, out),
        Value::Enum(name) => write_plain(name.as_str(), out),
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_plain(name.as_str(), out);
                out.push(b':');
                write_value(member, out);
            }
            out.push(b'}');
        }
    }
}

fn write_plain<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Neither the values nor a vector can fail; half a value would be no JSON, so say null.
    let length = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(length);
        let _vector_takes_all = out.write_all(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::value;

    #[test]
    fn json_text_goes_out_as_it_is_and_the_rest_is_escaped() {
        let mut data = value!({ "a": [1, 2.5, null, true, "quote \" and \n"], "empty": {} });
        if let Value::Object(members) = &mut data {
            members.insert(async_graphql::Name::new("raw"), Value::Binary("{\"x\":[1]}".into()));
        }

        let text = String::from_utf8(write_answer(&data, &[])).unwrap();

        let wanted = r#"{"data":{"a":[1,2.5,null,true,"quote \" and \n"],"empty":{},"raw":{"x":[1]}}}"#;
        assert_eq!(text, wanted);
    }
}
