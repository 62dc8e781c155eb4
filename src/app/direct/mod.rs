//! Bytes that go straight between clients and buckets, by URLs that the bucket itself checks. What a client has leave to
//! send is announced before, and counts once the server has found it in the bucket.

/// Content of artifacts.
mod blob;
/// Run files.
mod file;
/// Manifests of artifacts.
mod manifest;
/// Content that comes in parts.
mod parts;
/// Reading large content again to see what it is.
mod read_back;
#[cfg(test)]
mod tests;

pub use crate::storage::SignedUrl;
pub(super) use parts::PARTS_MAX;
pub use parts::PartsLeave;
pub(super) use read_back::Arrivals;

use super::store::OpenedStore;
use super::{App, Error};
use crate::db::repo::connector;
use crate::domain::artifact::blob::Route;
use crate::domain::connector::StoreId;
use crate::domain::garbage::StoredObject;
use crate::domain::id::EntityId;
use crate::storage::{Direct, ObjectKey, Store, StoreError};

/// URLs that are signed at the same time: some buckets have to be asked for each.
const SIGNED_AT_ONCE: usize = 16;

/// Where a client sends bytes to, or fetches them from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferUrl {
    /// This server, with this token.
    Token(String),
    /// A bucket.
    Signed(SignedUrl),
}

/// A store that clients use directly.
#[derive(Clone)]
pub(super) struct DirectStore {
    pub id: StoreId,
    owner: EntityId,
    store: Store,
}

impl DirectStore {
    pub(super) fn urls(&self) -> &Direct {
        self.store.direct().expect("a store without is none of these")
    }

    /// How content comes into it in one piece.
    pub(super) fn route(&self) -> Route {
        if self.urls().binds_md5() { Route::Bound } else { Route::Loose }
    }
}

impl App {
    /// The store of an entity, if clients are to use it themselves. While objects move to another store they do not: the
    /// server alone knows which of both has one.
    pub(super) fn direct_store_of(&self, owner: EntityId) -> Result<Option<DirectStore>, Error> {
        let OpenedStore { store, id, is_direct } = self.open_store_of(owner)?;
        Ok((is_direct && store.direct().is_some()).then_some(DirectStore { id, owner, store }))
    }

    /// A URL of the bucket that has the object; nothing where clients fetch through the server.
    pub(super) async fn fetch_url(
        &self,
        owner: EntityId,
        object: StoredObject,
        content_type: &str,
    ) -> Result<Option<TransferUrl>, Error> {
        let Some(store) = self.direct_store_of(owner)? else { return Ok(None) };
        make_way().await;
        let secs = self.read_url_secs().cast_unsigned();
        let signed = store.urls().get_url(&ObjectKey::of_object(object), secs, None, Some(content_type)).await?;
        Ok(Some(TransferUrl::Signed(signed)))
    }

    /// To be asked after something was announced, and before leave is given to send it: whether the announcement is for
    /// the same store, which a migration may have changed meanwhile.
    fn check_at_home(&self, store: &DirectStore) -> Result<(), Error> {
        let home = self.db.look_up(|tx| connector::store_of(tx, store.owner).map_err(Error::from))?.home;
        if home == store.id {
            return Ok(());
        }
        Err(StoreError::Unavailable("the team's store was changed just now; ask again".into()).into())
    }

    /// A URL with which a client makes the object, which is announced.
    pub(super) async fn send_url(
        &self,
        store: &DirectStore,
        object: StoredObject,
        md5: Option<[u8; 16]>,
    ) -> Result<TransferUrl, Error> {
        make_way().await;
        self.check_at_home(store)?;
        let secs = self.write_url_secs().cast_unsigned();
        Ok(TransferUrl::Signed(store.urls().put_url(&ObjectKey::of_object(object), md5, secs).await?))
    }
}

/// Lets others run: a signature for GCS takes longest, most of a millisecond, and there may be thousands in one request.
async fn make_way() {
    tokio::task::yield_now().await;
}
