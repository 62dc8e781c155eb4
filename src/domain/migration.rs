//! Migrations: all stored bytes of a team go from one store to another while it goes on working. How a migration ends
//! is a matter of its phases; the records that lead to the objects never change.

use super::clock::Timestamp;
use super::connector::{StoreId, TeamStore};
use super::stored::{Content, Position};
use serde::{Deserialize, Serialize};

/// More failures are counted and not named.
const FAILURES_NAMED: usize = 100;

/// The newest migration of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub source: StoreId,
    pub target: StoreId,
    pub phase: Phase,
    /// Rises with everything that somebody asks of it: what was begun before that counts for nothing.
    pub turn: u32,
    /// How far the objects have been gone through in this phase; nothing when they all have.
    pub position: Option<Position>,
    /// What there was to move when it began; nothing before it was counted.
    pub all: Option<Amount>,
    /// Gone through in this phase.
    pub done: Amount,
    /// Brought to the target, in all phases.
    pub copied: Amount,
    pub failures: Failures,
    /// Why it stands still until somebody asks it to go on.
    pub halt: Option<Halt>,
    /// A store did not do its part: nothing is lost, and it is tried again.
    pub trouble: Option<Trouble>,
    /// Objects that cannot be had whole are left behind.
    pub accepts_damage: bool,
    pub began_at: Timestamp,
    pub changed_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What there is goes to the target. New objects go to the source.
    Copying,
    /// New objects go to the target, and both are read. All that the target lacks is brought there, and every object
    /// in it is compared.
    Verifying,
    /// The target has everything. What is left in the source stays there until then.
    Kept { until: Timestamp },
    /// The team's objects are being deleted from the source.
    Releasing,
    /// Over: the source has nothing of the team any more.
    Released,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub objects: u64,
    pub bytes: u64,
}

impl Amount {
    pub fn add(&mut self, content: &Content) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(content.size_bytes);
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { objects: self.objects + other.objects, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

/// Objects that could not be had whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub count: u64,
    pub named: Vec<Failure>,
}

impl Failures {
    pub fn add(&mut self, failure: Failure) {
        self.count += 1;
        if self.named.len() < FAILURES_NAMED {
            self.named.push(failure);
        }
    }

    pub fn join(&mut self, others: &Failures) {
        self.count += others.count;
        let room = FAILURES_NAMED.saturating_sub(self.named.len());
        self.named.extend(others.named.iter().take(room).cloned());
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub key: String,
    /// The run or the artifact that it belongs to, for people.
    pub of: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// Somebody wanted it so.
    Asked,
    /// Objects could not be had whole.
    Failures,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub why: String,
    pub at: Timestamp,
}

/// An object that came into the source after new ones were to go to the target: its upload had begun before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Straggler {}

impl Migration {
    pub fn new(source: StoreId, target: StoreId, now: Timestamp) -> Self {
        Self {
            source,
            target,
            phase: Phase::Copying,
            turn: 0,
            position: Some(Position::default()),
            all: None,
            done: Amount::default(),
            copied: Amount::default(),
            failures: Failures::default(),
            halt: None,
            trouble: None,
            accepts_damage: false,
            began_at: now,
            changed_at: now,
        }
    }

    /// Begins the phase with the first object.
    #[must_use]
    pub fn enter(self, phase: Phase, now: Timestamp) -> Self {
        let (done, failures) = (Amount::default(), Failures::default());
        let position = Some(Position::default());
        Self { phase, position, done, failures, halt: None, trouble: None, changed_at: now, ..self }
    }

    /// The way back: the source becomes the target, and gets what it lacks.
    #[must_use]
    pub fn reversed(self, now: Timestamp) -> Self {
        let (source, target) = (self.target, self.source);
        Self { source, target, accepts_damage: false, ..self }.enter(Phase::Verifying, now)
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Released
    }

    /// Where the bytes of the team are while the migration is in this phase.
    pub fn stores(&self) -> TeamStore {
        let (source, target) = (self.source, self.target);
        match self.phase {
            Phase::Copying => TeamStore { home: source, also: None, kept: Some(target) },
            Phase::Verifying => TeamStore { home: target, also: Some(source), kept: None },
            Phase::Kept { .. } | Phase::Releasing => TeamStore { home: target, also: None, kept: Some(source) },
            Phase::Released => TeamStore { home: target, also: None, kept: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ConnectorId;

    #[test]
    fn no_phase_takes_a_store_away_that_may_hold_what_no_other_has() {
        let (source, target) = (StoreId::Default, StoreId::Connector(ConnectorId(1)));
        let migration = Migration::new(source, target, Timestamp(0));
        let stores = |phase| migration.clone().enter(phase, Timestamp(0)).stores();

        for phase in [Phase::Copying, Phase::Verifying, Phase::Kept { until: Timestamp(0) }, Phase::Releasing] {
            assert_eq!(stores(phase).all().count(), 2, "{phase:?}");
        }
        assert_eq!(stores(Phase::Copying).also, None, "nothing is written to the target but by the copying");
        assert_eq!(stores(Phase::Released).all().collect::<Vec<_>>(), [target]);
        let back = migration.reversed(Timestamp(0)).stores();
        assert_eq!((back.home, back.also), (source, Some(target)));
    }

    #[test]
    fn many_failures_are_counted_and_few_are_named() {
        let mut failures = Failures::default();
        for number in 0..1000 {
            failures.add(Failure { key: number.to_string(), of: String::new(), why: String::new() });
        }

        assert_eq!((failures.count, failures.named.len()), (1000, FAILURES_NAMED));
    }
}
