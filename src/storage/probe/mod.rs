//! The self-test of a store: everything that it is needed for is tried out, with objects of its own that are removed
//! again. A step that fails says in the provider's own words why, what is missing, and what to paste where.

mod advice;
/// What the bucket has set.
mod bucket;
mod log;
/// Reading, writing and deleting.
mod objects;
/// Whether the host is reached at all.
mod reach;
/// What clients do with signed URLs.
mod signed;
#[cfg(test)]
mod tests;

use super::{ObjectKey, Store};
use crate::domain::connector::probe::StepResult;
use crate::domain::connector::{ConnectorSpec, Place};
use crate::domain::outbound::OutboundRules;
use log::Log;
use std::sync::Arc;
use std::time::Duration;

/// Libraries try again meanwhile.
pub const STEP_WITHIN: Duration = Duration::from_secs(15);

/// What is tested, and with what.
pub struct Probe<'a> {
    pub store: &'a Store,
    pub spec: &'a ConnectorSpec,
    pub rules: &'a Arc<OutboundRules>,
    /// Where pages come from that browsers show: this server's URL, if it is known.
    pub origin: Option<String>,
    /// How long a step may take; the one that sends some MiB has four times as long.
    pub step_within: Duration,
}

impl Probe<'_> {
    fn is_local(&self) -> bool {
        matches!(self.spec.place, Place::Local { .. })
    }
}

/// The objects of one test.
struct Keys {
    small: ObjectKey,
    large: ObjectKey,
    by_url: ObjectKey,
}

impl Keys {
    /// Names that nobody else's test has.
    fn drawn() -> Self {
        let token = u64::from_ne_bytes(crate::secrets::random_bytes());
        let key = |name: &str| ObjectKey::probe(token, name);
        Self { small: key("small"), large: key("large"), by_url: key("by-url") }
    }

    fn all(&self) -> [&ObjectKey; 3] {
        [&self.small, &self.large, &self.by_url]
    }
}

/// Tries everything out, in bounded time, whatever the store does.
pub async fn run(probe: &Probe<'_>) -> Vec<StepResult> {
    let (mut log, keys) = (Log::new(probe.spec, probe.step_within), Keys::drawn());
    reach::run(probe, &mut log).await;
    objects::run(probe, &keys, &mut log).await;
    signed::run(probe, &keys, &mut log).await;
    objects::delete(probe, &keys, &mut log).await;
    signed::ask_as_browser(probe, &keys, &mut log).await;
    bucket::run(probe, &mut log).await;
    log.finish()
}
