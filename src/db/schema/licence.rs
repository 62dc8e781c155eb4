//! The licence and the seats that it counts.

use super::USERS;
use crate::db::any_table::References;
use crate::db::record::Record;
use crate::db::table::Stored;
use crate::domain::id::UserId;
use crate::domain::licence::{Deployment, InstalledLicence, LatestTime};
use crate::domain::seat::{Seat, SeatCounts};

impl Record for InstalledLicence {}
impl Stored<()> for InstalledLicence {
    const HAS_INDEXES: bool = false;
}

impl Record for LatestTime {}
impl Stored<()> for LatestTime {
    const HAS_INDEXES: bool = false;
}

impl Record for Deployment {}
impl Stored<()> for Deployment {
    const HAS_INDEXES: bool = false;
}

impl Record for Seat {}
impl Stored<UserId> for Seat {
    const HAS_INDEXES: bool = false;

    fn references(&self, key: &UserId, references: &mut References) {
        references.needs(&USERS, key);
    }
}

impl Record for SeatCounts {}
impl Stored<()> for SeatCounts {
    const HAS_INDEXES: bool = false;
}
