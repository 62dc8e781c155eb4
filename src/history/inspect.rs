//! Whether a sealed object can be read to its end and holds what is recorded of it. Says what is wrong, as the end of a
//! sentence about the object.

use super::console::decode_lines;
use super::lod::LodReader;
use super::segment::{SegmentError, SegmentReader};
use crate::domain::stream::SealedPart;
use bytes::Bytes;

/// A segment of history or events.
pub fn fault_of_segment(bytes: Bytes, part: &SealedPart) -> Option<String> {
    let read = || {
        let reader = SegmentReader::open(bytes)?;
        let rows = reader.rows(i64::MIN..=i64::MAX)?;
        Ok::<_, SegmentError>((rows.lines().count() as u64, reader.steps()?))
    };
    let (rows, steps) = match read() {
        Err(error) => return Some(unreadable(&error)),
        Ok(read) => read,
    };
    let found = (steps.iter().min().copied(), steps.iter().max().copied());
    if rows != part.rows {
        return Some(other_count("rows", rows, part.rows));
    }
    if found != (Some(part.min_step), Some(part.max_step)) {
        let (min, max) = (found.0.unwrap_or_default(), found.1.unwrap_or_default());
        return Some(format!("has steps {min} to {max} and should have {} to {}", part.min_step, part.max_step));
    }
    None
}

/// A sealed stretch of console lines.
pub fn fault_of_console(bytes: &[u8], part: &SealedPart) -> Option<String> {
    match decode_lines(bytes) {
        Err(error) => Some(unreadable(&error)),
        Ok(lines) => {
            let count = lines.len() as u64;
            (count != part.rows).then(|| other_count("lines", count, part.rows))
        }
    }
}

/// The level of detail beside a segment.
pub fn fault_of_detail(bytes: Bytes) -> Option<String> {
    let read = || {
        let reader = LodReader::open(bytes)?;
        for key in reader.keys() {
            reader.buckets(key)?;
        }
        Ok::<_, SegmentError>(())
    };
    read().err().map(|error| unreadable(&error))
}

fn unreadable(error: &impl std::fmt::Display) -> String {
    format!("cannot be read: {error}")
}

fn other_count(what: &str, found: u64, recorded: u64) -> String {
    format!("has {found} {what} and should have {recorded}")
}
