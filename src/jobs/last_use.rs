//! Writes down when people, keys and sessions were last used.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(60);

pub(super) async fn run(app: App) {
    loop {
        tokio::time::sleep(LOOK).await;
        match app.write_last_uses().await {
            Ok(0) => {}
            Ok(uses) => tracing::debug!(uses, "wrote down what was used"),
            Err(error) => tracing::error!(%error, "cannot write down what was used; it is tried again"),
        }
    }
}
