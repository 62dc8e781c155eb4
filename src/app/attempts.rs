//! How often something may be tried that strangers can try: signing in, guessing codes, asking for mails. In memory,
//! per process, and bounded; a restart forgets, which no stranger can bring about.

use super::Error;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::network::subscriber;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// More than this is not remembered at once.
const REMEMBERED_MAX: usize = 20_000;

/// What is counted by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Passwords tried for what was typed as the account, whether or not there is such a one.
    Account(String),
    /// Passwords tried by somebody who is signed in.
    Password(UserId),
    /// Codes of the second factor.
    Code(UserId),
    /// Mails asked for with an address.
    Mail(String),
    /// Whatever strangers do from one address.
    Address(IpAddr),
    /// Refused sign-ins that are written to the audit log, all together: nobody may fill the disk with them.
    Written,
}

/// So many at once, and then one more each time this has passed.
struct Rate {
    burst: i64,
    every_secs: i64,
}

impl Counted {
    /// As it was typed, without regard to case.
    pub fn account(typed: &str) -> Self {
        Self::Account(typed.to_lowercase())
    }

    pub fn mail(typed: &str) -> Self {
        Self::Mail(typed.to_lowercase())
    }

    /// Nothing is counted for a caller on this machine's own socket, who has no address.
    pub fn address(address: Option<IpAddr>) -> Option<Self> {
        address.map(|address| Self::Address(subscriber(address)))
    }

    fn rate(&self) -> Rate {
        let (burst, every_secs) = match self {
            Self::Account(_) | Self::Password(_) => (10, 60),
            // A code has a million values, three of which are right: a guesser needs years.
            Self::Code(_) => (5, 300),
            Self::Mail(_) => (3, 1200),
            Self::Address(_) => (60, 10),
            Self::Written => (1000, 5),
        };
        Rate { burst, every_secs }
    }
}

/// For each thing the time at which it will be as if it had never been tried. Each attempt moves that on by
/// `every_secs`, and may move it no further than `burst` of them from now.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<Counted, Timestamp>>);

impl Attempts {
    /// Counts one attempt of all of these, or of none: then it says when to come again.
    pub fn take(&self, counted: impl IntoIterator<Item = Counted>, now: Timestamp) -> Result<(), Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let mut wait_micros = 0;
        for counted in counted {
            let Rate { burst, every_secs } = counted.rate();
            let next = known.get(&counted).copied().unwrap_or(now).max(now).plus_secs(every_secs);
            wait_micros = wait_micros.max(next.0 - now.plus_secs(burst * every_secs).0);
            taken.push((counted, next));
        }
        if wait_micros > 0 {
            let retry_secs = u64::try_from(wait_micros / 1_000_000 + 1).unwrap_or(1);
            return Err(Error::TooMany { retry_secs });
        }
        for (counted, next) in taken {
            make_room(&mut known, now);
            known.insert(counted, next);
        }
        Ok(())
    }

    /// It succeeded: what was tried before counts no more.
    pub fn forget(&self, counted: &Counted) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(counted);
    }
}

fn make_room(known: &mut HashMap<Counted, Timestamp>, now: Timestamp) {
    if known.len() < REMEMBERED_MAX {
        return;
    }
    known.retain(|_, free_at| *free_at > now);
    // Still full: what would be forgotten first anyway goes, a tenth of all, so that this is seldom done.
    if known.len() >= REMEMBERED_MAX {
        let mut times: Vec<Timestamp> = known.values().copied().collect();
        let (_, first_kept, _) = times.select_nth_unstable(REMEMBERED_MAX / 10);
        let first_kept = *first_kept;
        known.retain(|_, free_at| *free_at > first_kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000_000);

    fn ada() -> Counted {
        Counted::account("Ada")
    }

    fn retry_after(outcome: &Result<(), Error>) -> u64 {
        match outcome {
            Err(Error::TooMany { retry_secs }) => *retry_secs,
            _ => 0,
        }
    }

    #[test]
    fn ten_at_once_and_then_one_a_minute() {
        let attempts = Attempts::default();

        for _ in 0..10 {
            attempts.take([ada()], START).unwrap();
        }
        let refused = retry_after(&attempts.take([Counted::account("aDA")], START));
        assert!((60..=61).contains(&refused), "{refused}");
        attempts.take([Counted::account("grace")], START).unwrap();
        attempts.take([ada()], START.plus_secs(60)).unwrap();
        assert!(attempts.take([ada()], START.plus_secs(60)).is_err());
        for _ in 0..10 {
            attempts.take([ada()], START.plus_secs(3600)).unwrap();
        }
        assert!(attempts.take([ada()], START.plus_secs(3600)).is_err());
    }

    #[test]
    fn what_is_refused_for_one_reason_is_counted_for_none() {
        let attempts = Attempts::default();
        let address = Counted::address(Some("192.0.2.1".parse().unwrap())).unwrap();
        for _ in 0..10 {
            attempts.take([ada()], START).unwrap();
        }

        for _ in 0..1000 {
            assert!(attempts.take([address.clone(), ada()], START).is_err());
        }

        for _ in 0..60 {
            attempts.take([address.clone()], START).unwrap();
        }
        assert!(attempts.take([address], START).is_err());
    }

    #[test]
    fn success_forgets() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            attempts.take([ada()], START).unwrap();
        }

        attempts.forget(&ada());

        attempts.take([ada()], START).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_who_tried_most_is_kept() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            attempts.take([ada()], START).unwrap();
        }

        for number in 0..3 * REMEMBERED_MAX {
            attempts.take([Counted::account(&number.to_string())], START).unwrap();
            assert!(attempts.0.lock().unwrap().len() <= REMEMBERED_MAX);
        }

        assert!(attempts.take([ada()], START).is_err());
    }
}
