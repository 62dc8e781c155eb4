//! The installed licence, and what the server remembers so that none counts for longer than it says.

use super::user::Instance;
use crate::access::{Action, Allowed};
use crate::db::DbError;
use crate::db::schema::{DEPLOYMENT, LATEST_TIME, LICENCE};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::licence::{Deployment, InstalledLicence, LatestTime};

/// The server itself reads it; who may see it is for the use case to check.
pub fn installed(tx: &impl Read) -> Result<Option<InstalledLicence>, DbError> {
    LICENCE.get(tx, &())
}

pub fn put(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, text: &str) -> Result<(), PutError> {
    instance.must_be(Action::SystemLicense);
    let installed = InstalledLicence { text: text.to_owned(), at: tx.now() };
    LICENCE.put(tx, &(), &installed)
}

pub fn latest_time(tx: &impl Read) -> Result<Timestamp, DbError> {
    Ok(LATEST_TIME.get(tx, &())?.map_or(Timestamp(0), |latest| latest.0))
}

/// Writes the time down, unless a later one stands there.
pub fn note_time(tx: &mut WriteTx<'_>) -> Result<(), PutError> {
    let now = tx.now();
    if latest_time(tx)? < now { LATEST_TIME.put(tx, &(), &LatestTime(now)) } else { Ok(()) }
}

pub fn deployment(tx: &impl Read) -> Result<Option<String>, DbError> {
    Ok(DEPLOYMENT.get(tx, &())?.map(|deployment| deployment.id))
}

/// Once: who has a name keeps it.
pub fn name_deployment(tx: &mut WriteTx<'_>, id: &str) -> Result<(), PutError> {
    match deployment(tx)? {
        Some(_) => Ok(()),
        None => DEPLOYMENT.put(tx, &(), &Deployment { id: id.to_owned() }),
    }
}
