//! Ending the time to live of versions, their own or their collection's. Aliases do not keep a version; being linked to a
//! portfolio does, because linking turns its time to live off.

use super::delete::delete_recorded;
use crate::access::{Action, Caller, Licence};
use crate::app::{App, Error};
use crate::db::repo::artifact::{delete, draft};
use crate::domain::artifact::Ttl;
use crate::domain::id::ArtifactId;

/// Versions deleted in one transaction: others wait behind it.
const VERSIONS_AT_ONCE: usize = 100;
const LOOKED_AT_ONCE: usize = 500;

impl App {
    /// Deletes the versions whose time has come. Says how many.
    pub async fn expire_artifacts(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let (mut count, mut after) = (0, None);
        // Some may be left where they are, in a project that was deleted: the next are looked for behind them.
        loop {
            let due = self.db.read(move |tx| delete::expired(tx, now, after, VERSIONS_AT_ONCE).map_err(Error::from));
            let due = due.await?;
            let Some(last) = due.last().copied() else { break };
            after = Some(last);
            count += self.expire(due.into_iter().map(|(_, id)| id).collect()).await?;
        }
        let mut after = None;
        loop {
            let collections =
                self.db.read(move |tx| delete::collections_with_ttl(tx, after, LOOKED_AT_ONCE).map_err(Error::from));
            let collections = collections.await?;
            let Some(last) = collections.last().copied() else { return Ok(count) };
            for id in collections {
                let mut seen = None;
                loop {
                    let page = self.db.read(move |tx| {
                        delete::expired_by_default(tx, id, now, seen, LOOKED_AT_ONCE).map_err(Error::from)
                    });
                    let (due, last) = page.await?;
                    for some in due.chunks(VERSIONS_AT_ONCE) {
                        count += self.expire(some.to_vec()).await?;
                    }
                    seen = last;
                    if seen.is_none() {
                        break;
                    }
                }
            }
            after = Some(last);
        }
    }

    /// What was changed since it was found due is looked at again.
    async fn expire(&self, due: Vec<ArtifactId>) -> Result<usize, Error> {
        let expired = self.db.write(move |tx| {
            let mut expired = Vec::new();
            for id in &due {
                let Some(found) = draft::find(tx, &Caller::SYSTEM, *id)? else { continue };
                let found = Caller::SYSTEM.may(Action::ArtifactDelete, found, &Licence::none())?;
                let default_secs = found.within.collection.default_ttl_secs;
                let secs = found.artifact.ttl.effective_secs(default_secs);
                let is_due = secs.is_some_and(|secs| found.artifact.created_at.plus_secs(secs) <= tx.now());
                if is_due && found.artifact.ttl != Ttl::Off {
                    expired.push(found);
                }
            }
            delete_recorded(tx, &Caller::SYSTEM, &expired)?;
            Ok::<_, Error>(expired.len())
        });
        expired.await
    }
}
