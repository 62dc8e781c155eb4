//! The audit log.

use crate::db::schema::AUDIT_PENDING;
use crate::db::table::PutError;
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditRecord;
use crate::domain::id::AuditId;

/// Adds a record beside the change that it tells of. Ids come in blocks, so no row is written by everybody.
pub fn put(tx: &mut WriteTx<'_>, record: &AuditRecord) -> Result<(), PutError> {
    let id = tx.new_id::<AuditId>()?;
    AUDIT_PENDING.put(tx, &id, record)
}
