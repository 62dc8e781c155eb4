//! How many bytes of request bodies may be in memory at once, all requests together. A body is charged as
//! it arrives, so a declared length costs nothing and a slow client holds only what it has sent.

use super::body::BodyError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit stands for: 32-bit permits then cover 4 TiB.
const PERMIT_BYTES: usize = 1024;
/// A body grows its charge by at least this much, to keep the semaphore out of the hot path.
const STEP_BYTES: usize = 64 * 1024;

/// The bytes that all bodies share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    permits: Arc<Semaphore>,
    /// How long a body may wait for room before its request is answered with 503.
    wait: Duration,
}

impl BodyBudget {
    pub fn new(total_bytes: usize, wait: Duration) -> Self {
        let permits = (total_bytes / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(permits)), wait }
    }

    /// For bodies that something else limits.
    pub(super) fn unlimited() -> Self {
        Self::new(usize::MAX, Duration::ZERO)
    }

    /// Bytes not charged to anyone right now.
    pub fn free_bytes(&self) -> usize {
        self.permits.available_permits() * PERMIT_BYTES
    }

    /// Begins to charge one body with nothing.
    pub fn charge(&self) -> BodyCharge {
        BodyCharge { budget: self.clone(), held: None, held_bytes: 0 }
    }
}

/// What one body holds of the budget; dropping it gives the bytes back.
#[derive(Debug)]
pub struct BodyCharge {
    budget: BodyBudget,
    held: Option<OwnedSemaphorePermit>,
    held_bytes: usize,
}

impl BodyCharge {
    /// Makes sure that `bytes` are held in all; waits for room, then gives up with `Busy`.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let Some(permits) = self.missing(bytes)? else { return Ok(()) };
        let room = self.budget.permits.clone().acquire_many_owned(permits);
        match tokio::time::timeout(self.budget.wait, room).await {
            Ok(Ok(permit)) => self.add(permit, permits),
            Ok(Err(_)) | Err(_) => return Err(BodyError::Busy),
        }
        Ok(())
    }

    /// The same without waiting, for code on the blocking pool.
    pub fn try_grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let Some(permits) = self.missing(bytes)? else { return Ok(()) };
        let permit = self.budget.permits.clone().try_acquire_many_owned(permits).map_err(|_| BodyError::Busy)?;
        self.add(permit, permits);
        Ok(())
    }

    /// The permits to ask for, `None` when enough are held.
    fn missing(&self, bytes: usize) -> Result<Option<u32>, BodyError> {
        if bytes <= self.held_bytes {
            return Ok(None);
        }
        let more_bytes = (bytes - self.held_bytes).max(STEP_BYTES);
        u32::try_from(more_bytes.div_ceil(PERMIT_BYTES)).map(Some).map_err(|_| BodyError::Busy)
    }

    fn add(&mut self, permit: OwnedSemaphorePermit, permits: u32) {
        self.held_bytes += permits as usize * PERMIT_BYTES;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn a_dropped_charge_gives_its_bytes_back() {
        let budget = BodyBudget::new(MIB, Duration::ZERO);
        let mut charge = budget.charge();

        charge.grow_to(MIB / 2).await.unwrap();
        charge.grow_to(MIB).await.unwrap();
        assert_eq!(budget.free_bytes(), 0);
        drop(charge);

        assert_eq!(budget.free_bytes(), MIB);
    }

    #[tokio::test]
    async fn a_body_waits_for_room_and_is_then_refused() {
        let budget = BodyBudget::new(MIB, Duration::from_millis(5));
        let mut first = budget.charge();
        first.grow_to(MIB).await.unwrap();

        let mut second = budget.charge();
        assert_eq!(second.grow_to(1).await, Err(BodyError::Busy));

        drop(first);
        second.grow_to(1).await.unwrap();
    }

    #[tokio::test]
    async fn a_waiting_body_goes_on_as_soon_as_there_is_room() {
        let budget = BodyBudget::new(MIB, Duration::from_secs(600));
        let mut first = budget.charge();
        first.grow_to(MIB).await.unwrap();
        let mut second = budget.charge();

        let (room, ()) = tokio::join!(second.grow_to(1), async { drop(first) });

        room.unwrap();
    }
}
