//! Manifests that go straight to a bucket: the commit of their draft looks for them.

use super::blob::copy_checked;
use super::{DirectStore, TransferUrl};
use crate::access::Allowed;
use crate::app::artifact::FoundArtifact;
use crate::app::{App, Error};
use crate::db::repo::artifact::manifest;
use crate::db::repo::garbage;
use crate::domain::artifact::blob::Route;
use crate::domain::artifact::manifest::{ComingManifest, Manifest};
use crate::domain::file::FileContents;
use crate::domain::garbage::{StoredObject, Ticket};
use crate::domain::id::{ArtifactId, EntityId, ManifestId, ObjectId};
use crate::storage::{self, ObjectKey, StoreError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Manifests of one draft that are looked for at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// A manifest that is there and is what was said.
struct Taken {
    object: ObjectId,
    ticket: Ticket,
    size_bytes: u64,
}

impl App {
    /// A URL with which a manifest is sent to its bucket; nothing when the draft lost it meanwhile.
    pub(in crate::app) async fn send_manifest(
        &self,
        draft: &Allowed<FoundArtifact>,
        store: &DirectStore,
        id: ManifestId,
        md5: [u8; 16],
    ) -> Result<Option<TransferUrl>, Error> {
        let (draft, route, leave_secs) = (draft.project(Clone::clone), store.route(), self.write_url_secs());
        let permitted = self
            .db
            .write(move |tx| manifest::permit_upload(tx, &draft, id, md5, route, leave_secs).map_err(Error::from));
        match permitted.await? {
            Some(object) => self.send_url(store, StoredObject::Manifest(object), Some(md5)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes in what has come of the draft's manifests.
    pub(in crate::app) async fn take_in_manifests(&self, draft: ArtifactId) -> Result<(), Error> {
        let coming = self.db.look_up(|tx| manifest::coming(tx, draft))?;
        let looks = coming.into_iter().map(|(id, manifest)| self.take_in_manifest(id, manifest));
        stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect().await
    }

    async fn take_in_manifest(&self, id: ManifestId, manifest: Manifest) -> Result<(), Error> {
        let Some(coming) = manifest.coming.clone() else { return Ok(()) };
        let store = self.store_of(manifest.owner)?;
        let facts = match store.head(&ObjectKey::manifest(coming.object)).await {
            Ok(facts) => facts,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let max = self.settings.manifest_bytes as u64;
        if facts.size_bytes > max {
            self.refuse_manifest(id, &coming).await?;
            return Err(Error::TooLarge(format!("a manifest has at most {max} bytes")));
        }
        let taken = if coming.route == Route::Bound && facts.md5 == Some(coming.md5) {
            Some(Taken { object: coming.object, ticket: coming.ticket, size_bytes: facts.size_bytes })
        } else {
            self.read_manifest_back(manifest.owner, &coming).await?
        };
        let Some(Taken { object, ticket, size_bytes }) = taken else {
            self.refuse_manifest(id, &coming).await?;
            let why = "the manifest of the artifact is not what was declared; send it again, then commit again";
            return Err(Error::invalid("artifactID", &why));
        };
        let (owner, md5) = (manifest.owner, Some(coming.md5));
        let arrived = self.db.write(move |tx| {
            let contents = FileContents { object, owner, size_bytes, md5, uploaded_at: tx.now() };
            manifest::arrived(tx, id, &contents, &ticket).map_err(Error::from)
        });
        // Too late is as good as never sent, and the commit says so.
        arrived.await.map(drop)
    }

    async fn read_manifest_back(&self, owner: EntityId, coming: &ComingManifest) -> Result<Option<Taken>, Error> {
        let store = self.store_of(owner)?;
        if coming.route != Route::Loose {
            let (size_bytes, md5) = storage::digest(&store, &ObjectKey::manifest(coming.object)).await?;
            let taken = Taken { object: coming.object, ticket: coming.ticket, size_bytes };
            return Ok((md5 == coming.md5).then_some(taken));
        }
        let announced = self.db.write(move |tx| {
            let object = tx.new_id::<ObjectId>()?;
            Ok::<_, Error>((object, garbage::announce(tx, owner, StoredObject::Manifest(object))?))
        });
        let (object, ticket) = announced.await?;
        let (from, to) = (StoredObject::Manifest(coming.object), StoredObject::Manifest(object));
        let copied = copy_checked(&store, from, to, coming.md5).await?;
        Ok(copied.map(|size_bytes| Taken { object, ticket, size_bytes }))
    }

    async fn refuse_manifest(&self, id: ManifestId, coming: &ComingManifest) -> Result<(), Error> {
        let coming = coming.clone();
        self.db.write(move |tx| manifest::refuse(tx, id, &coming).map_err(Error::from)).await
    }
}
