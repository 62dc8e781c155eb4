//! Looks after the stores: deletes once a day what nothing leads to, and reads a share of everything again.

use crate::app::App;
use std::time::Duration;

/// Each store is gone through once a day; this is how often it is asked whether that is so.
const LOOK: Duration = Duration::from_secs(1800);
const LOOK_AT_SHARE: Duration = Duration::from_secs(300);

pub(super) async fn clean(app: App) {
    loop {
        tokio::time::sleep(LOOK).await;
        match app.clean_stores_daily().await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted objects that nothing leads to"),
            Err(error) => tracing::error!(%error, "going through the stores failed; it is tried again"),
        }
    }
}

pub(super) async fn scrub(app: App) {
    loop {
        tokio::time::sleep(LOOK_AT_SHARE).await;
        match app.scrub_share().await {
            Ok(0) => {}
            Ok(read) => tracing::debug!(read, "read stored objects again"),
            Err(error) => tracing::warn!(%error, "reading stored objects again stopped; it goes on later"),
        }
    }
}
