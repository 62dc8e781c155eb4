//! Compressed request bodies: gzip only, one encoding only, and never more output than the limit.

use super::body::BodyError;
use super::budget::{BodyBudget, BodyCharge};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use std::io::Read;

/// Compressed bodies up to this size are tried in place, ...
const IN_PLACE_BYTES_MAX: usize = 16 * 1024;
/// ... for so much output at most: about a quarter of a millisecond. The rest goes to the blocking pool.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a request body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// From `Content-Encoding`. Anything but one plain encoding is `Encoding` (415): stacked encodings multiply a bomb.
    pub fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let encoding = match values.next().map(http::HeaderValue::as_bytes) {
            None => Self::Identity,
            Some(name) if name.trim_ascii().is_empty() => Self::Identity,
            Some(name) if name.trim_ascii().eq_ignore_ascii_case(b"identity") => Self::Identity,
            Some(name) if name.trim_ascii().eq_ignore_ascii_case(b"gzip") => Self::Gzip,
            Some(name) if name.trim_ascii().eq_ignore_ascii_case(b"x-gzip") => Self::Gzip,
            Some(_) => return Err(BodyError::Encoding),
        };
        if values.next().is_some() { Err(BodyError::Encoding) } else { Ok(encoding) }
    }
}

/// Decodes a gzip body; large ones on the blocking pool.
pub async fn gunzip(bytes: Bytes, limit_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let charge = BodyBudget::unlimited().charge();
    gunzip_charged(bytes, limit_bytes, charge).await.map(|(decoded, _)| decoded)
}

/// The same, charging the output before making room for it.
pub(super) async fn gunzip_charged(
    bytes: Bytes,
    limit_bytes: usize,
    mut charge: BodyCharge,
) -> Result<(Vec<u8>, BodyCharge), BodyError> {
    if bytes.len() <= IN_PLACE_BYTES_MAX {
        match decode(&bytes, limit_bytes.min(CHUNK_BYTES), &mut charge) {
            Err(BodyError::TooLarge { .. }) if limit_bytes > CHUNK_BYTES => {}
            decoded => return decoded.map(|decoded| (decoded, charge)),
        }
    }
    let decoding = tokio::task::spawn_blocking(move || {
        let decoded = decode(&bytes, limit_bytes, &mut charge)?;
        Ok((decoded, charge))
    });
    // Only a shutdown or a defect of ours ends the task early: the client shall try again.
    decoding.await.unwrap_or(Err(BodyError::Busy))
}

fn decode(bytes: &[u8], limit_bytes: usize, charge: &mut BodyCharge) -> Result<Vec<u8>, BodyError> {
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut decoded = Vec::new();
    loop {
        // One byte more than allowed is read to tell "exactly at the limit" from "above it".
        let room = CHUNK_BYTES.min(limit_bytes.saturating_add(1) - decoded.len());
        charge.try_grow_to(decoded.len() + room)?;
        let read = decoder.by_ref().take(room as u64).read_to_end(&mut decoded).map_err(|_| BodyError::Corrupt)?;
        if decoded.len() > limit_bytes {
            return Err(BodyError::TooLarge { limit_bytes });
        }
        if read < room {
            return Ok(decoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;
    use std::io::Write;
    use std::time::Duration;

    const MIB: usize = 1024 * 1024;

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    #[tokio::test]
    async fn a_body_comes_out_as_it_went_in_up_to_the_limit() {
        for size in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * MIB] {
            let plain: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();

            assert_eq!(gunzip(gzip(&plain), size).await.unwrap(), plain, "{size}");
            if size > 0 {
                let refused = gunzip(gzip(&plain), size - 1).await;
                assert!(matches!(refused, Err(BodyError::TooLarge { .. })), "{size}");
            }
        }
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 64 * MIB]);
        let budget = BodyBudget::new(2 * MIB, Duration::ZERO);

        let result = gunzip_charged(bomb, MIB, budget.charge()).await;

        // With less room than limit it would be `Busy`: so it never held more than 2 MiB.
        assert_eq!(result.err(), Some(BodyError::TooLarge { limit_bytes: MIB }));
        assert_eq!(budget.free_bytes(), 2 * MIB);
    }

    #[tokio::test]
    async fn a_body_without_room_in_the_budget_is_refused_for_now() {
        let budget = BodyBudget::new(MIB, Duration::ZERO);

        let result = gunzip_charged(gzip(&vec![0; 2 * MIB]), 4 * MIB, budget.charge()).await;

        assert_eq!(result.err(), Some(BodyError::Busy));
        assert_eq!(budget.free_bytes(), MIB);
    }

    #[tokio::test]
    async fn damaged_and_truncated_bodies_are_corrupt() {
        let whole = gzip(b"a line of history that is long enough to cut");

        for damaged in [Bytes::from_static(b"not gzip"), whole.slice(..whole.len() - 5), whole.slice(..whole.len() / 2)]
        {
            assert!(matches!(gunzip(damaged, MIB).await, Err(BodyError::Corrupt)));
        }
    }

    #[test]
    fn one_plain_encoding_is_accepted_and_nothing_else() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            Encoding::of(&headers)
        };

        assert_eq!(of(&[]).unwrap(), Encoding::Identity);
        assert_eq!(of(&["identity"]).unwrap(), Encoding::Identity);
        assert_eq!(of(&["gzip"]).unwrap(), Encoding::Gzip);
        assert_eq!(of(&[" X-GZip "]).unwrap(), Encoding::Gzip);
        for refused in [&["br"][..], &["zstd"], &["gzip, gzip"], &["gzip", "gzip"], &["identity", "gzip"]] {
            assert!(matches!(of(refused), Err(BodyError::Encoding)), "{refused:?}");
        }
    }
}
