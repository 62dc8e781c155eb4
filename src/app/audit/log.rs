//! Reading the audit log: admins of an organization read its records, admins of the instance all of them. Reading is
//! itself recorded.

use super::{Event, record};
use crate::access::{Action, Caller, Licence, Refusal};
use crate::app::{App, Error};
use crate::db::repo::audit_log::{self, Extent};
use crate::db::repo::{entity, organization, user};
use crate::db::tx::Read;
use crate::domain::audit::{AuditAction, AuditRecord};
use crate::domain::clock::Timestamp;
use std::ops::Range;

pub use crate::db::repo::audit_log::Place;

/// Records read in one transaction.
const READ_AT_ONCE: usize = 1_000;

/// In place of an id, for what was refused.
const NOTHING: u64 = 0;
const FORBIDDEN: u16 = 403;

/// A reading of the log that was permitted.
#[derive(Debug, Clone)]
pub struct LogReading {
    extent: Extent,
    range: Range<Timestamp>,
    after: Option<Place>,
    is_at_end: bool,
}

impl App {
    /// Begins to read the records of the range, after a place in it. What was done until now is among them.
    pub async fn read_audit_log(
        &self,
        caller: &Caller,
        range: Range<Timestamp>,
        after: Option<Place>,
    ) -> Result<LogReading, Error> {
        let (asking, licence) = (*caller, self.licence());
        let extent = self.db.read(move |tx| extent_of(tx, &asking, &licence)).await;
        let refused = |event: Event| event.refused_with(FORBIDDEN);
        let extent = extent.inspect_err(|_| self.note_read(caller, AuditAction::AuditRead, NOTHING, refused))?;
        self.link_audit_records().await?;
        let asking = *caller;
        let (from, to) = (range.start.to_rfc3339(), range.end.to_rfc3339());
        let read = self.db.write(move |tx| {
            let event = Event::new(AuditAction::AuditRead).detail("from", &from).detail("to", &to);
            record(tx, &asking, event)
        });
        read.await?;
        Ok(LogReading { extent, range, after, is_at_end: false })
    }

    /// The next records, at most `limit` and never more than are read at once; none when there are no more.
    pub async fn next_audit_records(
        &self,
        reading: &mut LogReading,
        limit: usize,
    ) -> Result<Vec<(Place, AuditRecord)>, Error> {
        while !reading.is_at_end {
            let (at, limit) = (reading.clone(), limit.min(READ_AT_ONCE));
            let page = self.db.read(move |tx| {
                let places = audit_log::places(tx, &at.extent, &at.range, at.after, limit)?;
                let mut records = Vec::with_capacity(places.len());
                for place in &places {
                    match audit_log::record(tx, place.1)? {
                        Some(record) => records.push((*place, record)),
                        None => tracing::error!(number = place.1, "a record of the audit log cannot be read"),
                    }
                }
                Ok::<_, Error>((places.last().copied(), places.len() < limit, records))
            });
            let (last, is_last, records) = page.await?;
            reading.is_at_end = is_last;
            reading.after = last.or(reading.after);
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }
}

/// Whose records the caller may read.
fn extent_of(tx: &impl Read, caller: &Caller, licence: &Licence) -> Result<Extent, Error> {
    let mut refusal = match caller.may(Action::AuditRead, user::instance(), licence) {
        Ok(_) => return Ok(Extent::Instance),
        Err(refusal) => refusal,
    };
    let mut administered = Vec::new();
    let own = caller.user_id().map(|id| entity::organizations_of(tx, id)).transpose()?;
    for id in own.unwrap_or_default() {
        let Some(found) = organization::get(tx, caller, id)? else { continue };
        match caller.may(Action::AuditRead, found, licence) {
            Ok(_) => administered.push(id),
            // Who may in one organization, but for the licence, is told of the licence.
            Err(why) if !matches!(refusal, Refusal::NotLicensed { .. }) => refusal = why,
            Err(_) => {}
        }
    }
    if !administered.is_empty() {
        return Ok(Extent::Organizations(administered));
    }
    Err(refusal.into())
}
