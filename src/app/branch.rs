//! Rewinding a run, and forking one from another: finding the runs and asking for the rights. What then happens to the
//! rows is in `stream::branch`.

use super::audit::{self, Event};
use super::project::seen;
use super::run::{FoundRun, RunPath, existing};
use super::stream::{Cut, fork, rewind};
use super::{App, Error};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::db::repo::run;
use crate::db::tx::WriteTx;
use crate::domain::audit::AuditAction;
use crate::domain::run_config::BranchPoint;

/// A fork that was prepared: whose history the new run begins with.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    parent: RunPath,
    cut: Cut,
}

impl App {
    /// Takes back everything after the step. Needs the right to delete the run.
    pub async fn rewind_run(&self, caller: &Caller, path: RunPath, step: i64) -> Result<Allowed<FoundRun>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let (at, may_read) = (path.clone(), licence);
        let found = self.db.read(move |tx| existing(tx, &caller, &at, Action::RunDelete, &may_read)).await?;
        let cut = self.plan_cut(&found, step).await?;
        let rewound = self.db.write(move |tx| {
            let found = existing(tx, &caller, &path, Action::RunDelete, &licence)?;
            let found = caller.may(Action::RunLog, found.again(), &licence)?;
            let found = rewind(tx, found, &cut)?;
            let event = Event::new(AuditAction::RunUpdate).run(&found).detail("fields", "history");
            audit::record(tx, &caller, event.detail("rewound_to_step", step))?;
            Ok::<_, Error>(caller.may(Action::RunRead, found.again(), &licence)?)
        });
        let rewound = rewound.await?;
        tracing::info!(run.id = %rewound.id, step, "rewound a run");
        Ok(rewound)
    }

    /// Prepares the fork that a new run's config asks for. `None` when the run is there already: it keeps its history.
    pub(super) async fn plan_fork(
        &self,
        caller: &Caller,
        child: &RunPath,
        point: &BranchPoint,
    ) -> Result<Option<Fork>, Error> {
        if point.run == child.run.as_str() {
            return Ok(None); // a rewound run says so in its config
        }
        let name_of_parent = point.run.clone();
        let missing = move || Error::NotFound(format!("run `{name_of_parent}` to fork from does not exist"));
        let name = crate::domain::run::RunName::parse(&point.run).map_err(|_| missing())?;
        let parent = RunPath { project: child.project.clone(), run: name };
        let (caller, licence) = (*caller, self.licence());
        let (parent_at, child_at) = (parent.clone(), child.clone());
        let found = self.db.read(move |tx| {
            // Only what the caller sees is there already: another answer would tell that the run exists.
            if seen(&caller, Action::RunRead, run::find(tx, &caller, &child_at)?, &licence)?.is_some() {
                return Ok(None);
            }
            let found = run::find(tx, &caller, &parent_at)?;
            let found = seen(&caller, Action::RunRead, found, &licence)?.ok_or_else(missing)?;
            Ok::<_, Error>(Some(found))
        });
        let Some(found) = found.await? else { return Ok(None) };
        let cut = self.plan_cut(&found, point.step).await?;
        Ok(Some(Fork { parent, cut }))
    }
}

/// Gives the new run its parent's history.
pub(super) fn carry_out(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    planned: &Fork,
    child: &Allowed<FoundRun>,
    licence: &Licence,
) -> Result<(), Error> {
    let parent = existing(tx, caller, &planned.parent, Action::RunRead, licence)?;
    fork(tx, &parent, child, &planned.cut)
}
