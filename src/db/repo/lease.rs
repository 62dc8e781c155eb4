//! Leases: work that one process at a time does. Who works asks in each transaction of the work, so whoever was too slow
//! and has lost its lease writes nothing.

use crate::db::schema::LEASES;
use crate::db::table::PutError;
use crate::db::tx::WriteTx;
use crate::domain::lease::{Lease, WorkerId};

/// Takes the lease, or keeps it; `false` while another process has it. It is written anew only when half of its time is
/// over: asking often costs nothing.
pub fn hold(tx: &mut WriteTx<'_>, work: &str, owner: WorkerId, secs: i64) -> Result<bool, PutError> {
    let (work, now) = (work.to_owned(), tx.now());
    let before = LEASES.get(tx, &work)?;
    let epoch = match before {
        Some(lease) if lease.owner == owner => {
            if lease.until.secs_since(now) > secs / 2 {
                return Ok(true);
            }
            lease.epoch
        }
        Some(lease) if lease.until > now => return Ok(false),
        lease => lease.map_or(1, |lease| lease.epoch + 1),
    };
    LEASES.put(tx, &work, &Lease { owner, epoch, until: now.plus_secs(secs) })?;
    Ok(true)
}

/// Gives the lease back, so that nobody has to wait for its end.
pub fn release(tx: &mut WriteTx<'_>, work: &str, owner: WorkerId) -> Result<(), PutError> {
    let (work, now) = (work.to_owned(), tx.now());
    match LEASES.get(tx, &work)? {
        Some(lease) if lease.owner == owner => LEASES.put(tx, &work, &Lease { until: now, ..lease }),
        _ => Ok(()),
    }
}
