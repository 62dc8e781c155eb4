//! How far reading stored objects again has come, what it has found, and what was found in each store.

use super::garbage;
use super::stored;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::user::Instance;
use crate::db::schema::{FINDINGS, SCRUBBING, STORE_REPORTS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::domain::orphan::{Reason, StoreReport};
use crate::domain::scrub::{Finding, Scrubbing};

pub fn state(tx: &impl Read) -> Result<Scrubbing, DbError> {
    Ok(SCRUBBING.get(tx, &())?.unwrap_or_default())
}

pub fn put_state(tx: &mut WriteTx<'_>, state: &Scrubbing) -> Result<(), PutError> {
    SCRUBBING.put(tx, &(), state)
}

/// Notes what is wrong with an object, or that nothing is. It was first found when it was first noted.
pub fn note(
    tx: &mut WriteTx<'_>,
    owner: EntityId,
    object: StoredObject,
    finding: Option<&Finding>,
) -> Result<(), PutError> {
    let key = (owner, object);
    let before = FINDINGS.get(tx, &key)?;
    match (finding, before) {
        (None, None) => Ok(()),
        (None, Some(_)) => Ok(FINDINGS.delete(tx, &key).map(drop)?),
        (Some(new), before) => {
            let found_at = before.map_or(new.found_at, |before| before.found_at);
            FINDINGS.put(tx, &key, &Finding { found_at, ..new.clone() })
        }
    }
}

pub fn is_noted(tx: &impl Read, owner: EntityId, object: StoredObject) -> Result<bool, DbError> {
    Ok(FINDINGS.get(tx, &(owner, object))?.is_some())
}

/// Up to `limit` findings, by whose objects they are.
pub fn findings(tx: &impl Read, instance: &Allowed<Instance>, limit: usize) -> Result<Vec<Finding>, DbError> {
    instance.must_be(Action::StorageGc);
    Ok(FINDINGS.list(tx, &(), None, limit)?.into_iter().map(|(_, finding)| finding).collect())
}

/// Forgets findings about objects that nothing leads to any more, and says how many are left of those looked at.
pub fn forget_gone(tx: &mut WriteTx<'_>, limit: usize) -> Result<usize, DbError> {
    let mut left = 0;
    for ((owner, object), _) in FINDINGS.list(tx, &(), None, limit)? {
        match stored::find(tx, object)? {
            Some(_) => left += 1,
            None => drop(FINDINGS.delete(tx, &(owner, object))?),
        }
    }
    Ok(left)
}

/// Why an object of a store is kept; nothing when nothing leads to it.
pub fn reason(tx: &impl Read, object: StoredObject) -> Result<Option<Reason>, DbError> {
    if !stored::is_given_out(tx, object)? {
        return Ok(Some(Reason::Unknown));
    }
    if stored::find(tx, object)?.is_some() {
        return Ok(Some(Reason::Referenced));
    }
    Ok(garbage::names(tx, object)?.then_some(Reason::Announced))
}

pub fn report(tx: &impl Read, store: StoreId) -> Result<Option<StoreReport>, DbError> {
    STORE_REPORTS.get(tx, &store)
}

pub fn reports(tx: &impl Read, instance: &Allowed<Instance>) -> Result<Vec<(StoreId, StoreReport)>, DbError> {
    instance.must_be(Action::StorageGc);
    STORE_REPORTS.list(tx, &(), None, usize::MAX)
}

pub fn put_report(tx: &mut WriteTx<'_>, store: StoreId, report: &StoreReport) -> Result<(), PutError> {
    STORE_REPORTS.put(tx, &store, report)
}
