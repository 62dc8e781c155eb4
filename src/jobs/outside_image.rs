//! Fetches images of other hosts that introductions show, and fetches them anew once a day.

use crate::app::App;
use std::time::Duration;

/// Somebody may wait to see what they have just written.
const LOOK: Duration = Duration::from_secs(10);

pub(super) async fn run(app: App) {
    loop {
        match app.fetch_outside_images().await {
            Ok(0) => {}
            Ok(fetched) => tracing::debug!(fetched, "fetched outside images"),
            Err(error) => tracing::error!(%error, "fetching outside images failed; it is tried again"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
