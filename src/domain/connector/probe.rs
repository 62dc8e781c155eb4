//! What a self-test of a store has found, step by step.

use super::{Connector, DataPath};
use crate::domain::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that is tried out, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStep {
    /// The host has addresses that may be gone to.
    Resolve,
    /// It takes connections, and its certificate is trusted.
    Connect,
    /// Its clock and ours say the same: signatures carry the time.
    Clock,
    List,
    Put,
    Head,
    Get,
    Range,
    /// What exists is not overwritten.
    ConditionalPut,
    Multipart,
    /// Whoever has a signed URL, and no credentials, reads.
    SignedGet,
    /// The same for writing.
    SignedPut,
    Delete,
    /// Pages in browsers may read and write.
    Cors,
    Versioning,
    /// No rule of the bucket deletes what is kept there.
    Lifecycle,
}

impl ProbeStep {
    pub const ALL: [Self; 16] = [
        Self::Resolve,
        Self::Connect,
        Self::Clock,
        Self::List,
        Self::Put,
        Self::Head,
        Self::Get,
        Self::Range,
        Self::ConditionalPut,
        Self::Multipart,
        Self::SignedGet,
        Self::SignedPut,
        Self::Delete,
        Self::Cors,
        Self::Versioning,
        Self::Lifecycle,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Clock => "clock",
            Self::List => "list",
            Self::Put => "put",
            Self::Head => "head",
            Self::Get => "get",
            Self::Range => "range",
            Self::ConditionalPut => "conditional_put",
            Self::Multipart => "multipart",
            Self::SignedGet => "signed_get",
            Self::SignedPut => "signed_put",
            Self::Delete => "delete",
            Self::Cors => "cors",
            Self::Versioning => "versioning",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// Whether a store where this fails cannot be used. What browsers and signed URLs want can be done without, by
    /// way of the server, unless the connector says that nothing goes that way.
    pub fn is_needed(self, data_path: DataPath) -> bool {
        match self {
            Self::SignedGet | Self::SignedPut => data_path == DataPath::Direct,
            Self::Cors | Self::Versioning => false,
            _ => true,
        }
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// With what is worth knowing, if anything.
    Passed {
        note: Option<String>,
    },
    Failed(Failure),
    Skipped {
        reason: String,
    },
}

/// Why a step failed, and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's own, or what was seen.
    pub words: String,
    /// The permission or setting that is missing.
    pub missing: Option<String>,
    /// A document to paste at the provider that puts it right.
    pub paste: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    pub step: ProbeStep,
    /// Without it the store cannot be used.
    pub is_needed: bool,
    pub millis: u64,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The last self-test of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    pub at: Timestamp,
    /// Of the connector, when it was tested.
    pub version: u32,
    pub steps: Vec<StepResult>,
}

impl ProbeResult {
    /// Whether the store can be used.
    pub fn is_good(&self) -> bool {
        !self.steps.iter().any(|result| result.is_needed && matches!(result.outcome, Outcome::Failed(_)))
    }

    /// Whether clients can come to the store by signed URLs.
    pub fn signs(&self) -> bool {
        let has_passed = |step| self.outcome(step).is_some_and(|outcome| matches!(outcome, Outcome::Passed { .. }));
        has_passed(ProbeStep::SignedGet) && has_passed(ProbeStep::SignedPut)
    }

    /// The first failure for which the store cannot be used.
    pub fn trouble(&self) -> Option<(ProbeStep, &Failure)> {
        self.steps.iter().filter(|result| result.is_needed).find_map(|result| match &result.outcome {
            Outcome::Failed(failure) => Some((result.step, failure)),
            _ => None,
        })
    }

    pub fn outcome(&self, step: ProbeStep) -> Option<&Outcome> {
        self.steps.iter().find(|result| result.step == step).map(|result| &result.outcome)
    }
}

impl Connector {
    /// Whether bytes go between clients and the store, without the server between them. `last` is the last self-test.
    pub fn is_direct(&self, last: Option<&ProbeResult>) -> bool {
        match self.spec.data_path {
            DataPath::Direct => true,
            DataPath::Proxy => false,
            DataPath::Auto => last.is_some_and(|last| last.version == self.version && last.signs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcomes: &[(ProbeStep, bool)]) -> ProbeResult {
        let steps = outcomes.iter().map(|(step, passes)| StepResult {
            step: *step,
            is_needed: step.is_needed(DataPath::Auto),
            millis: 0,
            outcome: if *passes { Outcome::Passed { note: None } } else { Outcome::Failed(Failure::default()) },
        });
        ProbeResult { at: Timestamp(0), version: 1, steps: steps.collect() }
    }

    #[test]
    fn a_store_is_good_without_what_the_server_can_do_in_its_place() {
        use ProbeStep as Step;
        let good = result(&[(Step::Put, true), (Step::SignedGet, true), (Step::SignedPut, false), (Step::Cors, false)]);
        assert!(good.is_good() && !good.signs() && good.trouble().is_none());
        let bad = result(&[(Step::Put, true), (Step::SignedGet, true), (Step::SignedPut, true), (Step::Delete, false)]);
        assert!(!bad.is_good() && bad.signs());
        assert_eq!(bad.trouble().unwrap().0, Step::Delete);
        assert!(ProbeStep::SignedPut.is_needed(DataPath::Direct));
    }

    #[test]
    fn steps_are_kept_by_the_name_that_they_are_shown_by() {
        for step in ProbeStep::ALL {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
        }
        let kept = result(&[(ProbeStep::Get, false)]);
        let packed = rmp_serde::to_vec_named(&kept).unwrap();
        assert_eq!(rmp_serde::from_slice::<ProbeResult>(&packed).unwrap(), kept);
    }
}
