//! The key that seals secrets in the database, and another one in its place. API keys, sessions and signed URLs hang on
//! the master key itself, which stays.
//!
//! A new key is written first; from then on it seals, and the ones before it open what they have sealed. Then everything
//! is sealed anew, a portion at a time. What requests had sealed before and write after that is sealed anew at the next
//! start, when there are no requests yet, and only then do the earlier keys go. A start also finishes what a crash cut
//! off.

use super::audit::{self, Event};
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::DbError;
use crate::db::key::Key;
use crate::db::repo::sealing_key::{self, Anew};
use crate::db::repo::user;
use crate::db::schema::{CONNECTORS, MAILS, SECOND_FACTORS};
use crate::db::table::{Stored, Table};
use crate::domain::audit::AuditAction;
use crate::domain::sealed::Sealed;
use crate::secrets::Broken;

/// Records in one transaction: others wait behind it.
const AT_ONCE: usize = 100;

/// What sealing everything anew came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealedAnew {
    pub records: u64,
    /// Those that do not open: they are left as they are.
    pub broken: u64,
}

impl App {
    /// Another key from now on, and everything sealed with it.
    pub async fn rotate_sealing_key(&self, caller: &Caller) -> Result<SealedAnew, Error> {
        let (asking, licence) = (*caller, self.licence());
        asking.may(Action::SystemSettings, user::instance(), &licence)?;
        let number = self.account.sealer.current() + 1;
        let wrapped = self.account.sealer.draw_key(number);
        let kept = wrapped.clone();
        let put = self.db.write(move |tx| {
            let instance = asking.may(Action::SystemSettings, user::instance(), &licence)?;
            if sealing_key::list(tx)?.last().is_some_and(|(last, _)| *last >= number) {
                return Err(Error::Conflict("another key was made at the same moment; try again".into()));
            }
            sealing_key::put(tx, &instance, number, kept.clone())?;
            let event = Event::new(AuditAction::SealingKeyRotate).detail("number", number);
            audit::record(tx, &asking, event)
        });
        put.await?;
        self.account.sealer.take_key(number, &wrapped).map_err(damaged)?;
        let sealed = self.seal_anew().await?;
        tracing::info!(number, sealed.records, sealed.broken, "sealed everything anew with another key");
        Ok(sealed)
    }

    /// Before anything is sealed or opened.
    pub(super) async fn open_sealing_keys(&self) -> Result<(), Error> {
        let keys = self.db.read(|tx| sealing_key::list(tx).map_err(Error::from)).await?;
        for (number, key) in &keys {
            self.account.sealer.take_key(*number, &key.wrapped).map_err(damaged)?;
        }
        let Some((number, _)) = keys.last().filter(|(_, key)| !key.is_alone) else { return Ok(()) };
        let (number, licence) = (*number, self.licence());
        let sealed = self.seal_anew().await?;
        if sealed.broken > 0 {
            tracing::error!(sealed.broken, "some secrets do not open; earlier sealing keys are kept for them");
            return Ok(());
        }
        let left = self.db.write(move |tx| {
            let instance = Caller::SYSTEM.may(Action::SystemSettings, user::instance(), &licence)?;
            Ok::<_, Error>(sealing_key::leave_alone(tx, &instance, number)?)
        });
        left.await
    }

    /// Everything that an earlier key has sealed.
    async fn seal_anew(&self) -> Result<SealedAnew, Error> {
        let mut sealed = SealedAnew::default();
        self.seal_table_anew(&SECOND_FACTORS, &mut sealed).await?;
        self.seal_table_anew(&MAILS, &mut sealed).await?;
        self.seal_table_anew(&CONNECTORS, &mut sealed).await?;
        Ok(sealed)
    }

    async fn seal_table_anew<K, V>(&self, table: &'static Table<K, V>, sealed: &mut SealedAnew) -> Result<(), Error>
    where
        K: Key + Copy + Send + Sync + 'static,
        V: Stored<K> + Sealed<K> + Send + 'static,
    {
        let (licence, mut after) = (self.licence(), None);
        loop {
            let page =
                self.db.read(move |tx| table.list(tx, &(), after.as_ref(), AT_ONCE).map_err(Error::from)).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            let mut portion = Vec::new();
            for (key, record) in &page {
                let Some(before) = record.sealed().filter(|before| !self.account.sealer.is_current(before)) else {
                    continue;
                };
                let place = record.place(key);
                match self.account.sealer.open(&place, before) {
                    Ok(text) => {
                        let after = self.account.sealer.seal(&place, &text);
                        portion.push(Anew { key: *key, before: before.to_owned(), after });
                    }
                    Err(reason) => {
                        tracing::warn!(%reason, place, "a sealed secret stays as it is");
                        sealed.broken += 1;
                    }
                }
            }
            sealed.records += portion.len() as u64;
            let replaced = self.db.write(move |tx| {
                let instance = Caller::SYSTEM.may(Action::SystemSettings, user::instance(), &licence)?;
                Ok::<_, Error>(sealing_key::replace(tx, &instance, table, &portion)?)
            });
            replaced.await?;
        }
    }
}

fn damaged(why: Broken) -> Error {
    Error::Db(DbError::Damaged(why.to_string()))
}
