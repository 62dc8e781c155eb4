//! One-time links with which people choose another password: kept by the hashes of their tokens.

use crate::access::{Action, Allowed, Own};
use crate::db::DbError;
use crate::db::schema::{RESET_LINK_BY_HASH, RESET_LINKS, RESET_LINKS_BY_USER};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::{ResetLinkId, UserId};
use crate::domain::reset_link::{RESET_SECS, ResetLink};
use crate::domain::user::User;

/// Links that one person may have at once.
const OPEN_MAX: usize = 5;
const PAGE: usize = 100;

/// Makes a link for an administrator to hand over; the oldest makes room for it.
pub fn create(tx: &mut WriteTx<'_>, person: &Allowed<(UserId, User)>, hash: [u8; 32]) -> Result<ResetLink, PutError> {
    person.must_be(Action::UserManage);
    let open = open_of(tx, person.0)?;
    if open.len() >= OPEN_MAX
        && let Some(oldest) = open.first()
    {
        RESET_LINKS.delete(tx, oldest)?;
    }
    put(tx, person.0, hash)
}

/// Makes a link that is mailed to the person because somebody, maybe not they, asked for it. `None`: there are enough
/// already; a stranger who asks often ends none that was handed over.
pub fn create_for_mail(tx: &mut WriteTx<'_>, user: UserId, hash: [u8; 32]) -> Result<Option<ResetLink>, PutError> {
    if open_of(tx, user)?.len() >= OPEN_MAX {
        return Ok(None);
    }
    put(tx, user, hash).map(Some)
}

fn put(tx: &mut WriteTx<'_>, user: UserId, hash: [u8; 32]) -> Result<ResetLink, PutError> {
    let id = tx.new_id::<ResetLinkId>()?;
    let link = ResetLink { user, hash, expires_at: tx.now().plus_secs(RESET_SECS) };
    RESET_LINKS.put(tx, &id, &link)?;
    Ok(link)
}

/// The person's links that can still be used, oldest first; the others are removed.
fn open_of(tx: &mut WriteTx<'_>, user: UserId) -> Result<Vec<ResetLinkId>, DbError> {
    let mut open = Vec::new();
    for (_, id) in RESET_LINKS_BY_USER.list(tx, &user, None, PAGE)? {
        match RESET_LINKS.get(tx, &id)? {
            Some(link) if link.expires_at > tx.now() => open.push(id),
            _ => drop(RESET_LINKS.delete(tx, &id)?),
        }
    }
    Ok(open)
}

/// Whom the token's link is for, expired or not.
pub fn find(tx: &impl Read, hash: &[u8; 32]) -> Result<Option<ResetLink>, DbError> {
    let Some(id) = RESET_LINK_BY_HASH.find(tx, hash)? else { return Ok(None) };
    RESET_LINKS.get(tx, &id)
}

/// Uses the link up, and with it all others of its person: whoever holds its token acts as they. `None`: there is no
/// such link, or not any more.
pub fn take(tx: &mut WriteTx<'_>, hash: &[u8; 32]) -> Result<Option<Own>, DbError> {
    let Some(link) = find(tx, hash)?.filter(|link| link.expires_at > tx.now()) else { return Ok(None) };
    end_all(tx, link.user)?;
    Ok(Some(Own::proven(link.user)))
}

/// Ends the person's links, for code that changes what they would open.
pub fn end_all(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), DbError> {
    for (_, id) in RESET_LINKS_BY_USER.list(tx, &user, None, PAGE)? {
        RESET_LINKS.delete(tx, &id)?;
    }
    Ok(())
}

/// Removes what has expired, a portion behind `after`; returns where to go on, and how many were removed.
pub fn remove_expired(
    tx: &mut WriteTx<'_>,
    after: Option<ResetLinkId>,
) -> Result<(Option<ResetLinkId>, usize), DbError> {
    let page = RESET_LINKS.list(tx, &(), after.as_ref(), PAGE)?;
    let next = page.last().map(|(id, _)| *id).filter(|_| page.len() == PAGE);
    let mut removed = 0;
    for (id, link) in page {
        if link.expires_at <= tx.now() {
            RESET_LINKS.delete(tx, &id)?;
            removed += 1;
        }
    }
    Ok((next, removed))
}
