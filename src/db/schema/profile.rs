//! The index entries and references of what teams show of themselves.

use super::{ENTITIES, OUTSIDE_IMAGE_BY_URL, OUTSIDE_IMAGES_DUE};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::id::{EntityId, OutsideImageId};
use crate::domain::team_profile::{OutsideImage, StoredImage, TeamProfile};

// Not its projects: one that is gone is shown to nobody.
impl Record for TeamProfile {}
impl Stored<EntityId> for TeamProfile {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &EntityId, references: &mut References) {
        references.needs(&ENTITIES, key);
    }
}

impl Record for StoredImage {}
impl Stored<EntityId> for StoredImage {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &EntityId, references: &mut References) {
        references.needs(&ENTITIES, key);
    }
}

impl Record for OutsideImage {}
impl Stored<OutsideImageId> for OutsideImage {
    fn indexes(&self, key: &OutsideImageId, entries: &mut Entries) {
        entries.unique(&OUTSIDE_IMAGE_BY_URL, &(self.team, self.url.clone()), key);
        entries.index(&OUTSIDE_IMAGES_DUE, &(self.due_at, *key));
    }

    fn references(&self, _: &OutsideImageId, references: &mut References) {
        references.needs(&ENTITIES, &self.team);
    }
}
