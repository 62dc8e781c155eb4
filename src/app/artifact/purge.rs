//! Removing artifacts for good: those that were deleted, and drafts that nobody committed.

use crate::app::{App, Error};
use crate::db::repo::artifact::{draft, purge};

/// Artifacts looked at in one transaction.
const PAGE: usize = 100;
/// Records deleted in one transaction: others wait behind it.
const RECORDS: usize = 500;

impl App {
    /// Removes what was deleted or abandoned, and says how many artifacts. May be cut off anywhere: the artifact's own
    /// record goes last.
    pub async fn purge_artifacts(&self) -> Result<usize, Error> {
        let before = self.clock.now().plus_secs(-self.settings.draft_secs);
        while self.db.write(move |tx| draft::abandon(tx, before, PAGE).map_err(Error::from)).await? == PAGE {}
        let mut purged = 0;
        loop {
            let due = self.db.read(|tx| purge::due(tx, PAGE).map_err(Error::from)).await?;
            if due.is_empty() {
                return Ok(purged);
            }
            for id in due {
                while !self.db.write(move |tx| purge::purge(tx, id, RECORDS).map_err(Error::from)).await? {}
                tracing::info!(artifact.id = %id, "removed an artifact for good");
                purged += 1;
            }
        }
    }
}
