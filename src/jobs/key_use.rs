//! Writes down when keys were last used.

use crate::app::App;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);

pub(super) async fn run(app: App) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.write_key_uses().await {
            tracing::error!(%error, "cannot write down when keys were last used");
        }
    }
}
