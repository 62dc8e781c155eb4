//! Removes for good what was in the trash for long enough, runs and teams, artifacts that were deleted, and abandoned drafts.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(600);
/// Somebody may wait for the space.
const LOOK_AT_ARTIFACTS: Duration = Duration::from_secs(10);

pub(super) async fn run(app: App) {
    loop {
        match app.purge_trash().await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "emptied the trash"),
            Err(error) => tracing::error!(%error, "emptying the trash failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn run_artifacts(app: App) {
    loop {
        match app.purge_artifacts().await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "removed artifacts"),
            Err(error) => tracing::error!(%error, "removing artifacts failed; it is tried again"),
        }
        tokio::time::sleep(LOOK_AT_ARTIFACTS).await;
    }
}

pub(super) async fn run_teams(app: App) {
    loop {
        match app.remove_due_teams().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed teams from the trash"),
            Err(error) => tracing::error!(%error, "removing deleted teams failed; it is tried again"),
        }
        match app.forget_gone_teams().await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "nothing is left in the stores of teams that are gone"),
            Err(error) => tracing::error!(%error, "forgetting the stores of teams failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
