//! The trash: deleted runs are kept for a while, then removed for good with everything that was theirs. One whose time
//! is over cannot be restored, so that nothing comes back half removed.

use super::{App, Error};
use crate::db::repo::artifact::purge;
use crate::db::repo::{file, pending_file, run, stream};
use crate::db::tx::WriteTx;
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;

/// Runs looked at in one read.
const PAGE: usize = 100;
/// Records deleted in one transaction: others wait behind it.
const RECORDS: usize = 500;
pub(super) const SECS_PER_DAY: i64 = 86_400;

/// Runs that were deleted until then are removed for good.
pub(super) fn due(now: Timestamp, trash_days: i64) -> Timestamp {
    now.plus_secs(-trash_days * SECS_PER_DAY)
}

pub(super) fn removed_at(deleted_at: Timestamp, trash_days: i64) -> Timestamp {
    deleted_at.plus_secs(trash_days * SECS_PER_DAY)
}

impl App {
    /// Removes the runs that were in the trash for long enough. Says how many. May be cut off anywhere: the run itself
    /// goes last.
    pub async fn purge_trash(&self) -> Result<usize, Error> {
        let before = due(self.clock.now(), self.settings.trash_days);
        let mut purged = 0;
        loop {
            let due = self.db.read(move |tx| run::deleted_before(tx, before, PAGE).map_err(Error::from)).await?;
            if due.is_empty() {
                return Ok(purged);
            }
            for id in due {
                self.purge_run(id).await?;
                purged += 1;
            }
        }
    }

    async fn purge_run(&self, id: RunId) -> Result<(), Error> {
        while !self.db.write(move |tx| remove_run(tx, id)).await? {}
        tracing::info!(run.id = %id, "removed a run from the trash");
        Ok(())
    }
}

/// Removes a portion of a run for good; `true` when the run itself is gone.
pub(super) fn remove_run(tx: &mut WriteTx<'_>, id: RunId) -> Result<bool, Error> {
    let is_empty = pending_file::purge(tx, id, RECORDS)?
        && file::purge(tx, id, RECORDS)?
        && run::purge_alerts(tx, id, RECORDS)?
        && purge::forget_run(tx, id, RECORDS)?
        && stream::purge(tx, id, RECORDS)?;
    if is_empty {
        run::purge(tx, id)?;
    }
    Ok(is_empty)
}

#[cfg(test)]
mod tests {
    use crate::app::run::{Target, UpsertRun};
    use crate::app::testing::{World, faults, history};

    fn named(run: &str) -> UpsertRun {
        let target = Target::Named { entity: Some("ada".into()), project: Some("p".into()), run: Some(run.into()) };
        UpsertRun { target, config: Some("{}".into()), ..UpsertRun::default() }
    }

    #[tokio::test]
    async fn more_lines_than_one_transaction_removes_go_with_their_run() {
        let world = World::new().await;
        world.create_run("r", true).await;
        for line in 0..=super::RECORDS as u64 {
            world.send("r", &history(line, &["{}"])).await;
        }
        world.app.delete_run(&world.ada, world.at("r")).await.unwrap();
        world.clock.advance_secs(31 * 86_400);

        assert_eq!(world.app.purge_trash().await.unwrap(), 1);

        assert_eq!(faults(&world.app).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_deleted_run_keeps_its_name_until_it_is_purged_with_all_that_was_its() {
        let world = World::new().await;
        let app = &world.app;
        app.upsert_run(&world.ada, named("r")).await.unwrap();
        world.send("r", &history(0, &[r#"{"_step":0,"a":1}"#])).await;
        let (_, uploads) = app.create_run_files(&world.ada, world.at("r"), vec!["a.txt".into()]).await.unwrap();
        let body = futures_util::stream::iter([Ok::<_, String>(bytes::Bytes::from_static(b"hello"))]);
        app.receive_file(crate::app::artifact::testing::token(&uploads[0].url), Some(5), None, body).await.unwrap();
        app.delete_run(&world.ada, world.at("r")).await.unwrap();

        assert!(app.upsert_run(&world.ada, named("r")).await.is_err());
        assert_eq!(app.purge_trash().await.unwrap(), 0);
        world.clock.advance_secs(31 * 86_400);
        assert_eq!(app.purge_trash().await.unwrap(), 1);
        assert_eq!(app.purge_trash().await.unwrap(), 0);
        assert_eq!(faults(app).await, Vec::<String>::new(), "with its garbage waiting");
        world.clock.advance_secs(86_400);
        app.collect_garbage().await.unwrap();

        let again = app.upsert_run(&world.ada, named("r")).await.unwrap();
        assert!(again.inserted);
        assert_eq!(app.run_streams(&[&again.run]).await.unwrap()[0].history.lines, 0);
        let (files, _) = app.list_run_files(&again.run, None, 10, |_| true).await.unwrap();
        assert!(files.is_empty());
        assert_eq!(faults(app).await, Vec::<String>::new());
    }
}
