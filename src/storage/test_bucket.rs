//! A bucket in memory to which clients send by signed URLs as well, for the tests of use cases. What a real provider
//! checks of a URL is not its business: it can be told to check nothing, as the worst of them would.

use super::direct::{Dialect, Direct, SignedUrl};
use super::store::Store;
use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt};
use md5::{Digest, Md5};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOST: &str = "https://bucket.test/";

/// What kind of provider it is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Like {
    /// Binds the MD5, tells it, and takes parts.
    S3,
    /// Does none of these, and lets objects be replaced.
    Azure,
}

#[derive(Clone)]
pub(crate) struct TestBucket {
    kept: Arc<Kept>,
    like: Like,
}

#[derive(Debug, Default)]
struct Kept {
    objects: InMemory,
    /// ETags of what came in one piece.
    e_tags: Mutex<HashMap<Path, String>>,
    is_down: AtomicBool,
}

impl TestBucket {
    pub(crate) fn like(like: Like) -> Self {
        Self { kept: Arc::default(), like }
    }

    pub(crate) fn store(&self) -> Store {
        let is_s3 = self.like == Like::S3;
        let parts: Arc<dyn MultipartStore> = Arc::clone(&self.kept) as _;
        let direct = Direct {
            dialect: if is_s3 { Dialect::S3 } else { Dialect::Azure },
            signer: Arc::new(TestSigner),
            clients_go_to: None,
            parts: is_s3.then_some(parts),
            prefix: String::new(),
            encryption: Vec::new(),
            longest_secs: None,
        };
        Store::bucket(Arc::clone(&self.kept) as _, is_s3, Some(direct))
    }

    /// From now on it answers to nothing, or to everything again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.kept.is_down.store(is_down, Ordering::SeqCst);
    }

    /// A client's `PUT`, of whatever it likes.
    pub(crate) async fn send(&self, url: &SignedUrl, body: &[u8]) {
        let payload = PutPayload::from(body.to_vec());
        self.kept.put_opts(&path_of(&url.url), payload, PutOptions::default()).await.unwrap();
    }

    /// A client's `PUT` of a part.
    pub(crate) async fn send_part(&self, url: &str, body: &[u8]) {
        let query: HashMap<String, String> = Url::parse(url).unwrap().query_pairs().into_owned().collect();
        let number: usize = query["partNumber"].parse().unwrap();
        let payload = PutPayload::from(body.to_vec());
        self.kept.objects.put_part(&path_of(url), &query["uploadId"], number - 1, payload).await.unwrap();
    }

    /// What is under a URL that fetches.
    pub(crate) async fn fetch(&self, url: &SignedUrl) -> Vec<u8> {
        let found = self.kept.objects.get_opts(&path_of(&url.url), GetOptions::default()).await.unwrap();
        found.bytes().await.unwrap().to_vec()
    }

    /// The keys of all objects.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.kept.objects.list(None).map(|found| found.unwrap().location.to_string()).collect().await;
        keys.sort();
        keys
    }
}

fn path_of(url: &str) -> Path {
    let (path, _) = url.strip_prefix(HOST).unwrap().split_once('?').unwrap();
    Path::from(path)
}

impl Kept {
    fn check(&self) -> Result<()> {
        if !self.is_down.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(Error::Generic { store: "TestBucket", source: "connection refused".into() })
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestBucket")
    }
}

#[derive(Debug)]
struct TestSigner;

#[async_trait]
impl Signer for TestSigner {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> Result<Url> {
        self.signed_url_opts(method, path, expires_in, &SignedUrlOptions::new()).await
    }

    async fn signed_url_opts(
        &self,
        method: Method,
        path: &Path,
        expires_in: Duration,
        options: &SignedUrlOptions,
    ) -> Result<Url> {
        let mut url = Url::parse(&format!("{HOST}{path}?method={method}&secs={}", expires_in.as_secs())).unwrap();
        url.query_pairs_mut().extend_pairs(&options.extra_query);
        Ok(url)
    }
}

#[async_trait]
impl ObjectStore for Kept {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.check()?;
        let mut md5 = Md5::new();
        payload.iter().for_each(|bytes| md5.update(bytes));
        let put = self.objects.put_opts(path, payload, options).await?;
        let digits: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.e_tags.lock().unwrap().insert(path.clone(), format!("\"{digits}\""));
        Ok(put)
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.check()?;
        self.objects.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        let mut found = self.objects.get_opts(path, options).await?;
        if let Some(e_tag) = self.e_tags.lock().unwrap().get(path) {
            found.meta.e_tag = Some(e_tag.clone());
        }
        Ok(found)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.check() {
            Ok(()) => self.objects.delete_stream(paths),
            Err(error) => futures_util::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl MultipartStore for Kept {
    async fn create_multipart(&self, path: &Path) -> Result<String> {
        self.check()?;
        self.objects.create_multipart(path).await
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<String> {
        self.check()?;
        self.objects.create_multipart_opts(path, options).await
    }

    async fn put_part(&self, path: &Path, id: &String, number: usize, payload: PutPayload) -> Result<PartId> {
        self.objects.put_part(path, id, number, payload).await
    }

    async fn complete_multipart(&self, path: &Path, id: &String, parts: Vec<PartId>) -> Result<PutResult> {
        self.check()?;
        let completed = self.objects.complete_multipart(path, id, parts).await?;
        self.e_tags.lock().unwrap().insert(path.clone(), "\"of parts\"-2".into());
        Ok(completed)
    }

    async fn abort_multipart(&self, path: &Path, id: &String) -> Result<()> {
        self.check()?;
        self.objects.abort_multipart(path, id).await
    }
}
