//! Writing the audit log: each record in the transaction of the change that it tells of. Linking the records, reading
//! them, and noting what was only read are in files of their own.

/// Linking records, and checking the chain.
mod chain;
/// Reading the log.
pub mod log;
/// Noting what was only read.
mod reads;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::log_a_version;

pub use chain::CheckedLog;
pub(super) use reads::Reads;

use super::Error;
use super::artifact::FoundArtifact;
use super::run::FoundRun;
use crate::access::{Caller, Principal};
use crate::db::repo::organization::FoundOrganization;
use crate::db::repo::team::FoundTeam;
use crate::db::repo::{audit, entity, user};
use crate::db::schema::ENTITIES;
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::{Actor, ArtifactSubject, AuditAction, AuditRecord, EntitySubject, Subject, UserSubject};
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::{EntityId, OrganizationId, ProjectId, UserId};
use crate::domain::project::Project;
use crate::domain::user::User;
use std::collections::BTreeMap;

const DONE: u16 = 200;
/// So many names are in a record of what was done to many things; the count says how many there were.
const NAMES_TOLD: usize = 20;

/// What is to be written of a change.
#[derive(Debug, Clone)]
pub(super) struct Event {
    action: AuditAction,
    status: u16,
    subject: Subject,
    /// The entity of the project, when nothing else was said.
    entity: Option<EntityId>,
    /// Once the entity is known.
    organization: Option<OrganizationId>,
    details: BTreeMap<String, String>,
}

impl Event {
    pub fn new(action: AuditAction) -> Self {
        let (subject, details) = (Subject::default(), BTreeMap::new());
        Self { action, status: DONE, subject, entity: None, organization: None, details }
    }

    /// For what was refused: the status that the actor is answered with.
    pub fn refused_with(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn entity(mut self, id: EntityId, entity: &Entity) -> Self {
        let is_personal = matches!(entity.kind, EntityKind::Person(_));
        self.subject.entity = Some(EntitySubject { id, name: entity.name.to_string(), is_personal });
        self.organization = match entity.kind {
            EntityKind::Team(organization) | EntityKind::Organization(organization) => Some(organization),
            EntityKind::Person(_) | EntityKind::ServiceAccount(_) => None,
        };
        self
    }

    pub fn team(self, team: &FoundTeam) -> Self {
        self.entity(team.id, &team.entity)
    }

    pub fn organization(mut self, found: &FoundOrganization) -> Self {
        let (id, name) = (found.organization.entity, found.organization.name.to_string());
        self.subject.entity = Some(EntitySubject { id, name, is_personal: false });
        self.organization = Some(found.id);
        self
    }

    /// The entity that the project is in is found by it.
    pub fn project(mut self, id: ProjectId, project: &Project) -> Self {
        self.subject.project = Some((id, project.name.to_string()));
        self.entity = Some(project.entity);
        self
    }

    pub fn run(self, found: &FoundRun) -> Self {
        self.project(found.at.id, &found.at.project).detail("runs", &found.run.name)
    }

    /// A version, in the project through which it was reached.
    pub fn artifact(mut self, found: &FoundArtifact) -> Self {
        let within = &found.within;
        let at = &within.at;
        let version = found.version.map_or_else(String::new, |version| format!(":v{version}"));
        self.subject.artifact = Some(ArtifactSubject {
            id: found.id,
            collection: within.id,
            digest: found.artifact.digest.clone(),
            qualified_name: format!(
                "{}/{}/{}{version}",
                at.entity.entity.name, at.project.name, within.collection.name
            ),
        });
        self.entity(at.entity.id, &at.entity.entity).project(at.id, &at.project)
    }

    pub fn user(mut self, id: UserId, user: &User) -> Self {
        self.subject.user = Some(UserSubject { id: Some(id), email: user.email.clone() });
        self
    }

    /// Somebody of whom only the address is known.
    pub fn email(mut self, email: &str) -> Self {
        self.subject.user = Some(UserSubject { id: None, email: email.to_owned() });
        self
    }

    /// What changed, or what it was changed to. Never a secret. What a reader who is to recognize nobody may see of it
    /// is listed in `domain::audit`.
    #[expect(clippy::needless_pass_by_value, reason = "a call reads better without a borrow before each value")]
    pub fn detail(mut self, field: &str, value: impl ToString) -> Self {
        self.details.insert(field.to_owned(), value.to_string());
        self
    }

    /// What somebody's role was and is; `none` for who is no member.
    pub fn role(self, before: Option<&str>, after: Option<&str>) -> Self {
        self.detail("role_before", before.unwrap_or("none")).detail("role", after.unwrap_or("none"))
    }

    /// Many things that it was done to: how many, and the names of the first ones.
    pub fn many<'n>(self, field: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let (mut told, mut count) = (Vec::new(), 0);
        for name in names {
            count += 1;
            told.extend((count <= NAMES_TOLD).then_some(name));
        }
        self.detail(field, told.join(", ")).detail("count", count)
    }
}

/// Writes the record into the caller's transaction: it is there if and only if the change is.
pub(super) fn record(tx: &mut WriteTx<'_>, caller: &Caller, mut event: Event) -> Result<(), Error> {
    if let (None, Some(id)) = (&event.subject.entity, event.entity)
        && let Some(entity) = ENTITIES.get(tx, &id)?
    {
        event = event.entity(id, &entity);
    }
    let organizations = organizations(tx, &event)?;
    let Event { action, status, subject, details, .. } = event;
    let (at, origin) = (tx.now(), caller.origin);
    let actor = actor(tx, caller)?;
    Ok(audit::put(tx, &AuditRecord { at, action, actor, origin, status, subject, organizations, details })?)
}

/// That of the entity. What concerns a person alone belongs to all organizations that they are in.
fn organizations(tx: &impl Read, event: &Event) -> Result<Vec<OrganizationId>, Error> {
    let person = event.subject.user.as_ref().and_then(|user| user.id);
    match (&event.subject.entity, person) {
        (None, Some(person)) => Ok(entity::organizations_of(tx, person)?),
        _ => Ok(event.organization.into_iter().collect()),
    }
}

fn actor(tx: &impl Read, caller: &Caller) -> Result<Actor, Error> {
    Ok(match caller.principal {
        Principal::User { id, .. } => {
            let email = user::get(tx, id)?.map_or_else(String::new, |user| user.email);
            Actor::User { id, email }
        }
        Principal::Operator => Actor::Operator,
        Principal::System => Actor::System,
        Principal::Anonymous => Actor::Anonymous,
    })
}
