//! Transactions: what a closure reads and writes through.
//! Writes go to an ordered overlay with tombstones; only `Ok` merges it into the batch.

use super::engine::{Changes, EngineError, KeyRange, Pair, Reader};
use super::{DbError, schema};
use crate::db::key::Key;
use crate::domain::clock::Timestamp;
use crate::domain::id::{Id, IdKind};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};
use std::time::{Duration, Instant};

/// What both kinds of transaction can do.
pub trait Read {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DbError>;
    /// At most `limit` pairs, from the low end, or from the high end when `reverse`.
    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, DbError>;
}

/// A consistent snapshot that must not grow old: while it lives, the file cannot reuse space.
pub struct ReadTx {
    reader: Box<dyn Reader>,
    opened: Instant,
    read_age: Duration,
}

impl ReadTx {
    pub(super) fn new(reader: Box<dyn Reader>, read_age: Duration) -> Self {
        Self { reader, opened: Instant::now(), read_age }
    }

    fn check_age(&self) -> Result<(), DbError> {
        if self.opened.elapsed() > self.read_age {
            return Err(DbError::TooLong(self.read_age));
        }
        Ok(())
    }
}

impl Read for ReadTx {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        self.check_age()?;
        Ok(self.reader.get(key)?)
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, DbError> {
        self.check_age()?;
        if is_empty(range) { Ok(Vec::new()) } else { Ok(self.reader.scan(range, reverse, limit)?) }
    }
}

/// One closure's view in a batch: its own changes, over those of the closures before it, over the engine.
pub struct WriteTx<'b> {
    base: &'b dyn Reader,
    batch: &'b mut Batch,
    own: Changes,
    now: Timestamp,
}

/// What a batch gathers before its one commit.
#[derive(Default)]
pub(super) struct Batch {
    pub changes: Changes,
    pub bytes: usize,
    /// A closure met a conflict while it read. It may answer what it likes: the batch runs again.
    pub conflict: Cell<bool>,
    /// Ids handed out and not yet used up, by kind.
    ids: HashMap<IdKind, Range<u64>>,
}

impl Batch {
    /// Forgets the changes, and with them the blocks of ids that only they reserved.
    /// Blocks of earlier batches stay: a conflict must not make every writer touch the counters again.
    pub fn undo(&mut self) {
        self.ids.retain(|kind, _| !self.changes.contains_key(&schema::id_block_key(*kind)));
        self.clear();
    }

    pub fn clear(&mut self) {
        self.changes.clear();
        self.bytes = 0;
        self.conflict.set(false);
    }
}

/// Ids are reserved in blocks, so that no counter row is written with every change.
const ID_BLOCK: u64 = 1000;

impl<'b> WriteTx<'b> {
    pub(super) fn new(base: &'b dyn Reader, batch: &'b mut Batch, now: Timestamp) -> Self {
        Self { base, batch, own: Changes::new(), now }
    }

    /// The time of this change; the same each time it is asked.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// An id that nothing had before and nothing will have again, even if this closure fails.
    pub fn new_id<I: Id>(&mut self) -> Result<I, DbError> {
        let mut block = self.batch.ids.remove(&I::KIND).unwrap_or_default();
        if block.is_empty() {
            // The counter is read each time: the block after ours may be another process's.
            let key = schema::id_block_key(I::KIND);
            let first = match self.get(&key)? {
                None => Some(1),
                Some(bytes) => u64::read(&mut bytes.as_slice()),
            };
            let first = first.ok_or_else(|| DbError::Damaged("the counter of ids".into()))?;
            block = first..first + ID_BLOCK;
            // Into the batch, not into this closure's overlay: the reservation outlives its failure.
            self.batch.changes.insert(key, Some(block.end.to_bytes()));
        }
        let next = block.start;
        self.batch.ids.insert(I::KIND, next + 1..block.end);
        Ok(I::from_u64(next))
    }

    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.own.insert(key, Some(value));
    }

    pub fn delete(&mut self, key: Vec<u8>) {
        self.own.insert(key, None);
    }

    fn noting_conflicts<R>(&self, answer: Result<R, EngineError>) -> Result<R, DbError> {
        if matches!(answer, Err(EngineError::Conflict)) {
            self.batch.conflict.set(true);
        }
        Ok(answer?)
    }

    /// Adds this closure's changes to the batch.
    pub(super) fn keep(self) {
        self.batch.bytes += self.own.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len)).sum::<usize>();
        self.batch.changes.extend(self.own);
    }
}

impl Read for WriteTx<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        if let Some(value) = self.own.get(key).or_else(|| self.batch.changes.get(key)) {
            return Ok(value.clone());
        }
        self.noting_conflicts(self.base.get(key))
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, DbError> {
        if is_empty(range) {
            return Ok(Vec::new());
        }
        let bounds = (range.0.as_ref(), range.1.as_ref());
        let mut changed: BTreeMap<&Vec<u8>, &Option<Vec<u8>>> =
            self.batch.changes.range::<Vec<u8>, _>(bounds).collect();
        changed.extend(self.own.range::<Vec<u8>, _>(bounds));
        // Each changed key takes at most one stored pair away, so this many stored pairs always suffice.
        let stored = self.noting_conflicts(self.base.scan(range, reverse, limit.saturating_add(changed.len())))?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
        for (key, value) in changed {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(match reverse {
            false => merged.into_iter().take(limit).collect(),
            true => merged.into_iter().rev().take(limit).collect(),
        })
    }
}

/// An ordered map panics on such a range.
fn is_empty((from, to): &KeyRange) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}
