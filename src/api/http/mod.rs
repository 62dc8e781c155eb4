//! What all adapters need of HTTP: bodies with limits, the other side's address, the request's id.
//! The server puts `Peer` and `RequestId` into the extensions of every request.

pub mod body;
pub mod budget;
pub mod gzip;
/// Where a request comes from, and whether a page of ours sent it.
pub mod visit;

use std::fmt;
use std::net::SocketAddr;

/// Who is on the other side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// `None` on the admin socket. Behind a proxy this is the proxy.
    pub address: Option<SocketAddr>,
    /// The connection to this process is encrypted.
    pub is_tls: bool,
}

/// Names one request in answers and logs: 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

const REQUEST_ID_CHARS_MAX: usize = 64;

impl RequestId {
    /// The client's own id, if it has the form.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        let is_short = (1..=REQUEST_ID_CHARS_MAX).contains(&text.len());
        (is_plain && is_short).then(|| Self(text.to_owned()))
    }

    /// A new one: 128 random bits in hexadecimal.
    pub fn random() -> Self {
        let mut bytes = [0_u8; 16];
        // An id only helps to find log lines: a machine without randomness must not lose requests for it.
        let _unfilled_is_fine = getrandom::fill(&mut bytes);
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_short_and_plain() {
        for good in ["a", "A-b_9", &"x".repeat(64)] {
            assert_eq!(RequestId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\r\nSet-Cookie: x", "é", "<script>", &"x".repeat(65)] {
            assert!(RequestId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn random_request_ids_have_the_form_and_differ() {
        let (one, two) = (RequestId::random(), RequestId::random());

        assert_ne!(one, two);
        assert_eq!(RequestId::parse(one.as_str()), Some(one));
    }
}
