//! Sending the files and manifests of a draft.

use crate::api::artifact_file::md5_in_hex;
use crate::api::graphql::cursor::{self, PageInfo};
use crate::api::graphql::error::{failed, invalid};
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::collection::ArtifactDigestAlgorithm;
use crate::api::graphql::object::artifact::manifest::ArtifactManifest;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::object::file::{Counted, File, FileBytes, FileConnection, FileEdge, FileUpload};
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::Int64;
use crate::app::artifact::upload::{CreateManifest, ManifestUpload, NewFile};
use crate::domain::artifact::manifest::ManifestKind;
use crate::domain::id::BlobUploadId;
use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArtifactManifestType {
    /// All entries.
    Full,
    /// What differs from the base.
    Incremental,
    /// What one of several processes adds.
    Patch,
}

/// How files are named in buckets; ours are named otherwise, which no client sees.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArtifactStorageLayout {
    V1,
    V2,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompleteMultipartAction {
    #[graphql(name = "Complete")]
    Complete,
}

#[derive(InputObject)]
pub(super) struct CreateArtifactManifestInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    #[graphql(name = "baseArtifactID")]
    base_artifact_id: Option<ID>,
    name: String,
    digest: String,
    entity_name: String,
    project_name: String,
    run_name: String,
    #[graphql(name = "type")]
    kind: Option<ArtifactManifestType>,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct UpdateArtifactManifestInput {
    #[graphql(name = "artifactManifestID")]
    artifact_manifest_id: ID,
    digest: Option<String>,
    #[graphql(name = "baseArtifactID")]
    base_artifact_id: Option<ID>,
    client_mutation_id: Option<String>,
}

macro_rules! manifest_payloads {
    ($($name:ident)*) => {$(
        #[derive(SimpleObject)]
        pub(super) struct $name {
            artifact_manifest: ArtifactManifest,
            client_mutation_id: Option<String>,
        }
    )*};
}

manifest_payloads!(CreateArtifactManifestPayload UpdateArtifactManifestPayload);

#[derive(InputObject)]
pub(super) struct UploadPartsInput {
    part_number: Int64,
    #[graphql(name = "hexMD5")]
    hex_md5: String,
}

/// Fields that mean nothing here are taken, because clients send them.
#[derive(InputObject)]
pub(super) struct CreateArtifactFileSpecInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    #[graphql(name = "artifactManifestID")]
    artifact_manifest_id: Option<ID>,
    name: String,
    md5: String,
    digest: Option<String>,
    mimetype: Option<String>,
    /// How a client would cut a large file.
    upload_parts_input: Option<Vec<UploadPartsInput>>,
}

#[derive(InputObject)]
pub(super) struct CreateArtifactFilesInput {
    artifact_files: Vec<CreateArtifactFileSpecInput>,
    storage_layout: Option<ArtifactStorageLayout>,
    digest_algorithm: Option<ArtifactDigestAlgorithm>,
    #[graphql(name = "cloudRegionID")]
    cloud_region_id: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CreateArtifactFilesPayload {
    /// The same number and order as were asked for.
    files: FileConnection,
    client_mutation_id: Option<String>,
}

#[derive(InputObject)]
pub(super) struct CompleteMultipartUploadArtifactInput {
    #[graphql(name = "artifactID")]
    artifact_id: ID,
    complete_multipart_action: CompleteMultipartAction,
    completed_parts: Vec<UploadPartsInput>,
    storage_path: String,
    #[graphql(name = "uploadID")]
    upload_id: String,
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
pub(super) struct CompleteMultipartUploadArtifactPayload {
    digest: Option<String>,
    client_mutation_id: Option<String>,
}

#[derive(Default)]
pub(super) struct UploadMutation;

#[Object]
impl UploadMutation {
    /// Announces a manifest of a draft.
    async fn create_artifact_manifest(
        &self,
        ctx: &Context<'_>,
        input: CreateArtifactManifestInput,
    ) -> async_graphql::Result<CreateArtifactManifestPayload> {
        let request = Request::of(ctx);
        // The id of the artifact says all of this.
        let _said_twice = (input.entity_name, input.project_name, input.run_name);
        let create = CreateManifest {
            artifact: id::artifact_id(&input.artifact_id)?,
            kind: match input.kind.unwrap_or(ArtifactManifestType::Full) {
                ArtifactManifestType::Full => ManifestKind::Full,
                ArtifactManifestType::Incremental => ManifestKind::Incremental,
                ArtifactManifestType::Patch => ManifestKind::Patch,
            },
            name: input.name,
            md5: input.digest,
            base: input.base_artifact_id.map(|id| id::artifact_id(&id)).transpose()?,
        };
        let created = request.app.create_artifact_manifest(&request.caller, create).await.map_err(failed)?;
        Ok(CreateArtifactManifestPayload {
            artifact_manifest: announced(request, created),
            client_mutation_id: input.client_mutation_id,
        })
    }

    /// Says anew what the file of a manifest is going to be.
    async fn update_artifact_manifest(
        &self,
        ctx: &Context<'_>,
        input: UpdateArtifactManifestInput,
    ) -> async_graphql::Result<UpdateArtifactManifestPayload> {
        let request = Request::of(ctx);
        let id = id::manifest_id(&input.artifact_manifest_id)?;
        let base = input.base_artifact_id.map(|id| id::artifact_id(&id)).transpose()?;
        let updated = request.app.update_artifact_manifest(&request.caller, id, input.digest, base);
        Ok(UpdateArtifactManifestPayload {
            artifact_manifest: announced(request, updated.await.map_err(failed)?),
            client_mutation_id: input.client_mutation_id,
        })
    }

    /// Says for each file of a draft where to send it, or that it is there already.
    async fn create_artifact_files(
        &self,
        ctx: &Context<'_>,
        input: CreateArtifactFilesInput,
    ) -> async_graphql::Result<CreateArtifactFilesPayload> {
        let request = Request::of(ctx);
        let _said_for_buckets = (input.storage_layout, input.cloud_region_id);
        if input.digest_algorithm.is_some_and(|algorithm| algorithm != ArtifactDigestAlgorithm::ManifestMd5) {
            return Err(invalid("this server knows the digest algorithm MANIFEST_MD5 only"));
        }
        let mut files = Vec::with_capacity(input.artifact_files.len());
        for spec in input.artifact_files {
            let _not_needed = (spec.artifact_manifest_id, spec.digest, spec.mimetype);
            files.push(NewFile {
                artifact: id::artifact_id(&spec.artifact_id)?,
                path: spec.name,
                md5: spec.md5,
                parts: parts(spec.upload_parts_input.unwrap_or_default())?,
            });
        }
        let uploads = request.app.create_artifact_files(&request.caller, files).await.map_err(failed)?;
        let edges: Vec<FileEdge> = uploads.into_iter().map(|upload| edge(request, upload)).collect();
        let page_info = PageInfo { end_cursor: edges.last().map(|edge| edge.cursor.clone()), has_next_page: false };
        let total_count = i64::try_from(edges.len()).unwrap_or(i64::MAX);
        let files =
            FileConnection { edges, page_info, upload_headers: Vec::new(), counted: Counted::Known(total_count) };
        Ok(CreateArtifactFilesPayload { files, client_mutation_id: input.client_mutation_id })
    }

    /// Puts the parts of a file together, all of which were sent.
    async fn complete_multipart_upload_artifact(
        &self,
        ctx: &Context<'_>,
        input: CompleteMultipartUploadArtifactInput,
    ) -> async_graphql::Result<CompleteMultipartUploadArtifactPayload> {
        let request = Request::of(ctx);
        let CompleteMultipartAction::Complete = input.complete_multipart_action;
        let _said_by_the_upload = input.storage_path;
        let artifact = id::artifact_id(&input.artifact_id)?;
        let unknown = || invalid("`uploadID` is not one that this server gave out");
        let upload = BlobUploadId(input.upload_id.parse().map_err(|_| unknown())?);
        let number = |number: i64| u32::try_from(number).map_err(|_| invalid("`partNumber` is a number from 1"));
        let mut sent = Vec::with_capacity(input.completed_parts.len());
        for part in input.completed_parts {
            // What is called so here is the `ETag` that the bucket answered with (wandb 0.17.9 to 0.31.0).
            sent.push((number(part.part_number.0)?, part.hex_md5));
        }
        let md5 = request.app.complete_parts(&request.caller, artifact, upload, sent).await.map_err(failed)?;
        Ok(CompleteMultipartUploadArtifactPayload {
            digest: Some(STANDARD.encode(md5)),
            client_mutation_id: input.client_mutation_id,
        })
    }
}

/// The MD5s of the parts of a file, numbered from 1.
fn parts(said: Vec<UploadPartsInput>) -> async_graphql::Result<Vec<[u8; 16]>> {
    let mut parts = Vec::with_capacity(said.len());
    for (number, part) in (1..).zip(said) {
        let md5 = md5_in_hex(&part.hex_md5);
        let (true, Some(md5)) = (part.part_number.0 == number, md5) else {
            return Err(invalid(
                "`uploadPartsInput` has parts numbered 1, 2, 3 … with the MD5 of each in 32 hex digits",
            ));
        };
        parts.push(md5);
    }
    Ok(parts)
}

/// A manifest whose file has not come.
fn announced(request: &Request, manifest: ManifestUpload) -> ArtifactManifest {
    let upload = FileUpload {
        url: Some(request.url(&manifest.url)),
        headers: Request::headers(&manifest.url),
        storage_path: None,
        parts: None,
        artifact: None,
    };
    let file = File {
        id: id::manifest_file(manifest.id),
        name: manifest.name,
        size_bytes: 0,
        md5: manifest.md5,
        digest: None,
        updated_at: None,
        bytes: FileBytes::Nowhere,
        upload: Some(upload),
    };
    ArtifactManifest { id: id::manifest(manifest.id), file }
}

fn edge(request: &Request, upload: crate::app::artifact::upload::FileUpload) -> FileEdge {
    let url = upload.url.as_ref().map(|to| request.url(to));
    let mut headers = upload.url.as_ref().map_or_else(Vec::new, Request::headers);
    // Where no URL is bound to it the client still says what it sends.
    if url.is_some() && !headers.iter().any(|header| header.starts_with("Content-MD5:")) {
        headers.push(format!("Content-MD5:{}", upload.md5));
    }
    let node = File {
        id: id::entry(upload.draft.id, &upload.path),
        size_bytes: 0,
        md5: None,
        digest: Some(upload.md5),
        updated_at: None,
        bytes: FileBytes::Nowhere,
        upload: Some(FileUpload {
            url,
            headers,
            storage_path: Some(format!("artifacts/{}", upload.path)),
            parts: upload.parts,
            artifact: Some(Artifact::shared(upload.draft)),
        }),
        name: upload.path,
    };
    FileEdge { cursor: cursor::encode(&node.name), node }
}
