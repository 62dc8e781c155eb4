//! What signing in needs besides the database: keyed hashes, sealing, counting attempts, and room for dear hashing.

use super::attempts::Attempts;
use super::{App, Error};
use crate::db::DbError;
use crate::domain::id::UserId;
use crate::domain::second_factor::SecondFactor;
use crate::mail::Mailer;
use crate::secrets::{
    KeyHasher, MasterKey, Purpose, Sealer, Secret, Token, TotpSecret, hash_password, verify_password,
};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// Password hashes at once: each takes 19 MiB and tens of milliseconds of a core.
const HASHES_MAX: usize = 4;
/// Those that may wait for one of these.
const HASHES_WAITING: usize = 64;

/// From where somebody asks who is about to show a password.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: String,
    pub channel: Channel,
}

/// How a request came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Https,
    /// In clear, without leaving this machine.
    Local,
    /// In clear over a network: whoever is on the way reads along.
    Plain,
}

pub(super) struct Account {
    pub sessions: KeyHasher,
    pub links: KeyHasher,
    pub recovery: KeyHasher,
    pub sealer: Sealer,
    pub attempts: Attempts,
    pub passwords: Passwords,
    pub mailer: Option<Mailer>,
    /// There may be a mail to send.
    pub mail_is_due: Notify,
    /// The hash of the token that makes the first person, from the start of the server until there is one.
    setup: Mutex<Option<[u8; 32]>>,
}

impl Account {
    pub fn new(master: &MasterKey, mailer: Option<Mailer>) -> Self {
        Self {
            sessions: KeyHasher::of(master, Purpose::Session),
            links: KeyHasher::of(master, Purpose::Link),
            recovery: KeyHasher::of(master, Purpose::RecoveryCode),
            sealer: Sealer::new(master),
            attempts: Attempts::default(),
            passwords: Passwords::new(),
            mailer,
            mail_is_due: Notify::new(),
            setup: Mutex::default(),
        }
    }

    pub fn set_setup_token(&self, token: &Token) {
        let hash = self.links.hash(token.expose());
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
    }

    /// The secret of a second factor; it was sealed for its person.
    pub fn open_secret(&self, user: UserId, factor: &SecondFactor) -> Result<TotpSecret, DbError> {
        let opened = self.sealer.open(&SecondFactor::place(user), &factor.sealed_secret);
        let bytes = opened.map_err(|why| DbError::Damaged(why.to_string()))?;
        let damaged = || DbError::Damaged("the secret of a second factor has another length".into());
        TotpSecret::from_bytes(&bytes).ok_or_else(damaged)
    }

    pub fn seal_secret(&self, user: UserId, secret: &TotpSecret) -> Vec<u8> {
        self.sealer.seal(&SecondFactor::place(user), secret.bytes())
    }

    /// Hashes are compared, so the delay tells nothing of the token.
    pub fn is_setup_token(&self, token: &Token) -> bool {
        let expected = *self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        expected.is_some_and(|expected| expected == self.links.hash(token.expose()))
    }
}

/// Room for hashing passwords, away from the threads that serve connections.
pub(super) struct Passwords {
    at_work: Semaphore,
    inside: Semaphore,
    /// How many were hashed, right ones and wrong ones.
    hashed: AtomicU64,
}

impl Passwords {
    fn new() -> Self {
        Self {
            at_work: Semaphore::new(HASHES_MAX),
            inside: Semaphore::new(HASHES_MAX + HASHES_WAITING),
            hashed: AtomicU64::new(0),
        }
    }

    /// The text to store for a new password; `field` is to blame for one that cannot be used.
    pub async fn hash(&self, field: &'static str, password: Secret) -> Result<String, Error> {
        self.run(move || hash_password(password.expose())).await?.map_err(|why| Error::invalid(field, &why))
    }

    /// Whether it is the stored one. Without one it takes as long: the delay tells nothing.
    pub async fn verify(&self, password: &Secret, stored: Option<String>) -> Result<bool, Error> {
        let password = password.clone();
        self.run(move || verify_password(password.expose(), stored.as_deref())).await
    }

    async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Result<R, Error> {
        let _inside = self.inside.try_acquire().map_err(|_| Error::TooMany { retry_secs: 2 })?;
        let stopping = || DbError::Unavailable("the server is shutting down".into());
        let _at_work = self.at_work.acquire().await.map_err(|_| stopping())?;
        self.hashed.fetch_add(1, Ordering::Relaxed);
        Ok(tokio::task::spawn_blocking(work).await.map_err(|_| stopping())?)
    }

    /// For tests: that an answer takes long is seen by this, not by a clock.
    #[cfg(test)]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }
}

impl App {
    /// Refuses passwords that others on the network can read, unless the operator has said that this is fine.
    pub(super) fn check_channel(&self, channel: Channel) -> Result<(), Error> {
        if channel == Channel::Plain && !self.system_settings().allow_insecure_sign_in {
            return Err(Error::Insecure);
        }
        Ok(())
    }
}
