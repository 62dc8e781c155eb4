//! Tables whatever they hold: what checks and dumps of the whole database need of each.

use super::DbError;
use super::engine::Pair;
use super::key::Key;
use super::table::{Entries, Space, Stored, Table, read_key};
use serde::Serialize;
use serde_json::Value;

/// The records that a record cannot do without.
#[derive(Default)]
pub struct References {
    needed: Vec<(Space, Vec<u8>)>,
}

impl References {
    pub fn needs<K: Key, V: Stored<K>>(&mut self, table: &Table<K, V>, key: &K) {
        self.needed.push((table.space, table.space.key(key)));
    }

    /// Table and whole key of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Space, Vec<u8>)> {
        self.needed.iter()
    }
}

/// A stored record, read, with all that has to be there because of it.
pub struct Examined {
    pub(super) entries: Entries,
    pub(super) references: References,
}

pub trait AnyTable: Sync {
    fn space(&self) -> Space;

    fn examine(&self, pair: &Pair) -> Result<Examined, DbError>;

    /// Key and record as JSON; what is secret in the record shows as `***`.
    fn to_json(&self, pair: &Pair) -> Result<(Value, Value), DbError>;
}

impl<K: Key + Serialize, V: Stored<K>> AnyTable for Table<K, V> {
    fn space(&self) -> Space {
        self.space
    }

    fn examine(&self, pair: &Pair) -> Result<Examined, DbError> {
        let (key, record) = self.decode_pair(pair)?;
        let mut references = References::default();
        record.references(&key, &mut references);
        Ok(Examined { entries: Entries::of(Some(&record), &key), references })
    }

    fn to_json(&self, pair: &Pair) -> Result<(Value, Value), DbError> {
        let damaged = |error: serde_json::Error| DbError::Damaged(format!("{}: {error}", self.space.name));
        let key = serde_json::to_value(read_key::<K>(self.space, &pair.0)?).map_err(damaged)?;
        let (_, record) = self.decode_pair(pair)?;
        let mut record = serde_json::to_value(record).map_err(damaged)?;
        for field in V::SECRETS {
            if let Some(secret) = record.get_mut(field).filter(|secret| !secret.is_null()) {
                *secret = "***".into();
            }
        }
        Ok((key, record))
    }
}
