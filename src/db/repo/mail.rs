//! Mails that wait to be sent, and those that could not be.

use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::repo::user::Instance;
use crate::db::schema::{DUE_MAILS, MAILS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::id::MailId;
use crate::domain::mail::{Mail, pause_secs};

const PAGE: usize = 100;
/// How long a mail that was given up is shown.
const SHOWN_SECS: i64 = 7 * 86_400;

/// Writes a mail into the transaction of the change that it tells of.
pub fn put(tx: &mut WriteTx<'_>, mail: &Mail) -> Result<(), PutError> {
    let (id, now) = (tx.new_id::<MailId>()?, tx.now());
    MAILS.put(tx, &id, &Mail { created_at: now, next_try_at: Some(now), ..mail.clone() })
}

/// Those that are to be sent by now, the longest due first.
pub fn due(tx: &impl Read, now: Timestamp, limit: usize) -> Result<Vec<(MailId, Mail)>, DbError> {
    let mut mails = Vec::new();
    for (at, id) in DUE_MAILS.list(tx, &(), None, limit)? {
        if at > now {
            break;
        }
        mails.extend(MAILS.get(tx, &id)?.map(|mail| (id, mail)));
    }
    Ok(mails)
}

/// A mail server has taken it.
pub fn sent(tx: &mut WriteTx<'_>, id: MailId) -> Result<(), DbError> {
    MAILS.delete(tx, &id)?;
    Ok(())
}

/// No mail server took it: it is tried again later, or given up. What it says is kept only for another try.
pub fn failed(tx: &mut WriteTx<'_>, id: MailId, trouble: &str, is_final: bool) -> Result<Option<Mail>, PutError> {
    let Some(mail) = MAILS.get(tx, &id)? else { return Ok(None) };
    let tries = mail.tries + 1;
    let next_try_at = pause_secs(tries).filter(|_| !is_final).map(|secs| tx.now().plus_secs(secs));
    let sealed_text = if next_try_at.is_some() { mail.sealed_text } else { Vec::new() };
    let kept = Mail { tries, next_try_at, sealed_text, trouble: Some(trouble.to_owned()), ..mail };
    MAILS.put(tx, &id, &kept)?;
    Ok(Some(kept))
}

/// In the order of their making, after `after`.
pub fn list(
    tx: &impl Read,
    instance: &Allowed<Instance>,
    after: Option<MailId>,
    limit: usize,
) -> Result<Vec<(MailId, Mail)>, DbError> {
    instance.must_be(Action::SystemSettings);
    MAILS.list(tx, &(), after.as_ref(), limit)
}

/// Removes mails that were given up long ago.
pub fn remove_old(tx: &mut WriteTx<'_>) -> Result<usize, DbError> {
    let mut removed = 0;
    // In the order of their making, so the old ones come first.
    for (id, mail) in MAILS.list(tx, &(), None, PAGE)? {
        if mail.next_try_at.is_none() && mail.created_at.plus_secs(SHOWN_SECS) <= tx.now() {
            MAILS.delete(tx, &id)?;
            removed += 1;
        }
    }
    Ok(removed)
}
