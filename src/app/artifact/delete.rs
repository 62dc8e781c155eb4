//! Deleting versions, one by one or with the run that logged them.

use super::edit::changeable;
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller};
use crate::app::run::{RunPath, existing};
use crate::app::{App, Error};
use crate::db::repo::artifact::{delete, draft};
use crate::domain::id::{ArtifactId, RunId};

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
            delete::delete_version(tx, &found)?;
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
                let mut deleted = 0;
                for id in ids {
                    let Some(found) = draft::find(tx, &asking, id)? else { continue };
                    delete::delete_version(tx, &asking.may(Action::ArtifactDelete, found, &licence)?)?;
                    deleted += 1;
                }
                Ok::<_, Error>((deleted, last))
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

/// `coll:v3`; a draft has only the name of its collection.
fn name_of(within: &FoundCollection, found: &FoundArtifact) -> String {
    match found.version {
        Some(version) => format!("{}:v{version}", within.collection.name),
        None => within.collection.name.to_string(),
    }
}
