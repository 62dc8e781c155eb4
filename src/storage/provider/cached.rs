//! Credentials that end, kept until shortly before.

use async_trait::async_trait;
use object_store::{CredentialProvider, Result};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Where credentials come from.
#[async_trait]
pub(super) trait Source: fmt::Debug + Send + Sync {
    type Credential: Send + Sync;

    /// New ones, and how long they last.
    async fn fetch(&self) -> Result<(Self::Credential, Duration)>;
}

pub(super) struct Cached<S: Source> {
    source: S,
    /// Given out as long as so much is left of them.
    least: Duration,
    /// Held while new ones are asked for: everyone waits for the one answer.
    kept: Mutex<Option<(Arc<S::Credential>, Instant)>>,
}

impl<S: Source> Cached<S> {
    pub fn new(source: S, least: Duration) -> Self {
        Self { source, least, kept: Mutex::new(None) }
    }
}

#[async_trait]
impl<S: Source> CredentialProvider for Cached<S> {
    type Credential = S::Credential;

    async fn get_credential(&self) -> Result<Arc<S::Credential>> {
        let mut kept = self.kept.lock().await;
        if let Some((credential, ends)) = kept.as_ref()
            && ends.saturating_duration_since(Instant::now()) > self.least
        {
            return Ok(Arc::clone(credential));
        }
        let asked_at = Instant::now();
        let (credential, lasts) = self.source.fetch().await?;
        let credential = Arc::new(credential);
        *kept = Some((Arc::clone(&credential), asked_at + lasts));
        Ok(credential)
    }
}

/// Without what is kept.
impl<S: Source> fmt::Debug for Cached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
