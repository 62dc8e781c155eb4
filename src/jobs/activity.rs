//! Writes down when people were last active.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(60);

pub(super) async fn run(app: App) {
    loop {
        tokio::time::sleep(LOOK).await;
        match app.write_activity().await {
            Ok(0) => {}
            Ok(people) => tracing::debug!(people, "noted who was active"),
            Err(error) => tracing::error!(%error, "cannot note who was active; it is tried again"),
        }
    }
}
