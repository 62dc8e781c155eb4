//! What the steps of a test come to, and which of them there is no sense in after others have failed.

use super::advice;
use crate::domain::connector::ConnectorSpec;
use crate::domain::connector::probe::{Outcome, ProbeStep, StepResult};
use crate::storage::StoreError;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What keeps a step from passing.
pub(super) enum Trouble {
    Store(StoreError),
    /// What was seen, and what is missing or to be set.
    Seen {
        words: String,
        missing: Option<String>,
    },
    /// There was nothing to try.
    Nothing(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Trouble {
    pub fn seen(words: impl Into<String>, missing: impl Into<String>) -> Self {
        Self::Seen { words: words.into(), missing: Some(missing.into()) }
    }
}

/// Passed, with what is worth knowing; or not.
pub(super) type Done = Result<Option<String>, Trouble>;

pub(super) struct Log<'a> {
    spec: &'a ConnectorSpec,
    within: Duration,
    results: Vec<StepResult>,
    /// Steps that failed, or were not tried because another one had failed.
    failed: BTreeSet<ProbeStep>,
}

impl<'a> Log<'a> {
    pub fn new(spec: &'a ConnectorSpec, within: Duration) -> Self {
        Self { spec, within, results: Vec::new(), failed: BTreeSet::new() }
    }

    /// Tries one step out, unless one of those that it needs has failed.
    pub async fn step(&mut self, step: ProbeStep, needs: &[ProbeStep], work: impl Future<Output = Done>) {
        if let Some(needed) = needs.iter().find(|needed| self.failed.contains(needed)) {
            let reason = format!("not tried: `{}` failed", self.first_cause(*needed).name());
            self.failed.insert(step);
            return self.put(step, Duration::ZERO, Outcome::Skipped { reason });
        }
        let within = if step == ProbeStep::Multipart { self.within * 4 } else { self.within };
        let began = Instant::now();
        let done = tokio::time::timeout(within, work).await.unwrap_or_else(|_| {
            let words = format!("no answer within {within:?}");
            let missing = "an answer: the store is reached and does not do what it is asked, or something between here \
                           and there holds it back";
            Err(Trouble::seen(words, missing))
        });
        let outcome = match done {
            Ok(note) => Outcome::Passed { note },
            Err(Trouble::Nothing(reason)) => Outcome::Skipped { reason },
            Err(trouble) => {
                self.failed.insert(step);
                Outcome::Failed(advice::failure(step, self.spec, trouble))
            }
        };
        self.put(step, began.elapsed(), outcome);
    }

    pub fn has_failed(&self, step: ProbeStep) -> bool {
        self.failed.contains(&step)
    }

    /// In the order of the steps.
    pub fn finish(mut self) -> Vec<StepResult> {
        self.results.sort_by_key(|result| result.step);
        self.results
    }

    /// The step that failed itself, of those that only followed it.
    fn first_cause(&self, step: ProbeStep) -> ProbeStep {
        let is_cause = |result: &&StepResult| matches!(result.outcome, Outcome::Failed(_)) && result.step <= step;
        let of_this = self.results.iter().find(|result| result.step == step && is_cause(result));
        of_this.or_else(|| self.results.iter().find(is_cause)).map_or(step, |result| result.step)
    }

    fn put(&mut self, step: ProbeStep, took: Duration, outcome: Outcome) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.results.push(StepResult { step, is_needed: step.is_needed(self.spec.data_path), millis, outcome });
    }
}
