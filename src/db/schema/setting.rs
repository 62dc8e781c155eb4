//! The system settings that were changed.

use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::setting::ChangedSetting;

impl Record for ChangedSetting {}
impl Stored<String> for ChangedSetting {
    const HAS_INDEXES: bool = false;
}
