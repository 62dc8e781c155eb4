//! The index entries and references of what belongs to signing in.

use super::{RESET_LINK_BY_HASH, RESET_LINKS_BY_USER, SESSION_BY_HASH, SESSIONS_BY_USER, USERS};
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::{Entries, Stored};
use crate::domain::id::{ResetLinkId, SessionId, UserId};
use crate::domain::reset_link::ResetLink;
use crate::domain::second_factor::SecondFactor;
use crate::domain::session::Session;

impl Record for Session {}
impl Stored<SessionId> for Session {
    const SECRETS: &'static [&'static str] = &["hash"];

    fn indexes(&self, key: &SessionId, entries: &mut Entries) {
        entries.unique(&SESSION_BY_HASH, &self.hash, key);
        entries.index(&SESSIONS_BY_USER, &(self.user, *key));
    }

    fn references(&self, _: &SessionId, references: &mut References) {
        references.needs(&USERS, &self.user);
    }
}

impl Record for SecondFactor {}
impl Stored<UserId> for SecondFactor {
    const SECRETS: &'static [&'static str] = &["sealed_secret", "recovery"];
    const HAS_INDEXES: bool = false;

    fn references(&self, user: &UserId, references: &mut References) {
        references.needs(&USERS, user);
    }
}

impl Record for ResetLink {}
impl Stored<ResetLinkId> for ResetLink {
    const SECRETS: &'static [&'static str] = &["hash"];

    fn indexes(&self, key: &ResetLinkId, entries: &mut Entries) {
        entries.unique(&RESET_LINK_BY_HASH, &self.hash, key);
        entries.index(&RESET_LINKS_BY_USER, &(self.user, *key));
    }

    fn references(&self, _: &ResetLinkId, references: &mut References) {
        references.needs(&USERS, &self.user);
    }
}
