//! Files of runs and of artifacts. Their URLs carry the right to use them, so they are as secret as what they lead to.

use crate::access::Allowed;
use crate::api::graphql::cursor::PageInfo;
use crate::api::graphql::error::{failed, missing};
use crate::api::graphql::id;
use crate::api::graphql::object::artifact::version::Artifact;
use crate::api::graphql::object::run::FilesCounted;
use crate::api::graphql::request::Request;
use crate::api::graphql::scalar::{DateTime, Int64};
use crate::app::artifact::FoundArtifact;
use crate::app::direct::PartsLeave;
use crate::app::file::ListedFile;
use crate::domain::clock::Timestamp;
use crate::domain::file::FileContents;
use crate::domain::id::{ManifestId, ObjectId, RunId};
use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

pub(in crate::api::graphql) struct File {
    pub id: ID,
    pub name: String,
    pub size_bytes: u64,
    pub md5: Option<[u8; 16]>,
    /// As the manifest says it.
    pub digest: Option<String>,
    pub updated_at: Option<Timestamp>,
    pub bytes: FileBytes,
    pub upload: Option<FileUpload>,
}

/// Where the bytes of a file are.
pub(in crate::api::graphql) enum FileBytes {
    OfRun {
        run: RunId,
        file: ListedFile,
    },
    /// For who may download.
    Blob {
        found: Arc<Allowed<FoundArtifact>>,
        object: ObjectId,
    },
    /// Not ours: the URI.
    Reference(String),
    /// Whoever sees it may have it.
    Manifest {
        id: ManifestId,
        contents: FileContents,
    },
    /// They have not come yet.
    Nowhere,
}

/// What a client needs to send a file of an artifact.
pub(in crate::api::graphql) struct FileUpload {
    /// `None`: we have these bytes already.
    pub url: Option<String>,
    /// `Name:value`.
    pub headers: Vec<String>,
    pub storage_path: Option<String>,
    /// The same in parts.
    pub parts: Option<PartsLeave>,
    /// Whose bytes they are first.
    pub artifact: Option<Artifact>,
}

impl File {
    /// A file of a run that is there.
    pub fn of_run(run: RunId, file: ListedFile) -> Self {
        Self {
            id: id::file(file.id),
            name: file.path.as_str().to_owned(),
            size_bytes: file.contents.size_bytes,
            md5: file.contents.md5,
            digest: None,
            updated_at: Some(file.contents.uploaded_at),
            bytes: FileBytes::OfRun { run, file },
            upload: None,
        }
    }

    /// For who may send an API key along: that leads to this server only.
    fn url_with_key(&self, request: &Request) -> async_graphql::Result<String> {
        let Request { app, caller, .. } = request;
        match &self.bytes {
            FileBytes::OfRun { file, .. } => Ok(request.storage_url(&app.download_token(caller, &file.contents))),
            FileBytes::Manifest { id, .. } => Ok(request.storage_url(&app.manifest_token(caller, *id))),
            FileBytes::Blob { found, object } => {
                let token = app.blob_token(caller, found, *object).map_err(failed)?;
                Ok(request.storage_url(&token))
            }
            FileBytes::Reference(uri) => Ok(uri.clone()),
            FileBytes::Nowhere => Err(self.not_arrived()),
        }
    }

    /// For who sends nothing but the URL.
    async fn bare_url(&self, request: &Request) -> async_graphql::Result<String> {
        let Request { app, caller, .. } = request;
        let url = match &self.bytes {
            FileBytes::OfRun { file, .. } => app.download_url(caller, &file.path, &file.contents).await,
            FileBytes::Manifest { id, contents } => app.manifest_url(caller, *id, contents).await,
            FileBytes::Blob { found, object } => app.blob_url(caller, found, *object).await,
            FileBytes::Reference(uri) => return Ok(uri.clone()),
            FileBytes::Nowhere => return Err(self.not_arrived()),
        };
        Ok(request.url(&url.map_err(failed)?))
    }

    fn not_arrived(&self) -> async_graphql::Error {
        missing(format!("the bytes of `{}` have not arrived yet", self.name))
    }
}

#[Object]
impl File {
    async fn id(&self) -> &ID {
        &self.id
    }

    async fn name(&self) -> &str {
        &self.name
    }

    async fn display_name(&self) -> &str {
        &self.name
    }

    /// Where its bytes are, or with `upload` where new ones may be sent; null for who may not send.
    async fn url(&self, ctx: &Context<'_>, upload: Option<bool>) -> async_graphql::Result<Option<String>> {
        let request = Request::of(ctx);
        match (upload, &self.bytes) {
            (Some(true), FileBytes::OfRun { run, file }) => {
                let token = request.app.upload_token(&request.caller, *run, file.id).await.map_err(failed)?;
                Ok(token.map(|token| request.storage_url(&token)))
            }
            (Some(true), _) => Ok(None),
            _ if request.downloads_without_key() => self.bare_url(request).await.map(Some),
            _ => self.url_with_key(request).map(Some),
        }
    }

    /// Fetched without credentials.
    async fn direct_url(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        self.bare_url(Request::of(ctx)).await
    }

    async fn size_bytes(&self) -> Int64 {
        Int64(i64::try_from(self.size_bytes).unwrap_or(i64::MAX))
    }

    /// Guessed from the name.
    async fn mimetype(&self) -> String {
        mime_guess::from_path(&self.name).first_or_octet_stream().to_string()
    }

    async fn updated_at(&self) -> Option<DateTime> {
        self.updated_at.map(DateTime)
    }

    /// In base64, as the client compares it.
    async fn md5(&self) -> Option<String> {
        self.md5.map(|md5| STANDARD.encode(md5))
    }

    async fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    async fn storage_path(&self) -> Option<&str> {
        self.upload.as_ref().and_then(|upload| upload.storage_path.as_deref())
    }

    /// Where to send it; null when there is nothing to send.
    async fn upload_url(&self) -> Option<&str> {
        self.upload.as_ref().and_then(|upload| upload.url.as_deref())
    }

    /// What a client sends beside the bytes, each exactly so.
    async fn upload_headers(&self) -> &[String] {
        self.upload.as_ref().map_or(&[], |upload| upload.headers.as_slice())
    }

    /// Where to send it in parts; null where files are taken in one piece, however large.
    async fn upload_multipart_urls(&self) -> Option<UploadMultipartUrls> {
        self.upload.as_ref().and_then(|upload| upload.parts.as_ref()).map(UploadMultipartUrls::of)
    }

    async fn artifact(&self) -> Option<&Artifact> {
        self.upload.as_ref().and_then(|upload| upload.artifact.as_ref())
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct UploadMultipartUrls {
    #[graphql(name = "uploadID")]
    upload_id: String,
    upload_url_parts: Vec<UploadUrlPart>,
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct UploadUrlPart {
    part_number: Int64,
    upload_url: String,
}

impl UploadMultipartUrls {
    fn of(leave: &PartsLeave) -> Self {
        let part =
            |(number, url): (i64, &String)| UploadUrlPart { part_number: Int64(number), upload_url: url.clone() };
        // Clients take the parts of a file in the order of this list.
        let upload_url_parts = (1..).zip(&leave.urls).map(part).collect();
        Self { upload_id: leave.upload.to_string(), upload_url_parts }
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub(in crate::api::graphql) struct FileConnection {
    pub edges: Vec<FileEdge>,
    pub page_info: PageInfo,
    /// Nothing beside the URL is needed to send a file.
    pub upload_headers: Vec<String>,
    #[graphql(skip)]
    pub counted: Counted,
}

/// How many files a list has in all.
pub(in crate::api::graphql) enum Counted {
    Known(i64),
    /// They are counted when somebody asks.
    OfRun(FilesCounted),
}

#[ComplexObject]
impl FileConnection {
    /// Of all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        match &self.counted {
            Counted::Known(count) => Ok(*count),
            Counted::OfRun(files) => files.count(ctx).await,
        }
    }
}

#[derive(SimpleObject)]
pub(in crate::api::graphql) struct FileEdge {
    pub node: File,
    pub cursor: String,
}

/// Whether a path fits an SQL `LIKE` pattern: `%` is any text, `_` any one character (wandb 0.31.0, `Run.files(pattern)`).
pub(in crate::api::graphql) fn is_like(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<char>, Vec<char>) = (path.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last `%` was, and how much of the path it has taken so far: on a mismatch it takes one more.
    let mut last_any: Option<(usize, usize)> = None;
    while at < path.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                last_any = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(&wanted) if wanted == '_' || wanted == path[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match last_any {
                Some((any, taken)) => {
                    last_any = Some((any, taken + 1));
                    (at, in_pattern) = (taken + 1, any + 1);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_any_text_and_any_character() {
        for (path, pattern) in
            [("a.json", "%.json"), ("media/a/b.png", "media/%.p_g"), ("", "%"), ("aXbXc", "a%b%c"), ("aab", "%ab")]
        {
            assert!(is_like(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [("a.jsonl", "%.json"), ("a", ""), ("a", "__"), ("A", "a"), ("ab", "a")] {
            assert!(!is_like(path, pattern), "{path} {pattern}");
        }
    }
}
