//! System settings that were changed; the others have their defaults.

use super::user::Instance;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::SETTINGS;
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::setting::{ChangedSetting, Setting, SettingValue, SystemSettings};

/// The changed ones by key. The server itself reads them; who may see them is for the use case to check.
pub fn changed(tx: &impl Read) -> Result<Vec<(String, ChangedSetting)>, DbError> {
    // One more for each that an older or newer server knew.
    SETTINGS.list(tx, &(), None, SystemSettings::ALL.len() * 2)
}

pub fn get(tx: &impl Read, setting: &Setting) -> Result<Option<ChangedSetting>, DbError> {
    SETTINGS.get(tx, &setting.key.to_owned())
}

pub fn put(
    tx: &mut WriteTx<'_>,
    instance: &Allowed<Instance>,
    setting: &Setting,
    value: SettingValue,
) -> Result<(), PutError> {
    instance.must_be(Action::SystemSettings);
    let changed = ChangedSetting { value, at: tx.now() };
    SETTINGS.put(tx, &setting.key.to_owned(), &changed)
}

/// Back to the default.
pub fn delete(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, setting: &Setting) -> Result<(), DbError> {
    instance.must_be(Action::SystemSettings);
    SETTINGS.delete(tx, &setting.key.to_owned())?;
    Ok(())
}
