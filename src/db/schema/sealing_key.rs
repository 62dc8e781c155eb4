//! The keys that seal.

use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::sealed::SealingKey;

impl Record for SealingKey {}
impl Stored<u32> for SealingKey {
    const SECRETS: &'static [&'static str] = &["wrapped"];
    const HAS_INDEXES: bool = false;
}
