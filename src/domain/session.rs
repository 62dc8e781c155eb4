//! Sessions: who signed in with a browser, and for how long that counts.

use super::clock::Timestamp;
use super::id::UserId;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How much of what a browser calls itself is kept.
const AGENT_CHARS_MAX: usize = 200;

/// One sign-in. Its token is in the browser's cookie and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub user: UserId,
    /// The token's keyed hash.
    pub hash: [u8; 32],
    pub created_at: Timestamp,
    /// To within some minutes: it is not written with every request.
    pub last_used_at: Timestamp,
    /// Where it was used last, as far as that is known.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: String,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle_secs: i64,
    /// Whatever is done with it.
    pub absolute_secs: i64,
}

impl Session {
    pub fn ends_at(&self, limits: SessionLimits) -> Timestamp {
        self.last_used_at.plus_secs(limits.idle_secs).min(self.created_at.plus_secs(limits.absolute_secs))
    }
}

/// What is kept of a `User-Agent`.
pub fn shortened_agent(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_rests_too_long_or_is_too_old() {
        let limits = SessionLimits { idle_secs: 10, absolute_secs: 25 };
        let used_at = |secs| Session {
            user: UserId(1),
            hash: [0; 32],
            created_at: Timestamp(0),
            last_used_at: Timestamp(0).plus_secs(secs),
            address: None,
            agent: String::new(),
        };

        assert_eq!(used_at(0).ends_at(limits), Timestamp(0).plus_secs(10));
        assert_eq!(used_at(14).ends_at(limits), Timestamp(0).plus_secs(24));
        assert_eq!(used_at(20).ends_at(limits), Timestamp(0).plus_secs(25));
    }

    #[test]
    fn an_agent_is_kept_short_and_in_one_line() {
        assert_eq!(shortened_agent("Mozilla/5.0\r\nx"), "Mozilla/5.0x");
        assert_eq!(shortened_agent(&"é".repeat(500)).chars().count(), 200);
    }
}
