//! Seals tails as they become long, and looks for idle ones now and then.

use crate::app::App;
use std::time::Duration;

const IDLE_LOOK: Duration = Duration::from_secs(30);
/// Between two passes, so that many tails that become due one after another are one pass.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(app: App) {
    while let Err(error) = app.find_unsealed().await {
        tracing::error!(%error, "cannot look for unsealed lines; trying again");
        tokio::time::sleep(IDLE_LOOK).await;
    }
    loop {
        match app.seal_due().await {
            Ok(0) => {}
            Ok(segments) => tracing::debug!(segments, "sealed lines of runs"),
            Err(error) => tracing::error!(%error, "sealing failed"),
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = app.tail_is_due() => {}
            () = tokio::time::sleep(IDLE_LOOK) => {}
        }
    }
}
