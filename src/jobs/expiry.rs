//! Deletes artifact versions whose time to live has ended.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(600);

pub(super) async fn run(app: App) {
    loop {
        match app.expire_artifacts().await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "deleted artifact versions at the end of their time to live"),
            Err(error) => tracing::error!(%error, "looking for expired artifacts failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
