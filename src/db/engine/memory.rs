//! The engine of tests: an ordered map that forgets everything at the end.
//! Several writers may share it: whoever commits second gets a conflict.

use super::{Changes, Engine, EngineError, KeyRange, Pair, Reader, Transaction};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
pub struct MemoryEngine {
    current: RwLock<Arc<Map>>,
}

impl MemoryEngine {
    fn snapshot(&self) -> Arc<Map> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine for MemoryEngine {
    fn read(&self) -> Result<Box<dyn Reader>, EngineError> {
        Ok(Box::new(Snapshot(self.snapshot())))
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, EngineError> {
        Ok(Box::new(MemoryTransaction { engine: self, snapshot: Snapshot(self.snapshot()) }))
    }
}

struct Snapshot(Arc<Map>);

impl Reader for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError> {
        let found = self.0.range::<Vec<u8>, _>((range.0.as_ref(), range.1.as_ref()));
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match reverse {
            false => found.take(limit).map(own).collect(),
            true => found.rev().take(limit).map(own).collect(),
        })
    }
}

struct MemoryTransaction<'e> {
    engine: &'e MemoryEngine,
    snapshot: Snapshot,
}

impl Reader for MemoryTransaction<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.snapshot.get(key)
    }

    fn scan(&self, range: &KeyRange, reverse: bool, limit: usize) -> Result<Vec<Pair>, EngineError> {
        self.snapshot.scan(range, reverse, limit)
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn commit(self: Box<Self>, changes: &Changes) -> Result<(), EngineError> {
        let Self { engine, snapshot } = *self;
        let mut next = Map::clone(&snapshot.0);
        for (key, value) in changes {
            match value {
                Some(value) => next.insert(key.clone(), value.clone()),
                None => next.remove(key),
            };
        }
        let mut current = engine.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, &snapshot.0) {
            return Err(EngineError::Conflict);
        }
        *current = Arc::new(next);
        Ok(())
    }
}
