//! Removes what nothing leads to any more.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(10);

pub(super) async fn run(app: App) {
    loop {
        match app.collect_garbage().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed what was superfluous"),
            Err(error) => tracing::error!(%error, "collecting garbage failed"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
