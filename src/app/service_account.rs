//! Service accounts: making, listing and deleting those of a team or an organization. Their keys are in `api_key`; what
//! they may do follows from their home, where the grants are read.

use super::audit::{self, Event};
use super::existing::{existing, missing, name_of_existing};
use super::page::{PAGE, Page};
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::db::repo::organization::{self, FoundOrganization};
use crate::db::repo::service_account::{self, AllowedHome, NewServiceAccount};
use crate::db::repo::{entity, team, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::AuditAction;
use crate::domain::id::{EntityId, UserId};
use crate::domain::name::EntityName;
use crate::domain::user::{Attribution, ServiceHome, User};

const DESCRIPTION_CHARS_MAX: usize = 1000;
/// As many as one team or organization may have.
const ACCOUNTS_MAX: usize = 1000;
/// Numbers tried behind a name that is taken.
const TRIED_MAX: usize = ACCOUNTS_MAX + 100;

/// What an account belongs to, by name.
#[derive(Debug, Clone)]
pub enum HomeNamed {
    Team(String),
    Organization(String),
}

/// An account to be.
#[derive(Debug, Clone)]
pub struct CreateServiceAccount {
    /// Without one it is made from the description.
    pub name: Option<String>,
    pub description: Option<String>,
    /// Where the runs of an organization's account go that name no entity; one of a team needs none.
    pub default_team: Option<String>,
}

/// An account, and the team where its runs go that name none.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    pub id: UserId,
    pub account: User,
    pub default_team: String,
}

impl App {
    pub async fn create_service_account(
        &self,
        caller: &Caller,
        home: HomeNamed,
        new: CreateServiceAccount,
    ) -> Result<ServiceAccount, Error> {
        check_description(new.description.as_deref())?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let actions = (Action::ServiceAccountCreate, Action::OrgServiceAccountCreate);
            let at = find_home(tx, &caller, &home, actions, &licence)?;
            if service_account::list(tx, at.home(), None, ACCOUNTS_MAX)?.len() >= ACCOUNTS_MAX {
                return Err(Error::Conflict(format!("there are {ACCOUNTS_MAX} service accounts already; delete some")));
            }
            let name = match &new.name {
                Some(name) => EntityName::parse(name).map_err(|why| Error::invalid("name", &why))?,
                None => name_from(tx, new.description.as_deref().unwrap_or_default())?,
            };
            let team = default_team(tx, &at, new.default_team.as_deref())?;
            let new = NewServiceAccount { name, description: new.description.clone(), team };
            let (id, account) = service_account::create(tx, &at, new)?;
            tell(tx, &caller, &at, (id, &account), true)?;
            shown(tx, id, account)
        });
        let created = created.await?;
        tracing::info!(user.id = %created.id, "created a service account");
        Ok(created)
    }

    /// In the order of their making, for who sees the team, or manages the organization's members.
    pub async fn list_service_accounts(
        &self,
        caller: &Caller,
        home: HomeNamed,
        after: Option<UserId>,
    ) -> Result<Page<ServiceAccount, UserId>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let listed = self.db.read(move |tx| {
            let at = find_home(tx, &caller, &home, (Action::TeamRead, Action::OrgMembers), &licence)?;
            let mut accounts = Vec::new();
            for (id, account) in service_account::list(tx, at.home(), after, PAGE)? {
                accounts.push((id, shown(tx, id, account)?));
            }
            Ok::<_, Error>(Page::of(accounts))
        });
        listed.await
    }

    /// Every account of a team, for who sees it.
    pub async fn all_service_accounts(&self, caller: &Caller, team: &str) -> Result<Vec<ServiceAccount>, Error> {
        let (mut accounts, mut after) = (Vec::new(), None);
        loop {
            let page = self.list_service_accounts(caller, HomeNamed::Team(team.to_owned()), after).await?;
            accounts.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(accounts);
            }
        }
    }

    /// Sends runs of an organization's account that name no entity to another team of it.
    pub async fn set_default_team(
        &self,
        caller: &Caller,
        organization: &str,
        account: &str,
        team: &str,
    ) -> Result<ServiceAccount, Error> {
        let (name, account) = (name_of_existing("organization", organization)?, account.to_owned());
        let (caller, licence, team) = (*caller, self.licence(), team.to_owned());
        let changed = self.db.write(move |tx| {
            let found = organization::find(tx, &caller, &name)?;
            let gone = || missing("organization", &name);
            let at = existing(&caller, Action::OrgServiceAccountDelete, found, &licence, gone)?;
            let (id, account) = account_named(tx, ServiceHome::Organization(at.id), &account)?;
            let team = team_of(tx, &at, &team)?;
            let changed = service_account::set_default_team(tx, &at, id, account, team)?;
            shown(tx, id, changed)
        });
        changed.await
    }

    /// Deletes an account with its keys; its runs stay.
    pub async fn delete_service_account(&self, caller: &Caller, home: HomeNamed, account: &str) -> Result<(), Error> {
        let (caller, licence, account) = (*caller, self.licence(), account.to_owned());
        let deleted = self.db.write(move |tx| {
            let actions = (Action::ServiceAccountDelete, Action::OrgServiceAccountDelete);
            let at = find_home(tx, &caller, &home, actions, &licence)?;
            let (id, account) = account_named(tx, at.home(), &account)?;
            service_account::delete(tx, &at, id, &account)?;
            tell(tx, &caller, &at, (id, &account), false)?;
            Ok::<_, Error>(id)
        });
        let id = deleted.await?;
        tracing::info!(user.id = %id, "deleted a service account");
        Ok(())
    }
}

fn find_home(
    tx: &impl Read,
    caller: &Caller,
    home: &HomeNamed,
    (of_team, of_organization): (Action, Action),
    licence: &Licence,
) -> Result<AllowedHome, Error> {
    Ok(match home {
        HomeNamed::Team(text) => {
            let name = name_of_existing("team", text)?;
            let found = team::find(tx, caller, &name)?;
            AllowedHome::Team(existing(caller, of_team, found, licence, || missing("team", &name))?)
        }
        HomeNamed::Organization(text) => {
            let name = name_of_existing("organization", text)?;
            let found = organization::find(tx, caller, &name)?;
            AllowedHome::Organization(existing(caller, of_organization, found, licence, || {
                missing("organization", &name)
            })?)
        }
    })
}

pub(super) fn account_named(tx: &impl Read, home: ServiceHome, text: &str) -> Result<(UserId, User), Error> {
    let name = name_of_existing("service account", text)?;
    let found = service_account::named(tx, &name)?.filter(|(_, account)| account.service == Some(home));
    found.ok_or_else(|| missing("service account", &name))
}

fn default_team(tx: &impl Read, at: &AllowedHome, wanted: Option<&str>) -> Result<EntityId, Error> {
    match (at, wanted) {
        (AllowedHome::Team(team), None) => Ok(team.id),
        (AllowedHome::Team(_), Some(_)) => {
            let why = "runs of a team's account go to its team; only an organization's account has a default team";
            Err(Error::invalid("default_team", &why))
        }
        (AllowedHome::Organization(_), None) => {
            let why = "an organization's account needs a default team, for runs that name no entity";
            Err(Error::invalid("default_team", &why))
        }
        (AllowedHome::Organization(organization), Some(name)) => team_of(tx, organization, name),
    }
}

/// A team of the organization, whose admins see all of its teams.
fn team_of(tx: &impl Read, organization: &Allowed<FoundOrganization>, text: &str) -> Result<EntityId, Error> {
    let unknown = || Error::invalid("default_team", &format!("team `{text}` of the organization does not exist"));
    let name = EntityName::parse(text).map_err(|_| unknown())?;
    let found = team::id_named(tx, &name)?.filter(|(_, owner)| *owner == organization.id);
    let (team, _) = found.ok_or_else(unknown)?;
    let is_there = entity::by_id(tx, team)?.is_some_and(|found| found.entity.trash.is_none());
    if is_there { Ok(team) } else { Err(unknown()) }
}

fn shown(tx: &impl Read, id: UserId, account: User) -> Result<ServiceAccount, Error> {
    let default_team = entity::name_of(tx, account.entity)?.map(|name| name.to_string()).unwrap_or_default();
    Ok(ServiceAccount { id, account, default_team })
}

fn tell(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    at: &AllowedHome,
    (id, account): (UserId, &User),
    is_new: bool,
) -> Result<(), Error> {
    use AuditAction as Action;
    let (created, deleted) = match at {
        AllowedHome::Team(_) => (Action::TeamServiceAccountCreate, Action::TeamServiceAccountDelete),
        AllowedHome::Organization(_) => {
            (Action::OrganizationServiceAccountCreate, Action::OrganizationServiceAccountDelete)
        }
    };
    let event = Event::new(if is_new { created } else { deleted });
    let event = match at {
        AllowedHome::Team(team) => event.team(team),
        AllowedHome::Organization(found) => event.organization(found),
    };
    audit::record(tx, caller, event.user(id, account).detail("service_account", &account.name))
}

/// The description as far as it can be a name, with a number behind it if somebody has it.
fn name_from(tx: &impl Read, description: &str) -> Result<EntityName, Error> {
    let plain: String =
        description.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
    let plain = match plain.trim_matches('-') {
        "" => "service-account",
        plain => plain,
    };
    let numbered = (2..TRIED_MAX).map(|number| format!("{plain}-{number}"));
    for text in std::iter::once(plain.to_owned()).chain(numbered) {
        let Ok(name) = EntityName::parse(&text) else { continue };
        if !entity::is_taken(tx, &name)? {
            return Ok(name);
        }
    }
    Err(Error::Conflict(format!("no name like `{plain}` is free; choose one")))
}

fn check_description(text: Option<&str>) -> Result<(), Error> {
    if text.is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX || text.chars().any(char::is_control)) {
        let why = format!("a description has at most {DESCRIPTION_CHARS_MAX} characters, all of them printable");
        return Err(Error::invalid("description", &why));
    }
    Ok(())
}

/// Who owns a new run: whoever makes it. A service account may say for whom it does: for a member of its own team, an
/// organization's account for one of the team that the run goes to. Anybody else it names is not listened to, and the
/// account gets nobody's rights by it.
pub(super) fn owner_of_new_run(
    tx: &impl Read,
    caller: &Caller,
    entity: EntityId,
    attribution: &Attribution,
) -> Result<Option<UserId>, Error> {
    let team = match caller.service {
        None => return Ok(caller.user_id()),
        Some(ServiceHome::Team(team)) => team,
        Some(ServiceHome::Organization(_)) => entity,
    };
    let by_name = attribution.username.as_deref().filter(|name| !name.contains('@'));
    let by_email = attribution.email.as_deref().filter(|email| email.contains('@'));
    for text in by_name.into_iter().chain(by_email) {
        let Some(person) = user::id_of(tx, text)? else { continue };
        let is_active = user::get(tx, person)?.is_some_and(|person| person.is_active());
        if is_active && team::member(tx, team, person)?.is_some() {
            return Ok(Some(person));
        }
    }
    Ok(caller.user_id())
}
