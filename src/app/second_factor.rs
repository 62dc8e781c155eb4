//! The second factor of one's own account: enrolling an authenticator app, recovery codes, turning it off.

use super::account::Visitor;
use super::attempts::Counted;
use super::audit::{self, Event};
use super::existing::{missing, name_of_existing};
use super::sign_in::SignInError;
use super::{App, Error};
use crate::access::{Action, Caller, Own};
use crate::db::repo::{second_factor, session, user};
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::SessionId;
use crate::domain::second_factor::{RECOVERY_CODES, SecondFactor};
use crate::secrets::{Secret, TotpSecret, recovery_code, same_recovery_code};

/// What an authenticator app is told, shown once.
pub struct Enrolment {
    pub secret: Secret,
    pub otpauth_url: Secret,
}

/// Whether codes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorState {
    pub on_since: Option<Timestamp>,
    pub recovery_codes_left: usize,
}

impl App {
    pub async fn second_factor(&self, caller: &Caller) -> Result<FactorState, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        let found = self.db.read(move |tx| second_factor::get(tx, own.user()).map_err(Error::from)).await?;
        let on_since = found.as_ref().and_then(|factor| factor.confirmed_at);
        let recovery_codes_left = found.map_or(0, |factor| factor.recovery.len());
        Ok(FactorState { on_since, recovery_codes_left })
    }

    /// Begins: makes a secret. It counts once a code made with it was sent to [`App::confirm_second_factor`]; until
    /// then it can be begun again.
    pub async fn enrol_second_factor(
        &self,
        caller: &Caller,
        password: Secret,
        from: Visitor,
    ) -> Result<Enrolment, Error> {
        self.check_channel(from.channel)?;
        let own = caller.own().ok_or(Error::NoSession)?;
        self.check_own_password(caller, "password", &password).await?;
        let secret = TotpSecret::generate();
        let sealed_secret = self.account.seal_secret(own.user(), &secret);
        let begun = self.db.write(move |tx| {
            if second_factor::get(tx, own.user())?.is_some_and(|factor| factor.is_on()) {
                let why = "you have a second factor already; turn it off before you enrol another one";
                return Err(Error::Conflict(why.into()));
            }
            let sealed_secret = sealed_secret.clone();
            let factor = SecondFactor { sealed_secret, confirmed_at: None, last_step: 0, recovery: Vec::new() };
            second_factor::put(tx, &own, &factor)?;
            let user = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
            Ok(user.name.to_string())
        });
        let name = begun.await?;
        Ok(Enrolment { secret: secret.base32().into(), otpauth_url: secret.otpauth_url(&name).into() })
    }

    /// Turns it on with a first code, and returns the recovery codes, shown once. The person's other sessions end.
    pub async fn confirm_second_factor(
        &self,
        caller: &Caller,
        current: SessionId,
        code: Secret,
    ) -> Result<Vec<Secret>, Error> {
        let own = caller.own().ok_or(Error::NoSession)?;
        self.account.attempts.take([Counted::Code(own.user())], self.clock.now())?;
        let (codes, hashes) = self.new_recovery_codes();
        let (account, caller) = (self.account.clone(), *caller);
        let confirmed = self.db.write(move |tx| {
            let begun = second_factor::get(tx, own.user())?.filter(|factor| !factor.is_on());
            let mut factor = begun.ok_or_else(not_begun)?;
            let step = account.open_secret(own.user(), &factor)?.step_of(code.expose().trim(), seconds(tx.now()));
            if !step.is_some_and(|step| factor.use_step(step)) {
                return Err(Error::invalid("code", &SignInError::WrongCode));
            }
            let factor = SecondFactor { confirmed_at: Some(tx.now()), recovery: hashes.clone(), ..factor };
            second_factor::put(tx, &own, &factor)?;
            session::end_all(tx, own.user(), Some(current))?;
            record(tx, &caller, &own, "turned on")
        });
        confirmed.await?;
        self.account.attempts.forget(&Counted::Code(own.user()));
        tracing::info!(user.id = %own.user(), "turned a second factor on");
        Ok(codes)
    }

    /// Ten new recovery codes, shown once; those before are worth nothing any more.
    pub async fn renew_recovery_codes(
        &self,
        caller: &Caller,
        password: Secret,
        from: Visitor,
    ) -> Result<Vec<Secret>, Error> {
        self.check_channel(from.channel)?;
        let own = caller.own().ok_or(Error::NoSession)?;
        self.check_own_password(caller, "password", &password).await?;
        let (codes, hashes) = self.new_recovery_codes();
        let caller = *caller;
        let renewed = self.db.write(move |tx| {
            let factor = second_factor::get(tx, own.user())?.filter(|factor| factor.is_on());
            let factor = factor.ok_or_else(|| Error::Conflict("you have no second factor; enrol one first".into()))?;
            second_factor::put(tx, &own, &SecondFactor { recovery: hashes.clone(), ..factor })?;
            record(tx, &caller, &own, "new recovery codes")
        });
        renewed.await?;
        Ok(codes)
    }

    /// Turns it off. The person's other sessions end.
    pub async fn disable_second_factor(
        &self,
        caller: &Caller,
        current: SessionId,
        password: Secret,
        from: Visitor,
    ) -> Result<(), Error> {
        self.check_channel(from.channel)?;
        let own = caller.own().ok_or(Error::NoSession)?;
        self.check_own_password(caller, "password", &password).await?;
        let caller = *caller;
        let disabled = self.db.write(move |tx| {
            if !second_factor::delete(tx, &own)? {
                return Err(Error::Conflict("you have no second factor".into()));
            }
            session::end_all(tx, own.user(), Some(current))?;
            record(tx, &caller, &own, "turned off")
        });
        disabled.await?;
        tracing::info!(user.id = %own.user(), "turned a second factor off");
        Ok(())
    }

    /// Turns off that of a person who lost it, and ends all their sessions.
    pub async fn reset_second_factor(&self, caller: &Caller, username: &str) -> Result<(), Error> {
        let licence = self.licence();
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = name_of_existing("person", username)?;
        let caller = *caller;
        let reset = self.db.write(move |tx| {
            let found = user::find(tx, &name)?.ok_or_else(|| missing("person", &name))?;
            let person = caller.may(Action::UserManage, found, &licence)?;
            if !second_factor::reset(tx, &person)? {
                return Err(Error::Conflict(format!("`{name}` has no second factor")));
            }
            session::end_all(tx, person.0, None)?;
            let event = Event::new(AuditAction::UserSecondFactor).user(person.0, &person.1);
            audit::record(tx, &caller, event.detail("change", "reset"))?;
            Ok(person.0)
        });
        let id = reset.await?;
        tracing::info!(user.id = %id, "reset a second factor");
        Ok(())
    }

    fn new_recovery_codes(&self) -> (Vec<Secret>, Vec<[u8; 32]>) {
        let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let plain = codes.iter().filter_map(|code| same_recovery_code(code.expose()));
        let hashes = plain.map(|plain| self.account.recovery.hash(&plain)).collect();
        (codes, hashes)
    }
}

fn record(tx: &mut WriteTx<'_>, caller: &Caller, own: &Own, change: &str) -> Result<(), Error> {
    let user = user::get(tx, own.user())?.ok_or(Error::NoSession)?;
    let event = Event::new(AuditAction::UserSecondFactor).user(own.user(), &user);
    audit::record(tx, caller, event.detail("change", change))
}

fn seconds(at: Timestamp) -> i64 {
    at.0 / 1_000_000
}

fn not_begun() -> Error {
    Error::Conflict("there is no second factor to confirm; enrol one first".into())
}
