//! The references of what is noted about people from time to time.

use super::USERS;
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::id::UserId;
use crate::domain::user::LastActive;

impl Record for LastActive {}
impl Stored<UserId> for LastActive {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &UserId, references: &mut References) {
        references.needs(&USERS, key);
    }
}
