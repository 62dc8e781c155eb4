//! A TLS certificate and its key from PEM files: read by `check` before the start and by the server at each reload.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("`{path}` holds no {what} in PEM form")]
    Empty { path: PathBuf, what: &'static str },
    #[error("the key in `{key}` does not belong to the certificate in `{cert}`")]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("the certificate in `{cert}` with the key in `{key}` cannot be used: {reason}")]
    Unusable { cert: PathBuf, key: PathBuf, reason: String },
}

/// Reads the chain and the key, and makes sure that they belong together.
pub fn read(cert_file: &Path, key_file: &Path) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem_error(cert_file, "certificate", &error))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { path: cert_file.to_owned(), what: "certificate" });
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| pem_error(key_file, "private key", &error))?;

    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map(Arc::new).map_err(|error| {
        let (cert, key) = (cert_file.to_owned(), key_file.to_owned());
        match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch { cert, key },
            other => CertificateError::Unusable { cert, key, reason: other.to_string() },
        }
    })
}

fn pem_error(path: &Path, what: &'static str, error: &pem::Error) -> CertificateError {
    match error {
        pem::Error::NoItemsFound => CertificateError::Empty { path: path.to_owned(), what },
        pem::Error::Io(error) => CertificateError::Unreadable { path: path.to_owned(), reason: error.to_string() },
        other => CertificateError::Unreadable { path: path.to_owned(), reason: other.to_string() },
    }
}
