//! Sweeps: searching for good hyperparameters. Everything here is pure; what is random comes from a seed.

pub mod bayes;
/// The configuration, read and checked.
pub mod config;
#[cfg(test)]
mod config_tests;
pub mod distribution;
mod gaussian;
pub mod hyperband;
mod parameter;
pub mod random;
pub mod space;
mod special;
pub mod state;
mod yaml;

use super::clock::Timestamp;
use super::id::{AgentId, ProjectId, RunId, SweepId, UserId};
use serde::{Deserialize, Serialize};
use state::SweepState;

/// A sweep, without the text of its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    pub project: ProjectId,
    /// What URLs call it: eight of `[a-z0-9]`.
    pub name: String,
    /// What people call it.
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// Who made it, and so owns it.
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub state: SweepState,
    /// The word for the method.
    pub method: String,
    /// The size of a grid.
    pub runs_expected: Option<u64>,
    /// Counts configurations. A choice that was made for an older one is not used.
    pub config_version: u32,
    /// How many runs were made for it. A choice that was made before the last of them is not used.
    pub trials_made: u64,
    /// The number of the next point of a grid.
    pub grid_next: u64,
    /// No more runs are to be made: the grid is done, the cap or the target is reached.
    pub is_exhausted: bool,
    /// Runs that were there before, whose results count.
    pub prior_runs: Vec<RunId>,
    /// What a local controller wrote, JSON text.
    pub controller: Option<String>,
    /// What was made of it, newest last.
    pub scheduled: Vec<Scheduled>,
}

/// An entry of a local controller's schedule, and the run that was made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    pub id: String,
    pub run: String,
}

/// A process that runs what a sweep suggests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub sweep: SweepId,
    pub name: String,
    pub host: String,
    pub owner: Option<UserId>,
    pub created_at: Timestamp,
    pub heartbeat_at: Timestamp,
    /// It was told to end.
    pub is_ended: bool,
}

impl Agent {
    /// An agent beats every five seconds, and less often while it starts or ends a run (wandb 0.17.9 to 0.31.0).
    const SILENT_SECS: i64 = 90;

    /// It will not start what it was given any more.
    pub fn is_dead(&self, now: Timestamp) -> bool {
        self.is_ended || now.secs_since(self.heartbeat_at) > Self::SILENT_SECS
    }
}

/// What a sweep knows of a run that was made for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub sweep: SweepId,
    /// Who is to run it; nobody yet when it was handed in.
    pub agent: Option<AgentId>,
    /// What the run is told, JSON text.
    pub arguments: String,
    /// No client has been heard of for its run.
    pub is_open: bool,
    /// How often an agent was given it.
    pub handed_out: u32,
    /// The agent has said that it runs it.
    pub was_reported: bool,
    /// It is to end before its time.
    pub is_to_stop: bool,
    /// The best value at each bracket that it came to.
    pub reached: Vec<f64>,
    /// It has ended, and `reached` is all there will be.
    pub is_measured: bool,
}

impl Trial {
    pub fn new(sweep: SweepId, agent: Option<AgentId>, arguments: String) -> Self {
        Self {
            sweep,
            agent,
            arguments,
            is_open: true,
            handed_out: 0,
            was_reported: false,
            is_to_stop: false,
            reached: Vec::new(),
            is_measured: false,
        }
    }
}
