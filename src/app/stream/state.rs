//! What a request says about the run's state.

use crate::domain::clock::Timestamp;
use crate::domain::run::{Run, RunState};

/// What the client exits with when it is interrupted (wandb 0.17.9 to 0.31.0).
const INTERRUPTED: i64 = 255;
/// How long the late lines of other writers of a shared run do not open it again. They send every 15 s.
const LATE_SECS: i64 = 60;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signals {
    pub has_lines: bool,
    pub complete: bool,
    pub exit_code: Option<i64>,
    pub preempting: bool,
}

impl Signals {
    pub fn is_complete(&self) -> bool {
        self.complete || self.exit_code.is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    pub state: RunState,
    pub exit_code: Option<i64>,
}

/// `ended_at`: when a client last said that the run is complete.
pub(super) fn after(run: &Run, says: &Signals, is_shared: bool, ended_at: Option<Timestamp>, now: Timestamp) -> Next {
    if says.is_complete() {
        let exit_code = says.exit_code.unwrap_or(0);
        let was_preempted = says.preempting || matches!(run.state, RunState::Preempting | RunState::Preempted);
        let state = match exit_code {
            0 => RunState::Finished,
            _ if was_preempted => RunState::Preempted,
            INTERRUPTED if run.stop_requested => RunState::Killed,
            _ => RunState::Failed,
        };
        return Next { state, exit_code: Some(exit_code) };
    }
    if says.preempting {
        return Next { state: RunState::Preempting, exit_code: None };
    }
    let is_late = is_shared && ended_at.is_some_and(|ended| now.secs_since(ended) < LATE_SECS);
    let opens = match run.state {
        RunState::Running | RunState::Preempting => false,
        // Whoever is heard of did not crash.
        RunState::Pending | RunState::Crashed | RunState::Preempted => true,
        RunState::Finished | RunState::Failed | RunState::Killed => says.has_lines && !is_late,
    };
    if opens {
        Next { state: RunState::Running, exit_code: None }
    } else {
        Next { state: run.state, exit_code: run.exit_code }
    }
}
