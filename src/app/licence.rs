//! The licence: installing one, and what it allows now. It is verified again at each start, and counts from its first
//! moment to its last by a time that never goes back.

use super::audit::{self, Event};
use super::latest::Latest;
use super::{App, Error};
use crate::access::{Action, Caller, Licence};
use crate::db::repo::{licence, seat, user};
use crate::domain::audit::AuditAction;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::licence::{LicenceKey, LicenceTerms};
use crate::domain::seat::SeatCounts;
use crate::secrets::{open_licence, random_bytes};
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};

/// How long before the end of a licence its holder is warned.
pub const WARN_DAYS: i64 = 30;
const DAY_SECS: i64 = 86_400;

/// What every request asks.
pub(super) struct CurrentLicence {
    trusted: Vec<LicenceKey>,
    term: Latest<Option<Term>>,
    /// The latest time seen, in microseconds.
    latest: AtomicI64,
}

/// From when to when something is allowed.
#[derive(Clone, Copy)]
struct Term {
    begins: Timestamp,
    ends: Timestamp,
    allows: Licence,
}

/// How the licence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceState {
    /// None was installed.
    None,
    Valid,
    NotYetValid,
    Expired,
    /// What was installed cannot be used any more, such as when its key is not trusted any more.
    Unusable(String),
}

/// The licence as administrators see it.
#[derive(Debug, Clone)]
pub struct SeenLicence {
    pub state: LicenceState,
    pub terms: Option<LicenceTerms>,
    pub installed_at: Option<Timestamp>,
    /// Whole days until it ends, while it is valid.
    pub days_left: Option<i64>,
    /// By what a licence can name this deployment.
    pub deployment: String,
    pub seats: SeatCounts,
    /// What somebody should do something about, in a sentence each.
    pub warnings: Vec<String>,
}

impl CurrentLicence {
    pub fn new(trusted: Vec<LicenceKey>) -> Self {
        Self { trusted, term: Latest::default(), latest: AtomicI64::new(0) }
    }

    /// What is allowed now.
    pub fn allows(&self, clock: &Clock) -> Licence {
        let Some(term) = self.term.get() else { return Licence::none() };
        let now = self.time(clock);
        if term.begins <= now && now < term.ends { term.allows } else { Licence::none() }
    }

    #[cfg(test)]
    pub fn allow(&self, sequence: u64, allows: Licence) {
        let (begins, ends) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        self.term.offer(sequence, Some(Term { begins, ends, allows }));
    }

    /// Now, or the latest time seen if the clock shows less.
    fn time(&self, clock: &Clock) -> Timestamp {
        let now = clock.now();
        Timestamp(self.latest.fetch_max(now.0, Ordering::Relaxed).max(now.0))
    }
}

fn term(terms: &LicenceTerms) -> Term {
    Term {
        begins: terms.not_before.map_or(Timestamp(i64::MIN), |day| day.begins()),
        ends: terms.expires.ends(),
        allows: Licence::of(terms.features.iter().copied()).within(terms.limits),
    }
}

impl App {
    /// What the licence allows now.
    pub(super) fn licence(&self) -> Licence {
        self.licence.allows(&self.clock)
    }

    /// Replaces the licence. Refused for one that would not count now: the one there is may.
    pub async fn install_licence(&self, caller: &Caller, text: &str) -> Result<SeenLicence, Error> {
        caller.may(Action::SystemLicense, user::instance(), &self.licence())?;
        let refused = |why: &dyn ToString| Error::Invalid { field: "license", message: why.to_string() };
        let terms = open_licence(text, &self.licence.trusted).map_err(|why| refused(&why))?;
        let deployment = self.deployment().await?;
        match self.state_of(&terms, &deployment) {
            LicenceState::Valid => {}
            state => return Err(refused(&why_not(&state, &terms))),
        }
        let (asking, licence, text, installed) = (*caller, self.licence(), text.to_owned(), terms.clone());
        let written = self.db.write(move |tx| {
            let instance = asking.may(Action::SystemLicense, user::instance(), &licence)?;
            licence::put(tx, &instance, &text)?;
            licence::note_time(tx)?;
            let features: Vec<&str> = installed.features.iter().map(|feature| feature.name()).collect();
            let event = Event::new(AuditAction::LicenceInstall)
                .detail("holder", &installed.holder)
                .detail("expires", installed.expires)
                .detail("features", features.join(","));
            audit::record(tx, &asking, event)
        });
        written.await?;
        self.read_licence().await?;
        tracing::info!(expires = %terms.expires, "installed a licence");
        self.see_licence(caller).await
    }

    pub async fn see_licence(&self, caller: &Caller) -> Result<SeenLicence, Error> {
        let (caller, allows) = (*caller, self.licence());
        let read = self.db.read(move |tx| {
            caller.may(Action::SystemLicense, user::instance(), &allows)?;
            Ok::<_, Error>((licence::installed(tx)?, licence::deployment(tx)?, seat::counts(tx)?))
        });
        let (installed, deployment, seats) = read.await?;
        let deployment = deployment.unwrap_or_default();
        let opened = installed.as_ref().map(|installed| open_licence(&installed.text, &self.licence.trusted));
        let (state, terms) = match opened {
            None => (LicenceState::None, None),
            Some(Ok(terms)) => (self.state_of(&terms, &deployment), Some(terms)),
            Some(Err(why)) => (LicenceState::Unusable(why.to_string()), None),
        };
        let left = |terms: &LicenceTerms| terms.expires.ends().secs_since(self.licence.time(&self.clock)) / DAY_SECS;
        let days_left = terms.as_ref().filter(|_| state == LicenceState::Valid).map(left);
        let warnings = warnings(&state, terms.as_ref(), days_left);
        let installed_at = installed.map(|installed| installed.at);
        Ok(SeenLicence { state, terms, installed_at, days_left, deployment, seats, warnings })
    }

    /// Remembers the time, and logs what somebody should do something about.
    pub async fn watch_licence(&self) -> Result<(), Error> {
        self.note_time().await?;
        for warning in self.see_licence(&Caller::SYSTEM).await?.warnings {
            tracing::warn!("{warning}");
        }
        Ok(())
    }

    /// Writes down the latest time seen, so that it is known after a restart.
    pub async fn note_time(&self) -> Result<(), Error> {
        self.db.write(|tx| Ok::<_, Error>(licence::note_time(tx)?)).await
    }

    /// At the start: what is written, checked anew.
    pub(super) async fn open_licence(&self) -> Result<(), Error> {
        let (latest, deployment) =
            self.db.read(|tx| Ok::<_, Error>((licence::latest_time(tx)?, licence::deployment(tx)?))).await?;
        self.licence.latest.fetch_max(latest.0, Ordering::Relaxed);
        if deployment.is_none() {
            let id = new_deployment_id();
            self.db.write(move |tx| Ok::<_, Error>(licence::name_deployment(tx, &id)?)).await?;
        }
        // With a full disk the server still starts, and reads.
        if let Err(error) = self.note_time().await {
            tracing::warn!(%error, "the time could not be written down");
        }
        self.read_licence().await
    }

    /// Brings what is in memory up to what is written.
    async fn read_licence(&self) -> Result<(), Error> {
        let sequence = self.db.sequence();
        let installed = self.db.read(|tx| Ok::<_, Error>(licence::installed(tx)?)).await?;
        let deployment = self.deployment().await?;
        let opened = installed.map(|installed| open_licence(&installed.text, &self.licence.trusted));
        let terms = opened.and_then(Result::ok).filter(|terms| names(terms, &deployment));
        self.licence.term.offer(sequence, terms.as_ref().map(term));
        Ok(())
    }

    async fn deployment(&self) -> Result<String, Error> {
        let found = self.db.read(|tx| Ok::<_, Error>(licence::deployment(tx)?)).await?;
        Ok(found.unwrap_or_default())
    }

    fn state_of(&self, terms: &LicenceTerms, deployment: &str) -> LicenceState {
        let (now, term) = (self.licence.time(&self.clock), term(terms));
        if !names(terms, deployment) {
            let named = terms.deployment.as_deref().unwrap_or_default();
            return LicenceState::Unusable(format!("it is for the deployment `{named}`, and this is `{deployment}`"));
        }
        match () {
            () if now < term.begins => LicenceState::NotYetValid,
            () if now < term.ends => LicenceState::Valid,
            () => LicenceState::Expired,
        }
    }
}

fn names(terms: &LicenceTerms, deployment: &str) -> bool {
    terms.deployment.as_deref().is_none_or(|named| named == deployment)
}

fn why_not(state: &LicenceState, terms: &LicenceTerms) -> String {
    match state {
        LicenceState::Valid | LicenceState::None => String::new(),
        LicenceState::NotYetValid => {
            let first = terms.not_before.map(|day| day.to_string()).unwrap_or_default();
            format!("the licence is valid from {first} on; install it then")
        }
        LicenceState::Expired => format!("the licence has expired: its last day was {}", terms.expires),
        LicenceState::Unusable(why) => format!("the licence cannot be used: {why}"),
    }
}

fn warnings(state: &LicenceState, terms: Option<&LicenceTerms>, days_left: Option<i64>) -> Vec<String> {
    let end = "licensed features can then not be newly used; what exists goes on working";
    match (state, terms, days_left) {
        (LicenceState::Valid, Some(terms), Some(days)) if days < WARN_DAYS => {
            vec![format!("the licence expires after {} ({days} whole days left); {end}", terms.expires)]
        }
        (LicenceState::Expired | LicenceState::NotYetValid, Some(terms), _) => vec![why_not(state, terms)],
        (LicenceState::Unusable(why), ..) => vec![format!("the installed licence cannot be used: {why}")],
        _ => Vec::new(),
    }
}

/// Long enough that no two deployments have the same.
fn new_deployment_id() -> String {
    let mut id = String::with_capacity(32);
    for byte in random_bytes::<16>() {
        let _text_takes_all = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
#[path = "licence_tests.rs"]
mod tests;
