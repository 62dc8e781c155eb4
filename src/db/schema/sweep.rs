//! The index entries and references of sweeps.

use super::{
    AGENTS, AGENTS_BY_SWEEP, OPEN_TRIALS, PROJECTS, RUNS, SWEEP_BY_NAME, SWEEP_CONFIGS, SWEEPS, SWEEPS_BY_CREATION,
    SweepConfigText, TRIALS_BY_AGENT, TRIALS_BY_SWEEP,
};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::id::{AgentId, RunId, SweepId};
use crate::domain::sweep::{Agent, Sweep, Trial};

impl Record for SweepConfigText {}
impl Stored<SweepId> for SweepConfigText {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &SweepId, references: &mut References) {
        references.needs(&SWEEPS, key);
    }
}

impl Record for Sweep {}
impl Stored<SweepId> for Sweep {
    fn indexes(&self, key: &SweepId, entries: &mut Entries) {
        entries.unique(&SWEEP_BY_NAME, &(self.project, self.name.clone()), key);
        entries.index(&SWEEPS_BY_CREATION, &(self.project, self.created_at, *key));
    }

    fn references(&self, key: &SweepId, references: &mut References) {
        references.needs(&PROJECTS, &self.project);
        references.needs(&SWEEP_CONFIGS, key);
    }
}

impl Record for Agent {}
impl Stored<AgentId> for Agent {
    fn indexes(&self, key: &AgentId, entries: &mut Entries) {
        entries.index(&AGENTS_BY_SWEEP, &(self.sweep, *key));
    }

    fn references(&self, _: &AgentId, references: &mut References) {
        references.needs(&SWEEPS, &self.sweep);
    }
}

impl Record for Trial {}
impl Stored<RunId> for Trial {
    fn indexes(&self, key: &RunId, entries: &mut Entries) {
        entries.index(&TRIALS_BY_SWEEP, &(self.sweep, *key));
        if self.is_open {
            entries.index(&OPEN_TRIALS, &(self.sweep, *key));
        }
        if let Some(agent) = self.agent {
            entries.index(&TRIALS_BY_AGENT, &(agent, *key));
        }
    }

    fn references(&self, key: &RunId, references: &mut References) {
        references.needs(&RUNS, key);
        references.needs(&SWEEPS, &self.sweep);
        if let Some(agent) = &self.agent {
            references.needs(&AGENTS, agent);
        }
    }
}
