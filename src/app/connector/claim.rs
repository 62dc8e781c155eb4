//! Our mark in a store: an object at the prefix that names this server and the connector. Two servers that kept their
//! objects under the same keys would read and delete each other's, so who comes second is turned away.

use crate::access::{Action, Caller};
use crate::app::{App, Error};
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::{licence, user};
use crate::domain::connector::StoreId;
use crate::domain::id::ConnectorId;
use crate::storage::claim::{Claim, Owner};
use crate::storage::{Store, StoreError};

impl App {
    /// Puts our mark there, if it is not there yet. `true`: it was put now.
    pub(super) async fn claim(&self, found: &FoundConnector, store: &Store) -> Result<bool, Error> {
        let name = &found.connector.name;
        let own = self.owner(found.id).await?;
        // A connector that is deleted while its store cannot be reached leaves its mark behind.
        let theirs = match store.claim(&own).await {
            Ok(Claim::Made) => return Ok(true),
            Ok(Claim::Ours) => return Ok(false),
            Ok(Claim::Theirs(theirs)) => theirs,
            Err(why) => {
                let what = "could not be marked as this server's";
                return Err(Error::Outside(format!("the store of connector `{name}` {what}: {why}")));
            }
        };
        let of_here = theirs.filter(|theirs| theirs.instance == own.instance);
        let other = match of_here {
            Some(theirs) => self.connector_name(ConnectorId(theirs.connector)).await?,
            None => {
                return Err(Error::Conflict(format!(
                    "the store of connector `{name}` is another server's: `{}` says so. Give this connector another \
                     prefix; if the other server is gone for good, delete that object first",
                    Owner::KEY
                )));
            }
        };
        if let Some(other) = other {
            let why = format!("connector `{other}` of this server leads to the same store as `{name}`; use that one");
            return Err(Error::Conflict(why));
        }
        store.replace_claim(&own).await.map_err(|why| Error::Outside(why.to_string()))?;
        Ok(true)
    }

    /// Writes down that the mark is there.
    pub(super) async fn note_claim(&self, id: ConnectorId) -> Result<(), Error> {
        let licence = self.licence();
        let noted = self.db.write(move |tx| {
            let instance = Caller::SYSTEM.may(Action::ConnectorDefine, user::instance(), &licence)?;
            let Some(mut connector) = connector::get(tx, id)? else { return Ok(()) };
            connector.is_claimed = true;
            Ok::<_, Error>(connector::put(tx, &instance, id, &connector)?)
        });
        noted.await
    }

    /// Takes our mark away, for a connector that nothing is kept in. A store that cannot be reached keeps it, which
    /// does no harm to this server.
    pub(super) async fn unclaim(&self, found: &FoundConnector) {
        let gone = async {
            let store = self.store_of_connector(found.id, &found.connector)?;
            store.unclaim(&self.owner(found.id).await?).await.map_err(Error::from)
        };
        if let Err(error) = gone.await {
            tracing::warn!(connector = %found.connector.name, %error, "our mark stays in a store that is not used any more");
        }
    }

    /// Whether a store may have objects of this server alone: its own directory, or one with our mark in it.
    pub(in crate::app) async fn is_ours(&self, id: StoreId, store: &Store) -> Result<bool, Error> {
        let connector = match id {
            StoreId::Connector(id) => Some(id),
            StoreId::Default => self.stores.default_connector(),
        };
        match connector {
            Some(connector) => Ok(store.is_claimed_by(&self.owner(connector).await?).await?),
            None => Ok(true),
        }
    }

    async fn owner(&self, connector: ConnectorId) -> Result<Owner, Error> {
        let instance = self.db.read(|tx| licence::deployment(tx).map_err(Error::from)).await?;
        let unnamed = || StoreError::Unavailable("this server has no name yet".into());
        Ok(Owner { instance: instance.ok_or_else(unnamed)?, connector: connector.0 })
    }

    async fn connector_name(&self, id: ConnectorId) -> Result<Option<String>, Error> {
        let found = self.db.read(move |tx| connector::get(tx, id).map_err(Error::from)).await?;
        Ok(found.map(|connector| connector.name.to_string()))
    }
}
