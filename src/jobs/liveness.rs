//! Tells runs that are silent from those that live.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(15);

pub(super) async fn run(app: App) {
    loop {
        match app.end_silent_runs().await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "runs fell silent"),
            Err(error) => tracing::error!(%error, "cannot look for silent runs"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
