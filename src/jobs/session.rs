//! Removes sessions and reset links whose time is over. They count no more as it is; this frees their room.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(600);

pub(super) async fn run(app: App) {
    loop {
        match app.remove_ended_sessions().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed what has ended of sessions and reset links"),
            Err(error) => tracing::error!(%error, "removing ended sessions failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
