//! Changing people. Who is deactivated keeps their places, and comes in by none of them.

use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::audit::{self, Event};
use crate::app::existing::{missing, name_of_existing};
use crate::app::{App, Error, last_admin, seat};
use crate::db::repo::{reset_link, session, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email, check_full_name};

/// What is to be different about a person. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ChangeUser {
    /// The one before leads to them from then on.
    pub username: Option<String>,
    /// `Some(None)` takes the name away.
    pub name: Option<Option<String>>,
    pub email: Option<String>,
    pub system_admin: Option<bool>,
}

impl App {
    pub async fn update_user(&self, caller: &Caller, username: &str, change: ChangeUser) -> Result<User, Error> {
        let (caller, licence) = (*caller, self.licence());
        caller.may(Action::UserManage, user::instance(), &licence)?;
        if let Some(Some(name)) = &change.name {
            check_full_name(name).map_err(|why| Error::invalid("name", &why))?;
        }
        if let Some(email) = &change.email {
            check_email(email).map_err(|why| Error::invalid("email", &why))?;
        }
        let to = change.username.as_deref().map(EntityName::parse).transpose();
        let to = to.map_err(|why| Error::invalid("username", &why))?;
        let name = name_of_existing("person", username)?;
        let changed = self.db.write(move |tx| {
            let person = find(tx, &caller, &name, &licence)?;
            let changed = change.apply(&person.1);
            let changed = User { name: to.clone().unwrap_or(changed.name), ..changed };
            if changed == person.1 {
                return Ok((person.0, changed));
            }
            if person.1.system_admin && !changed.system_admin {
                last_admin::check_instance(tx, person.0, &person.1)?;
            }
            if person.1.email != changed.email {
                // Links that went to the old address may be in other hands now.
                reset_link::end_all(tx, person.0)?;
            }
            user::put(tx, &person, &changed)?;
            if changed.system_admin {
                seat::take(tx, person.0, &licence)?;
            } else {
                seat::settle(tx, person.0)?;
            }
            let event = Event::new(AuditAction::UserUpdate).user(person.0, &changed);
            let event = match &to {
                Some(to) => event.detail("old_username", &person.1.name).detail("username", to),
                None => event,
            };
            audit::record(tx, &caller, change.tell(event))?;
            Ok::<_, Error>((person.0, changed))
        });
        let (id, changed) = changed.await.map_err(|error: Error| error.with_name_as("username"))?;
        tracing::info!(user.id = %id, user.system_admin = changed.system_admin, "changed a person");
        Ok(changed)
    }

    /// From the next request on nothing of theirs opens a door. Refused for the last admin of anything.
    pub async fn deactivate_user(&self, caller: &Caller, username: &str) -> Result<User, Error> {
        let (caller, licence) = (*caller, self.licence());
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = name_of_existing("person", username)?;
        let deactivated = self.db.write(move |tx| {
            let person = find(tx, &caller, &name, &licence)?;
            if !person.1.is_active() {
                return Ok((person.0, person.1.clone()));
            }
            last_admin::check_person(tx, person.0, &person.1)?;
            // What was begun before does not go on when they are let in again.
            session::end_all(tx, person.0, None)?;
            reset_link::end_all(tx, person.0)?;
            let changed = User { deactivated_at: Some(tx.now()), ..person.1.clone() };
            let deactivated = put_with(tx, &caller, &person, &changed, AuditAction::UserDeactivate)?;
            seat::settle(tx, person.0)?;
            Ok::<_, Error>(deactivated)
        });
        let (id, user) = deactivated.await?;
        tracing::info!(user.id = %id, "deactivated a person");
        Ok(user)
    }

    /// Everything is as it was before, if there is a seat.
    pub async fn reactivate_user(&self, caller: &Caller, username: &str) -> Result<User, Error> {
        let (caller, licence) = (*caller, self.licence());
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = name_of_existing("person", username)?;
        let reactivated = self.db.write(move |tx| {
            let person = find(tx, &caller, &name, &licence)?;
            if person.1.is_active() {
                return Ok((person.0, person.1.clone()));
            }
            let changed = User { deactivated_at: None, ..person.1.clone() };
            let reactivated = put_with(tx, &caller, &person, &changed, AuditAction::UserReactivate)?;
            seat::take(tx, person.0, &licence)?;
            Ok::<_, Error>(reactivated)
        });
        let (id, user) = reactivated.await?;
        tracing::info!(user.id = %id, "reactivated a person");
        Ok(user)
    }
}

impl ChangeUser {
    fn apply(&self, user: &User) -> User {
        User {
            full_name: self.name.clone().unwrap_or_else(|| user.full_name.clone()),
            email: self.email.clone().unwrap_or_else(|| user.email.clone()),
            system_admin: self.system_admin.unwrap_or(user.system_admin),
            ..user.clone()
        }
    }

    /// Which fields were asked for. Names and addresses are no business of the log beyond whose they are.
    fn tell(&self, event: Event) -> Event {
        let asked = [("name", self.name.is_some()), ("email", self.email.is_some())];
        let fields: Vec<&str> = asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(field, _)| field).collect();
        let event = if fields.is_empty() { event } else { event.detail("changed", fields.join(", ")) };
        match self.system_admin {
            Some(system_admin) => event.detail("system_admin", system_admin),
            None => event,
        }
    }
}

/// A person whom somebody wants to add anywhere.
pub(in crate::app) fn check_active(user: &User) -> Result<(), Error> {
    if user.is_active() {
        return Ok(());
    }
    Err(Error::Conflict(format!("`{}` is deactivated; a system admin has to reactivate them first", user.name)))
}

pub(super) fn find(
    tx: &impl Read,
    caller: &Caller,
    name: &EntityName,
    licence: &Licence,
) -> Result<Allowed<(UserId, User)>, Error> {
    let found = user::find(tx, name)?.ok_or_else(|| missing("person", name))?;
    Ok(caller.may(Action::UserManage, found, licence)?)
}

fn put_with(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    person: &Allowed<(UserId, User)>,
    changed: &User,
    action: AuditAction,
) -> Result<(UserId, User), Error> {
    user::put(tx, person, changed)?;
    audit::record(tx, caller, Event::new(action).user(person.0, changed))?;
    Ok((person.0, changed.clone()))
}
