//! Orphans: objects in a store that nothing leads to, such as a crash or a lost database may leave. Going through a
//! store finds them, and says of everything else why it stays.
//!
//! Whatever an object is to be is announced before the object is made, until a record leads to it; so an object that
//! nothing leads to and nothing announces stays an orphan for ever.

use super::migration::{name_of_store, store_called};
use super::store::connectors;
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{lease, scrub, user};
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::migration::Amount;
use crate::domain::orphan::{Reason, StoreReport};
use crate::storage::claim::Owner;
use crate::storage::{ObjectFacts, ObjectKey, Store};
use futures_util::TryStreamExt;
use tokio::sync::mpsc;

/// The name of the lease.
const WORK: &str = "collect_orphans";
const LEASE_SECS: i64 = 300;
/// Objects looked up in one read.
const PAGE: usize = 500;
const DAY_SECS: i64 = 86_400;

/// An object that is deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub key: String,
    pub facts: ObjectFacts,
}

/// A store as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenStore {
    pub name: String,
    pub report: StoreReport,
}

/// What is to be done with a store.
struct Cleaning {
    store: Store,
    grace_secs: i64,
    deletes: bool,
}

/// An object of a store, and the reason why it stays.
type Judged = (Listed, Option<Reason>);
type Listed = (String, ObjectFacts);

impl App {
    /// The names of all stores.
    pub async fn store_names(&self, caller: &Caller) -> Result<Vec<String>, Error> {
        caller.may(Action::StorageGc, user::instance(), &self.licence())?;
        let default = self.stores.default_connector();
        let named = self.db.read(move |tx| {
            // That of the instance is one store, also where it is a connector's.
            let others = connectors(tx)?.into_iter().filter(|id| Some(*id) != default);
            let stores = [StoreId::Default].into_iter().chain(others.map(StoreId::Connector));
            stores.map(|store| name_of_store(tx, store)).collect::<Result<Vec<_>, Error>>()
        });
        named.await
    }

    /// Goes through a store and deletes the orphans in it, or only says which there are.
    pub async fn clean_store(
        &self,
        caller: &Caller,
        name: &str,
        is_dry_run: bool,
        told: Option<mpsc::Sender<Orphan>>,
    ) -> Result<StoreReport, Error> {
        caller.may(Action::StorageGc, user::instance(), &self.licence())?;
        let wanted = name.to_owned();
        let id = self.db.read(move |tx| store_called(tx, &wanted)).await?;
        self.hold_cleaning().await?;
        let (store, hours) = (self.store_named(id)?, self.system_settings().gc_grace_hours);
        let mut cleaning = Cleaning {
            store,
            grace_secs: i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(3600),
            deletes: !is_dry_run,
        };
        let mut report = StoreReport {
            at: self.clock.now(),
            kept: std::collections::BTreeMap::new(),
            orphans: Amount::default(),
            nothing_deleted: is_dry_run.then(|| "it was only asked what would be deleted".to_owned()),
        };
        if !self.is_ours(id, &cleaning.store).await? {
            // What nothing leads to here may be what another server has.
            cleaning.deletes = false;
            report.nothing_deleted.get_or_insert(format!("`{}` there does not name this server", Owner::KEY));
        }
        let gone_through = self.go_through(&cleaning, &mut report, told).await;
        let worker = self.worker;
        self.db.write(move |tx| Ok::<_, Error>(lease::release(tx, WORK, worker)?)).await?;
        gone_through?;
        if !is_dry_run {
            let noted = report.clone();
            self.db.write(move |tx| Ok::<_, Error>(scrub::put_report(tx, id, &noted)?)).await?;
        }
        metrics::counter!("weighhouse_orphans_deleted_total").increment(if cleaning.deletes {
            report.orphans.objects
        } else {
            0
        });
        Ok(report)
    }

    /// What was found in each store the last time.
    pub async fn store_reports(&self, caller: &Caller) -> Result<Vec<SeenStore>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let seen = self.db.read(move |tx| {
            let instance = caller.may(Action::StorageGc, user::instance(), &licence)?;
            let reports = scrub::reports(tx, &instance)?.into_iter();
            reports.map(|(id, report)| Ok(SeenStore { name: name_of_store(tx, id)?, report })).collect()
        });
        seen.await
    }

    /// Cleans every store that was not gone through for a day. A store that does not answer keeps no other from it.
    pub async fn clean_stores_daily(&self) -> Result<u64, Error> {
        let mut deleted = 0;
        for name in self.store_names(&Caller::SYSTEM).await? {
            let (wanted, now) = (name.clone(), self.clock.now());
            let is_due = self.db.read(move |tx| {
                let report = scrub::report(tx, store_called(tx, &wanted)?)?;
                Ok::<_, Error>(report.is_none_or(|report| now.secs_since(report.at) >= DAY_SECS))
            });
            if !is_due.await? {
                continue;
            }
            match self.clean_store(&Caller::SYSTEM, &name, false, None).await {
                Ok(report) if report.nothing_deleted.is_none() => deleted += report.orphans.objects,
                Ok(report) => tracing::warn!(store = name, reason = report.nothing_deleted, "a store is not cleaned"),
                Err(error) => tracing::warn!(store = name, %error, "a store cannot be cleaned"),
            }
        }
        Ok(deleted)
    }

    async fn hold_cleaning(&self) -> Result<(), Error> {
        let worker = self.worker;
        let held = self.db.write(move |tx| Ok::<_, Error>(lease::hold(tx, WORK, worker, LEASE_SECS)?));
        match held.await? {
            true => Ok(()),
            false => Err(Error::Conflict("another process goes through a store; try again later".into())),
        }
    }

    async fn go_through(
        &self,
        cleaning: &Cleaning,
        report: &mut StoreReport,
        told: Option<mpsc::Sender<Orphan>>,
    ) -> Result<(), Error> {
        let mut listed = cleaning.store.list();
        let mut page = Vec::with_capacity(PAGE);
        loop {
            let next = listed.try_next().await?;
            let is_last = next.is_none();
            page.extend(next);
            if page.len() < PAGE && !is_last {
                continue;
            }
            for (object, reason) in self.judge(std::mem::take(&mut page), cleaning.grace_secs).await? {
                dispose(cleaning, object, reason, report, told.as_ref()).await?;
            }
            if is_last || told.as_ref().is_some_and(mpsc::Sender::is_closed) {
                return Ok(());
            }
            self.hold_cleaning().await?;
        }
    }

    async fn judge(&self, page: Vec<Listed>, grace_secs: i64) -> Result<Vec<Judged>, Error> {
        let now = self.clock.now();
        let judged = self.db.read(move |tx| {
            let mut judged = Vec::with_capacity(page.len());
            for (key, facts) in page {
                let known = match ObjectKey::parse(&key) {
                    Some(object) => scrub::reason(tx, object)?,
                    None if ObjectKey::is_probe(&key) => None,
                    None if key == Owner::KEY => Some(Reason::Mark),
                    None => Some(Reason::Foreign),
                };
                let is_young = now.secs_since(facts.modified) < grace_secs;
                judged.push(((key, facts), known.or(is_young.then_some(Reason::Young))));
            }
            Ok::<_, Error>(judged)
        });
        judged.await
    }
}

/// Counts the object, and deletes it if nothing leads to it and that is wanted.
async fn dispose(
    cleaning: &Cleaning,
    (key, facts): Listed,
    reason: Option<Reason>,
    report: &mut StoreReport,
    told: Option<&mpsc::Sender<Orphan>>,
) -> Result<(), Error> {
    let amount = Amount { objects: 1, bytes: facts.size_bytes };
    if let Some(reason) = reason {
        let kept = report.kept.entry((kind_of(&key).to_owned(), reason)).or_default();
        *kept = kept.plus(amount);
        return Ok(());
    }
    if cleaning.deletes {
        cleaning.store.delete(&ObjectKey::listed(&key)).await?;
    }
    report.orphans = report.orphans.plus(amount);
    if let Some(told) = told {
        // Whoever asked has gone: the store is not gone through any further.
        let _gone = told.send(Orphan { key, facts }).await;
    }
    Ok(())
}

/// What an object is, by its key.
fn kind_of(key: &str) -> &'static str {
    match ObjectKey::parse(key) {
        Some(StoredObject::RunFile(_)) => "run files",
        Some(StoredObject::Blob(_)) => "artifact files",
        Some(StoredObject::Manifest(_)) => "manifests",
        Some(StoredObject::Segment(_) | StoredObject::Detail(_)) => "history",
        Some(StoredObject::Console(_)) => "console",
        Some(StoredObject::Image(_)) => "pictures",
        None => "others",
    }
}
