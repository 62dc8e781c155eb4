//! Removing what nothing leads to any more: objects, and lines that were too many for one transaction.

use super::{App, Error};
use crate::db::repo::{connector, garbage};
use crate::domain::connector::StoreId;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::EntityId;
use crate::storage::ObjectKey;
use std::collections::HashSet;

/// Removals taken over at a time.
const CLAIMED: usize = 100;
/// Rows deleted in one transaction: others wait behind it.
const ROWS: usize = 500;

/// In whose store something is to be removed.
fn owner_of(garbage: &Garbage) -> Option<EntityId> {
    if let Garbage::Object { owner, .. } = garbage { Some(*owner) } else { None }
}

impl App {
    /// Carries out the removals whose time has come. Says how many; those that failed come up again later.
    pub async fn collect_garbage(&self) -> Result<usize, Error> {
        let (mut removed, mut stuck) = (0, HashSet::new());
        loop {
            let claimed = self.db.write(|tx| Ok::<_, Error>(garbage::claim(tx, CLAIMED)?)).await?;
            if claimed.is_empty() {
                return Ok(removed);
            }
            for (ticket, garbage) in claimed {
                let owner = owner_of(&garbage);
                if owner.is_some_and(|owner| stuck.contains(&owner)) {
                    continue;
                }
                if let Err(error) = self.remove(garbage).await {
                    tracing::warn!(%error, ?garbage, "a removal failed; it is tried again");
                    // Nobody else waits for a store that does not answer.
                    stuck.extend(owner);
                    continue;
                }
                self.db.write(move |tx| Ok::<_, Error>(garbage::done(tx, &ticket)?)).await?;
                removed += 1;
            }
        }
    }

    async fn remove(&self, garbage: Garbage) -> Result<(), Error> {
        if let Garbage::Object { owner, object, home } = garbage {
            return self.delete_everywhere(owner, object, home).await;
        }
        if let Garbage::Parts { upload } = garbage {
            return self.give_up_parts(upload).await;
        }
        while !self.db.write(move |tx| Ok::<_, Error>(garbage::delete_lines(tx, &garbage, ROWS)?)).await? {}
        Ok(())
    }

    /// From the store that it went to, and from all that the owner has now: it may have been copied on.
    async fn delete_everywhere(&self, owner: EntityId, object: StoredObject, home: StoreId) -> Result<(), Error> {
        let stores = self.db.look_up(|tx| connector::store_of(tx, owner).map_err(Error::from))?;
        let key = ObjectKey::of_object(object);
        for store in stores.all().chain((!stores.all().any(|store| store == home)).then_some(home)) {
            // What a connector that is gone has led to is out of reach.
            if let Some(store) = self.find_store(store)? {
                store.delete(&key).await?;
            }
        }
        Ok(())
    }
}
