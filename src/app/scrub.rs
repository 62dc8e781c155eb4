//! Scrubbing: reading stored objects again and comparing them with what was stored, a share of all a day, or as much as
//! somebody asks for. What is missing or damaged is noted until it is whole again, or wanted no more.

use super::existing::{missing, name_of_existing};
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{lease, scrub, stored, team, user};
use crate::domain::id::EntityId;
use crate::domain::migration::Amount;
use crate::domain::scrub::{Finding, Round, Scrubbing};
use crate::domain::stored::{Position, Referenced};
use crate::storage::ObjectKey;
use crate::storage::copy::fault_of_bytes;
use tokio::sync::mpsc;

/// The name of the lease.
const WORK: &str = "scrub";
const LEASE_SECS: i64 = 300;
/// Objects looked up in one read.
const PAGE: usize = 50;
/// Objects counted in one read.
const COUNTED: usize = 5_000;
/// How often a share is read: so much of the day's share at a time.
const PORTIONS_PER_DAY: u64 = 24;
const HOUR_SECS: i64 = 3600;
const FINDINGS_SHOWN: usize = 1_000;

/// What has been found, for who looks after the instance.
#[derive(Debug, Clone)]
pub struct ScrubReport {
    pub state: Scrubbing,
    pub findings: Vec<Finding>,
    /// There are more than are shown.
    pub has_more: bool,
}

/// What has come of reading again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    pub read: Amount,
    /// Whose store did not answer, and what it said.
    pub unread: Vec<String>,
}

/// Objects of an entity, and whose and where the next ones begin.
type Portion = (Vec<Referenced>, Option<(EntityId, Position)>);

impl App {
    /// Reads a share of the objects of a team, or of everybody, evenly spread, and tells what is wrong with each.
    pub async fn scrub(
        &self,
        caller: &Caller,
        team: Option<&str>,
        percent: u64,
        told: mpsc::Sender<Finding>,
    ) -> Result<Scrubbed, Error> {
        caller.may(Action::StorageGc, user::instance(), &self.licence())?;
        if !(1..=100).contains(&percent) {
            return Err(Error::invalid("share", &"a share is a whole number of percent from 1 to 100"));
        }
        let only = match team {
            Some(team) => Some(self.team_id(team).await?),
            None => None,
        };
        let (mut scrubbed, mut seen) = (Scrubbed::default(), 0_u64);
        let mut next = self.first_of(only).await?;
        while let Some((owner, from)) = next {
            let (objects, after) = self.objects_from(owner, from, only.is_some()).await?;
            next = after;
            for found in objects {
                seen += 1;
                if seen * percent / 100 == (seen - 1) * percent / 100 {
                    continue;
                }
                match self.read_again(owner, found).await {
                    Ok(finding) => {
                        scrubbed.read.add(&found.content);
                        if let Some(finding) = finding {
                            let _gone = told.send(finding).await;
                        }
                    }
                    // A store that does not answer keeps nobody else's from being read.
                    Err(Error::Store(error)) if only.is_none() => {
                        scrubbed.unread.push(format!("{}: {error}", self.name_of_owner(owner).await?));
                        next = self.owner_after(Some(owner)).await?.map(|owner| (owner, Position::default()));
                        break;
                    }
                    Err(Error::Store(error)) => return Err(Error::Outside(error.to_string())),
                    Err(other) => return Err(other),
                }
            }
            if told.is_closed() {
                break;
            }
        }
        Ok(scrubbed)
    }

    /// What is missing or damaged, and how far the round has come.
    pub async fn scrub_report(&self, caller: &Caller) -> Result<ScrubReport, Error> {
        let (caller, licence) = (*caller, self.licence());
        // Those about what is gone are dropped whenever somebody looks.
        caller.may(Action::StorageGc, user::instance(), &licence)?;
        self.db.write(|tx| scrub::forget_gone(tx, FINDINGS_SHOWN).map_err(Error::from)).await?;
        let report = self.db.read(move |tx| {
            let instance = caller.may(Action::StorageGc, user::instance(), &licence)?;
            let found = scrub::findings(tx, &instance, FINDINGS_SHOWN + 1)?;
            let has_more = found.len() > FINDINGS_SHOWN;
            let findings = found.into_iter().take(FINDINGS_SHOWN).collect();
            Ok::<_, Error>(ScrubReport { state: scrub::state(tx)?, findings, has_more })
        });
        report.await
    }

    /// Reads an hour's share, when the last one is an hour ago. Says how many objects were read.
    pub async fn scrub_share(&self) -> Result<u64, Error> {
        let (percent, now, worker) = (self.system_settings().scrub_percent_a_day, self.clock.now(), self.worker);
        let state = self.db.read(|tx| scrub::state(tx).map_err(Error::from)).await?;
        let is_due = state.read_at.is_none_or(|at| now.secs_since(at) >= HOUR_SECS);
        if percent == 0 || !is_due {
            return Ok(0);
        }
        let held = self.db.write(move |tx| Ok::<_, Error>(lease::hold(tx, WORK, worker, LEASE_SECS)?));
        if !held.await? {
            return Ok(0);
        }
        let mut state = if state.owner.is_some() { state } else { self.new_round(state).await? };
        let share = (state.objects * percent).div_ceil(100 * PORTIONS_PER_DAY).max(1);
        let mut read = 0;
        while let (Some(owner), true) = (state.owner, read < share) {
            let (objects, next) = self.objects_from(owner, state.position, false).await?;
            let mut next = next;
            for found in objects {
                match self.read_again(owner, found).await {
                    Ok(_) => state.done.add(&found.content),
                    Err(Error::Store(error)) => {
                        tracing::warn!(entity.id = %owner, %error, "a store does not answer; its objects are read in the next round");
                        next = self.owner_after(Some(owner)).await?.map(|owner| (owner, Position::default()));
                        break;
                    }
                    Err(other) => return Err(other),
                }
                read += 1;
            }
            (state.owner, state.position) = match next {
                Some((owner, position)) => (Some(owner), position),
                None => (None, Position::default()),
            };
            state.read_at = Some(now);
            if state.owner.is_none() {
                let began_at = state.began_at.unwrap_or(now);
                state.last_round = Some(Round { began_at, ended_at: self.clock.now(), read: state.done });
            }
            let noted = state.clone();
            let held = self.db.write(move |tx| {
                let is_held = lease::hold(tx, WORK, worker, LEASE_SECS)?;
                if is_held {
                    scrub::put_state(tx, &noted)?;
                }
                Ok::<_, Error>(is_held)
            });
            if !held.await? {
                break;
            }
        }
        metrics::counter!("weighhouse_scrubbed_objects_total").increment(read);
        Ok(read)
    }

    async fn new_round(&self, before: Scrubbing) -> Result<Scrubbing, Error> {
        let (mut objects, mut next) = (0, self.first_of(None).await?);
        let first = next;
        while let Some((owner, from)) = next {
            let page = self.db.read(move |tx| stored::list(tx, owner, from, COUNTED).map_err(Error::from)).await?;
            objects += page.0.len() as u64;
            next = match page.1 {
                Some(position) => Some((owner, position)),
                None => self.owner_after(Some(owner)).await?.map(|owner| (owner, Position::default())),
            };
        }
        let (owner, position) = first.map_or((None, Position::default()), |(owner, from)| (Some(owner), from));
        let began_at = Some(self.clock.now());
        Ok(Scrubbing { owner, position, began_at, done: Amount::default(), objects, ..before })
    }

    /// Reads one object, and notes what is wrong with it.
    async fn read_again(&self, owner: EntityId, found: Referenced) -> Result<Option<Finding>, Error> {
        let key = ObjectKey::of_object(found.object);
        let fault = fault_of_bytes(&self.store_of(owner)?, &key, &found.content).await?;
        let now = self.clock.now();
        let noted = self.db.write(move |tx| {
            // One that was deleted meanwhile has no fault.
            let is_wanted = stored::find(tx, found.object)?.is_some();
            let finding = match fault.filter(|_| is_wanted) {
                None => None,
                Some(fault) => {
                    let (key, of) = (ObjectKey::of_object(found.object).to_string(), stored::name(tx, &found)?);
                    Some(Finding { key, of, fault, found_at: now })
                }
            };
            scrub::note(tx, owner, found.object, finding.as_ref())?;
            Ok::<_, Error>(finding)
        });
        // Most are whole, and then nothing is to be written.
        let finding = if fault.is_none() && !self.is_noted(owner, found).await? { None } else { noted.await? };
        if let Some(finding) = &finding {
            metrics::counter!("weighhouse_scrub_findings_total", "fault" => finding.fault.name()).increment(1);
            tracing::error!(object = finding.key, of = finding.of, fault = %finding.fault, "a stored object is not whole");
        }
        Ok(finding)
    }

    async fn is_noted(&self, owner: EntityId, found: Referenced) -> Result<bool, Error> {
        self.db.look_up(|tx| scrub::is_noted(tx, owner, found.object).map_err(Error::from))
    }

    async fn objects_from(&self, owner: EntityId, from: Position, is_alone: bool) -> Result<Portion, Error> {
        let (page, next) = self.db.read(move |tx| stored::list(tx, owner, from, PAGE).map_err(Error::from)).await?;
        let next = match next {
            Some(position) => Some((owner, position)),
            None if is_alone => None,
            None => self.owner_after(Some(owner)).await?.map(|owner| (owner, Position::default())),
        };
        Ok((page.into_iter().map(|(found, _)| found).collect(), next))
    }

    async fn first_of(&self, only: Option<EntityId>) -> Result<Option<(EntityId, Position)>, Error> {
        let owner = match only {
            Some(owner) => Some(owner),
            None => self.owner_after(None).await?,
        };
        Ok(owner.map(|owner| (owner, Position::default())))
    }

    async fn owner_after(&self, owner: Option<EntityId>) -> Result<Option<EntityId>, Error> {
        self.db.read(move |tx| stored::owner_after(tx, owner).map_err(Error::from)).await
    }

    async fn name_of_owner(&self, owner: EntityId) -> Result<String, Error> {
        self.db.read(move |tx| stored::name_of_entity(tx, owner).map_err(Error::from)).await
    }

    async fn team_id(&self, name: &str) -> Result<EntityId, Error> {
        let name = name_of_existing("team", name)?;
        let found = self.db.read(move |tx| Ok::<_, Error>((team::id_named(tx, &name)?, name)));
        let (found, name) = found.await?;
        found.map(|(id, _)| id).ok_or_else(|| missing("team", &name))
    }
}
