//! Run files that go straight to a bucket. That one has come is found out when the client says so, when somebody asks
//! for the files of the run, and now and then until nothing can come any more.

use super::{DirectStore, SIGNED_AT_ONCE, TransferUrl};
use crate::access::{Action, Caller};
use crate::app::run::{RunPath, existing};
use crate::app::{App, Error};
use crate::db::repo::pending_file::{self, Seen};
use crate::domain::file::{FileContents, PendingFile};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{EntityId, FileId, ObjectId, RunId};
use crate::storage::{self, ObjectKey, Store, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Objects of one entity that are looked for at the same time.
const LOOKS_AT_ONCE: usize = 16;
/// Entities whose buckets are asked at the same time: a slow one must not hold up the others.
const OWNERS_AT_ONCE: usize = 16;
/// Files read and written in one transaction.
const PAGE: usize = 500;
/// Files of at most this size are read without ado.
const SMALL_BYTES: u64 = 1 << 20;
/// Files that are looked for while somebody waits for a list; the rest is found in the background.
const WAITED_FOR: usize = 2_000;
/// As long as somebody waits for that.
const WAIT: Duration = Duration::from_secs(5);

/// What looking for pending files has shown.
#[derive(Default)]
struct Looked {
    seen: Vec<Seen>,
    /// Larger than files may be.
    refused: Vec<ObjectId>,
    absent: Vec<ObjectId>,
    /// Not looked for, because the bucket does not answer.
    unknown: Vec<ObjectId>,
}

impl App {
    /// URLs with which files of a run are sent to its bucket, in the order of the files.
    pub(in crate::app) async fn send_run_files(
        &self,
        caller: &Caller,
        path: RunPath,
        store: &DirectStore,
        files: Vec<FileId>,
    ) -> Result<Vec<TransferUrl>, Error> {
        let (caller, licence, leave_secs) = (*caller, self.licence(), self.write_url_secs());
        let announced = self.db.write(move |tx| {
            let found = existing(tx, &caller, &path, Action::RunLog, &licence)?;
            let mut objects = Vec::with_capacity(files.len());
            for file in &files {
                objects.push(pending_file::announce(tx, &found, *file, leave_secs)?);
            }
            Ok::<_, Error>(objects)
        });
        let sign = |object| self.send_url(store, StoredObject::RunFile(object), None);
        stream::iter(announced.await?.into_iter().map(sign)).buffered(SIGNED_AT_ONCE).try_collect().await
    }

    /// Takes in what has come of a run's files, for who is about to ask for them. Without its bucket the run has the
    /// files that it is known to have.
    pub(in crate::app) async fn take_in_files(&self, run: RunId) -> Result<(), Error> {
        let is_any = self.db.look_up(|tx| pending_file::is_any_in(tx, run))?;
        if !is_any {
            return Ok(());
        }
        match tokio::time::timeout(WAIT, self.take_in_pending(run)).await {
            Ok(Err(error @ Error::Db(_))) => Err(error),
            Ok(Err(error)) => {
                tracing::debug!(run.id = %run, %error, "cannot look for the files of a run");
                Ok(())
            }
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    async fn take_in_pending(&self, run: RunId) -> Result<(), Error> {
        let (mut after, mut looked_at) = (None, 0);
        while looked_at < WAITED_FOR {
            let from = after;
            let page = self.db.read(move |tx| pending_file::in_run(tx, run, from, PAGE)).await?;
            let is_last = page.len() < PAGE;
            (after, looked_at) = (page.last().map(|(object, _)| *object), looked_at + page.len());
            let looked = self.look_for(page).await;
            let is_down = !looked.unknown.is_empty();
            self.take_in(Looked { absent: Vec::new(), unknown: Vec::new(), ..looked }).await?;
            if is_last || is_down {
                break;
            }
        }
        Ok(())
    }

    /// Takes in the files that clients say they have sent, and those whose time has come to be looked for. Says how many
    /// have come.
    pub async fn take_in_arrivals(&self) -> Result<usize, Error> {
        for run in self.arrivals.take_runs() {
            self.take_in_files(run).await?;
        }
        let mut taken = 0;
        loop {
            let now = self.clock.now();
            let page = self.db.read(move |tx| pending_file::due(tx, now, PAGE)).await?;
            if page.is_empty() {
                return Ok(taken);
            }
            let looked = self.look_for(page).await;
            taken += looked.seen.len();
            self.take_in(looked).await?;
        }
    }

    /// Looks in the buckets, in those of different entities at the same time.
    async fn look_for(&self, pending: Vec<(ObjectId, PendingFile)>) -> Looked {
        let mut by_owner: BTreeMap<EntityId, Vec<ObjectId>> = BTreeMap::new();
        for (object, pending) in pending {
            by_owner.entry(pending.owner).or_default().push(object);
        }
        let looks = by_owner.into_iter().map(|(owner, objects)| self.look_in(owner, objects));
        let mut all = Looked::default();
        let mut looked = stream::iter(looks).buffer_unordered(OWNERS_AT_ONCE);
        while let Some(one) = looked.next().await {
            all.seen.extend(one.seen);
            all.refused.extend(one.refused);
            all.absent.extend(one.absent);
            all.unknown.extend(one.unknown);
        }
        all
    }

    async fn look_in(&self, owner: EntityId, objects: Vec<ObjectId>) -> Looked {
        let mut looked = Looked::default();
        let store = match self.store_of(owner) {
            Ok(store) => store,
            Err(error) => {
                tracing::warn!(entity.id = %owner, %error, "cannot look for files in the store");
                return Looked { unknown: objects, ..looked };
            }
        };
        let mut left: BTreeSet<ObjectId> = objects.iter().copied().collect();
        let mut heads =
            stream::iter(objects.into_iter().map(|object| head(&store, object))).buffer_unordered(LOOKS_AT_ONCE);
        while let Some((object, found)) = heads.next().await {
            match found {
                Ok(seen) if self.settings.upload_bytes.is_some_and(|max| seen.size_bytes > max) => {
                    looked.refused.push(object);
                }
                Ok(seen) => looked.seen.push(seen),
                Err(StoreError::NotFound) => looked.absent.push(object),
                Err(error) => {
                    tracing::warn!(entity.id = %owner, %error, "the store does not say whether files have come");
                    break;
                }
            }
            left.remove(&object);
        }
        Looked { unknown: left.into_iter().collect(), ..looked }
    }

    async fn take_in(&self, looked: Looked) -> Result<(), Error> {
        let has_seen = !looked.seen.is_empty();
        let written = self.db.write(move |tx| {
            for seen in &looked.seen {
                pending_file::arrived(tx, seen)?;
            }
            for object in &looked.refused {
                pending_file::refuse(tx, *object)?;
            }
            for object in &looked.absent {
                pending_file::postpone(tx, *object, true)?;
            }
            for object in &looked.unknown {
                pending_file::postpone(tx, *object, false)?;
            }
            Ok::<_, Error>(())
        });
        written.await?;
        if has_seen {
            self.arrivals.unhashed.notify_one();
        }
        Ok(())
    }

    /// Finds out the MD5 of files that have come. Says of how many.
    pub async fn hash_files(&self) -> Result<usize, Error> {
        let (mut after, mut hashed) = (None, 0);
        loop {
            let from = after;
            let page = self.db.read(move |tx| pending_file::unhashed(tx, from, PAGE)).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(id, _)| *id);
            let mut by_owner: BTreeMap<EntityId, Vec<(FileId, FileContents)>> = BTreeMap::new();
            for (id, contents) in page {
                by_owner.entry(contents.owner).or_default().push((id, contents));
            }
            let reads = by_owner.into_iter().map(|(owner, files)| self.hash_files_of(owner, files));
            let counts: Vec<usize> = stream::iter(reads).buffer_unordered(OWNERS_AT_ONCE).try_collect().await?;
            hashed += counts.into_iter().sum::<usize>();
            if is_last {
                return Ok(hashed);
            }
        }
    }

    /// Small files are read. Where the bucket's word for all of them turns out right it is taken for the large ones,
    /// which are read otherwise. Ends where the bucket fails: the rest is for the next look.
    async fn hash_files_of(&self, owner: EntityId, mut files: Vec<(FileId, FileContents)>) -> Result<usize, Error> {
        files.sort_by_key(|(_, contents)| contents.size_bytes);
        let store = self.store_of(owner)?;
        let (mut hashed, mut is_word_good) = (0, None);
        for (id, contents) in files {
            let object = contents.object;
            match hash(&store, &contents, &mut is_word_good).await {
                Ok(found) => {
                    let noted =
                        self.db.write(move |tx| pending_file::hashed(tx, id, object, found).map_err(Error::from));
                    noted.await?;
                    hashed += 1;
                }
                Err(StoreError::NotFound) => tracing::warn!(file.id = %id, "a run file is not in its store"),
                Err(error) => {
                    tracing::warn!(entity.id = %owner, %error, "cannot read files to know their MD5");
                    break;
                }
            }
        }
        Ok(hashed)
    }
}

/// Size and MD5 of a file. `is_word_good`: whether what the bucket says was right so far.
async fn hash(
    store: &Store,
    contents: &FileContents,
    is_word_good: &mut Option<bool>,
) -> Result<(u64, [u8; 16]), StoreError> {
    let key = ObjectKey::run_file(contents.object);
    let facts = store.head(&key).await?;
    if let (Some(true), Some(md5), false) = (*is_word_good, facts.md5, facts.size_bytes <= SMALL_BYTES) {
        return Ok((facts.size_bytes, md5));
    }
    let found = storage::digest(store, &key).await?;
    *is_word_good = Some(is_word_good.unwrap_or(true) && facts.md5 == Some(found.1));
    Ok(found)
}

async fn head(store: &Store, object: ObjectId) -> (ObjectId, Result<Seen, StoreError>) {
    let found = store.head(&ObjectKey::run_file(object)).await;
    let seen = |facts: storage::ObjectFacts| Seen { object, size_bytes: facts.size_bytes, modified: facts.modified };
    (object, found.map(seen))
}
