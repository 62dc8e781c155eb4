//! Which store the bytes of an entity are in, and whether clients go there themselves. It is looked up for every use,
//! which is cheap, so that no change of it is ever missed.

use super::{App, Error};
use crate::db::repo::connector;
use crate::db::tx::Read;
use crate::domain::connector::{Connector, DataPath, Place, StoreId};
use crate::domain::id::{ConnectorId, EntityId};
use crate::storage::{Store, StoreError};
use std::path::Path;

/// A URL that ends sooner is of little use to who uploads for hours: bytes then go through the server.
const SHORTEST_URL_SECS: u64 = 3_600;

/// What it takes to open a store; `None` is that of the instance.
type Known = Option<(ConnectorId, Connector)>;

/// The store of an entity.
pub(super) struct OpenedStore {
    pub store: Store,
    pub id: StoreId,
    /// Clients send and fetch by URLs of the store, if it has such.
    pub is_direct: bool,
}

impl App {
    /// The store of what an entity owns.
    pub(super) fn store_of(&self, owner: EntityId) -> Result<Store, Error> {
        Ok(self.open_store_of(owner)?.store)
    }

    pub(super) fn open_store_of(&self, owner: EntityId) -> Result<OpenedStore, Error> {
        let (id, home, also) = self.db.look_up(|tx| {
            let store = connector::store_of(tx, owner)?;
            let also = store.also.map(|also| known(tx, also)).transpose()?;
            Ok::<_, Error>((store.home, known(tx, store.home)?, also))
        })?;
        let path = home.as_ref().map_or(DataPath::Auto, |(_, connector)| connector.spec.data_path);
        let home = self.open_store(home)?;
        let is_direct = is_direct(path, &home);
        let store = match also {
            Some(also) => home.reading_also(&self.open_store(also)?),
            None => home,
        };
        Ok(OpenedStore { store, id, is_direct })
    }

    /// One store alone, wherever its entity is by now.
    pub(super) fn store_named(&self, id: StoreId) -> Result<Store, Error> {
        let known = self.db.look_up(|tx| known(tx, id))?;
        self.open_store(known)
    }

    fn open_store(&self, store: Known) -> Result<Store, Error> {
        let Some((id, connector)) = store else { return Ok(self.stores.default_store().clone()) };
        let open = || match &connector.spec.place {
            Place::Local { directory } => Store::local(Path::new(directory)),
            _ => Err(StoreError::Unavailable(format!("connector {} cannot be opened", connector.name))),
        };
        Ok(self.stores.of_connector(id, connector.version, open)?)
    }
}

fn is_direct(path: DataPath, store: &Store) -> bool {
    let is_lasting = |urls: &crate::storage::Direct| urls.longest_secs().is_none_or(|secs| secs >= SHORTEST_URL_SECS);
    match path {
        DataPath::Proxy => false,
        DataPath::Direct => store.direct().is_some(),
        DataPath::Auto => store.direct().is_some_and(is_lasting),
    }
}

fn known(tx: &impl Read, id: StoreId) -> Result<Known, Error> {
    let StoreId::Connector(id) = id else { return Ok(None) };
    let gone = || StoreError::Unavailable(format!("connector {} is not there", id.0));
    Ok(Some((id, connector::get(tx, id)?.ok_or_else(gone)?)))
}
