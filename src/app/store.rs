//! Which store the bytes of an entity are in, and whether clients go there themselves. It is looked up for every use,
//! which is cheap, so that no change of it is ever missed.

use super::connector::CONNECTORS_MAX;
use super::{App, Error};
use crate::db::repo::connector;
use crate::db::tx::Read;
use crate::domain::connector::{Connector, DataPath, StoreId};
use crate::domain::id::{ConnectorId, EntityId};
use crate::storage::{Direct, Store, StoreError};

/// A URL that ends sooner is of little use to who uploads for hours: bytes then go through the server, unless the
/// connector says that they never do.
const SHORTEST_URL_SECS: u64 = 3_600;

/// What it takes to open a store.
enum Known {
    /// The server's directory.
    Directory,
    /// That of the instance, which is a connector's.
    Default(ConnectorId, Connector),
    Connector(ConnectorId, Connector),
}

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
        let default = self.stores.default_connector();
        let (id, home, also, path) = self.db.look_up(|tx| {
            let store = connector::store_of(tx, owner)?;
            let also = store.also.map(|also| known(tx, also, default)).transpose()?;
            let home = known(tx, store.home, default)?;
            let path = data_path(tx, &home)?;
            Ok::<_, Error>((store.home, home, also, path))
        })?;
        let home = self.open_store(home)?;
        let is_lasting = |urls: &Direct| urls.longest_secs().is_none_or(|secs| secs >= SHORTEST_URL_SECS);
        let is_direct = match path {
            DataPath::Proxy => false,
            DataPath::Direct => true,
            DataPath::Auto => home.direct().is_some_and(is_lasting),
        };
        let store = match also {
            Some(also) => home.reading_also(&self.open_store(also)?),
            None => home,
        };
        Ok(OpenedStore { store, id, is_direct })
    }

    /// One store alone, wherever its entity is by now.
    pub(super) fn store_named(&self, id: StoreId) -> Result<Store, Error> {
        let default = self.stores.default_connector();
        let known = self.db.look_up(|tx| known(tx, id, default))?;
        self.open_store(known)
    }

    /// One store, whoever has bytes in it; nothing when its connector is gone.
    pub(super) fn find_store(&self, id: StoreId) -> Result<Option<Store>, Error> {
        let is_gone = self.db.look_up(|tx| match id {
            StoreId::Connector(id) => Ok::<_, Error>(connector::get(tx, id)?.is_none()),
            StoreId::Default => Ok(false),
        })?;
        if is_gone { Ok(None) } else { self.store_named(id).map(Some) }
    }

    /// Removes what a crash has cut off in directories of connectors. One that cannot be read keeps no server from starting.
    pub(super) async fn remove_unfinished(&self) -> Result<(), Error> {
        for id in self.db.read(connectors).await? {
            let removed = match self.store_named(StoreId::Connector(id)) {
                Ok(store) => store.remove_unfinished().await.map_err(Error::from),
                Err(error) => Err(error),
            };
            match removed {
                Ok(0) => {}
                Ok(removed) => {
                    tracing::info!(connector.id = %id, removed, "removed the parts of uploads that were cut off");
                }
                Err(error) => tracing::warn!(connector.id = %id, %error, "a store cannot be opened"),
            }
        }
        Ok(())
    }

    fn open_store(&self, store: Known) -> Result<Store, Error> {
        match store {
            Known::Directory => Ok(self.stores.default_store().clone()),
            Known::Connector(id, connector) => self.store_of_connector(id, &connector),
            Known::Default(id, connector) => {
                let store = self.store_of_connector(id, &connector)?;
                Ok(match self.stores.left_in_directory() {
                    Some(directory) => store.reading_also(directory),
                    None => store,
                })
            }
        }
    }
}

/// `Auto` where the last self-test has shown that clients can go there.
fn data_path(tx: &impl Read, store: &Known) -> Result<DataPath, Error> {
    let (Known::Default(id, connector) | Known::Connector(id, connector)) = store else { return Ok(DataPath::Proxy) };
    match connector.spec.data_path {
        DataPath::Auto if !connector.is_direct(connector::probe(tx, *id)?.as_ref()) => Ok(DataPath::Proxy),
        path => Ok(path),
    }
}

fn known(tx: &impl Read, store: StoreId, default: Option<ConnectorId>) -> Result<Known, Error> {
    let get = |id: ConnectorId| {
        let gone = || StoreError::Unavailable(format!("connector {id} is not there"));
        Ok::<_, Error>((id, connector::get(tx, id)?.ok_or_else(gone)?))
    };
    Ok(match (store, default) {
        (StoreId::Connector(id), _) => get(id).map(|(id, connector)| Known::Connector(id, connector))?,
        (StoreId::Default, Some(id)) => get(id).map(|(id, connector)| Known::Default(id, connector))?,
        (StoreId::Default, None) => Known::Directory,
    })
}

/// Every connector, in the order in which they were made.
pub(super) fn connectors(tx: &impl Read) -> Result<Vec<ConnectorId>, Error> {
    Ok(connector::list(tx, None, CONNECTORS_MAX)?.into_iter().map(|(id, _)| id).collect())
}
