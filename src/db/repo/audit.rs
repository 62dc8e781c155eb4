//! The audit log: writing records beside the changes that they tell of, and linking them into the chain afterwards, so
//! that no two changes wait for each other at its end.

use crate::db::DbError;
use crate::db::schema::{AUDIT_HEAD, AUDIT_LOG, AUDIT_PENDING};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::{AuditAction, AuditRecord};
use crate::domain::audit_chain::Written;
use crate::domain::id::AuditId;

/// Adds a record beside the change that it tells of. Ids come in blocks, so no row is written by everybody.
pub fn put(tx: &mut WriteTx<'_>, record: &AuditRecord) -> Result<(), PutError> {
    let text = serde_json::to_string(record).map_err(|error| DbError::Damaged(error.to_string()))?;
    let id = tx.new_id::<AuditId>()?;
    AUDIT_PENDING.put(tx, &id, &Written::new(text))
}

/// Whether any record waits to be linked.
pub fn is_any_pending(tx: &impl Read) -> Result<bool, DbError> {
    Ok(!AUDIT_PENDING.keys(tx, &(), 1)?.is_empty())
}

/// Links at most `limit` records, oldest first, and says of each what it tells of; `None` for one that cannot be read.
pub fn link_pending(tx: &mut WriteTx<'_>, limit: usize) -> Result<Vec<Option<AuditAction>>, PutError> {
    let pending = AUDIT_PENDING.list(tx, &(), None, limit)?;
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    let mut head = AUDIT_HEAD.get(tx, &())?.unwrap_or_default();
    let mut actions = Vec::with_capacity(pending.len());
    for (id, written) in pending {
        actions.push(serde_json::from_str::<AuditRecord>(&written.text).ok().map(|record| record.action));
        let link = head.append(written);
        AUDIT_LOG.put(tx, &head.count, &link)?;
        AUDIT_PENDING.delete(tx, &id)?;
    }
    AUDIT_HEAD.put(tx, &(), &head)?;
    Ok(actions)
}
