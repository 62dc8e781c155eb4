//! What was decoded of history, kept within a bound of memory: the least recently used goes first. Sealed stretches never
//! change; what is kept of a tail says which state of the tail it is of, and whoever takes it compares.

use crate::domain::id::{RunId, SegmentId};
use crate::domain::stream::Stream;
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// An open segment.
    Segment(SegmentId),
    Steps(SegmentId),
    Column(SegmentId, String),
    /// One key's level of detail.
    Detail(SegmentId, String),
    /// Facts about the rows of a segment up to a step.
    CutFacts(SegmentId, i64),
    /// The lines of a sealed console.
    Console(SegmentId),
    TailColumn(RunId, String),
    Facts(RunId, Stream),
    /// Of a history, from its rows.
    ReadFacts(RunId),
}

pub struct Cache {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    /// By last use.
    order: BTreeMap<u64, Key>,
    bytes: usize,
    uses: u64,
}

struct Entry {
    value: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

impl Cache {
    pub fn new(bytes_max: usize) -> Self {
        Self { kept: Mutex::default(), bytes_max }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves it as good as it was: every change is complete.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get<T: Any + Send + Sync>(&self, key: &Key) -> Option<Arc<T>> {
        let mut kept = self.kept();
        let kept = &mut *kept;
        kept.uses += 1;
        let entry = kept.entries.get_mut(key)?;
        kept.order.remove(&entry.used);
        entry.used = kept.uses;
        kept.order.insert(entry.used, key.clone());
        Arc::clone(&entry.value).downcast().ok()
    }

    /// Keeps a value, unless it alone would take a fourth of the room.
    pub(super) fn put<T: Any + Send + Sync>(&self, key: Key, value: Arc<T>, bytes: usize) {
        let bytes = bytes + size_of::<Entry>() + 2 * size_of::<Key>();
        if bytes > self.bytes_max / 4 {
            return;
        }
        let mut kept = self.kept();
        kept.uses += 1;
        let used = kept.uses;
        kept.remove(&key);
        kept.order.insert(used, key.clone());
        kept.entries.insert(key, Entry { value, bytes, used });
        kept.bytes += bytes;
        while kept.bytes > self.bytes_max {
            let Some((_, oldest)) = kept.order.first_key_value() else { break };
            let oldest = oldest.clone();
            kept.remove(&oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> Key {
        Key::Steps(SegmentId(id))
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let cache = Cache::new(8000);
        for id in 0..5 {
            cache.put(key(id), Arc::new(id), 1400);
        }
        assert_eq!(cache.get::<u64>(&key(0)).as_deref(), Some(&0));

        cache.put(key(5), Arc::new(5u64), 1400);

        assert_eq!(cache.get::<u64>(&key(1)), None);
        assert_eq!(cache.get::<u64>(&key(0)).as_deref(), Some(&0));
        assert_eq!(cache.get::<u64>(&key(5)).as_deref(), Some(&5));
        assert!(cache.kept().bytes <= 8000);
    }

    #[test]
    fn what_is_put_again_is_counted_once_and_the_too_large_not_at_all() {
        let cache = Cache::new(8000);
        for round in 0..100u64 {
            cache.put(key(1), Arc::new(round), 1000);
        }
        cache.put(key(2), Arc::new(0u64), 4000);

        assert_eq!(cache.get::<u64>(&key(1)).as_deref(), Some(&99));
        assert_eq!(cache.get::<u64>(&key(2)), None);
        assert!(cache.kept().bytes < 2000);
    }
}
