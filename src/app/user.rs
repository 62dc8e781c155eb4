//! People: creating and deleting them.

/// Changing people, and whether they may come in at all.
pub mod change;
/// Seeing people as administrators do.
pub mod list;

use super::audit::{self, Event};
use super::organization::{self, JoinOrganization};
use super::{App, Error, api_key, invitation, last_admin, seat};
use crate::access::{Action, Caller, Licence};
use crate::db::repo::user::{self, NewUser};
use crate::db::repo::{self, entity};
use crate::db::tx::{Read, WriteTx};
use crate::domain::api_key::KeyRecord;
use crate::domain::audit::AuditAction;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email, check_full_name};
use crate::secrets::{ApiKey, Secret};

/// A person to be, as an administrator writes them down.
pub struct CreateUser {
    /// Without one it is made from the e-mail address.
    pub username: Option<String>,
    pub email: String,
    pub name: Option<String>,
    pub password: Option<Secret>,
    pub api_key: FirstKey,
    pub system_admin: bool,
    pub organization: JoinOrganization,
}

/// What a new person's first API key is.
pub enum FirstKey {
    Made,
    /// One that the person has already.
    Given(Secret),
    None,
}

/// The new person; the key is there when it was made here, and shown only now.
pub struct CreatedUser {
    pub user: User,
    pub api_key: Option<ApiKey>,
}

impl App {
    pub async fn create_user(&self, caller: &Caller, input: CreateUser) -> Result<CreatedUser, Error> {
        self.create_user_if(caller, input, |_| Ok(())).await
    }

    /// The same, on a condition that is looked at in the transaction that makes the person.
    pub(super) async fn create_user_if(
        &self,
        caller: &Caller,
        input: CreateUser,
        condition: impl Fn(&WriteTx<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<CreatedUser, Error> {
        // Refused before any work: hashing a password is dear.
        let licence = self.licence();
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let to_be = self.person_to_be(input).await?;
        let (caller, person) = (*caller, to_be.clone());
        let created = self.db.write(move |tx| {
            condition(tx)?;
            let (id, user) = add(tx, &caller, &person, &licence)?;
            invitation::accept_waiting(tx, &caller, (id, &user), &licence)?;
            seat::take(tx, id, &licence)?;
            Ok::<_, Error>((id, user))
        });
        let (id, user) = created.await?;
        tracing::info!(user.id = %id, user.system_admin, "created a person");
        Ok(CreatedUser { user, api_key: to_be.made_key })
    }

    /// Checks the texts, and does what is dear or random.
    pub(super) async fn person_to_be(&self, input: CreateUser) -> Result<PersonToBe, Error> {
        check_email(&input.email).map_err(|why| Error::invalid("email", &why))?;
        if let Some(name) = &input.name {
            check_full_name(name).map_err(|why| Error::invalid("name", &why))?;
        }
        let parse = |name: &String| EntityName::parse(name).map_err(|why| Error::invalid("username", &why));
        let name = input.username.as_ref().map(parse).transpose()?;
        let (key, is_made) = match &input.api_key {
            FirstKey::Made => (Some(ApiKey::generate()), true),
            FirstKey::Given(given) => {
                let key = ApiKey::check_imported(given.expose()).map_err(|why| Error::invalid("api_key", &why))?;
                (Some(key), false)
            }
            FirstKey::None => (None, false),
        };
        let password_hash = match input.password {
            Some(password) => Some(self.account.passwords.hash("password", password).await?),
            None => None,
        };
        Ok(PersonToBe {
            name,
            email: input.email,
            full_name: input.name,
            password_hash,
            system_admin: input.system_admin,
            organization: input.organization,
            key: key.as_ref().map(|key| (self.keys.hash(key.expose()), key.begins_with())),
            made_key: key.filter(|_| is_made),
        })
    }

    /// Deletes the person with their keys and their places in teams; what they made in teams stays. Refused while
    /// something lies in their own entity, which nobody could reach any more.
    pub async fn delete_user(&self, caller: &Caller, username: &str) -> Result<(), Error> {
        let missing = || Error::NotFound(format!("person `{username}` does not exist"));
        let name = EntityName::parse(username).map_err(|_| missing())?;
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            let Some(found) = user::find(tx, &name)? else { return Ok(None) };
            let found = caller.may(instance.action(), found, &licence)?;
            let id = found.0;
            last_admin::check_person(tx, id, &found.1)?;
            if user::has_projects(tx, &found.1)? {
                let why = format!("`{name}` still has projects of their own; move or delete these first");
                return Err(Error::Conflict(why));
            }
            // Before they are in no organization any more, whose admins are to read of it.
            audit::record(tx, &caller, Event::new(AuditAction::UserPermanentlyDelete).user(id, &found.1))?;
            user::delete(tx, &found)?;
            Ok(Some(id))
        });
        let id = deleted.await?.ok_or_else(missing)?;
        tracing::info!(user.id = %id, "deleted a person");
        Ok(())
    }

    /// Whether anybody could log in.
    pub async fn has_people(&self) -> Result<bool, Error> {
        self.db.read(|tx| user::is_anybody_there(tx).map_err(Error::from)).await
    }
}

/// A person whose texts have been checked, with what a transaction must not do itself.
#[derive(Clone)]
pub(super) struct PersonToBe {
    pub name: Option<EntityName>,
    pub email: String,
    full_name: Option<String>,
    password_hash: Option<String>,
    system_admin: bool,
    organization: JoinOrganization,
    /// The first key's hash, and how it begins.
    key: Option<([u8; 32], String)>,
    /// The key itself, if it was made here.
    pub made_key: Option<ApiKey>,
}

/// Makes the person, with their first key and their place in an organization.
pub(super) fn add(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    person: &PersonToBe,
    licence: &Licence,
) -> Result<(UserId, User), Error> {
    let instance = caller.may(Action::UserManage, user::instance(), licence)?;
    let name = match &person.name {
        Some(name) => name.clone(),
        None => name_from_email(tx, &person.email)?,
    };
    let new = NewUser {
        name,
        email: person.email.clone(),
        full_name: person.full_name.clone(),
        password_hash: person.password_hash.clone(),
        system_admin: person.system_admin,
    };
    let created = user::create(tx, &instance, new);
    let (id, user) = created.map_err(|error| Error::from(error).with_name_as("username"))?;
    let mut first_key = None;
    if let Some((hash, begins_with)) = &person.key {
        let of = caller.may(Action::ApiKeyImport, repo::api_key::of(tx, caller, id)?, licence)?;
        let record = KeyRecord::unlimited(id, *hash, begins_with.clone(), tx.now());
        first_key = Some((repo::api_key::create(tx, &of, &record)?, record));
    }
    organization::join(tx, caller, (id, &user), &person.organization, licence)?;
    // Not before: the records belong to the organization that the person is in.
    let created = Event::new(AuditAction::UserCreate).user(id, &user);
    audit::record(tx, caller, created.detail("system_admin", user.system_admin))?;
    if let Some((key, record)) = &first_key {
        api_key::tell(tx, caller, AuditAction::UserCreateApiKey, (*key, record))?;
    }
    Ok((id, user))
}

/// The part before the `@`, as far as it can be a name, with a number behind it if somebody has it.
fn name_from_email(tx: &impl Read, email: &str) -> Result<EntityName, Error> {
    const TRIED_MAX: usize = 1000;
    let local = email.split('@').next().unwrap_or_default();
    let plain: String = local.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
    let numbered = (2..TRIED_MAX).map(|number| format!("{plain}-{number}"));
    for text in std::iter::once(plain.clone()).chain(numbered) {
        let Ok(name) = EntityName::parse(&text) else { continue };
        if entity::named(tx, &name)?.is_none() {
            return Ok(name);
        }
    }
    Err(Error::Conflict(format!("no user name like `{plain}` is free; make the person with a name of your choice")))
}
