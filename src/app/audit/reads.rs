//! What was only read: noted in memory, so that no reader waits for a write, and written down by a job every few seconds.
//! The same thing read by the same person counts once an hour. A crash loses what was not yet written; what the buffer
//! has no room for is counted.

use super::{Event, record};
use crate::access::{Caller, Principal};
use crate::app::{App, Error};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Different reads of one hour; each takes some hundred bytes until it is written, and some twenty after.
const NOTED_MAX: usize = 20_000;
/// Written in one transaction: others wait behind it.
const WRITTEN_AT_ONCE: usize = 500;
const HOUR_SECS: i64 = 3600;

#[derive(Default)]
pub struct Reads(Mutex<Noted>);

/// Who reads, as far as reads are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reader {
    Person(UserId),
    Anonymous,
    Operator,
}

#[derive(Default)]
struct Noted {
    hour: i64,
    /// Of this hour, written or not.
    known: HashSet<(Reader, AuditAction, u64)>,
    waiting: Vec<(Caller, Event)>,
}

impl App {
    /// Notes that the caller has read something; `subject` is its id. What jobs read is nobody's reading.
    pub(in crate::app) fn note_read(
        &self,
        caller: &Caller,
        action: AuditAction,
        subject: u64,
        event: impl FnOnce(Event) -> Event,
    ) {
        let reader = match (caller.user_id(), caller.principal) {
            (Some(id), _) => Reader::Person(id),
            (None, Principal::System) => return,
            (None, Principal::Anonymous) => Reader::Anonymous,
            (None, _) => Reader::Operator,
        };
        let (now, key) = (self.clock.now(), (reader, action, subject));
        let mut noted = self.reads.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.begin_hour(now);
        if noted.known.contains(&key) {
            return;
        }
        if noted.known.len() >= NOTED_MAX || noted.waiting.len() >= NOTED_MAX {
            metrics::counter!("weighhouse_audit_reads_dropped_total").increment(1);
            return;
        }
        noted.known.insert(key);
        noted.waiting.push((*caller, event(Event::new(action))));
    }

    /// Writes down what was noted, and says how much. What cannot be written now stays noted.
    pub async fn write_noted_reads(&self) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            let portion = self.reads.take(WRITTEN_AT_ONCE);
            if portion.is_empty() {
                return Ok(count);
            }
            count += portion.len();
            let reads = portion.clone();
            let written =
                self.db.write(move |tx| reads.iter().try_for_each(|(caller, event)| record(tx, caller, event.clone())));
            if let Err(error) = written.await {
                self.reads.put_back(portion);
                return Err(error);
            }
        }
    }
}

impl Noted {
    fn begin_hour(&mut self, now: Timestamp) {
        let hour = now.0.div_euclid(HOUR_SECS * 1_000_000);
        if hour != self.hour {
            self.hour = hour;
            self.known.clear();
        }
    }
}

impl Reads {
    fn take(&self, limit: usize) -> Vec<(Caller, Event)> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = noted.waiting.len().min(limit);
        noted.waiting.drain(..count).collect()
    }

    fn put_back(&self, portion: Vec<(Caller, Event)>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.waiting.splice(..0, portion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::World;
    use metrics_exporter_prometheus::PrometheusBuilder;

    #[tokio::test]
    async fn what_a_full_buffer_has_no_room_for_is_counted_and_holds_nobody_up() {
        let world = World::new().await;
        let recorder = PrometheusBuilder::new().build_recorder();
        let read = |subject: usize| world.app.note_read(&world.ada, AuditAction::ProjectRead, subject as u64, |it| it);

        metrics::with_local_recorder(&recorder, || (0..NOTED_MAX + 3).for_each(read));
        let waiting = world.app.reads.take(usize::MAX);
        metrics::with_local_recorder(&recorder, || read(0));

        assert_eq!(waiting.len(), NOTED_MAX);
        assert!(recorder.handle().render().contains("weighhouse_audit_reads_dropped_total 3"));
        assert!(world.app.reads.take(1).is_empty(), "known, though it is written already");
    }

    #[tokio::test]
    async fn readers_without_a_name_are_told_apart_and_jobs_are_none() {
        let world = World::new().await;
        for caller in [Caller::OPERATOR, Caller::ANONYMOUS, Caller::SYSTEM, Caller::OPERATOR] {
            world.app.note_read(&caller, AuditAction::ProjectRead, 1, |event| event);
        }

        assert_eq!(world.app.write_noted_reads().await.unwrap(), 2);
    }
}
