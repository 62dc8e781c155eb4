//! The keys that seal, and the records that are sealed.

use super::user::Instance;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::key::Key;
use crate::db::schema::SEALING_KEYS;
use crate::db::table::{PutError, Stored, Table};
use crate::db::tx::{Read, WriteTx};
use crate::domain::sealed::{Sealed, SealingKey};

/// More than one are there only from the making of a key until the next start.
const KEYS_MAX: usize = 1_000;

/// By their numbers. The server itself reads them.
pub fn list(tx: &impl Read) -> Result<Vec<(u32, SealingKey)>, DbError> {
    SEALING_KEYS.list(tx, &(), None, KEYS_MAX)
}

pub fn put(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, number: u32, wrapped: Vec<u8>) -> Result<(), PutError> {
    instance.must_be(Action::SystemSettings);
    let key = SealingKey { wrapped, made_at: tx.now(), is_alone: false };
    SEALING_KEYS.put(tx, &number, &key)
}

/// Everything is sealed with this key now: the others go.
pub fn leave_alone(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, number: u32) -> Result<(), PutError> {
    instance.must_be(Action::SystemSettings);
    for (other, key) in list(tx)? {
        if other == number {
            SEALING_KEYS.put(tx, &number, &SealingKey { is_alone: true, ..key })?;
        } else {
            SEALING_KEYS.delete(tx, &other)?;
        }
    }
    Ok(())
}

/// What was sealed, and the same sealed anew.
pub struct Anew<K> {
    pub key: K,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// Puts what was sealed anew in the place of what it was made from. A record that was changed meanwhile stays.
pub fn replace<K: Key, V: Stored<K> + Sealed<K>>(
    tx: &mut WriteTx<'_>,
    instance: &Allowed<Instance>,
    table: &Table<K, V>,
    portion: &[Anew<K>],
) -> Result<(), PutError> {
    instance.must_be(Action::SystemSettings);
    for Anew { key, before, after } in portion {
        let Some(mut record) = table.get(tx, key)?.filter(|record| record.sealed() == Some(before)) else { continue };
        record.set_sealed(after.clone());
        table.put(tx, key, &record)?;
    }
    Ok(())
}
