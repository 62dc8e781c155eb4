//! Sends mails as they are written, and again those that no mail server took.

use crate::app::App;
use std::time::Duration;

/// Mails that are tried again become due without anybody saying so.
const LOOK: Duration = Duration::from_secs(15);

pub(super) async fn run(app: App) {
    loop {
        if let Err(error) = app.send_due_mails().await {
            tracing::error!(%error, "looking for mails to send failed; it is tried again");
        }
        tokio::select! {
            () = app.mail_is_due() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
