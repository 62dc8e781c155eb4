//! `/artifactsV2/…` and `/artifacts/…`: a file of an artifact by its digest, for who has an API key and no URL (wandb
//! 0.17.9 to 0.31.0, `storage_policies/wandb_storage_policy.py`). Sends on to a URL of this server, even where the bytes are
//! in a bucket: the key that comes with the request must not follow a redirection there.

use super::graphql::artifact_id;
use super::rest::error::RestError;
use super::router::{Shared, Visiting};
use crate::app::Error;
use crate::app::artifact::by_digest::ByDigest;
use axum::extract::{Path, State};
use axum::response::Redirect;

/// `{region}/{entity}/{project}/{collection}/[{artifact}/]{birth artifact}/{digest}/{name}`; older clients leave out
/// everything between entity and birth artifact, and the name. The birth artifact may be empty.
pub(super) async fn get(
    State(shared): State<Shared>,
    Visiting(caller): Visiting,
    Path(path): Path<String>,
) -> Result<Redirect, RestError> {
    let parts: Vec<&str> = path.split('/').collect();
    let (entity, artifact, birth, digest) = match parts.as_slice() {
        [_, entity, birth, digest] => (entity, "", birth, digest),
        [_, entity, _, _, birth, digest, _] => (entity, "", birth, digest),
        [_, entity, _, _, artifact, birth, digest, _] => (entity, *artifact, birth, digest),
        _ => return Err(nowhere().into()),
    };
    let wanted = ByDigest {
        entity: (*entity).to_owned(),
        md5: md5_in_hex(digest).ok_or_else(nowhere)?,
        artifact: if artifact.is_empty() { None } else { Some(artifact_id(artifact).ok_or_else(nowhere)?) },
        birth: artifact_id(birth),
    };
    Ok(redirect(&shared.app.token_by_digest(&caller, wanted).await?))
}

/// `{entity}/{digest}`.
pub(super) async fn get_first_layout(
    State(shared): State<Shared>,
    Visiting(caller): Visiting,
    Path((entity, digest)): Path<(String, String)>,
) -> Result<Redirect, RestError> {
    let wanted = ByDigest { entity, md5: md5_in_hex(&digest).ok_or_else(nowhere)?, artifact: None, birth: None };
    Ok(redirect(&shared.app.token_by_digest(&caller, wanted).await?))
}

fn redirect(token: &str) -> Redirect {
    Redirect::temporary(&format!("/storage/{token}"))
}

pub(super) fn md5_in_hex(hex: &str) -> Option<[u8; 16]> {
    if hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(hex, 16).ok().map(u128::to_be_bytes)
}

fn nowhere() -> Error {
    Error::NotFound("no artifact has a file of this digest".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sixteen_bytes_in_hex() {
        assert_eq!(md5_in_hex("000102030405060708090a0b0c0d0e0f").map(|bytes| bytes[15]), Some(15));
        for wrong in ["", "00", "+00102030405060708090a0b0c0d0e0f", "zz0102030405060708090a0b0c0d0e0f"] {
            assert_eq!(md5_in_hex(wrong), None, "{wrong}");
        }
    }
}
