//! How many bytes an entity has stored, by kind: added up from the records that lead to its objects, in short reads.
//! Counters kept by every upload would be quicker to read and would go wrong unseen; instead an answer is given again
//! for a while, which is the longer the longer adding up has taken.

use super::existing::name_of_existing;
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{entity, stored};
use crate::domain::clock::Timestamp;
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::domain::migration::Amount;
use crate::domain::stored::{Position, Referenced};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Objects added up in one read.
const PAGE: usize = 2_000;
/// An answer is good for so many times what it took: nobody can make the server do more than add up a hundredth of the
/// time.
const GOOD_FOR: u32 = 100;
/// More entities than this are not remembered.
const REMEMBERED: usize = 10_000;

/// What is stored for an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageUsage {
    pub counted_at: Timestamp,
    pub kinds: BTreeMap<UsageKind, Used>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageKind {
    RunFiles,
    Media,
    Artifacts,
    Manifests,
    /// Sealed metrics, and system metrics.
    History,
    Console,
    Pictures,
}

impl UsageKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunFiles => "run_files",
            Self::Media => "media",
            Self::Artifacts => "artifacts",
            Self::Manifests => "manifests",
            Self::History => "history",
            Self::Console => "console",
            Self::Pictures => "pictures",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// As it lies in the store, each object once.
    pub physical: Amount,
    /// For each run and version that has it.
    pub logical_bytes: u64,
}

impl StorageUsage {
    pub fn total(&self) -> Used {
        self.kinds.values().fold(Used::default(), |sum, used| Used {
            physical: sum.physical.plus(used.physical),
            logical_bytes: sum.logical_bytes.saturating_add(used.logical_bytes),
        })
    }
}

/// What was added up lately.
#[derive(Default)]
pub struct Usages {
    of: Mutex<HashMap<EntityId, Arc<Counted>>>,
}

/// Whoever asks while it is added up waits for the one answer.
type Counted = tokio::sync::Mutex<Option<(Arc<StorageUsage>, Instant)>>;

impl Usages {
    fn of(&self, owner: EntityId) -> Arc<Counted> {
        let mut known = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(&owner) {
            known.clear();
        }
        Arc::clone(known.entry(owner).or_default())
    }
}

impl App {
    /// What a team has stored.
    pub async fn storage_usage(&self, caller: &Caller, team: &str) -> Result<Arc<StorageUsage>, Error> {
        let name = name_of_existing("team", team)?;
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| super::team::find(tx, &caller, Action::StorageUsage, &name, &licence));
        self.count_usage(found.await?.id).await
    }

    /// The bytes of an entity, for who may see the usage; `None` for others.
    pub async fn storage_bytes(&self, caller: &Caller, id: EntityId) -> Result<Option<u64>, Error> {
        let (asking, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| {
            let Some(found) = entity::get(tx, &asking, id)? else { return Ok(None) };
            Ok::<_, Error>(asking.may(Action::StorageUsage, found, &licence).ok())
        });
        let Some(entity) = found.await? else { return Ok(None) };
        Ok(Some(self.count_usage(entity.id).await?.total().physical.bytes))
    }

    async fn count_usage(&self, owner: EntityId) -> Result<Arc<StorageUsage>, Error> {
        let counted = self.usages.of(owner);
        let mut counted = counted.lock().await;
        if let Some((usage, until)) = &*counted
            && *until > Instant::now()
        {
            return Ok(Arc::clone(usage));
        }
        let began = Instant::now();
        let usage = Arc::new(self.add_up(owner).await?);
        let good_for: Duration = began.elapsed().saturating_mul(GOOD_FOR);
        *counted = Some((Arc::clone(&usage), Instant::now() + good_for));
        Ok(usage)
    }

    async fn add_up(&self, owner: EntityId) -> Result<StorageUsage, Error> {
        let mut kinds = BTreeMap::<UsageKind, Used>::new();
        let mut from = Some(Position::default());
        while let Some(position) = from {
            let page = self.db.read(move |tx| {
                let (listed, next) = stored::list(tx, owner, position, PAGE)?;
                let mut found = Vec::with_capacity(listed.len());
                for (referenced, _) in listed {
                    found.push((
                        kind_of(&referenced, stored::is_media(tx, &referenced)?),
                        referenced.content,
                        stored::uses(tx, &referenced)?,
                    ));
                }
                Ok::<_, Error>((found, next))
            });
            let (found, next) = page.await?;
            for (kind, content, uses) in found {
                let used = kinds.entry(kind).or_default();
                used.physical.add(&content);
                used.logical_bytes = used.logical_bytes.saturating_add(content.size_bytes.saturating_mul(uses));
            }
            from = next;
        }
        Ok(StorageUsage { counted_at: self.clock.now(), kinds })
    }
}

fn kind_of(found: &Referenced, is_media: bool) -> UsageKind {
    match found.object {
        StoredObject::RunFile(_) if is_media => UsageKind::Media,
        StoredObject::RunFile(_) => UsageKind::RunFiles,
        StoredObject::Blob(_) => UsageKind::Artifacts,
        StoredObject::Manifest(_) => UsageKind::Manifests,
        StoredObject::Segment(_) | StoredObject::Detail(_) => UsageKind::History,
        StoredObject::Console(_) => UsageKind::Console,
        StoredObject::Image(_) => UsageKind::Pictures,
    }
}
