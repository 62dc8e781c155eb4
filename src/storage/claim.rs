//! Whose a store is: an object at its prefix says so. It is only ever created where there is none.

use super::{ObjectKey, Store, StoreError};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Who keeps its objects there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub instance: String,
    pub connector: u64,
}

/// What trying to make a store ours came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    Made,
    Ours,
    /// Somebody else's; `None`: the mark cannot be read.
    Theirs(Option<Owner>),
}

impl Owner {
    pub const KEY: &str = "weighhouse-owner.json";

    fn text(&self) -> Result<Bytes, StoreError> {
        let text = serde_json::to_vec_pretty(self).map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok(text.into())
    }
}

impl Store {
    pub async fn claim(&self, own: &Owner) -> Result<Claim, StoreError> {
        match self.put_new(&ObjectKey::owner(), own.text()?).await {
            Ok(()) => return Ok(Claim::Made),
            Err(StoreError::AlreadyExists) => {}
            Err(other) => return Err(other),
        }
        let found: Option<Owner> = serde_json::from_slice(&self.get(&ObjectKey::owner()).await?).ok();
        Ok(if found.as_ref() == Some(own) { Claim::Ours } else { Claim::Theirs(found) })
    }

    /// In the place of a mark that was found to be of nobody any more.
    pub async fn replace_claim(&self, own: &Owner) -> Result<(), StoreError> {
        self.delete(&ObjectKey::owner()).await?;
        self.put_new(&ObjectKey::owner(), own.text()?).await
    }

    /// Takes the mark away, if it is this one.
    pub async fn unclaim(&self, own: &Owner) -> Result<(), StoreError> {
        if self.is_claimed_by(own).await? { self.delete(&ObjectKey::owner()).await } else { Ok(()) }
    }

    /// Whether this mark is there.
    pub async fn is_claimed_by(&self, own: &Owner) -> Result<bool, StoreError> {
        match self.get(&ObjectKey::owner()).await {
            Ok(text) => Ok(serde_json::from_slice::<Owner>(&text).is_ok_and(|found| found == *own)),
            Err(StoreError::NotFound) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_first_has_the_store_until_it_lets_go() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::local(directory.path()).unwrap();
        let owner = |instance: &str| Owner { instance: instance.into(), connector: 1 };

        assert_eq!(store.claim(&owner("a")).await, Ok(Claim::Made));
        assert_eq!(store.claim(&owner("a")).await, Ok(Claim::Ours));
        assert_eq!(store.claim(&owner("b")).await, Ok(Claim::Theirs(Some(owner("a")))));
        store.unclaim(&owner("b")).await.unwrap();
        assert_eq!(store.claim(&owner("a")).await, Ok(Claim::Ours));
        store.unclaim(&owner("a")).await.unwrap();
        assert_eq!(store.claim(&owner("b")).await, Ok(Claim::Made));
        std::fs::write(directory.path().join(Owner::KEY), "what?").unwrap();
        assert_eq!(store.claim(&owner("b")).await, Ok(Claim::Theirs(None)));
    }
}
