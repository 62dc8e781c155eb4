//! Links the records of the audit log, and writes down what was only read.

use crate::app::App;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(1);
/// Reads are gathered over so many looks.
const LOOKS_PER_WRITING: u32 = 5;

pub(super) async fn run(app: App) {
    loop {
        if let Err(error) = app.write_noted_reads().await {
            tracing::error!(%error, "cannot write down what was read; it is tried again");
        }
        for _ in 0..LOOKS_PER_WRITING {
            match app.link_audit_records().await {
                Ok(0) => {}
                Ok(linked) => tracing::debug!(linked, "linked records of the audit log"),
                Err(error) => tracing::error!(%error, "linking the audit log failed; it is tried again"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
