//! What commits have in common: one at a time for each draft, and no more manifests in memory at once than one may be.

use crate::domain::id::ArtifactId;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Drafts share so many places; two that meet in one wait for each other.
const PLACES: usize = 64;
/// Manifests are counted in pieces of this size.
const PIECE_BYTES: u64 = 64 * 1024;

pub struct CommitGate {
    places: Vec<Semaphore>,
    memory: Semaphore,
    pieces: u32,
}

impl CommitGate {
    /// For manifests of at most `manifest_bytes`.
    pub fn new(manifest_bytes: usize) -> Self {
        let pieces = pieces_of(manifest_bytes as u64);
        Self {
            places: (0..PLACES).map(|_| Semaphore::new(1)).collect(),
            memory: Semaphore::new(pieces as usize),
            pieces,
        }
    }

    /// Waits until no other commit of this draft is at work.
    pub async fn enter(&self, draft: ArtifactId) -> Option<SemaphorePermit<'_>> {
        let place = usize::try_from(draft.0 % PLACES as u64).unwrap_or_default();
        // They are never closed.
        self.places[place].acquire().await.ok()
    }

    /// Waits for room for manifests of this size; what is larger than all room takes all of it.
    pub async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        self.memory.acquire_many(pieces_of(bytes).min(self.pieces)).await.ok()
    }
}

fn pieces_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX).clamp(1, 1 << 28)
}
