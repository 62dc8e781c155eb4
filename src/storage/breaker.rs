//! Not asking a store for a while that does not answer: each call to it would hold what it holds, memory of a commit or
//! the turn of a job, for as long as a call may take, and others wait behind that.

use super::error::StoreError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// One failure is an accident. So many in a row are not.
const FAILURES: u32 = 3;
/// The first rest; each one after it is twice as long, up to a limit.
const REST: Duration = Duration::from_secs(5);
const DOUBLINGS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since the store last answered.
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Fails while the store is left alone.
    pub(super) fn check(&self, now: Instant) -> Result<(), StoreError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.rests_until {
            Some(until) if now < until => {
                Err(StoreError::Unavailable("it did not answer a moment ago, and is asked again soon".into()))
            }
            _ => Ok(()),
        }
    }

    /// Takes note of how a call went.
    pub(super) fn note<T>(&self, outcome: &Result<T, StoreError>, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Err(StoreError::Unavailable(_) | StoreError::Unreachable(_)) => {
                state.failures = state.failures.saturating_add(1);
                if let Some(more) = state.failures.checked_sub(FAILURES) {
                    state.rests_until = Some(now + REST * 2_u32.pow(more.min(DOUBLINGS)));
                }
            }
            // It answers, whatever it says.
            _ => *state = State::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.note::<()>(&Err(StoreError::Unavailable("no answer".into())), now);
    }

    #[test]
    fn a_store_that_fails_three_times_is_left_alone_for_a_while_and_then_tried_again() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, now);
        fail(&breaker, now);
        assert!(breaker.check(now).is_ok());

        fail(&breaker, now);

        assert!(breaker.check(now).is_err());
        let later = now + REST;
        assert!(breaker.check(later).is_ok());
        fail(&breaker, later);
        assert!(breaker.check(later + REST).is_err(), "one more failure, and it rests twice as long");
        assert!(breaker.check(later + REST * 2).is_ok());
    }

    #[test]
    fn any_answer_makes_up_for_all_failures() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        fail(&breaker, now);
        fail(&breaker, now);

        breaker.note::<()>(&Err(StoreError::NotFound), now);
        fail(&breaker, now);
        fail(&breaker, now);

        assert!(breaker.check(now).is_ok());
    }
}
