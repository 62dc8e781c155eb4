//! What scripts tell people with `run.alert`.

use super::run::existing;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller};
use crate::db::repo::run::{self, FoundRun, RunPath};
use crate::domain::id::AlertId;
use crate::domain::run::{Alert, Severity};

/// Title and text together.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The same alert of a run within this time is not kept again when the client names no time of its own.
const WAIT_SECS: i64 = 60;

impl App {
    /// Keeps an alert, unless the same title came less than `wait_secs` ago.
    pub async fn add_alert(
        &self,
        caller: &Caller,
        path: RunPath,
        (title, text, severity): (String, String, Severity),
        wait_secs: Option<i64>,
    ) -> Result<(), Error> {
        if title.len() + text.len() > TEXT_BYTES_MAX {
            return Err(Error::TooLarge(format!("an alert has at most {TEXT_BYTES_MAX} bytes")));
        }
        let (caller, licence) = (*caller, self.licence());
        let added = self.db.write(move |tx| {
            let found = existing(tx, &caller, &path, Action::RunLog, &licence)?;
            let created_at = tx.now();
            let wait = wait_secs.unwrap_or(WAIT_SECS);
            let last = run::last_alert_titled(tx, &found, &title)?;
            if last.is_some_and(|last| created_at.secs_since(last) < wait) {
                return Ok(());
            }
            let alert = Alert { title: title.clone(), text: text.clone(), severity, created_at };
            run::add_alert(tx, &found, &alert)?;
            Ok::<_, Error>(())
        });
        added.await
    }

    /// Alerts of the run, oldest first, after the alert `after`; and whether there are more.
    pub async fn list_alerts(
        &self,
        found: &Allowed<FoundRun>,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<(Vec<(AlertId, Alert)>, bool), Error> {
        let found = found.project(Clone::clone);
        let mut alerts = self
            .db
            .read(move |tx| run::alerts(tx, &found, after, limit.saturating_add(1)).map_err(Error::from))
            .await?;
        let has_more = alerts.len() > limit;
        alerts.truncate(limit);
        Ok((alerts, has_more))
    }
}
