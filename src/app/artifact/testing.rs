//! Logging artifacts as a client does, for the tests of use cases.

use super::FoundArtifact;
use super::draft::CreateArtifact;
use super::upload::{CreateManifest, FileUpload, NewFile};
use crate::access::Allowed;
use crate::app::Error;
use crate::app::direct::TransferUrl;
use crate::app::testing::World;
use crate::app::transfer::Wants;
use crate::domain::artifact::Digest;
use crate::domain::artifact::manifest::{EntrySource, ManifestKind};
use crate::domain::id::ArtifactId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;

/// Files that are to be logged together.
#[derive(Clone)]
pub struct Logged {
    pub files: BTreeMap<String, Vec<u8>>,
    pub kind: ManifestKind,
    pub base: Option<ArtifactId>,
    pub create: CreateArtifact,
}

pub fn md5(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

/// What is in a URL of this server.
pub fn token(url: &TransferUrl) -> &str {
    match url {
        TransferUrl::Token(token) => token,
        TransferUrl::Signed(_) => panic!("a URL of a bucket"),
    }
}

/// Sends bytes to a token.
pub async fn put(world: &World, token: &str, content: &[u8]) -> Result<[u8; 16], Error> {
    let (length, content) = (content.len() as u64, Bytes::copy_from_slice(content));
    let body = futures_util::stream::iter([Ok::<_, String>(content)]);
    world.app.receive_file(token, Some(length), None, body).await
}

impl Logged {
    pub fn files(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let create = CreateArtifact {
            entity: "ada".into(),
            project: "p".into(),
            artifact_type: "dataset".into(),
            aliases: vec!["latest".into()],
            is_deduplicated: true,
            ..CreateArtifact::default()
        };
        Self { files, kind: ManifestKind::Full, base: None, create }
    }

    pub fn of_kind(self, kind: ManifestKind) -> Self {
        Self { kind, ..self }
    }

    pub fn digest(&self) -> String {
        let mut digest = Digest::default();
        for (path, content) in &self.files {
            digest.add(path, &md5(content));
        }
        digest.finish()
    }

    pub async fn begin(&self, world: &World, collection: &str) -> Allowed<FoundArtifact> {
        let create = CreateArtifact { collection: collection.into(), digest: self.digest(), ..self.create.clone() };
        world.app.create_artifact(&world.ada, create).await.unwrap()
    }

    pub async fn permitted(&self, world: &World, draft: ArtifactId) -> Vec<FileUpload> {
        let new = |(path, content): (&String, &Vec<u8>)| NewFile {
            artifact: draft,
            path: path.clone(),
            md5: md5(content),
            parts: Vec::new(),
        };
        world.app.create_artifact_files(&world.ada, self.files.iter().map(new).collect()).await.unwrap()
    }

    pub async fn send_files(&self, world: &World, draft: ArtifactId) {
        for upload in self.permitted(world, draft).await {
            if let Some(url) = &upload.url {
                put(world, token(url), &self.files[&upload.path]).await.unwrap();
            }
        }
    }

    pub fn manifest(&self) -> Vec<u8> {
        let entry = |(path, content): (&String, &Vec<u8>)| {
            (path.clone(), serde_json::json!({ "digest": md5(content), "size": content.len() }))
        };
        let contents: serde_json::Map<_, _> = self.files.iter().map(entry).collect();
        serde_json::json!({
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": { "storageLayout": "V2" },
            "contents": contents,
        })
        .to_string()
        .into_bytes()
    }

    pub async fn send_manifest(&self, world: &World, draft: ArtifactId, manifest: &[u8]) {
        let create = CreateManifest {
            artifact: draft,
            kind: self.kind,
            name: "wandb_manifest.json".into(),
            md5: md5(manifest),
            base: self.base,
        };
        let made = world.app.create_artifact_manifest(&world.ada, create).await.unwrap();
        put(world, token(&made.url), manifest).await.unwrap();
    }

    /// Everything but the commit.
    pub async fn send(&self, world: &World, collection: &str) -> ArtifactId {
        let draft = self.begin(world, collection).await.id;
        self.send_files(world, draft).await;
        self.send_manifest(world, draft, &self.manifest()).await;
        draft
    }

    pub async fn log(&self, world: &World, collection: &str) -> Allowed<FoundArtifact> {
        let draft = self.send(world, collection).await;
        world.app.commit_artifact(&world.ada, draft).await.unwrap()
    }
}

/// The paths of a version and what is in them, as somebody fetches them.
pub async fn contents(world: &World, found: &Allowed<FoundArtifact>) -> BTreeMap<String, String> {
    use futures_util::TryStreamExt;
    let (entries, _) = world.app.list_entries(found, None, 1000).await.unwrap();
    let mut contents = BTreeMap::new();
    for (path, entry) in entries {
        let EntrySource::Blob(object) = entry.source else {
            contents.insert(path, entry.digest);
            continue;
        };
        let token = world.app.blob_token(&world.ada, found, object).unwrap();
        let download = world.app.open_download(&token, Wants::All).await.unwrap();
        let blocks: Vec<Bytes> = download.part(None).bytes.try_collect().await.unwrap();
        contents.insert(path, String::from_utf8(blocks.concat()).unwrap());
    }
    contents
}

/// Everything that a check of the whole instance finds.
pub async fn faults(world: &World) -> Vec<String> {
    use crate::access::Caller;
    let app = &world.app;
    let mut faults = app
        .db
        .read(|tx| {
            let mut faults = Vec::new();
            crate::db::verify::verify(tx, &crate::db::schema::CATALOGUE, &mut faults)?;
            Ok::<_, crate::db::DbError>(faults)
        })
        .await
        .unwrap();
    faults.extend(app.check_artifacts(&Caller::OPERATOR, None).await.unwrap().faults);
    faults.extend(app.check_blobs(&Caller::OPERATOR, None).await.unwrap().faults);
    faults.extend(app.check_manifests(&Caller::OPERATOR, None).await.unwrap().faults);
    faults
}
