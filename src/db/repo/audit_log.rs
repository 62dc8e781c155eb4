//! Reading the audit log: ranges of time for who may read it, and the whole chain for who checks it.

use crate::db::DbError;
use crate::db::schema::{AUDIT_BY_ORGANIZATION, AUDIT_BY_TIME, AUDIT_HEAD, AUDIT_LOG, AUDIT_PENDING};
use crate::db::tx::Read;
use crate::domain::audit::AuditRecord;
use crate::domain::audit_chain::Head;
use crate::domain::clock::Timestamp;
use crate::domain::id::{AuditId, OrganizationId};
use std::collections::BTreeSet;
use std::ops::Range;

const PAGE: usize = 500;

/// A record's place in the log: by time, and those of one moment by their numbers.
pub type Place = (Timestamp, u64);

/// Whose records are read.
#[derive(Debug, Clone)]
pub enum Extent {
    Instance,
    /// Those that belong to one of these.
    Organizations(Vec<OrganizationId>),
}

/// The places in the range, in order, after `after`.
pub fn places(
    tx: &impl Read,
    extent: &Extent,
    range: &Range<Timestamp>,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Place>, DbError> {
    // No record has the number 0: what comes after this place begins with the range.
    let after = after.filter(|(at, _)| *at >= range.start).unwrap_or((range.start, 0));
    let mut found: Vec<Place> = match extent {
        Extent::Instance => AUDIT_BY_TIME.list(tx, &(), Some(&after), limit)?,
        Extent::Organizations(organizations) => {
            // A record may belong to several of them.
            let mut merged = BTreeSet::new();
            for id in organizations {
                let here = AUDIT_BY_ORGANIZATION.list(tx, id, Some(&(*id, after.0, after.1)), limit)?;
                merged.extend(here.into_iter().map(|(_, at, number)| (at, number)));
            }
            merged.into_iter().take(limit).collect()
        }
    };
    found.retain(|(at, _)| *at < range.end);
    Ok(found)
}

/// The record at a place; `None` for one that cannot be read any more.
pub fn record(tx: &impl Read, number: u64) -> Result<Option<AuditRecord>, DbError> {
    let link = match AUDIT_LOG.get(tx, &number) {
        Err(DbError::Damaged(_)) => None,
        other => other?,
    };
    Ok(link.and_then(|link| serde_json::from_str(&link.written.text).ok()))
}

/// What a check of the chain has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// As it is recorded.
    pub head: Head,
    pub pending: u64,
    /// The first thing that is wrong.
    pub broken: Option<String>,
}

/// Follows the chain from its beginning to its head, past the one that was noted, and looks at the records that wait to be linked.
pub fn check(tx: &impl Read, noted: Option<&Head>) -> Result<Checked, DbError> {
    let damaged = |what: &str| Some(format!("{what} cannot be read"));
    let (head, mut broken) = match AUDIT_HEAD.get(tx, &()) {
        Err(DbError::Damaged(_)) => (Head::default(), damaged("the head of the log")),
        head => (head?.unwrap_or_default(), None),
    };
    if broken.is_none() {
        broken = check_chain(tx, &head, noted)?;
    }
    let (pending, waiting) = check_pending(tx)?;
    Ok(Checked { head, pending, broken: broken.or(waiting) })
}

fn check_chain(tx: &impl Read, head: &Head, noted: Option<&Head>) -> Result<Option<String>, DbError> {
    let mut reached = Head::default();
    for number in 1..=head.count {
        let link = match AUDIT_LOG.get(tx, &number) {
            Err(DbError::Damaged(_)) => return Ok(Some(format!("record {number} cannot be read"))),
            link => link?,
        };
        let Some(link) = link else { return Ok(Some(format!("record {number} is missing"))) };
        if let Err(why) = reached.follow(&link) {
            return Ok(Some(format!("record {number} is not as it was: {why}")));
        }
        if serde_json::from_str::<AuditRecord>(&link.written.text).is_err() {
            return Ok(Some(format!("record {number} is no record that this version knows")));
        }
        if noted.is_some_and(|noted| noted.count == number && noted.hash != reached.hash) {
            return Ok(Some(format!("record {number} or one before it is another one than when the head was noted")));
        }
    }
    if let Some(noted) = noted.filter(|noted| noted.count > head.count) {
        let first = head.count + 1;
        let why = format!("record {first} is missing: the log had {} records when its head was noted", noted.count);
        return Ok(Some(why));
    }
    if reached != *head {
        return Ok(Some(format!("the last record, {}, is not the one that the head of the log names", head.count)));
    }
    let after = head.count.checked_add(1);
    let beyond = after.map(|number| AUDIT_LOG.get(tx, &number)).transpose();
    match beyond {
        Ok(None | Some(None)) => Ok(None),
        _ => Ok(Some(format!("there is a record behind the last one, {}, that the head of the log names", head.count))),
    }
}

fn check_pending(tx: &impl Read) -> Result<(u64, Option<String>), DbError> {
    let (mut count, mut after, mut broken) = (0, None::<AuditId>, None);
    loop {
        let page = match AUDIT_PENDING.list(tx, &(), after.as_ref(), PAGE) {
            Err(DbError::Damaged(why)) => {
                return Ok((count, broken.or(Some(format!("a record that waits to be linked cannot be read: {why}")))));
            }
            page => page?,
        };
        let Some((last, _)) = page.last() else { return Ok((count, broken)) };
        after = Some(*last);
        for (id, written) in &page {
            count += 1;
            let is_record = serde_json::from_str::<AuditRecord>(&written.text).is_ok();
            if broken.is_none() && !(written.is_intact() && is_record) {
                broken = Some(format!("the record `{id}`, which waits to be linked, was changed after it was written"));
            }
        }
    }
}
