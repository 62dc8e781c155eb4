//! Run files: making, listing and deleting them, and the tokens with which their bytes are sent and fetched (`transfer`).

use super::audit::{self, Event};
use super::direct::TransferUrl;
use super::project::seen;
use super::run::{FoundRun, RunPath, existing};
use super::transfer::content_type_of;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller};
use crate::db::repo::{file, garbage, run};
use crate::domain::audit::AuditAction;
use crate::domain::file::{FileContents, FilePath, RunFile};
use crate::domain::garbage::StoredObject;
use crate::domain::id::{FileId, RunId};
use crate::storage::sign::Grant;
use std::collections::BTreeMap;

/// As many as a client may name in one request.
const FILES_PER_REQUEST: usize = 10_000;
/// Paths read at a time; the files themselves are read one by one, as far as a page goes.
const PATHS_AT_ONCE: usize = 1_000;

/// A file of a run that is there.
#[derive(Debug, Clone)]
pub struct ListedFile {
    pub id: FileId,
    pub path: FilePath,
    pub contents: FileContents,
}

/// A file that may be sent to this URL.
#[derive(Debug, Clone)]
pub struct FileUpload {
    pub name: String,
    pub url: TransferUrl,
}

impl App {
    /// Prepares files for upload: the same number and order as the names.
    pub async fn create_run_files(
        &self,
        caller: &Caller,
        path: RunPath,
        names: Vec<String>,
    ) -> Result<(Allowed<FoundRun>, Vec<FileUpload>), Error> {
        let paths = check_names(&names)?;
        let (caller, licence) = (*caller, self.licence());
        let at = path.clone();
        let created = self.db.write(move |tx| {
            let found = existing(tx, &caller, &at, Action::RunLog, &licence)?;
            let mut ids = Vec::with_capacity(paths.len());
            for path in &paths {
                ids.push(file::find_or_create(tx, &found, path)?);
            }
            Ok::<_, Error>((caller.may(Action::RunRead, found.again(), &licence)?, ids))
        });
        let (found, ids) = created.await?;
        let urls: Vec<TransferUrl> = match self.direct_store_of(found.at.entity.id)? {
            Some(store) => self.send_run_files(&caller, path, &store, ids).await?,
            None => {
                let secs = self.write_url_secs();
                let token = |id| TransferUrl::Token(self.token_for(&caller, Grant::PutFile(id), secs));
                ids.into_iter().map(token).collect()
            }
        };
        let uploads = names.into_iter().zip(urls).map(|(name, url)| FileUpload { name, url }).collect();
        Ok((found, uploads))
    }

    /// A token that fetches these contents.
    pub fn download_token(&self, caller: &Caller, contents: &FileContents) -> String {
        self.token_for(caller, Grant::GetObject(contents.object), self.read_url_secs())
    }

    /// Where these contents are fetched, by who sends no credentials along.
    pub async fn download_url(
        &self,
        caller: &Caller,
        path: &FilePath,
        contents: &FileContents,
    ) -> Result<TransferUrl, Error> {
        let (object, kind) = (StoredObject::RunFile(contents.object), content_type_of(path));
        let signed = self.fetch_url(contents.owner, object, &kind).await?;
        Ok(signed.unwrap_or_else(|| TransferUrl::Token(self.download_token(caller, contents))))
    }

    /// A token that replaces the file's contents, for who may log to the run.
    pub async fn upload_token(&self, caller: &Caller, run: RunId, id: FileId) -> Result<Option<String>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let may = self.db.read(move |tx| {
            let found = run::get(tx, &caller, run)?;
            Ok::<_, Error>(found.is_some_and(|found| caller.may(Action::RunLog, found, &licence).is_ok()))
        });
        let secs = self.write_url_secs();
        Ok(may.await?.then(|| self.token_for(&caller, Grant::PutFile(id), secs)))
    }

    /// Files by path, after the path `after`, those that `wanted` takes.
    pub async fn list_run_files(
        &self,
        found: &Allowed<FoundRun>,
        after: Option<String>,
        limit: usize,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(Vec<ListedFile>, bool), Error> {
        self.take_in_files(found.id).await?;
        let found = found.project(Clone::clone);
        let read = self.db.read(move |tx| {
            let (mut files, mut after) = (Vec::new(), after);
            loop {
                let page = file::paths(tx, &found, after.as_deref(), PATHS_AT_ONCE)?;
                let is_last = page.len() < PATHS_AT_ONCE;
                after = page.last().map(|(path, _)| path.clone());
                for (_, id) in page.into_iter().filter(|(path, _)| wanted(path)) {
                    if files.len() == limit {
                        return Ok((files, true));
                    }
                    files.extend(file::get(tx, &found, id)?.and_then(|file| listed(id, file)));
                }
                if is_last {
                    return Ok::<_, Error>((files, false));
                }
            }
        });
        read.await
    }

    /// How many files there are that `wanted` takes.
    pub async fn count_run_files(
        &self,
        found: &Allowed<FoundRun>,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<usize, Error> {
        self.take_in_files(found.id).await?;
        let found = found.project(Clone::clone);
        let read = self.db.read(move |tx| {
            let (mut count, mut after) = (0, None::<String>);
            loop {
                let page = file::paths(tx, &found, after.as_deref(), PATHS_AT_ONCE)?;
                count += page.iter().filter(|(path, _)| wanted(path)).count();
                if page.len() < PATHS_AT_ONCE {
                    return Ok::<_, Error>(count);
                }
                after = page.into_iter().last().map(|(path, _)| path);
            }
        });
        read.await
    }

    /// Those of the named files that are there, in the order of the names.
    pub async fn run_files_named(
        &self,
        found: &Allowed<FoundRun>,
        names: Vec<String>,
    ) -> Result<Vec<ListedFile>, Error> {
        self.take_in_files(found.id).await?;
        let found = found.project(Clone::clone);
        let files = self.db.read(move |tx| {
            let mut files = Vec::new();
            for name in names.iter().take(FILES_PER_REQUEST) {
                // Scripts ask by the path they saved, which may begin here (`wandb verify`).
                let Ok(path) = FilePath::parse(name.strip_prefix("./").unwrap_or(name)) else { continue };
                files.extend(file::by_path(tx, &found, &path)?.and_then(|(id, file)| listed(id, file)));
            }
            Ok::<_, Error>(files)
        });
        files.await
    }

    /// How many of the named files have arrived.
    pub async fn count_files_there(&self, caller: &Caller, path: RunPath, names: Vec<String>) -> Result<usize, Error> {
        let (caller, licence) = (*caller, self.licence());
        let found = self.db.read(move |tx| existing(tx, &caller, &path, Action::RunRead, &licence)).await?;
        Ok(self.run_files_named(&found, names).await?.len())
    }

    /// Deletes files by id; each needs the right to delete its run. All of them are deleted, or none.
    pub async fn delete_run_files(&self, caller: &Caller, ids: Vec<FileId>) -> Result<(), Error> {
        if ids.len() > FILES_PER_REQUEST {
            return Err(Error::TooLarge(format!("at most {FILES_PER_REQUEST} files can be deleted at once")));
        }
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let mut by_run = BTreeMap::new();
            for id in &ids {
                let Some(owner) = file::owner(tx, *id)? else { continue };
                let Some(found) = run::get(tx, &caller, owner)? else { continue };
                let Some(found) = seen(&caller, Action::RunDelete, Some(found), &licence)? else { continue };
                if let Some(contents) = file::delete(tx, &found, *id)? {
                    garbage::discard(tx, contents.owner, StoredObject::RunFile(contents.object))?;
                }
                by_run.entry(found.id).or_insert((found, 0)).1 += 1;
            }
            for (found, count) in by_run.values() {
                let event = Event::new(AuditAction::RunUpdate).run(found).detail("fields", "files");
                audit::record(tx, &caller, event.detail("deleted_files", count))?;
            }
            Ok::<_, Error>(ids.len())
        });
        let count = deleted.await?;
        tracing::info!(count, "deleted run files");
        Ok(())
    }
}

fn listed(id: FileId, file: RunFile) -> Option<ListedFile> {
    file.contents.map(|contents| ListedFile { id, path: file.path, contents })
}

fn check_names(names: &[String]) -> Result<Vec<FilePath>, Error> {
    if names.len() > FILES_PER_REQUEST {
        return Err(Error::TooLarge(format!("at most {FILES_PER_REQUEST} files can be named in one request")));
    }
    let parse = |name: &String| {
        FilePath::parse(name).map_err(|why| Error::invalid("files", &format!("`{}`: {why}", shortened(name))))
    };
    names.iter().map(parse).collect()
}

/// Enough of a name to know it by.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}
