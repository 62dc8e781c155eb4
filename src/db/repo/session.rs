//! Sessions of people who signed in.

use crate::access::{Caller, KeyScope, Own};
use crate::db::DbError;
use crate::db::schema::{SESSION_BY_HASH, SESSIONS, SESSIONS_BY_USER, USERS};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Session, SessionLimits};
use crate::domain::user::User;
use std::net::IpAddr;

/// More sessions than this nobody has at once: the oldest ends.
const KEPT_MAX: usize = 100;
const PAGE: usize = 100;

/// Begins a session of somebody who has shown that they are the person.
pub fn create(tx: &mut WriteTx<'_>, own: &Own, new: Session) -> Result<SessionId, PutError> {
    let kept = SESSIONS_BY_USER.list(tx, &own.user(), None, KEPT_MAX)?;
    if kept.len() == KEPT_MAX
        && let Some((_, oldest)) = kept.first()
    {
        SESSIONS.delete(tx, oldest)?;
    }
    let id = tx.new_id::<SessionId>()?;
    SESSIONS.put(tx, &id, &Session { user: own.user(), ..new })?;
    Ok(id)
}

/// Whom a request with this session comes from, whether or not it has ended by time.
pub fn caller_of(tx: &impl Read, hash: &[u8; 32]) -> Result<Option<(SessionId, Session, Caller)>, DbError> {
    match SESSION_BY_HASH.find(tx, hash)? {
        Some(id) => Ok(caller_by(tx, id)?.map(|(session, caller)| (id, session, caller))),
        None => Ok(None),
    }
}

/// Whom something comes from that was asked for in this session, whether or not it has ended by time.
pub fn caller_by(tx: &impl Read, id: SessionId) -> Result<Option<(Session, Caller)>, DbError> {
    let Some(session) = SESSIONS.get(tx, &id)? else { return Ok(None) };
    let Some(user) = USERS.get(tx, &session.user)?.filter(User::is_active) else { return Ok(None) };
    let caller = Caller { session: Some(id), ..Caller::user(session.user, user.system_admin, KeyScope::Full) };
    Ok(Some((session, caller)))
}

/// The person's sessions, oldest first, those included that have ended by time and are not removed yet.
pub fn list(tx: &impl Read, own: &Own) -> Result<Vec<(SessionId, Session)>, DbError> {
    let mut sessions = Vec::new();
    for (_, id) in SESSIONS_BY_USER.list(tx, &own.user(), None, KEPT_MAX)? {
        sessions.extend(SESSIONS.get(tx, &id)?.map(|session| (id, session)));
    }
    Ok(sessions)
}

/// Notes when a session was used, and from where; one that ended meanwhile stays gone.
pub fn note_use(
    tx: &mut WriteTx<'_>,
    id: SessionId,
    (at, address): (Timestamp, Option<IpAddr>),
) -> Result<(), PutError> {
    if let Some(session) = SESSIONS.get(tx, &id)? {
        SESSIONS.put(tx, &id, &Session { last_used_at: at.max(session.last_used_at), address, ..session })?;
    }
    Ok(())
}

/// Ends one session of the person; `false`: they have none of this id.
pub fn end(tx: &mut WriteTx<'_>, own: &Own, id: SessionId) -> Result<bool, DbError> {
    match SESSIONS.get(tx, &id)? {
        Some(session) if session.user == own.user() => SESSIONS.delete(tx, &id),
        _ => Ok(false),
    }
}

/// Ends the session of this token, whoever's it is: who holds the token could use it.
pub fn end_of_token(tx: &mut WriteTx<'_>, hash: &[u8; 32]) -> Result<(), DbError> {
    if let Some(id) = SESSION_BY_HASH.find(tx, hash)? {
        SESSIONS.delete(tx, &id)?;
    }
    Ok(())
}

/// Ends the person's sessions, all or all but one, for code that changes who they are or may be. Returns how many.
pub fn end_all(tx: &mut WriteTx<'_>, user: UserId, but: Option<SessionId>) -> Result<usize, DbError> {
    let found = SESSIONS_BY_USER.list(tx, &user, None, KEPT_MAX + 1)?;
    let ended: Vec<SessionId> = found.into_iter().map(|(_, id)| id).filter(|id| Some(*id) != but).collect();
    for id in &ended {
        SESSIONS.delete(tx, id)?;
    }
    Ok(ended.len())
}

/// Removes what has ended by time, a portion behind `after`; returns where to go on, and how many were removed.
pub fn remove_ended(
    tx: &mut WriteTx<'_>,
    after: Option<SessionId>,
    limits: SessionLimits,
) -> Result<(Option<SessionId>, usize), DbError> {
    let (now, page): (Timestamp, _) = (tx.now(), SESSIONS.list(tx, &(), after.as_ref(), PAGE)?);
    let next = page.last().map(|(id, _)| *id).filter(|_| page.len() == PAGE);
    let mut removed = 0;
    for (id, session) in page {
        if session.ends_at(limits) <= now {
            SESSIONS.delete(tx, &id)?;
            removed += 1;
        }
    }
    Ok((next, removed))
}
