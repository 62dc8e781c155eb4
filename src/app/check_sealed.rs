//! Reading what was sealed: every part of every run's streams, as far as each object, to its last row.

use super::check::CheckedObjects;
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::stream::{self, ListedPart, PartKey};
use crate::db::repo::user;
use crate::domain::garbage::StoredObject;
use crate::domain::stream::{SealedPart, Stream};
use crate::history::inspect::{fault_of_console, fault_of_detail, fault_of_segment};
use crate::storage::{ObjectKey, StoreError};

/// Parts looked at in one call: each has megabytes to be read and unpacked.
const PAGE: usize = 20;

impl App {
    /// Reads a page of the sealed parts with all their objects.
    pub async fn check_sealed(
        &self,
        caller: &Caller,
        after: Option<PartKey>,
    ) -> Result<CheckedObjects<PartKey>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let page = self.db.read(move |tx| stream::all_parts(tx, after, PAGE).map_err(Error::from)).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|listed| listed.key);
        let mut checked = CheckedObjects { objects: 0, faults: Vec::new(), next };
        for listed in page {
            self.check_part(&listed, &mut checked).await?;
        }
        Ok(checked)
    }

    async fn check_part(&self, listed: &ListedPart, checked: &mut CheckedObjects<PartKey>) -> Result<(), Error> {
        let (run, stream, place) = listed.key;
        let part_name = format!("part {place} of the {} of run {run}", name_of(stream));
        if let Some(first) = &listed.shared_with {
            // Its objects are read where they are listed first.
            if !is_of_same_object(first, &listed.part) {
                checked.faults.push(format!("{part_name} says other things of its object than a run that shares it"));
            }
            return Ok(());
        }
        for object in StoredObject::of_part(stream, listed.part.segment) {
            if matches!(object, StoredObject::Detail(_)) && listed.part.detail.is_none() {
                continue;
            }
            checked.objects += 1;
            let Some(fault) = self.fault_of_sealed(object, &listed.part).await? else { continue };
            // A part that was taken from its run meanwhile may have lost its objects.
            let (key, segment) = (listed.key, listed.part.segment);
            let now = self.db.read(move |tx| stream::part(tx, &key).map_err(Error::from)).await?;
            if now.is_some_and(|part| part.segment == segment) {
                checked.faults.push(format!("object `{}` of {part_name} {fault}", ObjectKey::of_object(object)));
            }
        }
        Ok(())
    }

    async fn fault_of_sealed(&self, object: StoredObject, part: &SealedPart) -> Result<Option<String>, Error> {
        let key: ObjectKey = ObjectKey::of_object(object);
        let bytes = match self.store_of(part.owner)?.get(&key).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound) => return Ok(Some("is missing".into())),
            Err(error) => return Ok(Some(format!("cannot be read: {error}"))),
        };
        let size_bytes = bytes.len() as u64;
        if !matches!(object, StoredObject::Detail(_)) && size_bytes != part.object.size_bytes {
            return Ok(Some(format!("has {size_bytes} bytes and should have {}", part.object.size_bytes)));
        }
        let part = part.clone();
        let inspect = move || match object {
            StoredObject::Console(_) => fault_of_console(&bytes, &part),
            StoredObject::Detail(_) => fault_of_detail(bytes),
            // A part has no others than these.
            StoredObject::Segment(_)
            | StoredObject::RunFile(_)
            | StoredObject::Blob(_)
            | StoredObject::Manifest(_)
            | StoredObject::Image(_) => fault_of_segment(bytes, &part),
        };
        // Damaged bytes may make a reader panic, which ends its thread's work and not the check.
        let inspected = tokio::task::spawn_blocking(inspect).await;
        Ok(inspected.unwrap_or_else(|_| Some("cannot be read: reading it fails".into())))
    }
}

fn name_of(stream: Stream) -> &'static str {
    match stream {
        Stream::History => "history",
        Stream::Events => "events",
        Stream::Console => "console",
    }
}

/// A run may use less of the object than another; of the object itself they say the same.
fn is_of_same_object(one: &SealedPart, other: &SealedPart) -> bool {
    let facts = |part: &SealedPart| {
        let steps = (part.min_step, part.max_step);
        (part.owner, part.rows, steps, part.detail, part.object)
    };
    facts(one) == facts(other)
}
