//! Connectors that the settings file defines. They are brought up to it at each start, and nothing else changes them.

use super::{event, named, replace};
use crate::access::{Action, Caller};
use crate::app::audit;
use crate::app::{App, Error};
use crate::db::repo::connector::{self, FoundConnector};
use crate::db::repo::user;
use crate::domain::audit::AuditAction;
use crate::domain::connector::{Connector, ConnectorName, ConnectorSpec, GivenConnector, StoreSecret};
use std::time::Duration;

/// A start does not wait for a store that does not answer.
const CLAIM_WITHIN: Duration = Duration::from_secs(10);
const PAGE: usize = 100;

/// A connector as the settings file has it.
#[derive(Debug, Clone)]
pub struct FixedConnector {
    pub name: ConnectorName,
    pub given: GivenConnector,
}

impl App {
    /// Makes what the file says be so, and finds the store of the instance.
    pub(in crate::app) async fn take_fixed_connectors(
        &self,
        fixed: Vec<FixedConnector>,
        default: Option<ConnectorName>,
    ) -> Result<(), Error> {
        let names: Vec<String> = fixed.iter().map(|fixed| fixed.name.folded()).collect();
        for FixedConnector { name, given } in fixed {
            let (spec, secret) = given.read()?;
            self.check_outside_data(&spec)?;
            self.connect(&spec, secret.as_ref())?;
            let known = name.clone();
            match self.db.read(move |tx| connector::named(tx, &known).map_err(Error::from)).await? {
                None => drop(self.write_new_connector(Caller::SYSTEM, name, spec, secret, true).await?),
                Some(found) => self.bring_up(found, spec, secret).await?,
            }
        }
        self.let_go_of_others(&names, default.as_ref()).await?;
        if let Some(default) = default {
            self.take_default(&default).await?;
        }
        Ok(())
    }

    async fn bring_up(
        &self,
        before: FoundConnector,
        spec: ConnectorSpec,
        secret: Option<StoreSecret>,
    ) -> Result<(), Error> {
        let is_same = before.connector.spec == spec
            && self.store_secret(before.id, &before.connector).ok() == Some(secret.clone());
        if is_same && before.connector.is_fixed {
            return Ok(());
        }
        let keeps_the_same = spec.keeps_the_same(&before.connector.spec);
        let version = before.connector.version + u32::from(!is_same);
        let sealed = self.seal_store_secret(before.id, version, secret.as_ref())?;
        let is_claimed = before.connector.is_claimed && keeps_the_same;
        let after = Connector { spec, version, sealed, is_claimed, is_fixed: true, ..before.connector.clone() };
        let licence = self.licence();
        let brought = self.db.write(move |tx| {
            if !keeps_the_same && !connector::teams_in(tx, before.id, 1)?.is_empty() {
                return Err(Error::Conflict(format!(
                    "connector `{}` has the bytes of teams in it, and the settings file now leads it to another bucket or \
                     prefix; give the new place another name and move the teams there",
                    after.name
                )));
            }
            replace(tx, &Caller::SYSTEM, &licence, &before, &after)?;
            audit::record(tx, &Caller::SYSTEM, event(AuditAction::ConnectorUpdate, &after).detail("version", version))
        });
        brought.await
    }

    /// Those that were in the file and are not any more: what is used stays, to be changed by commands from now on.
    async fn let_go_of_others(&self, names: &[String], default: Option<&ConnectorName>) -> Result<(), Error> {
        let (mut others, mut after) = (Vec::new(), None);
        loop {
            let page = self.db.read(move |tx| connector::list(tx, after, PAGE).map_err(Error::from)).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            others
                .extend(page.into_iter().filter(|(_, other)| other.is_fixed && !names.contains(&other.name.folded())));
        }
        for (id, connector) in others {
            let (licence, name) = (self.licence(), connector.name.to_string());
            let is_default = default.is_some_and(|default| default.folded() == connector.name.folded());
            let let_go = self.db.write(move |tx| {
                let instance = Caller::SYSTEM.may(Action::ConnectorDefine, user::instance(), &licence)?;
                let is_used = is_default || !connector::teams_in(tx, id, 1)?.is_empty();
                if is_used {
                    let free = Connector { is_fixed: false, ..connector.clone() };
                    connector::put(tx, &instance, id, &free)?;
                } else {
                    connector::delete(tx, &instance, id)?;
                    audit::record(tx, &Caller::SYSTEM, event(AuditAction::ConnectorDelete, &connector))?;
                }
                Ok::<_, Error>(is_used)
            });
            if let_go.await? {
                tracing::warn!(
                    connector = name,
                    "a connector is not in the settings file any more and is kept, for it is used; commands change it now"
                );
            }
        }
        Ok(())
    }

    /// The store of the instance is that of a connector. It gets our mark, once; a store that does not answer now gets it
    /// at a later start.
    async fn take_default(&self, name: &ConnectorName) -> Result<(), Error> {
        let asked = name.clone();
        let found = self.db.read(move |tx| named(tx, asked.as_str())).await?;
        self.stores.set_default_connector(found.id);
        if found.connector.is_claimed {
            return Ok(());
        }
        let store = self.store_of_connector(found.id, &found.connector)?;
        match tokio::time::timeout(CLAIM_WITHIN, self.claim(&found, &store)).await {
            Ok(Ok(_)) => self.note_claim(found.id).await,
            Ok(Err(Error::Conflict(why))) => Err(Error::Conflict(why)),
            Ok(Err(error)) => {
                tracing::warn!(connector = %name, %error, "the store of this server is not reached");
                Ok(())
            }
            Err(_) => {
                tracing::warn!(connector = %name, "the store of this server does not answer");
                Ok(())
            }
        }
    }
}
