//! Removes for good what was in the trash for long enough.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(600);

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
