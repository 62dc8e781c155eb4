//! Remembers the time, so that no licence lives longer by a clock that was turned back, and warns before one ends.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(3600);
/// A warning a day is enough.
const WARN_EVERY: u64 = 24;

pub(super) async fn run(app: App) {
    for look in 0_u64.. {
        let done = if look.is_multiple_of(WARN_EVERY) { app.watch_licence().await } else { app.note_time().await };
        if let Err(error) = done {
            tracing::error!(%error, "looking after the licence failed; it is tried again");
        }
        tokio::time::sleep(LOOK).await;
    }
}
