//! What every engine must do: the same cases on each.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use weighhouse::db::any_table::References;
use weighhouse::db::engine::memory::MemoryEngine;
use weighhouse::db::engine::redb::{RedbEngine, RedbOptions};
use weighhouse::db::engine::{Changes, Engine, EngineError, KeyRange, Pair, Reader, Transaction};
use weighhouse::db::key::Key;
use weighhouse::db::record::Record;
use weighhouse::db::schema::ID_BLOCKS;
use weighhouse::db::table::{Entries, Index, PutError, Stored, Table, Unique};
use weighhouse::db::verify::{self, Catalogue};
use weighhouse::db::{Db, DbError, Limits};
use weighhouse::domain::clock::{Clock, Timestamp};
use weighhouse::domain::id::{ProjectId, RunId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Boat {
    name: String,
    harbour: u32,
}

const BOATS: Table<u64, Boat> = Table::new(900, "boats");
const BOAT_BY_NAME: Unique<String, u64> = Unique::new(901, "boat_by_name");
const BOATS_BY_HARBOUR: Index<(u32, u64)> = Index::new(902, "boats_by_harbour");

impl Record for Boat {}

impl Stored<u64> for Boat {
    fn indexes(&self, key: &u64, entries: &mut Entries) {
        entries.unique(&BOAT_BY_NAME, &self.name, key);
        entries.index(&BOATS_BY_HARBOUR, &(self.harbour, *key));
    }
}

/// Somebody who cannot be without a boat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sailor {
    boat: u64,
    password: String,
}

const SAILORS: Table<u64, Sailor> = Table::new(903, "sailors");

impl Record for Sailor {}

impl Stored<u64> for Sailor {
    const SECRETS: &'static [&'static str] = &["password"];

    fn references(&self, _: &u64, references: &mut References) {
        references.needs(&BOATS, &self.boat);
    }
}

static CATALOGUE: Catalogue = Catalogue {
    tables: &[&BOATS, &SAILORS],
    indexes: &[BOAT_BY_NAME.space, BOATS_BY_HARBOUR.space],
    others: &[ID_BLOCKS],
};

/// What a check of everything finds wrong.
async fn faults(db: &Db) -> Vec<String> {
    let found: Result<_, DbError> = db
        .read_at_length(|tx| {
            let mut faults = Vec::new();
            verify::verify(tx, &CATALOGUE, &mut faults)?;
            Ok(faults)
        })
        .await;
    found.unwrap()
}

/// Puts or deletes an entry behind the back of the tables.
async fn tamper(db: &Db, key: Vec<u8>, value: Option<Vec<u8>>) {
    let done: Result<(), DbError> = db
        .write(move |tx| {
            match &value {
                Some(value) => tx.put(key.clone(), value.clone()),
                None => tx.delete(key.clone()),
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

fn boat(name: &str, harbour: u32) -> Boat {
    Boat { name: name.into(), harbour }
}

fn redb(directory: &Path, min_free_bytes: u64) -> Arc<dyn Engine> {
    let options = RedbOptions { cache_bytes: 8 << 20, min_free_bytes };
    Arc::new(RedbEngine::open(directory.join("metadata.redb"), &options).unwrap())
}

fn open(engine: Arc<dyn Engine>) -> Db {
    Db::new(engine, Clock::fixed_at(Timestamp(1)), &Limits::default()).unwrap()
}

async fn put(db: &Db, key: u64, boat: Boat) -> Result<(), PutError> {
    db.write(move |tx| BOATS.put(tx, &key, &boat)).await
}

async fn names(db: &Db, harbour: u32, after: Option<(u32, u64)>, limit: usize) -> Vec<u64> {
    let found: Result<_, DbError> = db.read(move |tx| BOATS_BY_HARBOUR.list(tx, &harbour, after.as_ref(), limit)).await;
    found.unwrap().into_iter().map(|(_, key)| key).collect()
}

/// One test per engine for each case.
macro_rules! cases {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn memory() {
                let db = super::open(std::sync::Arc::new(super::MemoryEngine::default()));
                super::cases::$case(&db).await;
                assert_eq!(super::faults(&db).await, [""; 0]);
            }

            #[tokio::test]
            async fn redb() {
                let directory = tempfile::tempdir().unwrap();
                let db = super::open(super::redb(directory.path(), 0));
                super::cases::$case(&db).await;
                assert_eq!(super::faults(&db).await, [""; 0]);
            }
        }
    )*};
}

cases! {
    what_is_put_is_read_back
    a_unique_name_belongs_to_one_record
    indexes_follow_their_record
    a_list_pages_with_a_limit_and_a_cursor
    a_refused_change_leaves_nothing
    a_change_sees_its_own_writes_in_scans
    ids_are_never_given_twice
    many_writers_share_commits_and_lose_nothing
    a_panicking_change_harms_nobody_else
}

mod cases {
    use super::*;

    pub async fn what_is_put_is_read_back(db: &Db) {
        put(db, 7, boat("Ada", 1)).await.unwrap();

        let found: Result<_, DbError> = db.read(|tx| Ok((BOATS.get(tx, &7)?, BOATS.get(tx, &8)?))).await;

        assert_eq!(found.unwrap(), (Some(boat("Ada", 1)), None));
    }

    pub async fn a_unique_name_belongs_to_one_record(db: &Db) {
        put(db, 1, boat("Ada", 1)).await.unwrap();

        let refused = put(db, 2, boat("Ada", 2)).await;

        assert!(matches!(refused, Err(PutError::Taken("boats"))), "{refused:?}");
        put(db, 1, boat("Ada", 3)).await.unwrap();
        put(db, 1, boat("Grace", 3)).await.unwrap();
        put(db, 2, boat("Ada", 2)).await.unwrap();
    }

    pub async fn indexes_follow_their_record(db: &Db) {
        put(db, 1, boat("Ada", 1)).await.unwrap();
        put(db, 2, boat("Grace", 1)).await.unwrap();
        put(db, 1, boat("Ada", 2)).await.unwrap();

        assert_eq!(names(db, 1, None, 10).await, [2]);
        assert_eq!(names(db, 2, None, 10).await, [1]);

        let deleted: Result<bool, DbError> = db.write(|tx| BOATS.delete(tx, &2)).await;
        assert!(deleted.unwrap());
        assert_eq!(names(db, 1, None, 10).await, Vec::<u64>::new());
        put(db, 3, boat("Grace", 1)).await.unwrap();
    }

    pub async fn a_list_pages_with_a_limit_and_a_cursor(db: &Db) {
        for key in 0..5 {
            put(db, key, boat(&format!("boat {key}"), 4)).await.unwrap();
        }
        put(db, 9, boat("elsewhere", 5)).await.unwrap();

        assert_eq!(names(db, 4, None, 2).await, [0, 1]);
        assert_eq!(names(db, 4, Some((4, 1)), 2).await, [2, 3]);
        assert_eq!(names(db, 4, Some((4, 3)), 2).await, [4]);
        let last: Result<_, DbError> = db.read(|tx| BOATS.last(tx, &())).await;
        assert_eq!(last.unwrap(), Some((9, boat("elsewhere", 5))));
    }

    pub async fn a_refused_change_leaves_nothing(db: &Db) {
        let refused: Result<(), PutError> = db
            .write(|tx| {
                BOATS.put(tx, &1, &boat("Ada", 1))?;
                Err(PutError::Taken("on purpose"))
            })
            .await;

        assert!(refused.is_err());
        assert_eq!(names(db, 1, None, 10).await, Vec::<u64>::new());
    }

    pub async fn a_change_sees_its_own_writes_in_scans(db: &Db) {
        for key in 0..4 {
            put(db, key, boat(&format!("boat {key}"), 1)).await.unwrap();
        }

        let seen: Result<_, PutError> = db
            .write(|tx| {
                BOATS.delete(tx, &0)?;
                BOATS.delete(tx, &1)?;
                BOATS.put(tx, &8, &boat("new", 1))?;
                Ok(BOATS_BY_HARBOUR.list(tx, &1u32, None, 2)?)
            })
            .await;

        assert_eq!(seen.unwrap(), [(1, 2), (1, 3)]);
        assert_eq!(names(db, 1, None, 10).await, [2, 3, 8]);
    }

    pub async fn ids_are_never_given_twice(db: &Db) {
        let mut given = Vec::new();
        for _ in 0..3 {
            let ids: Result<Vec<RunId>, DbError> = db.write(|tx| (0..700).map(|_| tx.new_id()).collect()).await;
            given.extend(ids.unwrap());
        }
        let refused: Result<(), DbError> =
            db.write(|tx| tx.new_id::<RunId>().and(Err(DbError::Damaged("on purpose".into())))).await;
        assert!(refused.is_err());
        let other: Result<ProjectId, DbError> = db.write(|tx| tx.new_id()).await;

        assert_eq!(given.first(), Some(&RunId(1)));
        assert!(given.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(other.unwrap(), ProjectId(1));
    }

    pub async fn many_writers_share_commits_and_lose_nothing(db: &Db) {
        let before = db.sequence();
        let mut writers = tokio::task::JoinSet::new();
        for key in 0..200 {
            let db = db.clone();
            writers.spawn(async move { put(&db, key, boat(&format!("boat {key}"), 1)).await });
        }
        while let Some(written) = writers.join_next().await {
            written.unwrap().unwrap();
        }

        assert_eq!(names(db, 1, None, 1000).await.len(), 200);
        let commits = db.sequence() - before;
        assert!((1..=200).contains(&commits), "{commits}");
    }

    pub async fn a_panicking_change_harms_nobody_else(db: &Db) {
        let failed: Result<(), DbError> = db.write(|_| panic!("on purpose")).await;

        assert!(matches!(failed, Err(DbError::Unavailable(_))));
        put(db, 1, boat("Ada", 1)).await.unwrap();
    }
}

/// What holds when several servers write to one database.
mod together {
    use super::*;

    pub async fn ids_never_collide(one: &Db, other: &Db) {
        let mut given = std::collections::BTreeSet::new();
        // More than a block each, so that both go on past the block the other took.
        for db in [one, other, one, other] {
            let ids: Result<Vec<RunId>, DbError> = db.write(|tx| (0..800).map(|_| tx.new_id()).collect()).await;
            for id in ids.unwrap() {
                assert!(given.insert(id), "{id} was given twice");
            }
        }
    }

    /// `other` commits after `one` has read and before it commits.
    pub async fn an_overtaken_change_runs_again(one: &Db, other: &Db) {
        put(one, 1, boat("Ada", 0)).await.unwrap();
        let (runtime, other) = (tokio::runtime::Handle::current(), other.clone());
        let runs = AtomicU32::new(0);

        let moved: Result<u32, PutError> = one
            .write(move |tx| {
                let mut boat = BOATS.get(tx, &1)?.unwrap();
                let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
                if run == 1 {
                    runtime.block_on(put(&other, 1, super::boat("Ada", 10)))?;
                }
                boat.harbour += 1;
                BOATS.put(tx, &1, &boat)?;
                Ok(run)
            })
            .await;

        assert_eq!(moved.unwrap(), 2);
        let found: Result<_, DbError> = one.read(|tx| BOATS.get(tx, &1)).await;
        assert_eq!(found.unwrap(), Some(boat("Ada", 11)));
    }
}

#[tokio::test]
async fn two_servers_on_one_database_never_give_the_same_id() {
    let engine = Arc::new(MemoryEngine::default());

    together::ids_never_collide(&open(engine.clone()), &open(engine)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_another_server_overtook_runs_again() {
    let engine = Arc::new(MemoryEngine::default());

    together::an_overtaken_change_runs_again(&open(engine.clone()), &open(engine)).await;
}

#[tokio::test]
async fn a_conflict_met_while_reading_runs_the_change_again() {
    let db = open(Arc::new(Conflicting { engine: MemoryEngine::default(), reads: AtomicU32::new(2) }));

    put(&db, 1, boat("Ada", 1)).await.unwrap();

    assert_eq!(names(&db, 1, None, 10).await, [1]);
}

/// The first reads of write transactions meet a conflict.
struct Conflicting {
    engine: MemoryEngine,
    reads: AtomicU32,
}

impl Engine for Conflicting {
    fn read(&self) -> Result<Box<dyn Reader>, EngineError> {
        self.engine.read()
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, EngineError> {
        Ok(Box::new(ConflictingTransaction { tx: self.engine.begin()?, reads: &self.reads }))
    }
}

struct ConflictingTransaction<'e> {
    tx: Box<dyn Transaction + 'e>,
    reads: &'e AtomicU32,
}

impl Reader for ConflictingTransaction<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match self.reads.load(Ordering::SeqCst) {
            0 => self.tx.get(key),
            left => {
                self.reads.store(left - 1, Ordering::SeqCst);
                Err(EngineError::Conflict)
            }
        }
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError> {
        self.tx.scan(range, reverse, limit)
    }
}

impl Transaction for ConflictingTransaction<'_> {
    fn commit(self: Box<Self>, changes: &Changes) -> Result<(), EngineError> {
        self.tx.commit(changes)
    }
}

#[tokio::test]
async fn redb_keeps_what_was_acknowledged_and_counts_ids_on() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(redb(directory.path(), 0));
    put(&db, 1, boat("Ada", 1)).await.unwrap();
    let first: Result<RunId, DbError> = db.write(|tx| tx.new_id()).await;
    drop(db);

    let db = open(redb(directory.path(), 0));

    assert_eq!(names(&db, 1, None, 10).await, [1]);
    let second: Result<RunId, DbError> = db.write(|tx| tx.new_id()).await;
    assert!(second.unwrap() > first.unwrap());
}

#[tokio::test]
async fn a_disk_below_its_reserve_refuses_writes_and_still_reads() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(redb(directory.path(), u64::MAX));

    let refused = put(&db, 1, boat("Ada", 1)).await;

    assert!(matches!(refused, Err(PutError::Db(DbError::Full))), "{refused:?}");
    assert_eq!(names(&db, 1, None, 10).await, Vec::<u64>::new());
}

#[tokio::test]
async fn a_read_that_grows_old_is_refused() {
    let limits = Limits { read_age: std::time::Duration::ZERO, ..Limits::default() };
    let db = Db::new(Arc::new(MemoryEngine::default()), Clock::fixed_at(Timestamp(1)), &limits).unwrap();

    let refused: Result<_, DbError> = db.read(|tx| BOATS.get(tx, &1)).await;

    assert!(matches!(refused, Err(DbError::TooLong(_))), "{refused:?}");
}

#[tokio::test]
async fn a_creation_that_was_cut_off_does_not_hinder_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("metadata.unfinished"), [7; 4096]).unwrap();

    let db = open(redb(directory.path(), 0));

    put(&db, 1, boat("Ada", 1)).await.unwrap();
    assert!(!directory.path().join("metadata.unfinished").exists());
}

/// A database with one boat, number 1.
async fn harbour() -> Db {
    let db = open(Arc::new(MemoryEngine::default()));
    put(&db, 1, boat("Ada", 7)).await.unwrap();
    db
}

#[tokio::test]
async fn a_check_names_the_record_whose_index_entry_is_missing_or_leads_elsewhere() {
    let db = harbour().await;
    tamper(&db, (901_u16, "Ada".to_owned()).to_bytes(), Some(2_u64.to_bytes())).await;
    tamper(&db, (902_u16, 7_u32, 1_u64).to_bytes(), None).await;

    assert_eq!(
        faults(&db).await,
        [
            "`boats` 1: its entry in index `boats_by_harbour` is missing",
            "`boats` 1: its entry in index `boat_by_name` leads elsewhere",
        ]
    );
}

#[tokio::test]
async fn a_check_names_entries_that_no_record_calls_for() {
    let db = harbour().await;
    tamper(&db, (902_u16, 7_u32, 2_u64).to_bytes(), Some(Vec::new())).await;
    for number in 0..30_u64 {
        tamper(&db, (901_u16, format!("ghost {number}")).to_bytes(), Some(9_u64.to_bytes())).await;
    }

    let found = faults(&db).await;

    let named = |index: &str| found.iter().filter(|fault| fault.contains(index)).count();
    assert_eq!((named("`boats_by_harbour`: no record"), named("`boat_by_name`: no record")), (1, 20), "{found:?}");
    assert!(found.contains(&"index `boat_by_name`: 30 entries that no record calls for".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_check_names_what_cannot_be_read_what_lacks_its_parent_and_what_belongs_to_nothing() {
    let db = harbour().await;
    let sailor = Sailor { boat: 5, password: "x".into() };
    let put: Result<(), PutError> = db.write(move |tx| SAILORS.put(tx, &3, &sailor)).await;
    put.unwrap();
    tamper(&db, (900_u16, 4_u64).to_bytes(), Some(vec![99])).await;
    tamper(&db, (950_u16, 4_u64).to_bytes(), Some(vec![1])).await;

    let found = faults(&db).await;

    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("`boats` 0384") && found[0].contains("version 99"), "{found:?}");
    assert_eq!(found[1], "`sailors` 3: what it needs of `boats` is missing");
    assert_eq!(found[2], "keys that begin with 950 belong to no table of this version");
}

#[tokio::test]
async fn a_dump_shows_stars_for_secrets() {
    let db = harbour().await;
    let sailor = Sailor { boat: 1, password: "hunter2".into() };
    let put: Result<(), PutError> = db.write(move |tx| SAILORS.put(tx, &3, &sailor)).await;
    put.unwrap();

    let dumped: Result<_, DbError> = db
        .read_at_length(|tx| {
            let mut lines = Vec::new();
            verify::dump(tx, &CATALOGUE, &mut lines)?;
            Ok(lines)
        })
        .await;

    assert_eq!(
        dumped.unwrap(),
        [
            r#"{"key":1,"record":{"harbour":7,"name":"Ada"},"table":"boats"}"#,
            r#"{"key":3,"record":{"boat":1,"password":"***"},"table":"sailors"}"#,
        ]
    );
}
