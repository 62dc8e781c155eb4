//! People as the client's own queries see them. Making and deleting them is in `user`.

use super::{App, Error};
use crate::access::{Caller, Principal, TeamRole};
use crate::db::repo::{entity, organization, user};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::User;

/// The client takes the members of a team as one list.
const MEMBERS_MAX: usize = 10_000;

/// A person, as far as the caller may know them: a run's owner is no secret to who sees the run.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: UserId,
    pub username: String,
    pub full_name: Option<String>,
    /// Where a run of theirs goes that names no entity.
    pub entity: String,
    pub is_service_account: bool,
    pub deactivated_at: Option<Timestamp>,
    /// For themself and for system admins.
    pub private: Option<PrivateFacts>,
}

#[derive(Debug, Clone)]
pub struct PrivateFacts {
    pub email: String,
    pub is_system_admin: bool,
}

impl Person {
    fn seen_by(caller: &Caller, id: UserId, user: User) -> Self {
        let knows = match caller.principal {
            Principal::User { id: own, system_admin } => own == id || system_admin,
            Principal::Operator | Principal::System => true,
            Principal::Anonymous => false,
        };
        // A service account has no address.
        let private = (knows && user.service.is_none())
            .then_some(PrivateFacts { email: user.email, is_system_admin: user.system_admin });
        let username = user.name.to_string();
        Self {
            id,
            entity: username.clone(),
            username,
            full_name: user.full_name,
            is_service_account: user.service.is_some(),
            deactivated_at: user.deactivated_at,
            private,
        }
    }

    /// Stands where the owner of something was deleted.
    pub fn deleted(username: &str) -> Self {
        Self {
            id: UserId(0),
            username: username.to_owned(),
            full_name: None,
            entity: username.to_owned(),
            is_service_account: false,
            deactivated_at: None,
            private: None,
        }
    }
}

impl App {
    /// The person who asks.
    pub async fn viewer(&self, caller: &Caller) -> Result<Option<Person>, Error> {
        match caller.user_id() {
            Some(id) => self.find_person(caller, id).await,
            None => Ok(None),
        }
    }

    pub async fn find_person(&self, caller: &Caller, id: UserId) -> Result<Option<Person>, Error> {
        Ok(self.find_people(caller, vec![id]).await?.pop())
    }

    /// Those of the people who are there, each once.
    pub async fn find_people(&self, caller: &Caller, mut ids: Vec<UserId>) -> Result<Vec<Person>, Error> {
        ids.sort_unstable();
        ids.dedup();
        let found = self.db.read(move |tx| {
            let mut found = Vec::new();
            for id in ids {
                let Some(user) = user::get(tx, id)? else { continue };
                // A person's own entity is called like them.
                let team = user.service.map(|_| entity::name_of(tx, user.entity)).transpose()?.flatten();
                found.push((id, user, team));
            }
            Ok::<_, Error>(found)
        });
        let seen = |(id, user, team): (UserId, User, Option<EntityName>)| {
            let person = Person::seen_by(caller, id, user);
            Person { entity: team.map_or(person.entity, |team| team.to_string()), ..person }
        };
        Ok(found.await?.into_iter().map(seen).collect())
    }

    /// Everybody in the team, with their roles there.
    pub async fn all_team_members(
        &self,
        caller: &Caller,
        team: &str,
    ) -> Result<Vec<(Person, TeamRole, Option<String>)>, Error> {
        let (mut members, mut after) = (Vec::new(), None);
        loop {
            let page = self.list_team_members(caller, team, after).await?;
            let items = page.items.into_iter();
            members.extend(items.map(|it| (Person::seen_by(caller, it.id, it.user), it.role, it.custom_role)));
            after = page.next;
            if after.is_none() || members.len() >= MEMBERS_MAX {
                return Ok(members);
            }
        }
    }

    /// Whether this is the user name or the e-mail address of the person who asks. Who is no person has no name.
    pub async fn answers_to(&self, caller: &Caller, name: &str) -> Result<bool, Error> {
        let Some(own) = caller.user_id() else { return Ok(true) };
        let name = name.to_owned();
        let named = self.db.read(move |tx| user::id_of(tx, &name).map_err(Error::from));
        Ok(named.await? == Some(own))
    }

    /// A person by their user name or e-mail address, for themself and for those who share an organization with them.
    /// To the others they do not exist: else names and addresses could be tried out.
    pub async fn search_person(&self, caller: &Caller, text: &str) -> Result<Option<Person>, Error> {
        let (asking, text) = (*caller, text.to_owned());
        let found = self.db.read(move |tx| {
            let Some(id) = user::id_of(tx, &text)? else { return Ok(None) };
            if !may_meet(tx, &asking, id)? {
                return Ok(None);
            }
            Ok::<_, Error>(user::get(tx, id)?.map(|user| (id, user)))
        });
        let Some((id, user)) = found.await? else { return Ok(None) };
        if caller.user_id() != Some(id) {
            self.note_read(caller, AuditAction::UserRead, id.0, |event| event.user(id, &user));
        }
        Ok(Some(Person::seen_by(caller, id, user)))
    }
}

/// Whether the caller may come across the person without something of theirs that leads to them.
pub(super) fn may_meet(tx: &impl Read, caller: &Caller, person: UserId) -> Result<bool, Error> {
    let own = match caller.principal {
        Principal::Operator | Principal::System | Principal::User { system_admin: true, .. } => return Ok(true),
        Principal::Anonymous => return Ok(false),
        Principal::User { id, .. } => id,
    };
    if own == person {
        return Ok(true);
    }
    if caller.confined_key().is_some() {
        return Ok(false); // it is for things of some teams, and people are none
    }
    for shared in entity::organizations_of(tx, own)? {
        if organization::member(tx, shared, person)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
