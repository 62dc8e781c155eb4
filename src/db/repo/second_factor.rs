//! Second factors of people.

use crate::access::{Action, Allowed, Own};
use crate::db::DbError;
use crate::db::schema::SECOND_FACTORS;
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::id::UserId;
use crate::domain::second_factor::SecondFactor;
use crate::domain::user::User;

pub fn get(tx: &impl Read, user: UserId) -> Result<Option<SecondFactor>, DbError> {
    SECOND_FACTORS.get(tx, &user)
}

pub fn put(tx: &mut WriteTx<'_>, own: &Own, factor: &SecondFactor) -> Result<(), PutError> {
    SECOND_FACTORS.put(tx, &own.user(), factor)
}

/// Turns the person's own off; `false`: there was none.
pub fn delete(tx: &mut WriteTx<'_>, own: &Own) -> Result<bool, DbError> {
    SECOND_FACTORS.delete(tx, &own.user())
}

/// Turns off that of a person who lost it; `false`: there was none.
pub fn reset(tx: &mut WriteTx<'_>, person: &Allowed<(UserId, User)>) -> Result<bool, DbError> {
    person.must_be(Action::UserManage);
    SECOND_FACTORS.delete(tx, &person.0)
}

/// For code that deletes the person.
pub(super) fn forget(tx: &mut WriteTx<'_>, user: UserId) -> Result<(), DbError> {
    SECOND_FACTORS.delete(tx, &user)?;
    Ok(())
}
