//! What is to be removed later: objects that nothing leads to any more, and lines that are too many for one transaction.
//! A row is written in the transaction that makes the thing superfluous, or before an object is made that may come to
//! nothing; the collector works them off.

use super::connector;
use crate::db::DbError;
use crate::db::schema::{GARBAGE, GARBAGE_BY_OBJECT, GARBAGE_BY_OWNER, STRAGGLERS, TAIL_CHUNKS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::connector::StoreId;
pub use crate::domain::garbage::Ticket;
use crate::domain::garbage::{Garbage, StoredObject};
use crate::domain::id::{BlobUploadId, EntityId, JobId};
use crate::domain::migration::Straggler;

/// Readers that have found an object may still be about to open it.
const READERS_SECS: i64 = 600;
/// Longer than making an object takes, also the upload of a large file over a slow line; the collector then takes it
/// for forgotten.
const MAKING_SECS: i64 = 86_400;
/// A removal that failed, or was cut off, is tried again after this time.
const RETRY_SECS: i64 = 300;

/// Has an object removed that nothing leads to after this transaction.
pub fn discard(tx: &mut WriteTx<'_>, owner: EntityId, object: StoredObject) -> Result<(), PutError> {
    let garbage = object_of(tx, owner, object)?;
    put(tx, READERS_SECS, garbage).map(|_| ())
}

/// Has lines of the database removed.
pub fn discard_lines(tx: &mut WriteTx<'_>, lines: Garbage) -> Result<(), PutError> {
    put(tx, 0, lines).map(|_| ())
}

/// Announces an object that is about to be made, so that it is removed if nothing comes to lead to it.
pub fn announce(tx: &mut WriteTx<'_>, owner: EntityId, object: StoredObject) -> Result<Ticket, PutError> {
    let garbage = object_of(tx, owner, object)?;
    put(tx, MAKING_SECS, garbage)
}

/// Keeps an announced object, for the record that leads to it from now on. `false`: it took so long that the object is
/// being removed. An error when its bytes may be in a store that the owner has left meanwhile: whoever sends them again
/// sends them to the new one.
pub fn keep(tx: &mut WriteTx<'_>, ticket: &Ticket) -> Result<bool, PutError> {
    let Some(garbage) = GARBAGE.get(tx, ticket)? else { return Ok(false) };
    if let Garbage::Object { owner, object, home } = garbage {
        let store = connector::store_of(tx, owner)?;
        if store.also == Some(home) {
            STRAGGLERS.put(tx, &(owner, object), &Straggler {})?;
        } else if store.home != home {
            let why = "the team's store was changed while this was being sent; send it again";
            return Err(DbError::Unavailable(why.into()).into());
        }
    }
    Ok(GARBAGE.delete(tx, ticket)?)
}

/// Whether what is announced goes where new objects of its owner go now. It goes to no store when it is announced no
/// more.
pub fn is_at_home(tx: &impl Read, ticket: &Ticket) -> Result<bool, DbError> {
    match GARBAGE.get(tx, ticket)? {
        Some(Garbage::Object { owner, home, .. }) => Ok(connector::store_of(tx, owner)?.home == home),
        _ => Ok(true),
    }
}

/// Has what is announced, and was not sent yet, go where new objects of its owner go now.
pub fn bring_home(tx: &mut WriteTx<'_>, ticket: &Ticket) -> Result<(), PutError> {
    let Some(Garbage::Object { owner, object, .. }) = GARBAGE.get(tx, ticket)? else { return Ok(()) };
    let garbage = object_of(tx, owner, object)?;
    GARBAGE.put(tx, ticket, &garbage)
}

/// Whether the object is announced, or waits to be removed.
pub fn names(tx: &impl Read, object: StoredObject) -> Result<bool, DbError> {
    Ok(!GARBAGE_BY_OBJECT.list(tx, &object, None, 1)?.is_empty())
}

/// What of an entity's objects is announced or waits to be removed, after this ticket, the next due first: the object,
/// and the store that it goes to or was in.
pub fn objects_of(
    tx: &impl Read,
    owner: EntityId,
    after: Option<Ticket>,
    limit: usize,
) -> Result<Vec<(Ticket, StoredObject, StoreId)>, DbError> {
    let mut objects = Vec::new();
    for (_, ticket) in GARBAGE_BY_OWNER.list(tx, &owner, after.map(|ticket| (owner, ticket)).as_ref(), limit)? {
        if let Some(Garbage::Object { object, home, .. }) = GARBAGE.get(tx, &ticket)? {
            objects.push((ticket, object, home));
        }
    }
    Ok(objects)
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
    let garbage = object_of(tx, owner, object)?;
    put(tx, MAKING_SECS.saturating_add(leave_secs), garbage)
}

fn object_of(tx: &impl Read, owner: EntityId, object: StoredObject) -> Result<Garbage, DbError> {
    Ok(Garbage::Object { owner, object, home: connector::store_of(tx, owner)?.home })
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
