//! Mails that wait to be sent.

use super::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// A mail, from the change that causes it until a mail server has taken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    /// Sealed: it may hold a one-time link, and these are kept nowhere else in clear.
    #[serde(with = "crate::domain::chunk::as_bytes")]
    pub sealed_text: Vec<u8>,
    pub created_at: Timestamp,
    /// When to try to send it, for the first time or again; `None`: given up.
    pub next_try_at: Option<Timestamp>,
    pub tries: u32,
    /// Why the last try failed.
    pub trouble: Option<String>,
}

impl Mail {
    /// What its text is sealed for.
    pub const PLACE: &str = "mail";
}

/// After how long a mail that could not be sent is tried again, by the number of tries so far; `None`: no more.
pub fn pause_secs(tries: u32) -> Option<i64> {
    const PAUSES: [i64; 7] = [30, 120, 600, 1800, 2 * 3600, 6 * 3600, 12 * 3600];
    let made = usize::try_from(tries).unwrap_or(usize::MAX);
    PAUSES.get(made.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_within_a_day() {
        let pauses: Vec<i64> = (1..).map_while(pause_secs).collect();

        assert!(pauses.is_sorted() && pauses.len() == 7);
        assert!(pauses.iter().sum::<i64>() < 24 * 3600);
    }
}
