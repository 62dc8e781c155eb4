//! The entries of a version. Which there are is part of the manifest and read with it; the bytes are for those who may
//! download, and a token is made for nobody else.

use super::FoundArtifact;
use crate::access::{Action, Allowed, Caller};
use crate::app::direct::TransferUrl;
use crate::app::{App, Error};
use crate::db::repo::artifact::{blob, version};
use crate::domain::artifact::manifest::Entry;
use crate::domain::audit::AuditAction;
use crate::domain::file::FileContents;
use crate::domain::garbage::StoredObject;
use crate::domain::id::{ManifestId, ObjectId};
use crate::storage::sign::Grant;

/// As many as a client may name in one request.
const NAMED_MAX: usize = 10_000;
const OCTETS: &str = "application/octet-stream";

/// A manifest file that is there.
pub struct StoredManifest {
    pub id: ManifestId,
    pub name: String,
    pub contents: FileContents,
}

impl App {
    /// Entries by path, after the path `after`; and whether there are more.
    pub async fn list_entries(
        &self,
        found: &Allowed<FoundArtifact>,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<(String, Entry)>, bool), Error> {
        let found = found.project(Clone::clone);
        let listed = self.db.read(move |tx| {
            let mut entries = version::entries(tx, &found, after, limit.saturating_add(1))?;
            let has_more = entries.len() > limit;
            entries.truncate(limit);
            Ok::<_, Error>((entries, has_more))
        });
        listed.await
    }

    /// Those of the named entries that there are, in the order of the names.
    pub async fn entries_named(
        &self,
        found: &Allowed<FoundArtifact>,
        names: Vec<String>,
    ) -> Result<Vec<(String, Entry)>, Error> {
        if names.len() > NAMED_MAX {
            return Err(Error::TooLarge(format!("at most {NAMED_MAX} files can be named in one request")));
        }
        let found = found.project(Clone::clone);
        let named = self.db.read(move |tx| {
            let mut entries = Vec::new();
            for name in names {
                if let Some(entry) = version::entry(tx, &found, &name)? {
                    entries.push((name, entry));
                }
            }
            Ok::<_, Error>(entries)
        });
        named.await
    }

    /// A token that fetches a blob of the version, for who may download.
    pub fn blob_token(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
        object: ObjectId,
    ) -> Result<String, Error> {
        caller.may(Action::ArtifactDownload, found.project(|_| ()).again(), &self.licence())?;
        self.note_read(caller, AuditAction::ArtifactRead, found.id.0, |event| event.artifact(found));
        Ok(self.token_for(caller, Grant::GetBlob(object, found.id), self.read_url_secs()))
    }

    /// Where a blob of the version is fetched by who may download, and sends no credentials along.
    pub async fn blob_url(
        &self,
        caller: &Caller,
        found: &Allowed<FoundArtifact>,
        object: ObjectId,
    ) -> Result<TransferUrl, Error> {
        let token = self.blob_token(caller, found, object)?;
        let signed = match self.db.look_up(|tx| blob::get(tx, object))? {
            Some(blob) => self.fetch_url(blob.owner, StoredObject::Blob(object), OCTETS).await?,
            None => None,
        };
        Ok(signed.unwrap_or(TransferUrl::Token(token)))
    }

    /// The manifest of the version; who may read the version may fetch it.
    pub async fn manifest_of(&self, found: &Allowed<FoundArtifact>) -> Result<Option<StoredManifest>, Error> {
        let found = found.project(Clone::clone);
        let manifest = self.db.read(move |tx| Ok::<_, Error>(version::manifest(tx, &found)?)).await?;
        Ok(manifest
            .and_then(|(id, manifest)| Some(StoredManifest { id, name: manifest.name, contents: manifest.contents? })))
    }

    /// A token that fetches the manifest.
    pub fn manifest_token(&self, caller: &Caller, id: ManifestId) -> String {
        self.token_for(caller, Grant::GetManifest(id), self.read_url_secs())
    }

    /// Where the manifest is fetched, by who sends no credentials along.
    pub async fn manifest_url(
        &self,
        caller: &Caller,
        id: ManifestId,
        contents: &FileContents,
    ) -> Result<TransferUrl, Error> {
        let signed =
            self.fetch_url(contents.owner, StoredObject::Manifest(contents.object), "application/json").await?;
        Ok(signed.unwrap_or_else(|| TransferUrl::Token(self.manifest_token(caller, id))))
    }
}
