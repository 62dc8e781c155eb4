//! Sessions that are there: whom a request with one comes from, seeing one's own, and ending them.

use super::audit::{self, Event};
use super::{App, Error};
use crate::access::{Caller, Own};
use crate::db::DbError;
use crate::db::repo::{reset_link, second_factor, session, user};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::session::{Session, SessionLimits};
use crate::domain::user::User;
use crate::secrets::Token;
use std::net::IpAddr;

/// A session, as its owner sees it.
#[derive(Debug, Clone)]
pub struct ShownSession {
    pub id: SessionId,
    pub session: Session,
    pub ends_at: Timestamp,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: User,
    pub has_second_factor: bool,
    pub session: ShownSession,
}

impl App {
    /// Whom a request with this session comes from.
    pub fn caller_of_session(&self, token: &Token, address: Option<IpAddr>) -> Result<(Caller, SessionId), Error> {
        let hash = self.account.sessions.hash(token.expose());
        let found = self.db.look_up(|tx| session::caller_of(tx, &hash).map_err(Error::from))?;
        let (id, session, caller) = found.ok_or(Error::NoSession)?;
        let now = self.clock.now();
        if session.ends_at(self.session_limits()) <= now {
            return Err(Error::NoSession);
        }
        self.last_uses.sessions.note(id, now, address);
        Ok((caller, id))
    }

    /// Who is signed in with this session.
    pub async fn signed_in(&self, caller: &Caller, id: SessionId) -> Result<SignedIn, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        let limits = self.session_limits();
        let found = self.db.read(move |tx| {
            let user = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
            let has_second_factor = second_factor::get(tx, own.user())?.is_some_and(|factor| factor.is_on());
            let session = session::list(tx, &own)?.into_iter().find(|(other, _)| *other == id);
            let (id, session) = session.ok_or(Error::NoSession)?;
            Ok::<_, Error>(SignedIn { user, has_second_factor, session: shown(id, session, limits) })
        });
        found.await
    }

    /// The caller's own sessions, oldest first.
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<ShownSession>, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        let (limits, now) = (self.session_limits(), self.clock.now());
        let found = self.db.read(move |tx| session::list(tx, &own).map_err(Error::from)).await?;
        let shown = found.into_iter().map(|(id, session)| shown(id, session, limits));
        Ok(shown.filter(|session| session.ends_at > now).collect())
    }

    /// Ends one of the caller's own sessions.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<(), Error> {
        self.sign_out(caller, move |tx, own| Ok(usize::from(session::end(tx, own, id)?))).await
    }

    /// Ends all of the caller's sessions, the one they ask with included.
    pub async fn end_all_sessions(&self, caller: &Caller) -> Result<(), Error> {
        self.sign_out(caller, |tx, own| session::end_all(tx, own.user(), None)).await
    }

    async fn sign_out(
        &self,
        caller: &Caller,
        end: impl Fn(&mut crate::db::tx::WriteTx<'_>, &Own) -> Result<usize, DbError> + Send + 'static,
    ) -> Result<(), Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        let caller = *caller;
        let ended = self.db.write(move |tx| {
            let ended = end(tx, &own)?;
            if ended == 0 {
                return Err(Error::NotFound("you have no such session; it may have ended already".into()));
            }
            let user = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
            let event = Event::new(AuditAction::UserLogout).user(own.user(), &user).detail("sessions", ended);
            audit::record(tx, &caller, event)?;
            Ok(ended)
        });
        let ended = ended.await?;
        tracing::info!(user.id = %own.user(), ended, "signed out");
        Ok(())
    }

    /// Removes sessions and reset links whose time is over; returns how many.
    pub(crate) async fn remove_ended_sessions(&self) -> Result<usize, Error> {
        let limits = self.session_limits();
        let mut removed = 0;
        let mut after = None;
        loop {
            let page = self.db.write(move |tx| Ok::<_, Error>(session::remove_ended(tx, after, limits)?)).await?;
            removed += page.1;
            after = page.0;
            if after.is_none() {
                break;
            }
        }
        let mut after = None;
        loop {
            let page = self.db.write(move |tx| Ok::<_, Error>(reset_link::remove_expired(tx, after)?)).await?;
            removed += page.1;
            after = page.0;
            if after.is_none() {
                return Ok(removed);
            }
        }
    }

    /// What the settings say of how long a session lasts.
    pub fn session_limits(&self) -> SessionLimits {
        let settings = self.system_settings();
        let secs = |hours: u64| i64::try_from(hours).unwrap_or(i64::MAX / 3600) * 3600;
        SessionLimits {
            idle_secs: secs(settings.session_idle_hours),
            absolute_secs: secs(settings.session_absolute_hours),
        }
    }
}

fn shown(id: SessionId, session: Session, limits: SessionLimits) -> ShownSession {
    let ends_at = session.ends_at(limits);
    ShownSession { id, session, ends_at }
}
