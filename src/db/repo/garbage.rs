//! What is to be removed later: objects that nothing leads to any more, and lines that are too many for one transaction.
//! A row is written in the transaction that makes the thing superfluous, or before an object is made that may come to
//! nothing; the collector works them off.

use crate::db::DbError;
use crate::db::schema::{GARBAGE, TAIL_CHUNKS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
pub use crate::domain::garbage::Ticket;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::{BlobUploadId, EntityId, JobId};

/// Readers that have found an object may still be about to open it.
const READERS_SECS: i64 = 600;
/// Longer than making an object takes, also the upload of a large file over a slow line; the collector then takes it
/// for forgotten.
const MAKING_SECS: i64 = 86_400;
/// A removal that failed, or was cut off, is tried again after this time.
const RETRY_SECS: i64 = 300;

/// Has an object removed that nothing leads to after this transaction.
pub fn discard(tx: &mut WriteTx<'_>, owner: EntityId, object: StoredObject) -> Result<(), PutError> {
    put(tx, READERS_SECS, Garbage::Object { owner, object }).map(|_| ())
}

/// Has lines of the database removed.
pub fn discard_lines(tx: &mut WriteTx<'_>, lines: Garbage) -> Result<(), PutError> {
    put(tx, 0, lines).map(|_| ())
}

/// Announces an object that is about to be made, so that it is removed if nothing comes to lead to it.
pub fn announce(tx: &mut WriteTx<'_>, owner: EntityId, object: StoredObject) -> Result<Ticket, PutError> {
    put(tx, MAKING_SECS, Garbage::Object { owner, object })
}

/// Keeps an announced object. `false`: it took so long that the object is being removed.
pub fn keep(tx: &mut WriteTx<'_>, ticket: &Ticket) -> Result<bool, DbError> {
    GARBAGE.delete(tx, ticket)
}

/// Takes over removals whose time has come. They stay until [`done`], and come up again if that is not said.
pub fn claim(tx: &mut WriteTx<'_>, limit: usize) -> Result<Vec<(Ticket, Garbage)>, PutError> {
    let mut claimed = Vec::new();
    for (ticket, garbage) in GARBAGE.list(tx, &(), None, limit)? {
        if ticket.0 > tx.now() {
            break;
        }
        GARBAGE.delete(tx, &ticket)?;
        claimed.push((put(tx, RETRY_SECS, garbage)?, garbage));
    }
    Ok(claimed)
}

pub fn done(tx: &mut WriteTx<'_>, ticket: &Ticket) -> Result<(), DbError> {
    GARBAGE.delete(tx, ticket).map(|_| ())
}

/// Deletes at most `limit` rows; `true` when none are left.
pub fn delete_lines(tx: &mut WriteTx<'_>, garbage: &Garbage, limit: usize) -> Result<bool, PutError> {
    match *garbage {
        Garbage::Object { .. } | Garbage::Parts { .. } => Ok(true),
        Garbage::Chunks { run, stream, generation, before } => {
            let mut keys = TAIL_CHUNKS.keys(tx, &(run, stream, generation), limit)?;
            keys.retain(|(.., place)| *place < before);
            for key in &keys {
                TAIL_CHUNKS.delete(tx, key)?;
            }
            Ok(keys.len() < limit)
        }
        Garbage::BlobUploads { artifact } => super::artifact::blob::delete_uploads(tx, artifact, limit),
    }
}

/// Whether anything waits to be removed, now or later.
pub fn is_empty(tx: &impl Read) -> Result<bool, DbError> {
    Ok(GARBAGE.keys(tx, &(), 1)?.is_empty())
}

/// The same for an object that may be sent at any time within the next `leave_secs`.
pub fn announce_upload(
    tx: &mut WriteTx<'_>,
    owner: EntityId,
    object: StoredObject,
    leave_secs: i64,
) -> Result<Ticket, PutError> {
    put(tx, MAKING_SECS.saturating_add(leave_secs), Garbage::Object { owner, object })
}

/// The same for the parts of one.
pub fn announce_parts(tx: &mut WriteTx<'_>, upload: BlobUploadId, leave_secs: i64) -> Result<Ticket, PutError> {
    put(tx, MAKING_SECS.saturating_add(leave_secs), Garbage::Parts { upload })
}

/// Has parts given up now. Their row stays until that is done.
pub fn discard_parts(tx: &mut WriteTx<'_>, upload: BlobUploadId) -> Result<(), PutError> {
    put(tx, 0, Garbage::Parts { upload }).map(|_| ())
}

fn put(tx: &mut WriteTx<'_>, after_secs: i64, garbage: Garbage) -> Result<Ticket, PutError> {
    let ticket = (tx.now().plus_secs(after_secs), tx.new_id::<JobId>()?);
    GARBAGE.put(tx, &ticket, &garbage)?;
    Ok(ticket)
}
