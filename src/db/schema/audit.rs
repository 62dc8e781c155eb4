//! The index entries and references of the audit log.

use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::audit::AuditRecord;
use crate::domain::id::AuditId;

// No references: what was done stays written when those who did it are gone.
impl Record for AuditRecord {}
impl Stored<AuditId> for AuditRecord {
    const HAS_INDEXES: bool = false;
}
