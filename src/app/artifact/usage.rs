//! Runs that use artifacts.

use super::FoundArtifact;
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::gone;
use crate::app::run::{RunPath, existing};
use crate::app::{App, Error};
use crate::db::repo::artifact::{self, commit};
use crate::db::tx::Read;
use crate::domain::artifact::ArtifactState;
use crate::domain::audit::AuditAction;
use crate::domain::id::ArtifactId;

const USED_AS_BYTES_MAX: usize = 1024;

impl App {
    /// Notes that a run has used a version, also one of another team, and also when the run has ended.
    pub async fn use_artifact(
        &self,
        caller: &Caller,
        id: ArtifactId,
        run: RunPath,
        used_as: Option<String>,
    ) -> Result<Allowed<FoundArtifact>, Error> {
        if used_as.as_ref().is_some_and(|text| text.len() > USED_AS_BYTES_MAX) {
            return Err(Error::TooLarge(format!("`usedAs` has at most {USED_AS_BYTES_MAX} bytes")));
        }
        let (caller, licence) = (*caller, self.licence());
        let used = self.db.write(move |tx| {
            let run = existing(tx, &caller, &run, Action::RunLog, &licence)?;
            let found = readable_version(tx, &caller, id, &licence)?;
            commit::note_input(tx, &run, &found, used_as.clone())?;
            Ok::<_, Error>(found)
        });
        let found = used.await?;
        self.note_read(&caller, AuditAction::ArtifactRead, id.0, |event| event.artifact(&found));
        Ok(found)
    }
}

/// A committed version from whichever place lets the caller read it.
fn readable_version(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    for place in artifact::places(tx, caller, id)? {
        let Ok(found) = caller.may(Action::ArtifactRead, place, licence) else { continue };
        if found.artifact.state == ArtifactState::Committed {
            return Ok(found);
        }
    }
    Err(gone("artifact"))
}
