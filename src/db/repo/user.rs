//! People and their personal entities.

use super::{entity, project_member, reset_link, seat, second_factor, session, team};
use crate::access::{Action, Allowed, Grants, Own, Unchecked};
use crate::db::DbError;
use crate::db::schema::{
    API_KEYS, API_KEYS_BY_USER, ENTITIES, LAST_ACTIVE, ORGANIZATION_MEMBERS, ORGANIZATIONS_BY_USER, PROJECT_BY_NAME,
    SYSTEM_ADMINS, TEAMS_BY_USER, USER_BY_EMAIL, USERS,
};
use crate::db::table::PutError;
use crate::db::tx::{Read, WriteTx};
use crate::domain::clock::Timestamp;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::{EntityId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::{LastActive, User};

const PAGE: usize = 100;

/// The whole instance: what actions on people of all organizations are checked on.
#[derive(Debug)]
pub struct Instance;

/// Nobody has a role on the instance itself: the caller's own standing decides.
pub fn instance() -> Unchecked<Instance> {
    Unchecked::new(Instance, Grants::default())
}

/// A person to be, whose texts have been checked.
#[derive(Clone)]
pub struct NewUser {
    pub name: EntityName,
    pub email: String,
    pub full_name: Option<String>,
    pub password_hash: Option<String>,
    pub system_admin: bool,
}

/// Stores the person and their personal entity.
pub fn create(tx: &mut WriteTx<'_>, instance: &Allowed<Instance>, new: NewUser) -> Result<(UserId, User), PutError> {
    instance.must_be(Action::UserManage);
    let (id, entity, created_at) = (tx.new_id::<UserId>()?, tx.new_id::<EntityId>()?, tx.now());
    ENTITIES.put(tx, &entity, &Entity::new(new.name.clone(), EntityKind::Person(id), created_at))?;
    let user = User {
        name: new.name,
        email: new.email,
        full_name: new.full_name,
        password_hash: new.password_hash,
        system_admin: new.system_admin,
        entity,
        created_at,
        deactivated_at: None,
        service: None,
    };
    USERS.put(tx, &id, &user)?;
    Ok((id, user))
}

/// People in the order of their creation, after `after`. Service accounts are none.
pub fn list(
    tx: &impl Read,
    instance: &Allowed<Instance>,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<(UserId, User)>, DbError> {
    instance.must_be(Action::UserManage);
    let (mut people, mut after) = (Vec::new(), after);
    while people.len() < limit {
        let page = USERS.list(tx, &(), after.as_ref(), limit)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        people.extend(page.into_iter().filter(|(_, user)| user.service.is_none()));
    }
    people.truncate(limit);
    Ok(people)
}

/// By the name as it was given.
pub fn find(tx: &impl Read, name: &EntityName) -> Result<Option<Unchecked<(UserId, User)>>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    let EntityKind::Person(id) = found.entity.kind else { return Ok(None) };
    Ok(USERS.get(tx, &id)?.map(|user| Unchecked::new((id, user), Grants::default())))
}

/// Stores what was changed of a person; their entity goes by the same name.
pub fn put(tx: &mut WriteTx<'_>, person: &Allowed<(UserId, User)>, changed: &User) -> Result<(), PutError> {
    person.must_be(Action::UserManage);
    if changed.name != person.1.name {
        entity::rename(tx, changed.entity, changed.name.clone())?;
    }
    USERS.put(tx, &person.0, changed)
}

/// Deletes the person, their places in organizations and teams, and all their keys; the name is free again and
/// inherits nothing. That nothing lies in their own entity is the use case's to see.
pub fn delete(tx: &mut WriteTx<'_>, person: &Allowed<(UserId, User)>) -> Result<(), DbError> {
    person.must_be(Action::UserManage);
    let (id, user) = &**person;
    loop {
        let keys = API_KEYS_BY_USER.list(tx, id, None, PAGE)?;
        let teams = TEAMS_BY_USER.list(tx, id, None, PAGE)?;
        let organizations = ORGANIZATIONS_BY_USER.list(tx, id, None, PAGE)?;
        if keys.is_empty() && teams.is_empty() && organizations.is_empty() {
            break;
        }
        for (_, key) in keys {
            API_KEYS.delete(tx, &key)?;
        }
        for (_, team) in teams {
            team::delete_place(tx, team, *id)?;
        }
        for (_, organization) in organizations {
            ORGANIZATION_MEMBERS.delete(tx, &(organization, *id))?;
        }
    }
    session::end_all(tx, *id, None)?;
    second_factor::forget(tx, *id)?;
    reset_link::end_all(tx, *id)?;
    project_member::remove_person(tx, *id)?;
    seat::give_back(tx, *id)?;
    ENTITIES.delete(tx, &user.entity)?;
    LAST_ACTIVE.delete(tx, id)?;
    USERS.delete(tx, id)?;
    Ok(())
}

/// Gives the person another password; `before` is the stored text that was checked, if one was. `false`: it is another
/// one by now, so the check counts no more.
pub fn set_password(
    tx: &mut WriteTx<'_>,
    own: &Own,
    before: Option<&str>,
    password_hash: &str,
) -> Result<bool, PutError> {
    let Some(user) = USERS.get(tx, &own.user())?.filter(User::is_active) else { return Ok(false) };
    if before.is_some() && before != user.password_hash.as_deref() {
        return Ok(false);
    }
    USERS.put(tx, &own.user(), &User { password_hash: Some(password_hash.to_owned()), ..user })?;
    Ok(true)
}

/// Whether the person administers the instance, and nobody else does. Who is deactivated does not count.
pub fn is_last_system_admin(tx: &impl Read, id: UserId) -> Result<bool, DbError> {
    Ok(SYSTEM_ADMINS.list(tx, &(), None, 2)? == [id])
}

/// Whether the person is there and may sign in.
pub fn is_active(tx: &impl Read, id: UserId) -> Result<bool, DbError> {
    Ok(USERS.get(tx, &id)?.is_some_and(|user| user.is_active()))
}

/// Whether there is anybody at all.
pub fn is_anybody_there(tx: &impl Read) -> Result<bool, DbError> {
    Ok(!USERS.list(tx, &(), None, 1)?.is_empty())
}

/// The id of the person of that name, for code that checks what is to be done with them.
pub fn id_named(tx: &impl Read, name: &EntityName) -> Result<Option<UserId>, DbError> {
    let Some(found) = entity::named(tx, name)? else { return Ok(None) };
    Ok(match found.entity.kind {
        EntityKind::Person(id) => Some(id),
        EntityKind::Team(_) | EntityKind::Organization(_) | EntityKind::ServiceAccount(_) => None,
    })
}

/// Whether anything lies in the person's own entity.
pub fn has_projects(tx: &impl Read, user: &User) -> Result<bool, DbError> {
    Ok(!PROJECT_BY_NAME.list(tx, &user.entity, None, 1)?.is_empty())
}

pub fn get(tx: &impl Read, id: UserId) -> Result<Option<User>, DbError> {
    USERS.get(tx, &id)
}

/// By user name, or by e-mail address.
pub fn id_of(tx: &impl Read, text: &str) -> Result<Option<UserId>, DbError> {
    if text.contains('@') {
        return USER_BY_EMAIL.find(tx, &text.to_lowercase());
    }
    let Ok(name) = EntityName::parse(text) else { return Ok(None) };
    id_named(tx, &name)
}

/// When the person was last seen, if ever.
pub fn last_active(tx: &impl Read, id: UserId) -> Result<Option<Timestamp>, DbError> {
    Ok(LAST_ACTIVE.get(tx, &id)?.map(|seen| seen.at))
}

/// Notes that the person was seen, if they are still there.
pub fn note_active(tx: &mut WriteTx<'_>, id: UserId, at: Timestamp) -> Result<(), PutError> {
    if USERS.get(tx, &id)?.is_some() {
        LAST_ACTIVE.put(tx, &id, &LastActive { at })?;
    }
    Ok(())
}
