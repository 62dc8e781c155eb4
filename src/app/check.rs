//! Looking after the whole instance: is everything that is stored as it should be, and writing it all out.

use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::{file, user};
use crate::db::schema::CATALOGUE;
use crate::db::verify;
use crate::domain::file::{FileContents, RunFile};
use crate::domain::id::{EntityId, FileId};
use crate::storage::{self, ObjectKey, StoreError};

pub use crate::db::verify::Audience;

/// How many files are looked up at once.
const PAGE: usize = 100;

/// A page of objects that were compared with what is known of them; `C` says where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedObjects<C> {
    pub objects: u64,
    /// What is wrong, a sentence each.
    pub faults: Vec<String>,
    /// Where the next page starts; without it there is none.
    pub next: Option<C>,
}

impl App {
    /// Reads every record, recomputes every index and follows every reference; says how many records there are. The
    /// audience is told what is wrong, a sentence each, on a thread that may block.
    pub async fn check_records<A: Audience + Send + 'static>(
        &self,
        caller: &Caller,
        mut audience: A,
    ) -> Result<u64, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let read = self.db.read_at_length(move |tx| verify::verify(tx, &CATALOGUE, &mut audience).map_err(Error::from));
        read.await
    }

    /// Reads a page of the run files and compares size and digest of each.
    pub async fn check_files(&self, caller: &Caller, after: Option<FileId>) -> Result<CheckedObjects<FileId>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let page = self.db.read(move |tx| file::stored(tx, after, PAGE).map_err(Error::from)).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(id, _)| *id);
        let mut checked = CheckedObjects { objects: 0, faults: Vec::new(), next };
        for (id, file) in page {
            let Some(contents) = &file.contents else { continue };
            checked.objects += 1;
            if let Some(fault) = self.fault_of(id, contents).await? {
                let object = ObjectKey::run_file(contents.object);
                checked.faults.push(format!("object `{object}` of run file `{}`: {fault}", file.path));
            }
        }
        Ok(checked)
    }

    /// Writes every record as one line of JSON, secrets as `***`, and returns how many there are.
    pub async fn dump<A: Audience + Send + 'static>(&self, caller: &Caller, mut audience: A) -> Result<u64, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let dumped = self.db.read_at_length(move |tx| verify::dump(tx, &CATALOGUE, &mut audience).map_err(Error::from));
        dumped.await
    }

    /// What is wrong with a file's bytes. A file that was replaced or deleted meanwhile has no fault.
    async fn fault_of(&self, id: FileId, contents: &FileContents) -> Result<Option<String>, Error> {
        let is_unchanged = |now: &Option<(EntityId, RunFile)>| {
            now.as_ref().is_some_and(|(_, file)| file.contents.as_ref() == Some(contents))
        };
        let before = self.db.read(move |tx| file::with_owner(tx, id).map_err(Error::from)).await?;
        let Some((owner, _)) = before.as_ref().filter(|_| is_unchanged(&before)) else { return Ok(None) };
        let key = ObjectKey::run_file(contents.object);
        let fault = self.fault_of_object(*owner, &key, contents.size_bytes, contents.md5).await;
        let Some(fault) = fault else { return Ok(None) };
        let after = self.db.read(move |tx| file::with_owner(tx, id).map_err(Error::from)).await?;
        Ok(is_unchanged(&after).then_some(fault))
    }

    /// What is wrong with the bytes of an object.
    pub(super) async fn fault_of_object(
        &self,
        owner: EntityId,
        key: &ObjectKey,
        size_bytes: u64,
        md5: Option<[u8; 16]>,
    ) -> Option<String> {
        let store = match self.store_of(owner) {
            Ok(store) => store,
            Err(error) => return Some(format!("cannot be read: {error}")),
        };
        match storage::digest(&store, key).await {
            Ok((size, _)) if size != size_bytes => Some(format!("has {size} bytes and should have {size_bytes}")),
            Ok((_, found)) if md5.is_some_and(|md5| md5 != found) => {
                Some("has other contents than were uploaded".to_owned())
            }
            Ok(_) => None,
            Err(StoreError::NotFound) => Some("is missing".to_owned()),
            Err(error) => Some(format!("cannot be read: {error}")),
        }
    }
}
