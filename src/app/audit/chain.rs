//! Linking the records that were written into the chain, and following it to see whether it is whole.

use crate::access::{Action, Caller};
use crate::app::{App, Error};
use crate::db::repo::{audit, audit_log, lease, user};
use crate::domain::audit_chain::Head;

pub use crate::db::repo::audit_log::Checked as CheckedLog;

/// The name of the lease.
pub(super) const WORK: &str = "link_audit_records";
/// How long the log stands still when the process that links it was killed.
const LEASE_SECS: i64 = 10;
/// Linked in one transaction: others wait behind it.
const LINKED_AT_ONCE: usize = 500;

impl App {
    /// Links the records that wait, and says how many. Linking and taking from those that wait is one transaction, so it
    /// may be cut off anywhere. Nothing is done while another process has the lease.
    pub async fn link_audit_records(&self) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            // Asking first costs no commit.
            if !self.db.read(|tx| audit::is_any_pending(tx).map_err(Error::from)).await? {
                return Ok(count);
            }
            let worker = self.worker;
            let linked = self.db.write(move |tx| {
                if !lease::hold(tx, WORK, worker, LEASE_SECS)? {
                    return Ok(Vec::new());
                }
                Ok::<_, Error>(audit::link_pending(tx, LINKED_AT_ONCE)?)
            });
            let linked = linked.await?;
            // Each record is linked once, so this counts what was committed, whichever process had written it.
            for action in linked.iter().flatten() {
                metrics::counter!("weighhouse_audit_records_total", "action" => action.name()).increment(1);
            }
            count += linked.len();
            if linked.len() < LINKED_AT_ONCE {
                return Ok(count);
            }
        }
    }

    /// Leaves nothing behind that would wait for the next start.
    pub async fn finish_audit_log(&self) -> Result<(), Error> {
        self.write_noted_reads().await?;
        self.link_audit_records().await?;
        let worker = self.worker;
        self.db.write(move |tx| Ok(lease::release(tx, WORK, worker)?)).await
    }

    /// Follows the whole chain; a head that was noted before has to be on it.
    pub async fn check_audit_log(&self, caller: &Caller, noted: Option<Head>) -> Result<CheckedLog, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        self.db.read_at_length(move |tx| audit_log::check(tx, noted.as_ref()).map_err(Error::from)).await
    }
}
