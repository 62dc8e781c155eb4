//! Changing a connector: another way to the same objects, or other credentials. One that is used is tried out as it is to
//! be before it becomes so; until then, and if it fails, everything goes on with what was there.

use super::{ShownConnector, check_changeable, check_machine, event, named, replace, shown_to_admin};
use crate::access::{Action, Caller};
use crate::app::audit;
use crate::app::{App, Error};
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::user;
use crate::domain::audit::AuditAction;
use crate::domain::connector::probe::ProbeResult;
use crate::domain::connector::{Connector, ConnectorSpec, GivenConnector, StoreSecret};
use crate::domain::secret::Secret;

impl App {
    /// What is not given stays. Where it leads to and how it gets there stay with their credentials: to change one is to
    /// give the other again, or else somebody could send the credentials to a place of their own.
    pub async fn update_connector(
        &self,
        caller: &Caller,
        name: &str,
        given: &GivenConnector,
    ) -> Result<ShownConnector, Error> {
        let (found, is_used) = self.changeable_connector(caller, name).await?;
        let before = &found.connector;
        let (spec, secret) = if given.address.is_some() || given.place.is_some() {
            let mut given = given.clone();
            given.data_path = given.data_path.or(Some(before.spec.data_path));
            given.read()?
        } else {
            self.with_small_changes(&found, given)?
        };
        if spec.place != before.spec.place || spec.identity != before.spec.identity {
            check_machine(caller, &spec)?;
        }
        self.check_outside_data(&spec)?;
        if is_used && !spec.keeps_the_same(&before.spec) {
            return Err(Error::Conflict(format!(
                "connector `{}` has objects in it: it cannot lead to another bucket or prefix; define another connector \
                 and move the teams there",
                before.name
            )));
        }
        self.swap(caller, found, spec, secret, AuditAction::ConnectorUpdate, is_used).await
    }

    /// Other credentials for the same store: they are tried out first, whether or not the store is used.
    pub async fn rotate_store_secret(
        &self,
        caller: &Caller,
        name: &str,
        credentials: &Secret,
    ) -> Result<ShownConnector, Error> {
        let (found, _) = self.changeable_connector(caller, name).await?;
        let spec = found.connector.spec.clone();
        let secret = StoreSecret::parse(&spec, credentials.expose())?;
        spec.check_with(Some(&secret))?;
        self.swap(caller, found, spec, Some(secret), AuditAction::ConnectorRotate, true).await
    }

    /// The connector, and whether anything is kept in it.
    async fn changeable_connector(&self, caller: &Caller, name: &str) -> Result<(FoundConnector, bool), Error> {
        let (caller, licence, name) = (*caller, self.licence(), name.to_owned());
        let default = self.stores.default_connector();
        let found = self.db.read(move |tx| {
            caller.may(Action::ConnectorDefine, user::instance(), &licence)?;
            let found = named(tx, &name)?;
            check_changeable(&found.connector)?;
            let is_used = default == Some(found.id) || !connector::teams_in(tx, found.id, 1)?.is_empty();
            Ok::<_, Error>((found, is_used))
        });
        found.await
    }

    /// Those that do not touch where the credentials go.
    fn with_small_changes(
        &self,
        found: &FoundConnector,
        given: &GivenConnector,
    ) -> Result<(ConnectorSpec, Option<StoreSecret>), Error> {
        let mut spec = found.connector.spec.clone();
        let own = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(data_path) = given.data_path {
            spec.data_path = data_path;
        }
        if given.client_endpoint.is_some() {
            spec.network.client_endpoint = own(&given.client_endpoint);
        }
        let of_place = given.prefix.is_some() || given.identity.is_some();
        let of_way = given.ca.is_some() || given.proxy.is_some();
        let needs_credentials = found.connector.sealed.is_some() && of_way && given.credentials.is_none();
        if of_place || needs_credentials {
            let (field, message) = if of_place {
                ("place", "give the whole place: an address, or place, prefix and identity")
            } else {
                ("credentials", "give the credentials again: they are to go another way")
            };
            return Err(Error::Invalid { field, message: message.into() });
        }
        if given.ca.is_some() {
            spec.network.ca = own(&given.ca);
        }
        if given.proxy.is_some() {
            spec.network.proxy = own(&given.proxy);
        }
        let secret = match &given.credentials {
            Some(text) => Some(StoreSecret::parse(&spec, text.expose())?),
            None => self.store_secret(found.id, &found.connector)?,
        };
        spec.check_with(secret.as_ref())?;
        Ok((spec, secret))
    }

    async fn swap(
        &self,
        caller: &Caller,
        before: FoundConnector,
        spec: ConnectorSpec,
        secret: Option<StoreSecret>,
        action: AuditAction,
        tested: bool,
    ) -> Result<ShownConnector, Error> {
        let version = before.connector.version + 1;
        let store = self.connect(&spec, secret.as_ref())?;
        let last = if tested {
            let last = self.probe_store(&store, &spec, version).await;
            check_good(&before.connector, &last)?;
            Some(last)
        } else {
            None
        };
        let sealed = self.seal_store_secret(before.id, version, secret.as_ref())?;
        let is_claimed = before.connector.is_claimed && spec.keeps_the_same(&before.connector.spec);
        let after = Connector { spec, version, sealed, is_claimed, ..before.connector.clone() };
        let (caller, licence, default) = (*caller, self.licence(), self.stores.default_connector());
        let swapped = self.db.write(move |tx| {
            replace(tx, &caller, &licence, &before, &after)?;
            let found = FoundConnector { id: before.id, connector: after.clone() };
            if let Some(last) = &last {
                let tested = caller.may(Action::ConnectorTest, user::instance(), &licence)?;
                connector::put_probe(tx, &tested.map(|_| found.clone()), last)?;
            }
            audit::record(tx, &caller, event(action, &after).detail("version", version))?;
            shown_to_admin(tx, found, default)
        });
        let shown = swapped.await?;
        tracing::info!(connector = %shown.connector.name, version, "changed a connector");
        Ok(shown)
    }
}

/// Refuses to go on with a store that cannot be used.
pub(super) fn check_good(connector: &Connector, last: &ProbeResult) -> Result<(), Error> {
    let Some((step, failure)) = last.trouble() else { return Ok(()) };
    let missing = failure.missing.as_ref().map(|missing| format!(" ({missing})")).unwrap_or_default();
    Err(Error::Conflict(format!(
        "the self-test of connector `{}` fails at `{}`: {}{missing}; nothing was changed",
        connector.name,
        step.name(),
        failure.words
    )))
}
