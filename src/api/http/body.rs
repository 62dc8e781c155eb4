//! Request bodies: read whole within a limit, or as a stream, and never slower than a client may be.
//!
//! The `wandb` client gives up a run's stream for ever on 400, 401, 403, 404, 409, 410, 413, 422 and 501. So
//! trouble on the way (a stall, a cut connection, no memory) is 408 or 503, which it tries again.

use super::budget::{BodyBudget, BodyCharge};
use super::gzip::{Encoding, gunzip_charged};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::time::Instant;

/// However steadily it drips, a body that is held in memory must be complete by then.
const WHOLE_BODY_MAX: Duration = Duration::from_secs(600);

/// Why a body could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the request body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the request body came too slowly")]
    Stalled,
    #[error("the connection broke before the request body was complete")]
    Disconnected,
    #[error("too many request bodies at once; try again")]
    Busy,
    #[error("the request body must be plain or gzip")]
    Encoding,
    #[error("the request body is not valid gzip")]
    Corrupt,
}

impl BodyError {
    /// The status that makes the client do the right thing; see the top of this file.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Disconnected | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Corrupt => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes request bodies for handlers that want them whole. Cheap to clone; all clones share the budget.
#[derive(Debug, Clone)]
pub struct Intake {
    budget: BodyBudget,
    idle: Duration,
}

/// A whole, decoded body. It counts against the budget until it is dropped, so drop it once it is parsed.
#[derive(Debug)]
pub struct ReceivedBody {
    bytes: Bytes,
    _charge: BodyCharge,
}

impl std::ops::Deref for ReceivedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Intake {
    /// `idle`: how long a body may stand still.
    pub fn new(budget: BodyBudget, idle: Duration) -> Self {
        Self { budget, idle }
    }

    /// Reads and decodes a body of at most `limit_bytes`, before and after decoding.
    pub async fn receive(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit_bytes: usize,
    ) -> Result<ReceivedBody, BodyError> {
        let encoding = Encoding::of(headers)?;
        let mut charge = self.budget.charge();
        let bytes = read_charged(body, limit_bytes, Pace::of(self.idle), &mut charge).await?;
        match encoding {
            Encoding::Identity => Ok(ReceivedBody { bytes, _charge: charge }),
            Encoding::Gzip => {
                let (decoded, charge) = gunzip_charged(bytes, limit_bytes, self.budget.charge()).await?;
                Ok(ReceivedBody { bytes: decoded.into(), _charge: charge })
            }
        }
    }
}

/// Reads a whole body of at most `limit_bytes`, without a budget.
pub async fn read_body(body: Body, limit_bytes: usize, idle: Duration) -> Result<Bytes, BodyError> {
    read_charged(body, limit_bytes, Pace::of(idle), &mut BodyBudget::unlimited().charge()).await
}

/// A body as a stream of pieces, for handlers that pass it on; it ends with `Stalled` after `idle` without a piece.
pub fn stream_body(body: Body, idle: Duration) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    futures_util::stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match next_piece(&mut body, idle).await {
            Ok(Some(piece)) => Some((Ok(piece), Some(body))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// How slowly a body that is held in memory may come.
#[derive(Debug, Clone, Copy)]
struct Pace {
    idle: Duration,
    whole: Duration,
}

impl Pace {
    fn of(idle: Duration) -> Self {
        Self { idle, whole: WHOLE_BODY_MAX }
    }
}

async fn read_charged(
    mut body: Body,
    limit_bytes: usize,
    pace: Pace,
    charge: &mut BodyCharge,
) -> Result<Bytes, BodyError> {
    let too_large = BodyError::TooLarge { limit_bytes };
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(too_large);
    }
    let must_end = Instant::now() + pace.whole;
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    // Room for the first pieces comes before the first read: without room nothing is taken off the wire.
    charge.grow_to(1).await?;
    while let Some(piece) = next_piece(&mut body, pace.idle).await? {
        let size = first.len() + joined.len() + piece.len();
        if size > limit_bytes {
            return Err(too_large);
        }
        if Instant::now() > must_end {
            return Err(BodyError::Stalled);
        }
        charge.grow_to(size).await?;
        if first.is_empty() && joined.is_empty() {
            first = piece; // most bodies are one piece, and are not copied
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// The next bytes of the body; trailers and empty pieces are passed over.
async fn next_piece(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, BodyError> {
    let deadline = Instant::now() + idle;
    loop {
        let frame = tokio::time::timeout_at(deadline, body.frame()).await.map_err(|_| BodyError::Stalled)?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Disconnected),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                Ok(_) | Err(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use std::io;

    const IDLE: Duration = Duration::from_secs(30);

    fn body_of(pieces: &[&'static str]) -> Body {
        let pieces: Vec<io::Result<Bytes>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    fn broken_body() -> Body {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        Body::from_stream(stream::iter([Ok(Bytes::from_static(b"x")), Err(reset)]))
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        for (pieces, whole) in [(&[][..], ""), (&["one"], "one"), (&["a", "", "b", "c"], "abc")] {
            assert_eq!(read_body(body_of(pieces), 3, IDLE).await.unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_too_large_whether_declared_or_not() {
        let too_large = Err(BodyError::TooLarge { limit_bytes: 3 });

        assert_eq!(read_body(Body::from("four"), 3, IDLE).await, too_large);
        assert_eq!(read_body(body_of(&["fo", "ur"]), 3, IDLE).await, too_large);
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_stalled() {
        let piece: io::Result<Bytes> = Ok(Bytes::from_static(b"x"));
        let silent = Body::from_stream(stream::iter([piece]).chain(stream::pending()));

        assert_eq!(read_body(silent, 3, Duration::from_millis(5)).await, Err(BodyError::Stalled));
    }

    #[tokio::test]
    async fn a_body_that_drips_for_ever_is_stalled() {
        let drip = Body::from_stream(stream::repeat_with(|| io::Result::Ok(Bytes::from_static(b"x"))));
        let pace = Pace { idle: IDLE, whole: Duration::from_millis(5) };

        let result = read_charged(drip, usize::MAX, pace, &mut BodyBudget::unlimited().charge()).await;

        assert_eq!(result, Err(BodyError::Stalled));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_disconnected() {
        let broken = broken_body();

        assert_eq!(read_body(broken, 3, IDLE).await, Err(BodyError::Disconnected));
    }

    #[tokio::test]
    async fn a_streamed_body_ends_after_its_error() {
        let broken = broken_body();

        let pieces: Vec<_> = stream_body(broken, IDLE).collect().await;

        assert_eq!(pieces, [Ok(Bytes::from_static(b"x")), Err(BodyError::Disconnected)]);
    }

    #[tokio::test]
    async fn a_received_body_counts_against_the_budget_until_it_is_dropped() {
        let budget = BodyBudget::new(1024 * 1024, Duration::ZERO);
        let intake = Intake::new(budget.clone(), IDLE);

        let received = intake.receive(&HeaderMap::new(), Body::from("abc"), 10).await.unwrap();
        assert_eq!(&*received, b"abc");
        assert!(budget.free_bytes() < 1024 * 1024);
        drop(received);

        assert_eq!(budget.free_bytes(), 1024 * 1024);
    }

    #[tokio::test]
    async fn without_room_in_the_budget_the_client_is_told_to_try_again() {
        let budget = BodyBudget::new(64 * 1024, Duration::ZERO);
        let intake = Intake::new(budget, IDLE);
        let _first = intake.receive(&HeaderMap::new(), Body::from("abc"), 10).await.unwrap();

        let refused = intake.receive(&HeaderMap::new(), Body::from("abc"), 10).await.unwrap_err();

        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn trouble_on_the_way_never_ends_a_run_s_stream() {
        const NEVER_TRIED_AGAIN: [u16; 9] = [400, 401, 403, 404, 409, 410, 413, 422, 501];

        for error in [BodyError::Stalled, BodyError::Disconnected, BodyError::Busy] {
            assert!(!NEVER_TRIED_AGAIN.contains(&error.status().as_u16()), "{error}");
        }
    }
}
