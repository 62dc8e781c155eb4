//! When keys were last used. Noted in memory for each request and written by a job now and then: a write per request
//! would cost more than the request. What was not written yet is lost when the server is killed.

use super::{App, Error};
use crate::db::repo::api_key;
use crate::domain::clock::Timestamp;
use crate::domain::id::ApiKeyId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Keys that are remembered until they are written; what is used beyond is noted after the next writing.
const REMEMBERED_MAX: usize = 100_000;
/// As many in one transaction: others wait behind it.
const WRITTEN_AT_ONCE: usize = 500;

#[derive(Default)]
pub(super) struct KeyUses(Mutex<HashMap<ApiKeyId, Timestamp>>);

impl KeyUses {
    pub fn note(&self, key: ApiKeyId, at: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < REMEMBERED_MAX || uses.contains_key(&key) {
            uses.insert(key, at);
        }
    }

    fn take(&self) -> Vec<(ApiKeyId, Timestamp)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

impl App {
    /// Writes down the last use of every key that was used since the last time.
    pub async fn write_key_uses(&self) -> Result<(), Error> {
        let uses = self.key_uses.take();
        for portion in uses.chunks(WRITTEN_AT_ONCE) {
            let portion = portion.to_vec();
            let written = self.db.write(move |tx| {
                for (key, at) in &portion {
                    api_key::note_use(tx, *key, *at)?;
                }
                Ok::<_, Error>(())
            });
            written.await?;
        }
        Ok(())
    }
}
