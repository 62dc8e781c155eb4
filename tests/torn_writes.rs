//! Power cuts under the real group-commit writer: what was acknowledged is there, whole, and nothing else is.
//! A life is a database that crashes again and again, also while it opens; its seed repeats it.
//! `WEIGHHOUSE_TEST_SCALE` multiplies the number of crashes, `WEIGHHOUSE_TEST_SEED` says which life comes first.

#[path = "torn_writes/disk.rs"]
mod disk;

use disk::{Disk, Random, Syncs};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use weighhouse::db::engine::redb::RedbEngine;
use weighhouse::db::record::Record;
use weighhouse::db::table::{PutError, Stored, Table};
use weighhouse::db::{Db, DbError, Limits};
use weighhouse::domain::clock::{Clock, Timestamp};

const CRASHES: f64 = 2000.0;
const CRASHES_PER_LIFE: u64 = 50;
/// Every change writes this many records, far apart in the tree.
const PARTS: u32 = 4;
const SLOTS: u64 = 48;
const CACHE_BYTES: usize = 1 << 20;

const CARGO: Table<(u32, u64), Cargo> = Table::new(900, "cargo");

/// One part of what a change put into a slot.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cargo {
    generation: u64,
    load: String,
}

impl Record for Cargo {}
impl Stored<(u32, u64)> for Cargo {}

impl Cargo {
    /// Mostly small; some need pages of their own, so that the file grows and frees space.
    fn of(generation: u64, part: u32) -> Self {
        let mut random = Random::new(generation * u64::from(PARTS) + u64::from(part));
        let words = if random.below(12) == 0 { random.below(1500) } else { random.below(20) };
        let load = (0..words).map(|_| format!("{:016x}", random.next())).collect();
        Self { generation, load }
    }
}

/// Slot to the generation it holds.
type Slots = BTreeMap<u64, u64>;

/// Fills a slot, or empties it.
#[derive(Debug, Clone, Copy)]
struct Change {
    slot: u64,
    generation: Option<u64>,
}

impl Change {
    fn apply(self, slots: &mut Slots) {
        match self.generation {
            Some(generation) => slots.insert(self.slot, generation),
            None => slots.remove(&self.slot),
        };
    }

    async fn send(self, db: &Db) -> Result<(), PutError> {
        db.write(move |tx| {
            for part in 0..PARTS {
                let key = (part, self.slot);
                match self.generation {
                    Some(generation) => CARGO.put(tx, &key, &Cargo::of(generation, part))?,
                    None => _ = CARGO.delete(tx, &key)?,
                }
            }
            Ok(())
        })
        .await
    }
}

/// What must never happen on an honest disk.
#[derive(Debug, thiserror::Error)]
enum Violation {
    #[error("the database does not open: {0}")]
    NotOpened(String),
    #[error("the database panicked")]
    Panicked,
    #[error("the database opened and cannot be read: {0}")]
    NotRead(#[from] DbError),
    #[error("a change was refused while the power was on: {0}")]
    Refused(String),
    #[error("slot {0} holds parts of different changes, or other bytes than were sent")]
    Torn(u64),
    #[error("{acknowledged} changes were acknowledged and only the first {found} are there")]
    Lost { acknowledged: usize, found: usize },
    #[error("what is there is no state the database ever had")]
    Invented,
    #[error("the engine's own check of its pages fails: {0}")]
    Integrity(String),
}

/// What the crashes hit, to show that they hit something.
#[derive(Debug, Default)]
struct Tally {
    crashes: u64,
    while_opening: u64,
    while_writing: u64,
    acknowledged: usize,
    /// Crashes after which changes that nobody confirmed were there nevertheless, which is allowed.
    unconfirmed_kept: u64,
}

struct Life<'t> {
    random: Random,
    disk: Disk,
    /// What the database held when it last opened.
    slots: Slots,
    /// Sent since then, in the order in which the writer gets them.
    sent: Vec<Change>,
    /// That many of `sent` must be there.
    acknowledged: usize,
    generation: u64,
    tally: &'t mut Tally,
}

impl<'t> Life<'t> {
    fn new(seed: u64, tally: &'t mut Tally) -> Self {
        let disk = Disk::empty(Syncs::Honest);
        Self {
            random: Random::new(seed),
            disk,
            slots: Slots::new(),
            sent: vec![],
            acknowledged: 0,
            generation: 0,
            tally,
        }
    }

    async fn live(&mut self, crashes: u64, syncs: Syncs) -> Result<(), Violation> {
        // Creation is not interrupted: redb refuses a file whose creation it did not finish, and nothing was
        // acknowledged in it. What follows is about databases that exist.
        drop(open(&self.disk)?);
        self.disk.set_syncs(syncs);
        let last = self.tally.crashes + crashes;
        let mut db = self.open_after_crashes().await?;
        while self.tally.crashes < last {
            self.work_until_crash(db).await?;
            db = self.open_after_crashes().await?;
        }
        drop(db);
        self.check_pages()
    }

    /// Opens what survived and verifies it; the power may go again while it opens.
    async fn open_after_crashes(&mut self) -> Result<Db, Violation> {
        loop {
            self.tally.crashes += 1;
            self.disk = self.disk.survivor(&mut self.random);
            if self.random.below(2) == 0 {
                self.disk.cut_power_after(self.random.below(6));
            }
            match open(&self.disk) {
                Ok(db) => {
                    let found = stored_slots(&db).await?;
                    self.verify(found)?;
                    return Ok(db);
                }
                Err(_) if self.disk.is_off() => self.tally.while_opening += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn work_until_crash(&mut self, db: Db) -> Result<(), Violation> {
        self.disk.cut_power_after(self.random.below(90));
        for _ in 0..1 + self.random.below(6) {
            self.write_group(&db).await?;
        }
        self.tally.while_writing += u64::from(self.disk.is_off());
        if self.random.below(2) == 0 {
            self.disk.cut_power();
        }
        drop(db); // an orderly stop, when there is power
        Ok(())
    }

    /// Sends some changes that share one commit.
    async fn write_group(&mut self, db: &Db) -> Result<(), Violation> {
        let group: Vec<Change> = (0..1 + self.random.below(8)).map(|_| self.next_change()).collect();
        let before = self.sent.len();
        self.sent.extend(&group);

        // The writer waits in the first closure until all are queued: which changes share a commit
        // is then the seed's choice and not the scheduler's.
        let (go, wait) = mpsc::channel();
        let gate = db.write(move |_| {
            let _opened = wait.recv();
            Ok(())
        });
        let mut queue: Vec<BoxFuture<'_, Result<(), PutError>>> = vec![gate.boxed()];
        queue.extend(group.iter().map(|change| change.send(db).boxed()));
        let open_gate = async move {
            let _waiting = go.send(()); // nobody waits when the power went before
            Ok(())
        };
        queue.push(open_gate.boxed());
        let outcomes = join_all(queue).await;

        for (index, outcome) in outcomes[1..=group.len()].iter().enumerate() {
            match outcome {
                Ok(()) => self.acknowledged = before + index + 1,
                Err(_) if self.disk.is_off() => {}
                Err(error) => return Err(Violation::Refused(error.to_string())),
            }
        }
        Ok(())
    }

    fn next_change(&mut self) -> Change {
        self.generation += 1;
        let generation = (self.random.below(5) > 0).then_some(self.generation);
        Change { slot: self.random.below(SLOTS), generation }
    }

    /// The writer keeps the order, so what is there must be the effect of the first so many changes.
    fn verify(&mut self, found: Slots) -> Result<(), Violation> {
        let mut slots = std::mem::take(&mut self.slots);
        let mut matching = (slots == found).then_some(0);
        for (index, change) in self.sent.iter().enumerate() {
            change.apply(&mut slots);
            matching = if slots == found { Some(index + 1) } else { matching };
        }
        let (count, acknowledged) = (matching.ok_or(Violation::Invented)?, self.acknowledged);
        if count < acknowledged {
            return Err(Violation::Lost { acknowledged, found: count });
        }
        self.tally.acknowledged += acknowledged;
        self.tally.unconfirmed_kept += u64::from(count > acknowledged);
        (self.slots, self.acknowledged) = (found, 0);
        self.sent.clear();
        Ok(())
    }

    fn check_pages(&mut self) -> Result<(), Violation> {
        let disk = self.disk.survivor(&mut self.random);
        let failed = |error: &dyn std::error::Error| Violation::Integrity(error.to_string());
        let mut database = redb::Builder::new().create_with_backend(disk).map_err(|e| failed(&e))?;
        match database.check_integrity().map_err(|e| failed(&e))? {
            true => Ok(()),
            false => Err(Violation::Integrity("repairs were needed".into())),
        }
    }
}

fn open(disk: &Disk) -> Result<Db, Violation> {
    let failed = |error: &dyn std::error::Error| Violation::NotOpened(error.to_string());
    let disk = disk.clone();
    let engine = RedbEngine::on_backend(CACHE_BYTES, move || disk.clone()).map_err(|e| failed(&e))?;
    Db::new(Arc::new(engine), Clock::fixed_at(Timestamp(1)), &Limits::default()).map_err(|e| failed(&e))
}

/// Reads everything; a slot counts only if all its parts are there, as they were sent.
async fn stored_slots(db: &Db) -> Result<Slots, Violation> {
    let all: Vec<_> = db.read(|tx| CARGO.list(tx, &(), None, usize::MAX)).await?;
    let mut parts: BTreeMap<u64, Vec<(u32, Cargo)>> = BTreeMap::new();
    for ((part, slot), cargo) in all {
        parts.entry(slot).or_default().push((part, cargo));
    }
    let mut slots = Slots::new();
    for (slot, parts) in parts {
        let generation = parts[0].1.generation;
        let whole: Vec<_> = (0..PARTS).map(|part| (part, Cargo::of(generation, part))).collect();
        if parts != whole {
            return Err(Violation::Torn(slot));
        }
        slots.insert(slot, generation);
    }
    Ok(slots)
}

fn run_life(seed: u64, crashes: u64, syncs: Syncs, tally: &mut Tally) -> Result<(), Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without I/O asks nothing of the machine");
    let life = AssertUnwindSafe(|| runtime.block_on(Life::new(seed, tally).live(crashes, syncs)));
    catch_unwind(life).unwrap_or(Err(Violation::Panicked))
}

#[expect(clippy::disallowed_methods, reason = "how long a test runs is no setting of the server")]
fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Seeds of lives: new ones in every run.
fn seeds() -> impl Iterator<Item = u64> {
    let first = from_environment("WEIGHHOUSE_TEST_SEED")
        .unwrap_or_else(|| getrandom::u32().expect("the system has random numbers").into());
    first..
}

#[test]
fn a_power_cut_loses_nothing_acknowledged_and_leaves_nothing_in_part() {
    let scale: f64 = from_environment("WEIGHHOUSE_TEST_SCALE").unwrap_or(1.0);
    let (crashes, mut tally) = ((CRASHES * scale).ceil() as u64, Tally::default());
    for seed in seeds() {
        let left = crashes.saturating_sub(tally.crashes);
        if left == 0 {
            break;
        }
        if let Err(violation) = run_life(seed, left.min(CRASHES_PER_LIFE), Syncs::Honest, &mut tally) {
            panic!("{violation}\nrepeat with WEIGHHOUSE_TEST_SEED={seed}; so far {tally:?}");
        }
    }
    println!("{tally:?}");
    assert!(tally.while_opening > 0 && tally.while_writing > 0 && tally.unconfirmed_kept > 0, "{tally:?}");
}

#[test]
fn a_disk_that_ignores_syncs_is_found_out() {
    let (lives, mut found, mut lost) = (100, 0, 0);
    let first = seeds().next().unwrap();
    for seed in (first..).take(lives) {
        let outcome = run_life(seed, CRASHES_PER_LIFE, Syncs::Ignored, &mut Tally::default());
        found += usize::from(outcome.is_err());
        lost += usize::from(matches!(outcome, Err(Violation::Lost { .. })));
        println!("{seed}: {outcome:?}");
    }
    assert_eq!(found, lives, "from seed {first}: some lives noticed nothing");
    assert!(lost > 0, "from seed {first}: files broke, but no loss was reported as one");
}
