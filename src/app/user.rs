//! People: creating, listing and deleting them, and who a key belongs to.

use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::user::{self, NewUser};
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::{User, check_email};
use crate::secrets::{ApiKey, Secret, hash_password};

const PAGE: usize = 100;

/// A person to be, as an administrator writes them down.
pub struct CreateUser {
    pub username: String,
    pub email: String,
    pub name: Option<String>,
    pub password: Option<Secret>,
    /// A key the person has already; without it one is made.
    pub api_key: Option<Secret>,
    pub system_admin: bool,
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
            Ok::<_, Error>(user::create(tx, &instance, new.clone())?)
        });
        let (id, user) = created.await?;
        tracing::info!(user.id = %id, user.system_admin, "created a person");
        Ok(CreatedUser { user, api_key: is_made.then_some(key) })
    }

    /// A page of people in the order of their creation, after the person `after`, and where the next one starts.
    pub async fn list_users(
        &self,
        caller: &Caller,
        after: Option<UserId>,
    ) -> Result<(Vec<User>, Option<UserId>), Error> {
        let (caller, licence) = (*caller, self.licence.clone());
        let found = self.db.read(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            Ok::<_, Error>(user::list(tx, &instance, after, PAGE)?)
        });
        let found = found.await?;
        let next = found.last().filter(|_| found.len() == PAGE).map(|(id, _)| *id);
        Ok((found.into_iter().map(|(_, user)| user).collect(), next))
    }

    pub async fn delete_user(&self, caller: &Caller, username: &str) -> Result<(), Error> {
        let missing = || Error::NotFound(format!("person `{username}` does not exist"));
        let name = EntityName::parse(username).map_err(|_| missing())?;
        let (caller, licence) = (*caller, self.licence.clone());
        let deleted = self.db.write(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            let Some(found) = user::find(tx, &name)? else { return Ok(None) };
            let found = caller.may(instance.action(), found, &licence)?;
            let id = found.0;
            if found.1.system_admin && !user::has_other_system_admin(tx, id)? {
                let why = format!("`{name}` is the last system admin; make somebody else one first");
                return Err(Error::Conflict(why));
            }
            user::delete(tx, &found)?;
            Ok(Some(id))
        });
        let id = deleted.await?.ok_or_else(missing)?;
        tracing::info!(user.id = %id, "deleted a person");
        Ok(())
    }

    /// Who a request with this key comes from.
    pub async fn caller_of_key(&self, key: &str) -> Result<Caller, Error> {
        let hash = self.keys.hash(key);
        let found = self.db.read(move |tx| user::caller_of_key(tx, &hash).map_err(Error::from)).await?;
        found.ok_or(Error::Unauthenticated)
    }
}

async fn hash_on_pool(password: Option<Secret>) -> Result<Option<String>, Error> {
    let Some(password) = password else { return Ok(None) };
    let hashed = tokio::task::spawn_blocking(move || hash_password(password.expose())).await;
    let hashed = hashed.map_err(|_| crate::db::DbError::Unavailable("the server is shutting down".into()))?;
    hashed.map(Some).map_err(|why| Error::invalid("password", &why))
}
