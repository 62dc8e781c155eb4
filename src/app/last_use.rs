//! When people, their keys and their sessions were last used: kept in memory as they are, and written by a job now and
//! then: a write per request would cost more than the request. What was not written yet is lost when the server is killed.

use super::{App, Error};
use crate::access::Caller;
use crate::db::repo::{api_key, session, user};
use crate::db::tx::WriteTx;
use crate::domain::clock::Timestamp;
use crate::domain::id::{ApiKeyId, SessionId, UserId};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was noted is not noted again for so long.
const APART_SECS: i64 = 300;
/// As many of a kind are remembered; what is used beyond is noted once others are written.
const REMEMBERED_MAX: usize = 100_000;
/// Written in one transaction: others wait behind it.
const AT_ONCE: usize = 500;

#[derive(Default)]
pub(super) struct LastUses {
    pub people: Noted<UserId>,
    pub keys: Noted<ApiKeyId>,
    /// With the address that it was used from.
    pub sessions: Noted<SessionId, Option<IpAddr>>,
}

/// The last uses of one kind of thing, and what is known of each beside its time.
pub(super) struct Noted<K, V = ()>(Mutex<HashMap<K, Use<V>>>);

#[derive(Clone, Copy)]
struct Use<V> {
    at: Timestamp,
    about: V,
    is_written: bool,
}

impl<K, V> Default for Noted<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Noted<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Use<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, id: K, at: Timestamp, about: V) {
        let mut uses = self.lock();
        if uses.get(&id).is_some_and(|before| at.secs_since(before.at) < APART_SECS) {
            return;
        }
        if uses.len() >= REMEMBERED_MAX {
            uses.retain(|_, it| !it.is_written);
        }
        if uses.len() < REMEMBERED_MAX {
            uses.insert(id, Use { at, about, is_written: false });
        }
    }

    fn unwritten(&self) -> Vec<(K, Timestamp, V)> {
        let uses = self.lock();
        let unwritten = uses.iter().filter(|(_, it)| !it.is_written).take(AT_ONCE);
        unwritten.map(|(id, it)| (*id, it.at, it.about)).collect()
    }

    /// What was noted again meanwhile stays to be written.
    fn written(&self, portion: &[(K, Timestamp, V)]) {
        let mut uses = self.lock();
        for (id, at, _) in portion {
            if let Some(it) = uses.get_mut(id) {
                it.is_written = it.at == *at;
            }
        }
    }
}

impl App {
    /// Notes that the person behind a request is there. A service account is none: its keys say when they were used.
    pub fn note_activity(&self, caller: &Caller) {
        if let Some(id) = caller.user_id().filter(|_| caller.service.is_none()) {
            self.last_uses.people.note(id, self.clock.now(), ());
        }
    }

    /// Writes down what was used since the last time. Says how many. What a failure kept from being written is written
    /// the next time.
    pub async fn write_last_uses(&self) -> Result<usize, Error> {
        let uses = &self.last_uses;
        let people = self.write(&uses.people, |tx, id, at, ()| Ok(user::note_active(tx, id, at)?)).await?;
        let keys = self.write(&uses.keys, |tx, id, at, ()| Ok(api_key::note_use(tx, id, at)?)).await?;
        let sessions =
            self.write(&uses.sessions, |tx, id, at, from| Ok(session::note_use(tx, id, (at, from))?)).await?;
        Ok(people + keys + sessions)
    }

    async fn write<K, V>(
        &self,
        noted: &Noted<K, V>,
        put: impl Fn(&mut WriteTx<'_>, K, Timestamp, V) -> Result<(), Error> + Copy + Send + 'static,
    ) -> Result<usize, Error>
    where
        K: Copy + Eq + Hash + Send + 'static,
        V: Copy + Send + 'static,
    {
        let mut count = 0;
        loop {
            let portion = noted.unwritten();
            if portion.is_empty() {
                return Ok(count);
            }
            let to_write = portion.clone();
            let written =
                self.db.write(move |tx| to_write.iter().try_for_each(|(id, at, about)| put(tx, *id, *at, *about)));
            written.await?;
            noted.written(&portion);
            count += portion.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::World;
    use crate::app::user::list::Wanted;

    #[tokio::test]
    async fn activity_is_written_once_in_a_while_and_only_for_who_is_there() {
        let world = World::new().await;
        let app = &world.app;
        app.write_last_uses().await.unwrap();
        let last_active = async || {
            let page = app.list_users(&Caller::OPERATOR, Wanted::default(), None).await.unwrap();
            page.items[0].last_active
        };

        app.note_activity(&world.ada);
        app.note_activity(&world.stranger());
        app.note_activity(&Caller::OPERATOR);
        assert_eq!(last_active().await, None, "nothing is written with the request");
        assert_eq!(app.write_last_uses().await.unwrap(), 2);
        let first = last_active().await;
        assert_eq!(first, Some(world.clock.now()));

        world.clock.advance_secs(60);
        app.note_activity(&world.ada);
        assert_eq!(app.write_last_uses().await.unwrap(), 0);
        assert_eq!(last_active().await, first);
        world.clock.advance_secs(APART_SECS);
        app.note_activity(&world.ada);
        assert_eq!(app.write_last_uses().await.unwrap(), 1);
        assert_eq!(last_active().await, Some(world.clock.now()));
    }

    #[test]
    fn what_was_not_written_or_used_again_meanwhile_is_written_the_next_time() {
        let (noted, at) = (Noted::<u8>::default(), |secs| Timestamp(0).plus_secs(secs));
        noted.note(1, at(0), ());
        noted.note(2, at(0), ());
        let taken = noted.unwritten();
        assert_eq!((taken.len(), noted.unwritten().len()), (2, 2), "nobody has said that they are written");

        noted.note(2, at(APART_SECS), ());
        noted.written(&taken);

        assert_eq!(noted.unwritten(), [(2, at(APART_SECS), ())]);
    }

    #[test]
    fn what_is_written_makes_room_and_what_is_not_is_not_forgotten() {
        let (noted, now) = (Noted::<usize>::default(), Timestamp(0));
        (0..=REMEMBERED_MAX).for_each(|id| noted.note(id, now, ()));
        assert_eq!(noted.lock().len(), REMEMBERED_MAX);

        let portion = noted.unwritten();
        noted.written(&portion);
        noted.note(REMEMBERED_MAX, now, ());

        assert_eq!(noted.lock().len(), REMEMBERED_MAX - AT_ONCE + 1);
        assert!(noted.lock().contains_key(&REMEMBERED_MAX));
    }
}
