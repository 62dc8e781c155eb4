//! Deleting versions, one by one or with the run that logged them.

use super::edit::changeable;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller};
use crate::app::audit::{self, Event};
use crate::app::run::{RunPath, existing};
use crate::app::{App, Error};
use crate::db::repo::artifact::{delete, draft};
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::id::{ArtifactId, RunId};
use std::collections::BTreeMap;

/// Versions deleted in one transaction: others wait behind it.
const VERSIONS_AT_ONCE: usize = 100;

impl App {
    /// Deletes a version, wherever it is linked. While it has aliases that takes `with_aliases`.
    pub async fn delete_artifact(
        &self,
        caller: &Caller,
        id: ArtifactId,
        with_aliases: bool,
    ) -> Result<Allowed<FoundArtifact>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let deleted = self.db.write(move |tx| {
            let found = changeable(tx, &caller, id, Action::ArtifactDelete, &licence)?;
            let aliases = if with_aliases { Vec::new() } else { delete::aliases_of(tx, &found)? };
            if !aliases.is_empty() {
                return Err(Error::Conflict(format!(
                    "`{}` has aliases (`{}`); delete these first, or delete it with `delete_aliases=True`",
                    name_of(&found.within, &found),
                    aliases.join("`, `")
                )));
            }
            delete_recorded(tx, &caller, std::slice::from_ref(&found))?;
            Ok::<_, Error>(found)
        });
        let deleted = deleted.await?;
        tracing::info!(artifact.id = %id, "deleted an artifact version");
        Ok(deleted)
    }

    /// Deletes what the run has logged and no other run has, links included. Says how many versions that were.
    pub async fn delete_artifacts_of_run(&self, caller: &Caller, path: RunPath) -> Result<usize, Error> {
        let (asking, licence) = (*caller, self.licence());
        // Both rights first: either everything is deleted or nothing.
        let run = self.db.read(move |tx| {
            let found = existing(tx, &asking, &path, Action::RunDelete, &licence)?;
            let at = found.map(|found| (found.at.clone(), found.id));
            Ok::<_, Error>(asking.may(Action::ArtifactDelete, at.again(), &licence)?.1)
        });
        self.delete_logged_by(caller, run.await?).await
    }

    async fn delete_logged_by(&self, caller: &Caller, run: RunId) -> Result<usize, Error> {
        let (mut count, mut after) = (0, None);
        loop {
            let (asking, licence) = (*caller, self.licence());
            let portion = self.db.write(move |tx| {
                let (ids, last) = delete::logged_by_alone(tx, run, after, VERSIONS_AT_ONCE)?;
                let mut versions = Vec::new();
                for id in ids {
                    let Some(found) = draft::find(tx, &asking, id)? else { continue };
                    versions.push(asking.may(Action::ArtifactDelete, found, &licence)?);
                }
                delete_recorded(tx, &asking, &versions)?;
                Ok::<_, Error>((versions.len(), last))
            });
            let (deleted, last) = portion.await?;
            count += deleted;
            after = last;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}

/// Deletes versions or drafts and writes down who did it, once for each project that they were in.
pub(super) fn delete_recorded(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    versions: &[Allowed<FoundArtifact>],
) -> Result<(), Error> {
    let mut by_project = BTreeMap::new();
    for found in versions {
        delete::delete_version(tx, found)?;
        by_project.entry(found.within.at.id).or_insert_with(Vec::new).push(found);
    }
    for (id, versions) in by_project {
        let event = Event::new(AuditAction::ArtifactDelete);
        let event = match versions.as_slice() {
            [found] => event.artifact(found),
            several => {
                let names: Vec<String> = several.iter().map(|found| name_of(&found.within, found)).collect();
                let project = &several[0].within.at.project;
                event.project(id, project).many("artifacts", names.iter().map(String::as_str))
            }
        };
        audit::record(tx, caller, event)?;
    }
    Ok(())
}

/// `coll:v3`; a draft has only the name of its collection.
fn name_of(within: &FoundCollection, found: &FoundArtifact) -> String {
    match found.version {
        Some(version) => format!("{}:v{version}", within.collection.name),
        None => within.collection.name.to_string(),
    }
}
