//! Typed tables. `Table::put` keeps every index of a record, so that none is ever written by hand.

use super::DbError;
use super::any_table::References;
use super::engine::{KeyRange, Pair};
use super::key::Key;
use super::record::Record;
use super::tx::{Read, WriteTx};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::Bound;

/// Where a table or an index lives: every key starts with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub number: u16,
    pub name: &'static str,
}

impl Space {
    pub(super) fn key(self, key: &impl Key) -> Vec<u8> {
        (self.number, RawKey(key)).to_bytes()
    }

    /// Everything under a prefix of a key.
    pub(super) fn under(self, prefix: &impl Key, after: Option<Vec<u8>>) -> KeyRange {
        let start = self.key(prefix);
        let end = successor(&start).map_or(Bound::Unbounded, Bound::Excluded);
        (after.map_or(Bound::Included(start), Bound::Excluded), end)
    }
}

/// A borrowed key in a tuple.
struct RawKey<'k, K>(&'k K);

impl<K: Key> Key for RawKey<'_, K> {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(_: &mut &[u8]) -> Option<Self> {
        None // only ever written
    }
}

/// The first key after all that start with `prefix`; `None` when there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A record that lives in a [`Table`], and the index entries that go with it.
pub trait Stored<K>: Record {
    /// Fields that must not be shown when the database is written out.
    const SECRETS: &'static [&'static str] = &[];

    /// Records that are in no index say `false`: they are written without reading what was there before.
    const HAS_INDEXES: bool = true;

    /// Adds the entries of this record. The default is none.
    fn indexes(&self, _key: &K, _entries: &mut Entries) {}

    /// Names the records that this one cannot do without. The default is none.
    fn references(&self, _key: &K, _references: &mut References) {}
}

/// The index entries of one record.
#[derive(Default)]
pub struct Entries {
    plain: BTreeSet<Vec<u8>>,
    unique: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl Entries {
    pub fn index<K: Key>(&mut self, index: &Index<K>, key: &K) {
        self.plain.insert(index.space.key(key));
    }

    pub fn unique<K: Key, T: Key>(&mut self, index: &Unique<K, T>, key: &K, target: &T) {
        self.unique.insert((index.space.key(key), target.to_bytes()));
    }

    /// Key and value of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let plain = self.plain.iter().map(|key| (key.as_slice(), [].as_slice()));
        plain.chain(self.unique.iter().map(|(key, target)| (key.as_slice(), target.as_slice())))
    }

    pub(super) fn of<K: Key, V: Stored<K>>(record: Option<&V>, key: &K) -> Self {
        let mut entries = Self::default();
        if let Some(record) = record {
            record.indexes(key, &mut entries);
        }
        entries
    }
}

/// Why a record was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// A unique name of the record is another record's; holds the table's name.
    #[error("taken in `{0}`")]
    Taken(&'static str),
    #[error(transparent)]
    Db(#[from] DbError),
}

pub struct Table<K, V> {
    pub space: Space,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Stored<K>> Table<K, V> {
    pub const fn new(number: u16, name: &'static str) -> Self {
        Self { space: Space { number, name }, types: PhantomData }
    }

    pub fn get(&self, tx: &impl Read, key: &K) -> Result<Option<V>, DbError> {
        tx.get(&self.space.key(key))?.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// Stores the record and brings its indexes up to date; a unique name of another record is refused.
    pub fn put(&self, tx: &mut WriteTx<'_>, key: &K, record: &V) -> Result<(), PutError> {
        if !V::HAS_INDEXES {
            tx.put(self.space.key(key), record.write()?);
            return Ok(());
        }
        let before = Entries::of(self.get(tx, key)?.as_ref(), key);
        let after = Entries::of(Some(record), key);
        for (name, target) in after.unique.difference(&before.unique) {
            if tx.get(name)?.is_some_and(|held| held != *target) {
                return Err(PutError::Taken(self.space.name));
            }
        }
        let bytes = record.write()?;
        replace_entries(tx, &before, &after);
        tx.put(self.space.key(key), bytes);
        Ok(())
    }

    /// Deletes the record and its index entries; `false` when there was none.
    pub fn delete(&self, tx: &mut WriteTx<'_>, key: &K) -> Result<bool, DbError> {
        if !V::HAS_INDEXES {
            let key = self.space.key(key);
            let is_there = tx.get(&key)?.is_some();
            tx.delete(key);
            return Ok(is_there);
        }
        let Some(record) = self.get(tx, key)? else { return Ok(false) };
        replace_entries(tx, &Entries::of(Some(&record), key), &Entries::default());
        tx.delete(self.space.key(key));
        Ok(true)
    }

    /// The keys that start with `prefix`, in order, of at most `limit` records.
    pub fn keys(&self, tx: &impl Read, prefix: &impl Key, limit: usize) -> Result<Vec<K>, DbError> {
        let found = tx.scan(&self.space.under(prefix, None), false, limit)?;
        found.iter().map(|(key, _)| read_key(self.space, key)).collect()
    }

    /// Records whose keys start with `prefix`, in key order, after the key `after`.
    pub fn list(
        &self,
        tx: &impl Read,
        prefix: &impl Key,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, DbError> {
        let range = self.space.under(prefix, after.map(|key| self.space.key(key)));
        tx.scan(&range, false, limit)?.into_iter().map(|pair| self.decode_pair(&pair)).collect()
    }

    /// The last record whose key starts with `prefix`.
    pub fn last(&self, tx: &impl Read, prefix: &impl Key) -> Result<Option<(K, V)>, DbError> {
        Ok(self.list_last(tx, prefix, 1)?.pop())
    }

    /// The last records whose keys start with `prefix`, last one first.
    pub fn list_last(&self, tx: &impl Read, prefix: &impl Key, limit: usize) -> Result<Vec<(K, V)>, DbError> {
        let found = tx.scan(&self.space.under(prefix, None), true, limit)?;
        found.iter().map(|pair| self.decode_pair(pair)).collect()
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, DbError> {
        V::read(bytes).map_err(|error| DbError::Damaged(format!("{}: {error}", self.space.name)))
    }

    pub(super) fn decode_pair(&self, (key, value): &Pair) -> Result<(K, V), DbError> {
        Ok((read_key(self.space, key)?, self.decode(value)?))
    }
}

fn replace_entries(tx: &mut WriteTx<'_>, before: &Entries, after: &Entries) {
    for name in before.plain.difference(&after.plain) {
        tx.delete(name.clone());
    }
    for (name, _) in before.unique.difference(&after.unique) {
        tx.delete(name.clone());
    }
    for name in after.plain.difference(&before.plain) {
        tx.put(name.clone(), Vec::new());
    }
    for (name, target) in after.unique.difference(&before.unique) {
        tx.put(name.clone(), target.clone());
    }
}

pub(super) fn read_key<K: Key>(space: Space, bytes: &[u8]) -> Result<K, DbError> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let key = K::read(&mut rest).filter(|_| rest.is_empty());
    key.ok_or_else(|| DbError::Damaged(format!("a key of `{}`", space.name)))
}

/// A name to the one record that has it.
pub struct Unique<K, T> {
    pub space: Space,
    types: PhantomData<fn(K) -> T>,
}

impl<K: Key, T: Key> Unique<K, T> {
    pub const fn new(number: u16, name: &'static str) -> Self {
        Self { space: Space { number, name }, types: PhantomData }
    }

    pub fn find(&self, tx: &impl Read, key: &K) -> Result<Option<T>, DbError> {
        let Some(bytes) = tx.get(&self.space.key(key))? else { return Ok(None) };
        let target = T::read(&mut bytes.as_slice());
        target.map(Some).ok_or_else(|| DbError::Damaged(format!("an entry of `{}`", self.space.name)))
    }

    /// Entries whose names start with `prefix`, in order, after the name `after`.
    pub fn list(
        &self,
        tx: &impl Read,
        prefix: &impl Key,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, T)>, DbError> {
        let range = self.space.under(prefix, after.map(|key| self.space.key(key)));
        let damaged = || DbError::Damaged(format!("an entry of `{}`", self.space.name));
        let read = |(key, target): &Pair| {
            let target = T::read(&mut target.as_slice()).ok_or_else(damaged)?;
            Ok((read_key(self.space, key)?, target))
        };
        tx.scan(&range, false, limit)?.iter().map(read).collect()
    }
}

/// Keys that lead to records: the parent first, the record's own key last.
pub struct Index<K> {
    pub space: Space,
    types: PhantomData<fn(K)>,
}

impl<K: Key> Index<K> {
    pub const fn new(number: u16, name: &'static str) -> Self {
        Self { space: Space { number, name }, types: PhantomData }
    }

    /// Entries that start with `prefix`, in order, after the entry `after`.
    pub fn list(&self, tx: &impl Read, prefix: &impl Key, after: Option<&K>, limit: usize) -> Result<Vec<K>, DbError> {
        let range = self.space.under(prefix, after.map(|key| self.space.key(key)));
        tx.scan(&range, false, limit)?.iter().map(|(key, _)| read_key(self.space, key)).collect()
    }

    /// The last entries that start with `prefix`, last one first, before the entry `before`.
    pub fn list_last(
        &self,
        tx: &impl Read,
        prefix: &impl Key,
        before: Option<&K>,
        limit: usize,
    ) -> Result<Vec<K>, DbError> {
        let (start, end) = self.space.under(prefix, None);
        let end = before.map_or(end, |key| Bound::Excluded(self.space.key(key)));
        tx.scan(&(start, end), true, limit)?.iter().map(|(key, _)| read_key(self.space, key)).collect()
    }
}
