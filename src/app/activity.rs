//! When people were last active: kept in memory as they ask, and written now and then, never with a request.

use super::{App, Error};
use crate::access::Caller;
use crate::db::repo::user;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Who was noted is not noted again for so long.
const APART_SECS: i64 = 300;
/// People written in one transaction: others wait behind it.
const AT_ONCE: usize = 500;

/// An entry per person who has asked since the start.
#[derive(Default)]
pub(super) struct Activity(Mutex<BTreeMap<UserId, Seen>>);

#[derive(Clone, Copy)]
struct Seen {
    at: Timestamp,
    is_written: bool,
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<UserId, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, id: UserId, now: Timestamp) {
        let mut seen = self.lock();
        if seen.get(&id).is_none_or(|before| now.secs_since(before.at) >= APART_SECS) {
            seen.insert(id, Seen { at: now, is_written: false });
        }
    }

    fn unwritten(&self, limit: usize) -> Vec<(UserId, Timestamp)> {
        let seen = self.lock();
        seen.iter().filter(|(_, seen)| !seen.is_written).take(limit).map(|(id, seen)| (*id, seen.at)).collect()
    }

    /// Who was noted again meanwhile stays to be written.
    fn written(&self, people: &[(UserId, Timestamp)]) {
        let mut seen = self.lock();
        for (id, at) in people {
            if let Some(seen) = seen.get_mut(id) {
                seen.is_written = seen.at == *at;
            }
        }
    }
}

impl App {
    /// Notes that the person behind a request is there. A service account is none: its keys say when they were used.
    pub fn note_activity(&self, caller: &Caller) {
        if let Some(id) = caller.user_id().filter(|_| caller.service.is_none()) {
            self.activity.note(id, self.clock.now());
        }
    }

    /// Writes down who was active. Says how many.
    pub async fn write_activity(&self) -> Result<usize, Error> {
        let mut count = 0;
        loop {
            let people = self.activity.unwritten(AT_ONCE);
            if people.is_empty() {
                return Ok(count);
            }
            let write = people.clone();
            let written = self.db.write(move |tx| {
                for (id, at) in &write {
                    user::note_active(tx, *id, *at)?;
                }
                Ok::<_, Error>(())
            });
            written.await?;
            self.activity.written(&people);
            count += people.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::access::Caller;
    use crate::app::testing::World;
    use crate::app::user::list::Wanted;

    #[tokio::test]
    async fn activity_is_written_once_in_a_while_and_only_for_who_is_there() {
        let world = World::new().await;
        let app = &world.app;
        let last_active = async || {
            let page = app.list_users(&Caller::OPERATOR, Wanted::default(), None).await.unwrap();
            page.items[0].last_active
        };

        app.note_activity(&world.ada);
        app.note_activity(&world.stranger());
        app.note_activity(&Caller::OPERATOR);
        assert_eq!(last_active().await, None, "nothing is written with the request");
        assert_eq!(app.write_activity().await.unwrap(), 2);
        let first = last_active().await;
        assert_eq!(first, Some(world.clock.now()));

        world.clock.advance_secs(60);
        app.note_activity(&world.ada);
        assert_eq!(app.write_activity().await.unwrap(), 0);
        assert_eq!(last_active().await, first);
        world.clock.advance_secs(super::APART_SECS);
        app.note_activity(&world.ada);
        assert_eq!(app.write_activity().await.unwrap(), 1);
        assert_eq!(last_active().await, Some(world.clock.now()));
    }
}
