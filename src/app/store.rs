//! Which store the bytes of an entity are in. It is looked up for every use, which is cheap, so that no change of it is
//! ever missed.

use super::{App, Error};
use crate::db::repo::connector;
use crate::db::tx::Read;
use crate::domain::connector::{Connector, StoreId};
use crate::domain::id::{ConnectorId, EntityId};
use crate::storage::{Store, StoreError};

/// What it takes to open a store.
enum Known {
    /// The server's directory.
    Directory,
    /// That of the instance, which is a connector's.
    Default(ConnectorId, Connector),
    Connector(ConnectorId, Connector),
}

impl App {
    /// The store of what an entity owns.
    pub(super) fn store_of(&self, owner: EntityId) -> Result<Store, Error> {
        let default = self.stores.default_connector();
        let (home, also) = self.db.look_up(|tx| {
            let store = connector::store_of(tx, owner)?;
            let also = store.also.map(|also| known(tx, also, default)).transpose()?;
            Ok::<_, Error>((known(tx, store.home, default)?, also))
        })?;
        let home = self.open_store(home)?;
        Ok(match also {
            Some(also) => home.reading_also(&self.open_store(also)?),
            None => home,
        })
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
