//! Tests the connectors that are used, once a day, and one that has failed once an hour.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(600);

pub(super) async fn run(app: App) {
    loop {
        match app.test_due_connectors().await {
            Ok(0) => {}
            Ok(tested) => tracing::info!(tested, "tested connectors"),
            Err(error) => tracing::error!(%error, "testing connectors failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
