//! The index entries and references of what teams show of themselves.

use super::{ENTITIES, OBJECTS_BY_OWNER, OUTSIDE_IMAGE_BY_URL, OUTSIDE_IMAGES_DUE, PICTURES_BY_OBJECT};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::garbage::StoredObject;
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
    fn indexes(&self, key: &EntityId, entries: &mut Entries) {
        entries.index(&PICTURES_BY_OBJECT, &(self.object, *key));
        entries.index(&OBJECTS_BY_OWNER, &(self.owner, StoredObject::Image(self.object)));
    }

    fn references(&self, key: &EntityId, references: &mut References) {
        references.needs(&ENTITIES, key);
    }
}

impl Record for OutsideImage {}
impl Stored<OutsideImageId> for OutsideImage {
    fn indexes(&self, key: &OutsideImageId, entries: &mut Entries) {
        entries.unique(&OUTSIDE_IMAGE_BY_URL, &(self.team, self.url.clone()), key);
        entries.index(&OUTSIDE_IMAGES_DUE, &(self.due_at, *key));
        if let Some(image) = &self.image {
            entries.index(&PICTURES_BY_OBJECT, &(image.object, self.team));
            entries.index(&OBJECTS_BY_OWNER, &(image.owner, StoredObject::Image(image.object)));
        }
    }

    fn references(&self, _: &OutsideImageId, references: &mut References) {
        references.needs(&ENTITIES, &self.team);
    }
}
