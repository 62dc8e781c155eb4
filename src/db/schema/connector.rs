//! The index entries and references of connectors, and of teams in stores of their own.

use super::{CONNECTOR_BY_NAME, CONNECTORS, TEAMS_IN_STORE};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::connector::probe::ProbeResult;
use crate::domain::connector::{Connector, StoreId, TeamStore};
use crate::domain::id::{ConnectorId, EntityId};

impl Record for Connector {}
impl Stored<ConnectorId> for Connector {
    const SECRETS: &'static [&'static str] = &["sealed"];

    fn indexes(&self, key: &ConnectorId, entries: &mut Entries) {
        entries.unique(&CONNECTOR_BY_NAME, &self.name.folded(), key);
    }
}

impl Record for TeamStore {}
impl Stored<EntityId> for TeamStore {
    fn indexes(&self, key: &EntityId, entries: &mut Entries) {
        for connector in connectors(self) {
            entries.index(&TEAMS_IN_STORE, &(connector, *key));
        }
    }

    // Not its team: what a team leaves behind is removed from its store after the team is gone.
    fn references(&self, _: &EntityId, references: &mut References) {
        for connector in connectors(self) {
            references.needs(&CONNECTORS, &connector);
        }
    }
}

impl Record for ProbeResult {}
impl Stored<ConnectorId> for ProbeResult {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &ConnectorId, references: &mut References) {
        references.needs(&CONNECTORS, key);
    }
}

/// Each once: an index entry is no list.
fn connectors(store: &TeamStore) -> impl Iterator<Item = ConnectorId> {
    store.all().filter_map(|store| match store {
        StoreId::Connector(id) => Some(id),
        StoreId::Default => None,
    })
}
