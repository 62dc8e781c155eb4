//! Removing what nothing leads to any more: objects, and lines that were too many for one transaction.

use super::{App, Error};
use crate::db::repo::garbage;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::storage::ObjectKey;

/// Removals taken over at a time.
const CLAIMED: usize = 100;
/// Rows deleted in one transaction: others wait behind it.
const ROWS: usize = 500;

pub(super) fn key_of(object: StoredObject) -> ObjectKey {
    match object {
        StoredObject::RunFile(id) => ObjectKey::run_file(id),
        StoredObject::Blob(id) => ObjectKey::blob(id),
        StoredObject::Manifest(id) => ObjectKey::manifest(id),
        StoredObject::Segment(id) => ObjectKey::segment(id),
        StoredObject::Detail(id) => ObjectKey::level_of_detail(id),
        StoredObject::Console(id) => ObjectKey::console(id),
        StoredObject::Image(id) => ObjectKey::image(id),
    }
}

impl App {
    /// Carries out the removals whose time has come. Says how many; those that failed come up again later.
    pub async fn collect_garbage(&self) -> Result<usize, Error> {
        let mut removed = 0;
        loop {
            let claimed = self.db.write(|tx| Ok::<_, Error>(garbage::claim(tx, CLAIMED)?)).await?;
            if claimed.is_empty() {
                return Ok(removed);
            }
            for (ticket, garbage) in claimed {
                if let Err(error) = self.remove(garbage).await {
                    tracing::warn!(%error, ?garbage, "a removal failed; it is tried again");
                    continue;
                }
                self.db.write(move |tx| Ok::<_, Error>(garbage::done(tx, &ticket)?)).await?;
                removed += 1;
            }
        }
    }

    async fn remove(&self, garbage: Garbage) -> Result<(), Error> {
        if let Garbage::Object { owner, object } = garbage {
            return Ok(self.store_of(owner)?.delete(&key_of(object)).await?);
        }
        if let Garbage::Parts { upload } = garbage {
            return self.give_up_parts(upload).await;
        }
        while !self.db.write(move |tx| Ok::<_, Error>(garbage::delete_lines(tx, &garbage, ROWS)?)).await? {}
        Ok(())
    }
}
