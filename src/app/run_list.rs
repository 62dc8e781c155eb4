//! Listing and counting the runs of a project.

use super::project::seen;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller};
use crate::db::repo::project::{self, FoundProject};
use crate::db::repo::run::{self, FoundRun};
use crate::domain::id::RunId;

const PAGE: usize = 1000;

/// Which runs, in which order, from where on.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// JSON text.
    pub filters: Option<String>,
    pub order: Option<String>,
    /// The position of the last run seen.
    pub after: Option<String>,
    pub limit: usize,
}

/// Some of the runs that were asked for, each with its position.
pub struct RunPage {
    pub runs: Vec<(Allowed<FoundRun>, String)>,
    pub has_more: bool,
}

impl App {
    /// Runs by creation, oldest first.
    pub async fn list_runs(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        wanted: Wanted,
    ) -> Result<RunPage, Error> {
        check(&wanted)?;
        let after = wanted.after.as_deref().map(|position| position.parse().map(RunId));
        let after = after.transpose().map_err(|_| Error::invalid("after", &"this cursor was not made here"))?;
        let (caller, licence, id, limit) = (*caller, self.licence.clone(), at.id, wanted.limit);
        let listed = self.db.read(move |tx| {
            let found = project::get(tx, &caller, id)?;
            let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else {
                return Ok(RunPage { runs: Vec::new(), has_more: false });
            };
            let after = match after {
                Some(id) => run::created_at(tx, &at, id)?.map(|created_at| (created_at, id)),
                None => None,
            };
            let mut runs = run::list(tx, &at, after, limit + 1)?;
            let has_more = runs.len() > limit;
            runs.truncate(limit);
            let runs = runs
                .into_iter()
                .map(|found| {
                    let position = found.id.to_string();
                    (found, position)
                })
                .collect();
            Ok::<_, Error>(RunPage { runs, has_more })
        });
        listed.await
    }

    pub async fn count_runs(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        filters: Option<String>,
    ) -> Result<usize, Error> {
        let (mut count, mut after) = (0, None);
        loop {
            let wanted = Wanted { filters: filters.clone(), order: None, after, limit: PAGE };
            let page = self.list_runs(caller, at, wanted).await?;
            count += page.runs.len();
            after = page.runs.last().map(|(_, position)| position.clone());
            if !page.has_more {
                return Ok(count);
            }
        }
    }
}

fn check(wanted: &Wanted) -> Result<(), Error> {
    if wanted.filters.as_deref().is_some_and(|text| !matches!(text.trim(), "" | "{}" | "null")) {
        return Err(Error::invalid("filters", &"this server does not filter runs yet"));
    }
    match wanted.order.as_deref() {
        None | Some("" | "+created_at" | "created_at") => Ok(()),
        Some(_) => Err(Error::invalid("order", &"this server orders runs by `+created_at` only so far")),
    }
}
