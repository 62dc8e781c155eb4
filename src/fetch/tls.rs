//! Whose certificates are trusted of hosts outside.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// What the system trusts. Reads files.
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate of the system cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

pub fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider has the default versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}
