//! The states of a sweep, and which may follow which.

use serde::{Deserialize, Serialize};

/// The words are those of the wire (wandb 0.31.0, `apis/public/sweeps.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SweepState {
    /// Made, and no agent has got a run yet.
    Pending,
    Running,
    /// Agents wait.
    Paused,
    /// No more runs are made; those that run go on.
    Finished,
    /// Runs are stopped, and agents end.
    Canceled,
    /// What chose its runs has failed.
    Crashed,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sweep `{sweep}` is {is} and cannot become {wanted}: {why}")]
pub struct BadTransition {
    sweep: String,
    is: &'static str,
    wanted: &'static str,
    why: &'static str,
}

impl SweepState {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Paused, Self::Finished, Self::Canceled, Self::Crashed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Finished => "FINISHED",
            Self::Canceled => "CANCELED",
            Self::Crashed => "CRASHED",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text))
    }

    /// Runs may be made.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }

    /// Agents have nothing to wait for.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Crashed)
    }

    /// Whether somebody may change it so; staying what it is always works. `sweep` is its name, for the refusal.
    pub fn check_change(self, wanted: Self, sweep: &str) -> Result<(), BadTransition> {
        let refuse = |why| {
            let (is, wanted) = (self.as_str(), wanted.as_str());
            Err(BadTransition { sweep: sweep.to_owned(), is, wanted, why })
        };
        match (self, wanted) {
            _ if self == wanted => Ok(()),
            (Self::Canceled, _) => refuse("what was canceled stays so; create a new sweep"),
            (_, Self::Pending) => refuse("only a new sweep is pending"),
            (Self::Pending, Self::Paused) => refuse("it has no runs yet; an agent has to start it first"),
            (Self::Finished | Self::Crashed, Self::Paused) => refuse("it is over; resume it first"),
            (Self::Finished, Self::Crashed) | (Self::Crashed, Self::Finished) => refuse("it is over; resume it first"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_back_from_its_own_word() {
        for state in SweepState::ALL {
            assert_eq!(SweepState::parse(state.as_str()), Some(state));
            assert_eq!(SweepState::parse(&state.as_str().to_lowercase()), Some(state));
        }
        assert_eq!(SweepState::parse("RESTING"), None);
    }

    #[test]
    fn every_state_says_what_may_follow() {
        use SweepState::{Canceled, Crashed, Finished, Paused, Pending, Running};
        let may_follow = [
            (Pending, vec![Pending, Running, Finished, Canceled, Crashed]),
            (Running, vec![Running, Paused, Finished, Canceled, Crashed]),
            (Paused, vec![Running, Paused, Finished, Canceled, Crashed]),
            (Finished, vec![Running, Finished, Canceled]),
            (Canceled, vec![Canceled]),
            (Crashed, vec![Running, Canceled, Crashed]),
        ];
        for (state, followers) in may_follow {
            for wanted in SweepState::ALL {
                assert_eq!(
                    state.check_change(wanted, "s").is_ok(),
                    followers.contains(&wanted),
                    "{state:?} {wanted:?}"
                );
            }
        }
    }

    #[test]
    fn a_refusal_says_what_the_sweep_is_and_what_to_do() {
        let refusal = SweepState::Canceled.check_change(SweepState::Running, "abcd1234").unwrap_err().to_string();

        assert_eq!(
            refusal,
            "sweep `abcd1234` is CANCELED and cannot become RUNNING: what was canceled stays so; create a new sweep"
        );
    }
}
