//! Runs: identity and state. Config, summary and what is streamed are records of their own, so that a large
//! config is not written again with every heartbeat.

use super::clock::Timestamp;
use super::id::{ProjectId, UserId};
use super::project::{BadPathName, check_path_name};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub project: ProjectId,
    /// What URLs call it.
    pub name: RunName,
    /// What people call it.
    pub display_name: String,
    pub group: Option<String>,
    pub job_type: Option<String>,
    pub notes: Option<String>,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub commit: Option<String>,
    pub repo: Option<String>,
    pub program: Option<String>,
    pub host: Option<String>,
    pub sweep: Option<String>,
    /// Who made it, and so owns it. It stays when that person is deleted: nobody gets their id again.
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    pub state: RunState,
    pub exit_code: Option<i64>,
    /// Somebody asked the client to stop; it is told with its next request.
    pub stop_requested: bool,
    /// Counts rewinds. Lines of an older generation are acknowledged and dropped.
    pub generation: u32,
    /// Several processes write at once: each has line numbers of its own, and steps are given by the server.
    pub is_shared: bool,
    /// In the trash since then.
    pub deleted_at: Option<Timestamp>,
}

/// The client's words for it are those of the wire (wandb 0.31.0, `apis/public/runs.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Made, and not started: nothing was logged yet.
    Pending,
    Running,
    Finished,
    Failed,
    /// Silent for longer than a heartbeat may take.
    Crashed,
    /// Ended by a person.
    Killed,
    /// Told by its machine that it has to go.
    Preempting,
    Preempted,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Killed => "killed",
            Self::Preempting => "preempting",
            Self::Preempted => "preempted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::Running,
            Self::Finished,
            Self::Failed,
            Self::Crashed,
            Self::Killed,
            Self::Preempting,
            Self::Preempted,
        ];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Something is expected to write to the run, so silence means that it crashed.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Preempting)
    }
}

/// 1 to 128 characters, none of which would end a path segment; compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunName(String);

impl RunName {
    pub fn parse(text: &str) -> Result<Self, BadPathName> {
        check_path_name("run", text).map(|()| Self(text.to_owned()))
    }

    /// A new one, as the client makes them: eight of `[a-z0-9]`, from random bytes.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        Self(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom an alert should wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Info,
    Warn,
    Error,
}

/// What a script told its people with `run.alert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub title: String,
    pub text: String,
    pub severity: Severity,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_back_from_its_own_word() {
        for state in [RunState::Pending, RunState::Running, RunState::Killed, RunState::Preempted] {
            assert_eq!(RunState::parse(state.as_str()), Some(state));
        }
        assert_eq!(RunState::parse("resting"), None);
    }

    #[test]
    fn a_generated_name_is_eight_plain_characters() {
        let name = RunName::from_random([0, 25, 26, 35, 36, 255, 7, 9]);

        assert_eq!(name.as_str(), "az09adhj");
        assert!(RunName::parse(name.as_str()).is_ok());
    }
}
