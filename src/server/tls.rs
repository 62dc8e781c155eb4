//! TLS with a certificate that may change while the server runs: bad new files keep the old certificate.

use crate::config::certificate::{self, CertificateError};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The server's side of TLS. Cheap to clone; all clones show the same certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<CurrentCertificate>,
    files: Arc<Files>,
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// What the files looked like when they were last read, whether they were good or not.
    seen: Mutex<Option<[FileState; 2]>>,
}

/// Changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
}

#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        let seen = [FileState::of(cert_file), FileState::of(key_file)];
        let certified = certificate::read(cert_file, key_file)?;
        let current = Arc::new(CurrentCertificate(RwLock::new(certified)));

        // The provider is named here: with two of them in the build, rustls would not choose.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let seen = Mutex::new(both(seen));
        let files = Arc::new(Files { cert: cert_file.to_owned(), key: key_file.to_owned(), seen });
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current, files })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again if they changed. Blocks on the disk.
    pub fn reload_if_changed(&self) {
        let now = both([FileState::of(&self.files.cert), FileState::of(&self.files.key)]);
        let mut seen = self.files.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // While a file is being replaced it may be missing for a moment: that is no change yet.
        if now.is_none() || *seen == now {
            return;
        }
        *seen = now;
        drop(seen);
        self.reload();
    }

    /// Reads the files again. Blocks on the disk.
    pub fn reload(&self) {
        let cert = self.files.cert.display();
        match certificate::read(&self.files.cert, &self.files.key) {
            Ok(certified) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
                info!(%cert, "read the TLS certificate again");
            }
            Err(reason) => error!(%reason, "the new TLS certificate cannot be used; the old one stays"),
        }
    }
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { inode: found.ino(), size_bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) })
    }
}

fn both([cert, key]: [Option<FileState>; 2]) -> Option<[FileState; 2]> {
    Some([cert?, key?])
}
