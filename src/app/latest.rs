//! What was read of the database and is kept in memory because every request asks for it.

use std::sync::{PoisonError, RwLock};

/// The newest of what several readers have read at once.
#[derive(Default)]
pub(super) struct Latest<T>(RwLock<(u64, T)>);

impl<T: Clone> Latest<T> {
    pub fn get(&self) -> T {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Keeps the value, unless there is one that was read after more commits. `sequence` is what `Db::sequence` said
    /// before the value was read.
    pub fn offer(&self, sequence: u64, value: T) {
        let mut latest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if latest.0 <= sequence {
            *latest = (sequence, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_earlier_replaces_nothing() {
        let latest = Latest::<&str>::default();

        latest.offer(2, "new");
        latest.offer(1, "old");
        assert_eq!(latest.get(), "new");
        latest.offer(2, "as new");
        assert_eq!(latest.get(), "as new");
    }
}
