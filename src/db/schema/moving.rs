//! The index entries and references of what is noted about stored objects: migrations, reports, findings.

use super::MIGRATIONS;
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::domain::migration::{Migration, Straggler};
use crate::domain::orphan::StoreReport;
use crate::domain::scrub::{Finding, Scrubbing};

// Not its team, which may be gone before its bytes; nor its stores: while it needs them they are in `team_stores`.
impl Record for Migration {}
impl Stored<EntityId> for Migration {
    const HAS_INDEXES: bool = false;
}

impl Record for Straggler {}
impl Stored<(EntityId, StoredObject)> for Straggler {
    const HAS_INDEXES: bool = false;

    fn references(&self, (team, _): &(EntityId, StoredObject), references: &mut References) {
        references.needs(&MIGRATIONS, team);
    }
}

impl Record for Scrubbing {}
impl Stored<()> for Scrubbing {
    const HAS_INDEXES: bool = false;
}

impl Record for Finding {}
impl Stored<(EntityId, StoredObject)> for Finding {
    const HAS_INDEXES: bool = false;
}

impl Record for StoreReport {}
impl Stored<StoreId> for StoreReport {
    const HAS_INDEXES: bool = false;
}
