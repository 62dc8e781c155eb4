//! The work of a migration, a portion at a time. Every portion can be cut off anywhere and begun again: an object that is
//! there already is not brought again, and how far the work has come is written only with what it means for where the
//! bytes are.
//!
//! Training goes on meanwhile. What begins to be sent after the target has become the team's store goes there. What was
//! under way then lands in the source, and [`garbage::keep`] notes it as a straggler in the transaction that makes it
//! count; the source is left in one transaction with the proof that there is no straggler, and after it nothing that
//! was sent there counts any more.

use crate::app::trash::SECS_PER_DAY;
use crate::app::{App, Error};
use crate::db::repo::{connector, garbage, lease, migration, stored};
use crate::db::tx::WriteTx;
use crate::domain::connector::{Place, StoreId};
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::domain::migration::{Amount, Failure, Failures, Halt, Migration, Phase, Trouble};
use crate::domain::stored::{Position, Referenced};
use crate::storage::copy::{CopyError, bring, fault_of};
use crate::storage::{ObjectKey, Store, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// The name of the lease.
const WORK: &str = "migrate_stores";
/// How long migrations stand still when the process that does them was killed.
const LEASE_SECS: i64 = 15;
/// Objects looked up in one read.
const PAGE: usize = 200;
/// Bytes of one portion, if it is more than one object: so much is done again after a crash.
const PORTION_BYTES: u64 = 256 << 20;
/// Objects of a team that are on their way at once, and teams.
const AT_ONCE: usize = 4;
const TEAMS_AT_ONCE: usize = 4;
/// A store that did not do its part is asked again after this time.
const RETRY_SECS: i64 = 15;
/// Objects that are counted in one read.
const COUNTED: usize = 5_000;

/// What became of one object.
enum Outcome {
    Brought,
    WasThere,
    Failed(String),
}

/// What a portion has done.
#[derive(Default)]
struct Portion {
    done: Amount,
    copied: Amount,
    failures: Failures,
    next: Option<Position>,
}

impl App {
    /// Does one portion of each migration that can go on now. Says whether any has come further.
    pub async fn work_on_migrations(&self) -> Result<bool, Error> {
        let (mut has_moved, mut after) = (false, None);
        loop {
            let page = self.db.read(move |tx| migration::under_way(tx, after, PAGE).map_err(Error::from)).await?;
            let portions = stream::iter(page.0).map(|(team, at)| async move { (team, self.work_on(team, at).await) });
            let mut portions = std::pin::pin!(portions.buffer_unordered(TEAMS_AT_ONCE));
            while let Some((team, moved)) = portions.next().await {
                match moved {
                    Ok(moved) => has_moved |= moved,
                    // One team's trouble keeps no other from moving.
                    Err(error) => tracing::error!(%error, team.id = %team, "a migration failed; it is tried again"),
                }
            }
            after = page.1;
            if after.is_none() {
                return Ok(has_moved);
            }
        }
    }

    async fn work_on(&self, team: EntityId, at: Migration) -> Result<bool, Error> {
        let now = self.clock.now();
        let rests = at.trouble.as_ref().is_some_and(|trouble| now.secs_since(trouble.at) < RETRY_SECS);
        if at.halt.is_some() || rests {
            return Ok(false);
        }
        let worked = match (at.phase, at.position) {
            (Phase::Kept { until }, _) if until > now => return Ok(false),
            (Phase::Kept { .. }, _) => self.enter_phase(team, &at, Phase::Releasing).await,
            (Phase::Copying | Phase::Verifying, Some(_)) if at.all.is_none() => self.count_all(team, &at).await,
            (Phase::Copying | Phase::Verifying, Some(from)) => self.bring_portion(team, &at, from).await,
            (Phase::Copying, None) => self.enter_phase(team, &at, Phase::Verifying).await,
            (Phase::Verifying, None) => self.leave_source(team, &at).await,
            (Phase::Releasing, Some(from)) => self.release_portion(team, &at, from).await,
            (Phase::Releasing, None) => self.finish_release(team, &at).await,
            (Phase::Released, _) => return Ok(false),
        };
        match worked {
            Err(Error::Store(error)) => {
                tracing::warn!(%error, team.id = %team, "a migration waits for a store");
                let trouble = Some(Trouble { why: error.to_string(), at: now });
                self.advance_migration(team, &at, move |_, at| Ok(Migration { trouble: trouble.clone(), ..at }))
                    .await?;
                Ok(false)
            }
            worked => worked,
        }
    }

    /// Writes what has changed, unless somebody else has changed it meanwhile, or works on it.
    async fn advance_migration(
        &self,
        team: EntityId,
        was: &Migration,
        change: impl Fn(&mut WriteTx<'_>, Migration) -> Result<Migration, Error> + Send + 'static,
    ) -> Result<bool, Error> {
        let (worker, was) = (self.worker, was.clone());
        let advanced = self.db.write(move |tx| {
            if !lease::hold(tx, WORK, worker, LEASE_SECS)? || migration::get(tx, team)?.as_ref() != Some(&was) {
                return Ok(false);
            }
            let after = change(tx, Migration { trouble: None, changed_at: tx.now(), ..was.clone() })?;
            migration::advance(tx, team, &after)?;
            Ok::<_, Error>(true)
        });
        advanced.await
    }

    async fn enter_phase(&self, team: EntityId, at: &Migration, phase: Phase) -> Result<bool, Error> {
        let entered = self.advance_migration(team, at, move |tx, at| Ok(at.enter(phase, tx.now()))).await?;
        tracing::info!(team.id = %team, ?phase, "a migration has come further");
        Ok(entered)
    }

    /// How much there is, for people who look how far it has come.
    async fn count_all(&self, team: EntityId, at: &Migration) -> Result<bool, Error> {
        let (mut all, mut from) = (Amount::default(), Some(Position::default()));
        while let Some(position) = from {
            let page = self.db.read(move |tx| stored::list(tx, team, position, COUNTED).map_err(Error::from)).await?;
            page.0.iter().for_each(|(found, _)| all.add(&found.content));
            from = page.1;
        }
        self.advance_migration(team, at, move |_, at| Ok(Migration { all: Some(all), ..at })).await
    }

    /// Some objects of the team, and where the next ones begin.
    async fn next_objects(&self, team: EntityId, from: Position) -> Result<(Vec<Referenced>, Option<Position>), Error> {
        let page = self.db.read(move |tx| stored::list(tx, team, from, PAGE).map_err(Error::from)).await?;
        let (mut objects, mut bytes, mut next) = (Vec::new(), 0_u64, from);
        for (found, after) in page.0 {
            if bytes >= PORTION_BYTES {
                return Ok((objects, Some(next)));
            }
            bytes = bytes.saturating_add(found.content.size_bytes);
            next = after;
            objects.push(found);
        }
        Ok((objects, page.1))
    }

    /// Has the target have a portion of the objects.
    async fn bring_portion(&self, team: EntityId, at: &Migration, from: Position) -> Result<bool, Error> {
        let (objects, next) = self.next_objects(team, from).await?;
        let (source, target) = (self.store_named(at.source)?, self.store_named(at.target)?);
        let portion = self.bring_all(&source, &target, objects, next).await?;
        let (failed, copied) = (portion.failures.count, portion.copied);
        let advanced = self.advance_migration(team, at, move |_, at| Ok(with_portion(at, &portion))).await?;
        metrics::counter!("weighhouse_migrated_objects_total").increment(copied.objects);
        metrics::counter!("weighhouse_migrated_bytes_total").increment(copied.bytes);
        if failed > 0 {
            tracing::warn!(team.id = %team, failed, "objects could not be moved");
        }
        Ok(advanced)
    }

    async fn bring_all(
        &self,
        source: &Store,
        target: &Store,
        objects: Vec<Referenced>,
        next: Option<Position>,
    ) -> Result<Portion, Error> {
        let bring_one = |found: Referenced| async move {
            let key = ObjectKey::of_object(found.object);
            match bring(source, target, &key, &found.content).await {
                Ok(true) => Ok((found, Outcome::Brought)),
                Ok(false) => Ok((found, Outcome::WasThere)),
                Err(CopyError::Store(error)) => Err(error),
                Err(other) => Ok((found, Outcome::Failed(other.to_string()))),
            }
        };
        self.do_at_once(stream::iter(objects).map(bring_one), next).await
    }

    /// Does the work on some objects at once, and adds up what became of them.
    async fn do_at_once<F>(
        &self,
        work: impl futures_util::Stream<Item = F>,
        next: Option<Position>,
    ) -> Result<Portion, Error>
    where
        F: Future<Output = Result<(Referenced, Outcome), StoreError>>,
    {
        let mut outcomes = std::pin::pin!(work.buffer_unordered(AT_ONCE));
        let mut portion = Portion { next, ..Portion::default() };
        while let Some((found, outcome)) = outcomes.try_next().await? {
            portion.done.add(&found.content);
            match outcome {
                Outcome::Brought => portion.copied.add(&found.content),
                Outcome::WasThere => {}
                Outcome::Failed(why) => {
                    let failure = self.failure_of(found, why).await?;
                    failure.into_iter().for_each(|failure| portion.failures.add(failure));
                }
            }
        }
        Ok(portion)
    }

    /// Tells of an object that failed, unless nothing leads to it any more.
    async fn failure_of(&self, found: Referenced, why: String) -> Result<Option<Failure>, Error> {
        let of = self.db.read(move |tx| match stored::find(tx, found.object)? {
            Some(_) => Ok::<_, Error>(Some(stored::name(tx, &found)?)),
            None => Ok(None),
        });
        let key = ObjectKey::of_object(found.object).to_string();
        Ok(of.await?.map(|of| Failure { key, of, why }))
    }

    /// Everything was gone through: brings what came into the source meanwhile, and then nobody reads it any more.
    async fn leave_source(&self, team: EntityId, at: &Migration) -> Result<bool, Error> {
        let stragglers = self.db.read(move |tx| migration::stragglers(tx, team, PAGE).map_err(Error::from)).await?;
        if !stragglers.is_empty() {
            return self.bring_stragglers(team, at, stragglers).await;
        }
        if at.failures.count > 0 && !at.accepts_damage {
            let halted =
                self.advance_migration(team, at, |_, at| Ok(Migration { halt: Some(Halt::Failures), ..at })).await?;
            tracing::error!(team.id = %team, failed = at.failures.count, "a migration stands still: objects are missing");
            return Ok(halted);
        }
        if self.awaits_uploads(team, at.source).await? {
            let why = "clients may still send straight into the old store, by URLs that they were given".to_owned();
            let trouble = Some(Trouble { why, at: self.clock.now() });
            self.advance_migration(team, at, move |_, at| Ok(Migration { trouble: trouble.clone(), ..at })).await?;
            return Ok(false);
        }
        let days = i64::try_from(self.system_settings().migration_keep_days).unwrap_or(i64::MAX);
        let keep_secs = days.saturating_mul(SECS_PER_DAY);
        let left = self.advance_migration(team, at, move |tx, at| {
            if !migration::stragglers(tx, team, 1)?.is_empty() {
                return Ok(at);
            }
            let (until, failures) = (tx.now().plus_secs(keep_secs), at.failures.clone());
            // What was left behind stays known.
            Ok(Migration { failures, ..at.enter(Phase::Kept { until }, tx.now()) })
        });
        tracing::info!(team.id = %team, "a migration has left its source");
        left.await
    }

    async fn bring_stragglers(
        &self,
        team: EntityId,
        at: &Migration,
        stragglers: Vec<StoredObject>,
    ) -> Result<bool, Error> {
        let wanted = stragglers.clone();
        let found = self.db.read(move |tx| {
            let found = wanted.iter().map(|object| stored::find(tx, *object));
            Ok::<_, Error>(found.collect::<Result<Vec<_>, _>>()?)
        });
        let objects: Vec<Referenced> = found.await?.into_iter().flatten().map(|(_, found)| found).collect();
        let (source, target) = (self.store_named(at.source)?, self.store_named(at.target)?);
        let portion = self.bring_all(&source, &target, objects, None).await?;
        self.advance_migration(team, at, move |tx, at| {
            for object in &stragglers {
                migration::forget_straggler(tx, team, *object)?;
            }
            Ok(with_portion(at, &portion))
        })
        .await
    }

    /// Whether somebody may still be sending straight into the source. A client with a signed URL cannot be asked to
    /// send again, so its leave is waited for; what goes through this server can.
    async fn awaits_uploads(&self, team: EntityId, source: StoreId) -> Result<bool, Error> {
        let connector = match source {
            StoreId::Connector(id) => Some(id),
            StoreId::Default => self.stores.default_connector(),
        };
        let Some(id) = connector else { return Ok(false) };
        let mut after = None;
        loop {
            let page = self.db.read(move |tx| {
                let place = connector::get(tx, id)?.map(|connector| connector.spec.place);
                if matches!(place, None | Some(Place::Local { .. })) {
                    return Ok(Vec::new());
                }
                Ok::<_, Error>(garbage::objects_of(tx, team, after, PAGE)?)
            });
            let page = page.await?;
            if page.iter().any(|(_, _, home)| *home == source) {
                return Ok(true);
            }
            after = page.last().map(|(ticket, ..)| *ticket);
            if page.len() < PAGE {
                return Ok(false);
            }
        }
    }

    /// Deletes from the source what the target has.
    async fn release_portion(&self, team: EntityId, at: &Migration, from: Position) -> Result<bool, Error> {
        let (objects, next) = self.next_objects(team, from).await?;
        let (source, target) = (self.store_named(at.source)?, self.store_named(at.target)?);
        if self.is_same_place(&source, &target).await? {
            let why = "the connectors were changed: both lead to the same place, so nothing is deleted";
            return Err(Error::Store(StoreError::Unavailable(why.into())));
        }
        let (source, target, damaged) = (&source, &target, at.accepts_damage);
        let delete_one = |found: Referenced| async move {
            let key = ObjectKey::of_object(found.object);
            let is_there = match target.head(&key).await {
                Ok(facts) => facts.size_bytes == found.content.size_bytes,
                Err(StoreError::NotFound) => false,
                Err(error) => return Err(error),
            };
            // What was damaged before is in no store whole, and what is left of it stays until the end.
            if is_there || (damaged && fault_of(source, &key, &found.content).await?.is_some()) {
                source.delete(&key).await?;
                return Ok((found, Outcome::WasThere));
            }
            Ok((found, Outcome::Failed("it was in the target and is not any more, so the source keeps it".into())))
        };
        let portion = self.do_at_once(stream::iter(objects).map(delete_one), next).await?;
        self.advance_migration(team, at, move |_, at| Ok(with_portion(at, &portion))).await
    }

    /// Deletes what waits to be removed anyway and would be looked for in the target alone from now on.
    async fn finish_release(&self, team: EntityId, at: &Migration) -> Result<bool, Error> {
        if at.failures.count > 0 {
            return self.advance_migration(team, at, |_, at| Ok(Migration { halt: Some(Halt::Failures), ..at })).await;
        }
        let (source, target, mut after) = (self.store_named(at.source)?, at.target, None);
        loop {
            let page = self.db.read(move |tx| garbage::objects_of(tx, team, after, PAGE).map_err(Error::from)).await?;
            for (_, object, _) in page.iter().filter(|(_, _, home)| *home == target) {
                source.delete(&ObjectKey::of_object(*object)).await?;
            }
            after = page.last().map(|(ticket, ..)| *ticket);
            if page.len() < PAGE {
                break;
            }
        }
        self.enter_phase(team, at, Phase::Released).await
    }

    /// Forgets where the bytes of teams were that are gone, so that their connectors can be deleted.
    pub async fn forget_gone_teams(&self) -> Result<usize, Error> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let page = self.db.read(move |tx| migration::teams_with_stores(tx, after, PAGE).map_err(Error::from));
            let page = page.await?;
            for team in &page {
                let team = *team;
                let is_gone = self.db.write(move |tx| migration::forget_gone(tx, team).map_err(Error::from)).await?;
                forgotten += usize::from(is_gone);
            }
            after = page.last().copied();
            if page.len() < PAGE {
                return Ok(forgotten);
            }
        }
    }
}

fn with_portion(at: Migration, portion: &Portion) -> Migration {
    let (done, copied) = (at.done.plus(portion.done), at.copied.plus(portion.copied));
    let mut failures = at.failures.clone();
    failures.join(&portion.failures);
    Migration { position: portion.next, done, copied, failures, ..at }
}
