//! The manifest file of a version. Reading the version is enough to fetch it.

use crate::api::graphql::id;
use crate::api::graphql::object::file::{File, FileBytes};
use crate::api::graphql::request::Request;
use crate::app::artifact::entry::StoredManifest;
use async_graphql::{Context, ID, Object};

pub(in crate::api::graphql) struct ArtifactManifest {
    pub id: ID,
    pub file: File,
}

impl ArtifactManifest {
    pub fn stored(ctx: &Context<'_>, manifest: StoredManifest) -> Self {
        let token = {
            let request = Request::of(ctx);
            request.app.manifest_token(&request.caller, &manifest)
        };
        let contents = &manifest.contents;
        let file = File {
            id: id::manifest_file(manifest.id),
            name: manifest.name,
            size_bytes: contents.size_bytes,
            md5: Some(contents.md5),
            digest: None,
            updated_at: Some(contents.uploaded_at),
            bytes: FileBytes::Token(token),
            upload: None,
        };
        Self { id: id::manifest(manifest.id), file }
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
