//! People: creating, listing and deleting them, and who a key belongs to.

use super::organization::{self, JoinOrganization};
use super::page::{PAGE, Page};
use super::{App, Error, last_admin};
use crate::access::{Action, Caller};
use crate::db::repo::user::{self, NewUser};
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email};
use crate::secrets::{ApiKey, Secret, hash_password};

/// A person to be, as an administrator writes them down.
pub struct CreateUser {
    pub username: String,
    pub email: String,
    pub name: Option<String>,
    pub password: Option<Secret>,
    /// A key the person has already; without it one is made.
    pub api_key: Option<Secret>,
    pub system_admin: bool,
    pub organization: JoinOrganization,
}

/// The new person; the key is there when it was made here, and shown only now.
pub struct CreatedUser {
    pub user: User,
    pub api_key: Option<ApiKey>,
}

impl App {
    pub async fn create_user(&self, caller: &Caller, input: CreateUser) -> Result<CreatedUser, Error> {
        // Refused before any work: hashing a password is dear.
        let licence = self.licence.clone();
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = EntityName::parse(&input.username).map_err(|why| Error::invalid("username", &why))?;
        check_email(&input.email).map_err(|why| Error::invalid("email", &why))?;
        let is_made = input.api_key.is_none();
        let key = match &input.api_key {
            Some(given) => ApiKey::check_imported(given.expose()).map_err(|why| Error::invalid("api_key", &why))?,
            None => ApiKey::generate(),
        };
        let new = NewUser {
            name,
            email: input.email,
            full_name: input.name,
            password_hash: hash_on_pool(input.password).await?,
            system_admin: input.system_admin,
            key_hash: self.keys.hash(key.expose()),
            key_begins_with: key.begins_with(),
        };
        let caller = *caller;
        let created = self.db.write(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            let (id, user) = user::create(tx, &instance, new.clone())?;
            organization::join(tx, &caller, id, &input.organization, &licence)?;
            Ok::<_, Error>((id, user))
        });
        let (id, user) = created.await?;
        tracing::info!(user.id = %id, user.system_admin, "created a person");
        Ok(CreatedUser { user, api_key: is_made.then_some(key) })
    }

    /// People in the order of their creation, after the person `after`.
    pub async fn list_users(&self, caller: &Caller, after: Option<UserId>) -> Result<Page<User, UserId>, Error> {
        let (caller, licence) = (*caller, self.licence.clone());
        let found = self.db.read(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            Ok::<_, Error>(user::list(tx, &instance, after, PAGE)?)
        });
        Ok(Page::of(found.await?))
    }

    /// Deletes the person with their keys and their places in teams; what they made in teams stays. Refused while
    /// something lies in their own entity, which nobody could reach any more.
    pub async fn delete_user(&self, caller: &Caller, username: &str) -> Result<(), Error> {
        let missing = || Error::NotFound(format!("person `{username}` does not exist"));
        let name = EntityName::parse(username).map_err(|_| missing())?;
        let (caller, licence) = (*caller, self.licence.clone());
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

    /// Who a request with this key comes from.
    pub async fn caller_of_key(&self, key: &str) -> Result<Caller, Error> {
        let hash = self.keys.hash(key);
        let found = self.db.look_up(|tx| user::caller_of_key(tx, &hash))?;
        found.ok_or(Error::Unauthenticated)
    }
}

async fn hash_on_pool(password: Option<Secret>) -> Result<Option<String>, Error> {
    let Some(password) = password else { return Ok(None) };
    let hashed = tokio::task::spawn_blocking(move || hash_password(password.expose())).await;
    let hashed = hashed.map_err(|_| crate::db::DbError::Unavailable("the server is shutting down".into()))?;
    hashed.map(Some).map_err(|why| Error::invalid("password", &why))
}
