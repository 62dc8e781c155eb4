//! The index entries and references of the audit log, and of leases.

use super::{AUDIT_BY_ORGANIZATION, AUDIT_BY_TIME};
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::audit::AuditRecord;
use crate::domain::audit_chain::{Head, Link, Written};
use crate::domain::id::AuditId;
use crate::domain::lease::Lease;

// No references: what was done stays written when those who did it are gone.
impl Record for Written {}
impl Stored<AuditId> for Written {
    const HAS_INDEXES: bool = false;
}

impl Record for Link {}
impl Stored<u64> for Link {
    fn indexes(&self, number: &u64, entries: &mut Entries) {
        // What is no record any more is in no list; `audit verify` names it.
        let Ok(record) = serde_json::from_str::<AuditRecord>(&self.written.text) else { return };
        entries.index(&AUDIT_BY_TIME, &(record.at, *number));
        for organization in record.organizations {
            entries.index(&AUDIT_BY_ORGANIZATION, &(organization, record.at, *number));
        }
    }
}

impl Record for Head {}
impl Stored<()> for Head {
    const HAS_INDEXES: bool = false;
}

impl Record for Lease {}
impl Stored<String> for Lease {
    const HAS_INDEXES: bool = false;
}
