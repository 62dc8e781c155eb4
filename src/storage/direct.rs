//! URLs of a store that clients put to and get from themselves: signed by us, checked by the provider. Whoever has one
//! may do what it says until it ends, so whether to hand one out is decided in `app`.

use super::error::StoreError;
use super::layout::ObjectKey;
use super::store::{CALL_TIMEOUT, limited_to};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The longest that S3, GCS and a delegated key of Azure sign for.
const LONGEST_SECS: u64 = 7 * 24 * 60 * 60;

/// A URL, and what has to be sent with it, exactly so: names are spelled as the client looks them up.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl {
    pub url: String,
    pub headers: Vec<(String, String)>,
}

/// What a provider understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    S3,
    Gcs,
    Azure,
}

/// Signs URLs of one store.
pub struct Direct {
    pub(super) dialect: Dialect,
    /// Of the endpoint that clients use, where the host is part of what is signed.
    pub(super) signer: Arc<dyn Signer>,
    /// Where clients go instead of the host in the URL, where it is not.
    pub(super) clients_go_to: Option<Url>,
    /// Of the endpoint that the server uses; `None` where parts cannot be signed.
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    /// What keys begin with in this store.
    pub(super) prefix: String,
    /// What asks for encryption, with every new object.
    pub(super) encryption: Vec<(&'static str, String)>,
    pub(super) longest_secs: Option<u64>,
}

impl Direct {
    /// For `GET`. The name and the type are what the store answers with, where it [can](Self::names_downloads).
    pub async fn get_url(
        &self,
        key: &ObjectKey,
        secs: u64,
        download_name: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<SignedUrl, StoreError> {
        let mut query = Vec::new();
        if self.names_downloads() {
            if let Some(name) = download_name {
                let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
                query.push(("response-content-disposition", format!("attachment; filename*=UTF-8''{name}")));
            }
            query.extend(content_type.map(|kind| ("response-content-type", kind.to_owned())));
        }
        self.sign(Method::GET, key, secs, Bound { query, headers: Vec::new() }).await
    }

    /// For the `PUT` of a new object. Where that [can be](Self::binds_md5), the bytes are bound by their MD5.
    pub async fn put_url(&self, key: &ObjectKey, md5: Option<[u8; 16]>, secs: u64) -> Result<SignedUrl, StoreError> {
        let mut headers = Vec::new();
        if let Some(md5) = md5.filter(|_| self.binds_md5()) {
            headers.push(("Content-MD5", STANDARD.encode(md5)));
        }
        match self.dialect {
            Dialect::S3 => headers.push(("If-None-Match", "*".into())),
            Dialect::Gcs => headers.push(("x-goog-if-generation-match", "0".into())),
            // A shared access signature covers no headers, and every upload has to name the kind of the blob.
            Dialect::Azure => headers.push(("x-ms-blob-type", "BlockBlob".into())),
        }
        headers.extend(self.encryption.clone());
        self.sign(Method::PUT, key, secs, Bound { query: Vec::new(), headers }).await
    }

    /// Whether a `PUT` takes only the bytes whose MD5 was signed, and only once. Where not, whoever has the URL may write
    /// other bytes until it ends: what arrived has to be read, hashed and kept under a key that no URL was signed for.
    pub fn binds_md5(&self) -> bool {
        self.dialect != Dialect::Azure
    }

    /// Whether `GET` answers with the name and the type that were signed.
    pub fn names_downloads(&self) -> bool {
        self.dialect != Dialect::Azure
    }

    pub fn signs_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// The longest that a URL certainly lives, where the server's own credentials end earlier than any URL would.
    pub fn longest_secs(&self) -> Option<u64> {
        self.longest_secs
    }

    /// Begins an object in parts, and says by what name the store knows the upload.
    pub async fn begin_parts(&self, key: &ObjectKey) -> Result<String, StoreError> {
        let path = self.path(key);
        limited_to(CALL_TIMEOUT, self.parts()?.create_multipart(&path)).await
    }

    /// For the `PUT` of one part, numbered from 1, with these bytes and no others.
    pub async fn part_url(
        &self,
        key: &ObjectKey,
        upload: &str,
        number: u32,
        md5: [u8; 16],
        secs: u64,
    ) -> Result<SignedUrl, StoreError> {
        self.parts()?;
        let query = vec![("partNumber", number.to_string()), ("uploadId", upload.to_owned())];
        let headers = vec![("Content-MD5", STANDARD.encode(md5))];
        self.sign(Method::PUT, key, secs, Bound { query, headers }).await
    }

    /// Makes the object of its parts, by the ETags that the store answered with, in the order of their numbers.
    pub async fn complete_parts(&self, key: &ObjectKey, upload: &str, etags: Vec<String>) -> Result<(), StoreError> {
        let parts = etags.into_iter().map(|content_id| PartId { content_id }).collect();
        let (path, upload) = (self.path(key), upload.to_owned());
        limited_to(CALL_TIMEOUT, self.parts()?.complete_multipart(&path, &upload, parts)).await.map(drop)
    }

    /// Drops what has arrived of the parts.
    pub async fn abort_parts(&self, key: &ObjectKey, upload: &str) -> Result<(), StoreError> {
        let (path, upload) = (self.path(key), upload.to_owned());
        limited_to(CALL_TIMEOUT, self.parts()?.abort_multipart(&path, &upload)).await
    }

    /// For a `GET` of what the bucket has set, such as `versioning`. Not at Azure, which has no such questions.
    pub(super) async fn bucket_url(&self, question: &'static str, secs: u64) -> Result<SignedUrl, StoreError> {
        let bound = Bound { query: vec![(question, String::new())], headers: Vec::new() };
        self.sign_path(Method::GET, &Path::default(), secs, bound).await
    }

    async fn sign(&self, method: Method, key: &ObjectKey, secs: u64, bound: Bound) -> Result<SignedUrl, StoreError> {
        self.sign_path(method, &self.path(key), secs, bound).await
    }

    async fn sign_path(&self, method: Method, path: &Path, secs: u64, bound: Bound) -> Result<SignedUrl, StoreError> {
        let most = self.longest_secs.unwrap_or(LONGEST_SECS).min(LONGEST_SECS);
        let expires_in = Duration::from_secs(secs.clamp(1, most));
        // What Azure is sent is not signed.
        let options = if self.dialect == Dialect::Azure { SignedUrlOptions::new() } else { bound.options()? };
        let url = limited_to(CALL_TIMEOUT, self.signer.signed_url_opts(method, path, expires_in, &options)).await?;
        let url = self.for_clients(url)?;
        let headers = bound.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(SignedUrl { url: url.into(), headers })
    }

    fn for_clients(&self, mut url: Url) -> Result<Url, StoreError> {
        if let Some(to) = &self.clients_go_to {
            let moved = url.set_scheme(to.scheme()).is_ok()
                && url.set_host(to.host_str()).is_ok()
                && url.set_port(to.port()).is_ok();
            if !moved {
                return Err(StoreError::Settings("clients cannot be sent to their endpoint".into()));
            }
        }
        Ok(url)
    }

    fn path(&self, key: &ObjectKey) -> Path {
        if self.prefix.is_empty() { key.path() } else { Path::from(format!("{}/{key}", self.prefix)) }
    }

    fn parts(&self) -> Result<&Arc<dyn MultipartStore>, StoreError> {
        self.parts.as_ref().ok_or_else(|| StoreError::Settings("parts cannot be signed at this provider".into()))
    }
}

/// What a URL is good for, beside its method and its object.
struct Bound {
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
}

impl Bound {
    fn options(&self) -> Result<SignedUrlOptions, StoreError> {
        let mut options = SignedUrlOptions::new().with_query(self.query.clone());
        for (name, value) in &self.headers {
            let wrong = |_| StoreError::Settings(format!("`{value}` cannot be sent as `{name}`"));
            let name = HeaderName::from_bytes(name.as_bytes()).expect("names are written here");
            options = options.with_signed_header(name, HeaderValue::from_str(value).map_err(wrong)?);
        }
        Ok(options)
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Direct({:?})", self.dialect)
    }
}

/// The URL is as good as a password.
impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedUrl(***)")
    }
}
