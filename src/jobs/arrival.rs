//! Looks in buckets for what clients have sent there.

use crate::app::App;
use std::time::Duration;

/// Most is looked for earlier, when its client says that it has sent it.
const LOOK: Duration = Duration::from_secs(10);
const HASH_LOOK: Duration = Duration::from_secs(60);

/// Run files.
pub(super) async fn run(app: App) {
    loop {
        match app.take_in_arrivals().await {
            Ok(0) => {}
            Ok(files) => tracing::debug!(files, "took in files that went straight to buckets"),
            Err(error) => tracing::error!(%error, "cannot look for files in buckets; it is tried again"),
        }
        tokio::select! {
            () = app.arrival_is_due() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Their MD5s.
pub(super) async fn run_hashing(app: App) {
    loop {
        match app.hash_files().await {
            Ok(0) => {}
            Ok(files) => tracing::debug!(files, "found out the MD5s of files in buckets"),
            Err(error) => tracing::error!(%error, "cannot read files in buckets; it is tried again"),
        }
        tokio::select! {
            () = app.file_is_unhashed() => {}
            () = tokio::time::sleep(HASH_LOOK) => {}
        }
    }
}

/// Content of artifacts that has to be read before it is believed.
pub(super) async fn run_read_back(app: App) {
    app.read_back_arrivals().await;
}
