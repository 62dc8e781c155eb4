//! People as administrators of the instance see them: all of them, or those that a few letters lead to.

use super::change::find;
use crate::access::{Action, Caller, OrganizationRole, TeamRole};
use crate::app::existing::name_of_existing;
use crate::app::page::{PAGE, Page};
use crate::app::{App, Error};
use crate::db::repo::{entity, organization, seat, team, user};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::entity::EntityKind;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::seat::SeatKind;
use crate::domain::user::User;

/// How many people one request looks at to find those that are searched for.
const LOOKED_AT_MAX: usize = 2_000;

/// In place of an id, for who lists all people; ids begin with 1.
const EVERYBODY: u64 = 0;

/// Which people are wanted. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What the user name, a word of the full name, or the e-mail address begins with; the case does not matter.
    pub query: Option<String>,
    /// Only those who are active, or only those who are not.
    pub is_active: Option<bool>,
}

/// A person in a list.
#[derive(Debug, Clone)]
pub struct ListedUser {
    pub user: User,
    pub last_active: Option<Timestamp>,
    /// What the licence counts them as; a deactivated person has none.
    pub seat: Option<SeatKind>,
}

/// Where a person belongs.
#[derive(Debug, Clone)]
pub struct Places {
    pub organizations: Vec<(EntityName, OrganizationRole)>,
    pub teams: Vec<(EntityName, TeamRole)>,
}

impl App {
    /// People in the order of their creation, after the person `after`. A page may be short, or empty, and have a next.
    pub async fn list_users(
        &self,
        caller: &Caller,
        wanted: Wanted,
        after: Option<UserId>,
    ) -> Result<Page<ListedUser, UserId>, Error> {
        let wanted = wanted.folded();
        let (caller, licence, asking) = (*caller, self.licence(), *caller);
        let found = self.db.read(move |tx| {
            let instance = caller.may(Action::UserManage, user::instance(), &licence)?;
            let (mut items, mut next, mut looked_at) = (Vec::new(), after, 0);
            while items.len() < PAGE && looked_at < LOOKED_AT_MAX {
                let page = user::list(tx, &instance, next, PAGE)?;
                let is_last = page.len() < PAGE;
                looked_at += page.len();
                for (id, user) in page {
                    if items.len() == PAGE {
                        return Ok(Page { items, next });
                    }
                    next = Some(id);
                    if wanted.takes(&user) {
                        items.push(listed(tx, id, user)?);
                    }
                }
                if is_last {
                    return Ok::<_, Error>(Page { items, next: None });
                }
            }
            Ok(Page { items, next })
        });
        let people = found.await?;
        self.note_read(&asking, AuditAction::UserRead, EVERYBODY, |event| event.detail("users", "all"));
        Ok(people)
    }

    /// One person, and where they belong.
    pub async fn show_user(&self, caller: &Caller, username: &str) -> Result<(ListedUser, Places), Error> {
        let (caller, licence, asking) = (*caller, self.licence(), *caller);
        caller.may(Action::UserManage, user::instance(), &licence)?;
        let name = name_of_existing("person", username)?;
        let shown = self.db.read(move |tx| {
            let (id, user) = find(tx, &caller, &name, &licence)?.into_inner();
            Ok::<_, Error>((id, listed(tx, id, user)?, places(tx, id)?))
        });
        let (id, shown, places) = shown.await?;
        self.note_read(&asking, AuditAction::UserRead, id.0, |event| event.user(id, &shown.user));
        Ok((shown, places))
    }
}

impl Wanted {
    fn folded(self) -> Self {
        let query = self.query.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
        Self { query, ..self }
    }

    fn takes(&self, user: &User) -> bool {
        if self.is_active.is_some_and(|is_active| is_active != user.is_active()) {
            return false;
        }
        let Some(query) = &self.query else { return true };
        let begins = |text: &str| text.to_lowercase().starts_with(query.as_str());
        let full_name = user.full_name.as_deref().unwrap_or_default();
        begins(user.name.as_str()) || begins(&user.email) || begins(full_name) || full_name.split(' ').any(begins)
    }
}

fn listed(tx: &impl Read, id: UserId, user: User) -> Result<ListedUser, Error> {
    Ok(ListedUser { user, last_active: user::last_active(tx, id)?, seat: seat::of(tx, id)? })
}

fn places(tx: &impl Read, id: UserId) -> Result<Places, Error> {
    let mut organizations = Vec::new();
    for organization in entity::organizations_of(tx, id)? {
        let member = organization::member(tx, organization, id)?;
        organizations.extend(organization::name_of(tx, organization)?.zip(member.map(|member| member.role)));
    }
    let mut teams = Vec::new();
    for found in entity::teams_of(tx, id)? {
        if matches!(found.entity.kind, EntityKind::Team(_)) {
            let member = team::member(tx, found.id, id)?;
            teams.extend(member.map(|member| (found.entity.name, member.role)));
        }
    }
    Ok(Places { organizations, teams })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EntityId;

    fn ada() -> User {
        User {
            name: EntityName::parse("ada-l").unwrap(),
            email: "Countess@example.com".into(),
            full_name: Some("Augusta Ada King".into()),
            password_hash: None,
            system_admin: false,
            entity: EntityId(1),
            created_at: Timestamp(0),
            deactivated_at: None,
            service: None,
        }
    }

    fn takes(query: &str) -> bool {
        Wanted { query: Some(query.into()), is_active: None }.folded().takes(&ada())
    }

    #[test]
    fn a_few_letters_of_any_name_or_of_the_address_lead_to_a_person() {
        for query in ["ada-", "ADA", "king", "Augusta Ada", "countess@EX", " aug ", ""] {
            assert!(takes(query), "{query:?}");
        }
        for query in ["da", "example.com", "adaking", "x"] {
            assert!(!takes(query), "{query:?}");
        }
    }

    #[test]
    fn the_active_and_the_others_can_be_asked_for_alone() {
        let wanted = |is_active| Wanted { query: None, is_active: Some(is_active) };
        let gone = User { deactivated_at: Some(Timestamp(1)), ..ada() };

        assert!(wanted(true).takes(&ada()) && !wanted(true).takes(&gone));
        assert!(!wanted(false).takes(&ada()) && wanted(false).takes(&gone));
    }
}
