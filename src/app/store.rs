//! Which store the bytes of an entity are in. It is looked up for every use, which is cheap, so that no change of it is
//! ever missed.

use super::{App, Error};
use crate::db::repo::connector;
use crate::db::tx::Read;
use crate::domain::connector::{Connector, Place, StoreId};
use crate::domain::id::{ConnectorId, EntityId};
use crate::storage::{Store, StoreError};
use std::path::Path;

/// What it takes to open a store; `None` is that of the instance.
type Known = Option<(ConnectorId, Connector)>;

impl App {
    /// The store of what an entity owns.
    pub(super) fn store_of(&self, owner: EntityId) -> Result<Store, Error> {
        let (home, also) = self.db.look_up(|tx| {
            let store = connector::store_of(tx, owner)?;
            let also = store.also.map(|also| known(tx, also)).transpose()?;
            Ok::<_, Error>((known(tx, store.home)?, also))
        })?;
        let home = self.open_store(home)?;
        Ok(match also {
            Some(also) => home.reading_also(&self.open_store(also)?),
            None => home,
        })
    }

    /// One store, whoever has bytes in it; nothing when its connector is gone.
    pub(super) fn find_store(&self, id: StoreId) -> Result<Option<Store>, Error> {
        let is_gone = self.db.look_up(|tx| match id {
            StoreId::Connector(id) => Ok::<_, Error>(connector::get(tx, id)?.is_none()),
            StoreId::Default => Ok(false),
        })?;
        if is_gone { Ok(None) } else { self.store_at(id).map(Some) }
    }

    /// One store that has to be there.
    pub(super) fn store_at(&self, id: StoreId) -> Result<Store, Error> {
        let known = self.db.look_up(|tx| known(tx, id))?;
        self.open_store(known)
    }

    /// Removes what a crash has cut off in directories of connectors. One that cannot be read keeps no server from starting.
    pub(super) async fn remove_unfinished(&self) -> Result<(), Error> {
        for id in self.db.read(|tx| connector::ids(tx).map_err(Error::from)).await? {
            let removed = match self.store_at(StoreId::Connector(id)) {
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
        let Some((id, connector)) = store else { return Ok(self.stores.default_store().clone()) };
        let open = || match &connector.spec.place {
            Place::Local { directory } => Store::local(Path::new(directory)),
            _ => Err(StoreError::Unavailable(format!("connector {} cannot be opened", connector.name))),
        };
        Ok(self.stores.of_connector(id, connector.version, open)?)
    }
}

fn known(tx: &impl Read, id: StoreId) -> Result<Known, Error> {
    let StoreId::Connector(id) = id else { return Ok(None) };
    let gone = || StoreError::Unavailable(format!("connector {} is not there", id.0));
    Ok(Some((id, connector::get(tx, id)?.ok_or_else(gone)?)))
}
