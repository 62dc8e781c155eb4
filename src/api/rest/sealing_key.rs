//! `/api/v1/secrets`: the key that seals secrets in the database.

use super::error::RestError;
use super::openapi::Refusals;
use crate::api::router::{Asking, Shared};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Rotated {
    /// Records whose secrets are sealed with the new key now.
    records: u64,
    /// Records whose secrets do not open with any key, and were left.
    broken: u64,
}

/// Make a new key, and seal all secrets in the database with it: credentials of stores, authenticator apps, mails that
/// wait. API keys, sessions and signed URLs go on working. The key before is forgotten at the next start.
#[utoipa::path(post, path = "/api/v1/secrets/rotate", tag = "system",
    responses((status = 200, description = "Everything is sealed anew", body = Rotated), Refusals))]
pub async fn rotate(State(shared): State<Shared>, Asking(caller): Asking) -> Result<Json<Rotated>, RestError> {
    let sealed = shared.app.rotate_sealing_key(&caller).await?;
    Ok(Json(Rotated { records: sealed.records, broken: sealed.broken }))
}
