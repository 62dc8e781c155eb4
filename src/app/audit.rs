//! Writing the audit log: each record in the transaction of the change that it tells of.

use super::Error;
use crate::access::{Caller, Principal};
use crate::db::repo::{audit, user};
use crate::db::tx::{Read, WriteTx};
use crate::domain::audit::{Actor, ArtifactSubject, AuditAction, AuditRecord, Subject, UserSubject};
use crate::domain::entity::Entity;
use crate::domain::id::{EntityId, ProjectId, UserId};
use crate::domain::project::Project;
use crate::domain::user::User;
use std::collections::BTreeMap;

const DONE: u16 = 200;

/// What is to be written of a change.
#[derive(Debug, Clone)]
pub(super) struct Event {
    action: AuditAction,
    status: u16,
    subject: Subject,
    details: BTreeMap<String, String>,
}

impl Event {
    pub fn new(action: AuditAction) -> Self {
        Self { action, status: DONE, subject: Subject::default(), details: BTreeMap::new() }
    }

    /// For what was refused: the status that the actor is answered with.
    pub fn refused_with(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn entity(mut self, id: EntityId, entity: &Entity) -> Self {
        self.subject.entity = Some((id, entity.name.to_string()));
        self
    }

    pub fn project(mut self, id: ProjectId, project: &Project) -> Self {
        self.subject.project = Some((id, project.name.to_string()));
        self
    }

    pub fn artifact(mut self, artifact: ArtifactSubject) -> Self {
        self.subject.artifact = Some(artifact);
        self
    }

    pub fn user(mut self, id: UserId, user: &User) -> Self {
        self.subject.user = Some(UserSubject { id, email: user.email.clone() });
        self
    }

    /// What changed, or what it was changed to. Never a secret.
    pub fn detail(mut self, field: &str, value: impl ToString) -> Self {
        self.details.insert(field.to_owned(), value.to_string());
        self
    }
}

/// Writes the record into the caller's transaction: it is there if and only if the change is.
pub(super) fn record(tx: &mut WriteTx<'_>, caller: &Caller, event: Event) -> Result<(), Error> {
    let Event { action, status, subject, details } = event;
    let (at, origin) = (tx.now(), caller.origin);
    let actor = actor(tx, caller)?;
    Ok(audit::put(tx, &AuditRecord { at, action, actor, origin, status, subject, details })?)
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
