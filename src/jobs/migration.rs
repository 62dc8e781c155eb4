//! Moves the bytes of teams from one store to another.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn run(app: App) {
    loop {
        match app.work_on_migrations().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "migrations cannot go on; it is tried again"),
        }
        tokio::select! {
            () = app.migration_is_due() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
