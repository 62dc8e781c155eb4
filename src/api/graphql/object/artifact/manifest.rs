//! The manifest file of a version. Reading the version is enough to fetch it.

use crate::api::graphql::id;
use crate::api::graphql::object::file::{File, FileBytes};
use crate::app::artifact::entry::StoredManifest;
use async_graphql::{ID, Object};

pub(in crate::api::graphql) struct ArtifactManifest {
    pub id: ID,
    pub file: File,
}

impl ArtifactManifest {
    pub fn stored(StoredManifest { id: manifest, name, contents }: StoredManifest) -> Self {
        let file = File {
            id: id::manifest_file(manifest),
            name,
            size_bytes: contents.size_bytes,
            md5: contents.md5,
            digest: None,
            updated_at: Some(contents.uploaded_at),
            bytes: FileBytes::Manifest { id: manifest, contents },
            upload: None,
        };
        Self { id: id::manifest(manifest), file }
    }
}

#[Object]
impl ArtifactManifest {
    async fn id(&self) -> &ID {
        &self.id
    }

    async fn file(&self) -> &File {
        &self.file
    }
}
