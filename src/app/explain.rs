//! Explaining permissions: whether somebody may do something, and why. Who asks has to be allowed to, and learns nothing of
//! what they do not see themselves.

use super::audit::{self, Event};
use super::existing::{existing, missing};
use super::project::seen;
use super::run::RunPath;
use super::{App, Error};
use crate::access::{Action, Caller, Explanation, KeyScope, Licence, Refusal, Unchecked};
use crate::db::DbError;
use crate::db::repo::project::{self, ProjectPath};
use crate::db::repo::{api_key, entity, organization, run, service_account, team, user};
use crate::db::tx::Read;
use crate::domain::audit::AuditAction;
use crate::domain::entity::EntityKind;
use crate::domain::id::UserId;
use crate::domain::name::EntityName;
use crate::domain::user::User;

/// May this person do this there?
#[derive(Debug, Clone)]
pub struct Question {
    /// User name or e-mail address, or the name of a service account.
    pub user: String,
    /// As the permission table calls it, such as `run:log`.
    pub action: String,
    /// `entity`, `entity/project` or `entity/project/runs/run`; without it the instance.
    pub on: Option<String>,
    /// Asking with a key of this scope; without one with all rights.
    pub scope: KeyScope,
}

/// The answer, and what was asked.
#[derive(Debug, Clone)]
pub struct Explained {
    pub username: String,
    /// Nobody acts in the name of somebody who was deactivated, whatever their roles.
    pub is_deactivated: bool,
    pub explanation: Explanation,
}

impl Explained {
    pub fn is_allowed(&self) -> bool {
        !self.is_deactivated && self.explanation.verdict.is_ok()
    }
}

/// What is asked about.
#[derive(Debug, Clone)]
enum Place {
    Instance,
    Entity(EntityName),
    Project(ProjectPath),
    Run(RunPath),
}

impl App {
    /// Explains; the asking is recorded.
    pub async fn explain(&self, caller: &Caller, question: Question) -> Result<Explained, Error> {
        let action = Action::named(&question.action).ok_or_else(|| unknown_action(&question.action))?;
        let place = Place::parse(question.on.as_deref())?;
        let (caller, licence, rules) = (*caller, self.licence(), self.instance_rules());
        let explained = self.db.write(move |tx| {
            let is_everywhere = caller.may(Action::AccessExplain, user::instance(), &licence).is_ok();
            place.check(tx, &caller, is_everywhere, &licence)?;
            let no_person = || missing("person", shortened(&question.user));
            let id = person_or_account(tx, &question.user)?.ok_or_else(no_person)?;
            if !is_everywhere && !place.is_known_to(tx, &caller, id)? {
                return Err(no_person());
            }
            let person = user::get(tx, id)?.ok_or_else(no_person)?;
            let asked = Caller::user(id, person.system_admin, question.scope);
            let asked = Caller { instance: rules, service: person.service, ..asked };
            let found = match action {
                Action::ApiKeyOwn => api_key::of(tx, &asked, id)?.forget(),
                _ => place.find(tx, &asked)?.ok_or_else(|| place.missing())?,
            };
            let explanation = asked.explain(action, &found, &licence);
            audit::record(tx, &caller, place.event(tx, (id, &person), &explanation)?)?;
            let is_deactivated = !person.is_active();
            Ok::<_, Error>(Explained { username: person.name.to_string(), is_deactivated, explanation })
        });
        explained.await
    }
}

impl Place {
    fn parse(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::Instance) };
        let parts: Vec<&str> = text.split('/').collect();
        let place = match parts.as_slice() {
            [entity] => EntityName::parse(entity).ok().map(Self::Entity),
            [entity, project] => ProjectPath::parse(entity, project).map(Self::Project),
            [entity, project, "runs", run] => RunPath::parse(entity, project, run).map(Self::Run),
            _ => None,
        };
        let why = "it is `entity`, `entity/project` or `entity/project/runs/run`, or left out for the whole instance";
        place.ok_or_else(|| Error::invalid("on", &why))
    }

    fn missing(&self) -> Error {
        match self {
            Self::Instance => missing("instance", ""),
            Self::Entity(name) => missing("entity", name),
            Self::Project(ProjectPath { entity, project }) => missing("project", format_args!("{entity}/{project}")),
            Self::Run(RunPath { project: ProjectPath { entity, project }, run }) => {
                missing("run", format_args!("{entity}/{project}/{run}"))
            }
        }
    }

    /// The grants of a caller here.
    fn find(&self, tx: &impl Read, caller: &Caller) -> Result<Option<Unchecked<()>>, DbError> {
        Ok(match self {
            Self::Instance => Some(user::instance().forget()),
            Self::Entity(name) => match entity::named(tx, name)?.map(|found| (found.id, found.entity.kind)) {
                Some((id, EntityKind::Team(_))) => team::get(tx, caller, id)?.map(Unchecked::forget),
                Some((_, EntityKind::Organization(id))) => organization::get(tx, caller, id)?.map(Unchecked::forget),
                Some((id, EntityKind::Person(_))) => entity::get(tx, caller, id)?.map(Unchecked::forget),
                Some((_, EntityKind::ServiceAccount(_))) | None => None,
            },
            Self::Project(at) => project::find(tx, caller, at)?.map(Unchecked::forget),
            Self::Run(at) => run::find(tx, caller, at)?.map(Unchecked::forget),
        })
    }

    /// Whether the caller may ask about this. Who may not ask about everything asks about what they see.
    fn check(&self, tx: &impl Read, caller: &Caller, is_everywhere: bool, licence: &Licence) -> Result<(), Error> {
        let missing = || self.missing();
        existing(caller, Action::AccessExplain, self.find(tx, caller)?, licence, missing)?;
        let seen_by: &[Action] = match self {
            // An admin of the organization knows of the projects whose visibility they govern.
            Self::Project(_) => &[Action::ProjectRead, Action::ProjectVisibility],
            Self::Run(_) => &[Action::RunRead],
            Self::Instance | Self::Entity(_) => return Ok(()),
        };
        if is_everywhere {
            return Ok(());
        }
        for action in seen_by {
            match seen(caller, *action, self.find(tx, caller)?, licence) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) | Err(Error::Refused(Refusal::Forbidden { .. })) => {}
                Err(other) => return Err(other),
            }
        }
        Err(missing())
    }

    fn entity(&self) -> Option<&EntityName> {
        match self {
            Self::Instance => None,
            Self::Entity(name) => Some(name),
            Self::Project(at) => Some(&at.entity),
            Self::Run(at) => Some(&at.project.entity),
        }
    }

    /// Whether the person is one of those whom an admin here may know of: to them the others do not exist.
    fn is_known_to(&self, tx: &impl Read, caller: &Caller, person: UserId) -> Result<bool, Error> {
        if caller.user_id() == Some(person) {
            return Ok(true);
        }
        let found = self.entity().map(|name| entity::named(tx, name)).transpose()?.flatten();
        let Some(found) = found else { return Ok(false) };
        match found.entity.kind {
            EntityKind::Team(organization) | EntityKind::Organization(organization) => {
                let is_member = organization::member(tx, organization, person)?.is_some();
                Ok(is_member || team::place_of(tx, found.id, person)?.is_some())
            }
            EntityKind::Person(_) | EntityKind::ServiceAccount(_) => Ok(false),
        }
    }

    fn event(&self, tx: &impl Read, (id, person): (UserId, &User), explanation: &Explanation) -> Result<Event, Error> {
        let event = Event::new(AuditAction::AccessExplain).user(id, person);
        let found = self.entity().map(|name| entity::named(tx, name)).transpose()?.flatten();
        let event = match found {
            Some(found) => event.entity(found.id, &found.entity),
            None => event,
        };
        let on = match self {
            Self::Instance | Self::Entity(_) => None,
            Self::Project(at) => Some(at.project.to_string()),
            Self::Run(at) => Some(format!("{}/runs/{}", at.project.project, at.run)),
        };
        let event = event.detail("action", explanation.action).detail("verdict", explanation.verdict.is_ok());
        Ok(on.into_iter().fold(event, |event, on| event.detail("on", on)))
    }
}

/// By user name or e-mail address, or by the name of a service account.
fn person_or_account(tx: &impl Read, text: &str) -> Result<Option<UserId>, Error> {
    if let Some(id) = user::id_of(tx, text)? {
        return Ok(Some(id));
    }
    let Ok(name) = EntityName::parse(text) else { return Ok(None) };
    Ok(service_account::named(tx, &name)?.map(|(id, _)| id))
}

fn unknown_action(text: &str) -> Error {
    let why = format!("there is no action `{}`; actions look like `run:log` or `team:member_add`", shortened(text));
    Error::invalid("action", &why)
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::World;
    use crate::db::schema::{AUDIT_PENDING, USERS};
    use crate::domain::audit::AuditRecord;

    async fn ask(world: &World, action: &str, on: &str) -> Explained {
        let (user, on) = ("ada@example.com".to_owned(), Some(on.to_owned()));
        let question = Question { user, action: action.into(), on, scope: KeyScope::Full };
        world.app.explain(&Caller::OPERATOR, question).await.unwrap()
    }

    #[tokio::test]
    async fn who_was_deactivated_may_nothing_whatever_their_roles() {
        let world = World::new().await;
        assert!(ask(&world, "run:log", "ada/p").await.is_allowed());

        let deactivated = world.app.db.write(|tx| {
            let (id, ada) = USERS.list(tx, &(), None, 1)?.pop().unwrap();
            let deactivated_at = Some(tx.now());
            Ok::<_, Error>(USERS.put(tx, &id, &User { deactivated_at, ..ada })?)
        });
        deactivated.await.unwrap();

        let explained = ask(&world, "run:log", "ada/p").await;
        assert_eq!((explained.is_allowed(), explained.explanation.verdict), (false, Ok(())));
    }

    #[tokio::test]
    async fn a_question_is_recorded_with_its_answer() {
        let world = World::new().await;
        ask(&world, "run:delete", "ada/p").await;

        let last = world.app.db.read(|tx| AUDIT_PENDING.last(tx, &()).map_err(Error::from)).await.unwrap().unwrap();

        let record: AuditRecord = serde_json::from_str(&last.1.text).unwrap();
        assert_eq!(record.action, AuditAction::AccessExplain);
        assert_eq!(record.subject.user.unwrap().email, "ada@example.com");
        assert_eq!(record.details["action"], "run:delete");
        assert_eq!((record.details["verdict"].as_str(), record.details["on"].as_str()), ("true", "p"));
    }

    #[tokio::test]
    async fn keys_are_asked_about_by_the_roles_in_all_teams() {
        let world = World::new().await;

        let explained = world.app.explain(
            &Caller::OPERATOR,
            Question { user: "ada".into(), action: "api_key:own".into(), on: None, scope: KeyScope::Full },
        );

        assert!(explained.await.unwrap().is_allowed());
    }
}
