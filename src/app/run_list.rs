//! Listing and counting the runs of a project, with the filters and orders of the client's `Api().runs`.
//! All runs by creation are a walk along the database's index that stops when the page is full; a list by names looks the
//! names up. Everything else is answered from columns in memory (`index`), and where these would be too large, by
//! reading all runs of the project for each page (`scan`).

mod columns;
mod index;
#[cfg(test)]
mod index_tests;
mod marks;
mod row;
mod scan;
#[cfg(test)]
mod tests;

use super::project::seen;
use super::{App, Error};
use crate::access::{Action, Allowed, Caller};
use crate::db::repo::project::{self, FoundProject};
use crate::db::repo::run::{self, ByCreation, FoundRun};
use crate::domain::id::ProjectId;
use crate::domain::run_query::{Position, RunFilter, RunOrder, RunQuery};
use scan::{Candidates, Scan};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use index::RunIndexes;

/// Which runs, in which order, from where on.
#[derive(Debug, Clone, Default)]
pub struct RunListing {
    /// JSON text.
    pub filters: Option<String>,
    /// `+key`, `-key` or `key`; creation, oldest first, when there is none.
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
    /// Runs of the project. Positions stay good while runs are added and change: a list goes on behind the values that
    /// the last run had when it was listed.
    pub async fn list_runs(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        wanted: RunListing,
    ) -> Result<RunPage, Error> {
        let filter = parse_filter(wanted.filters.as_deref())?;
        let order = RunOrder::parse(wanted.order.as_deref()).map_err(|why| Error::invalid("order", &why))?;
        let read_position = |text: &str| {
            let unknown = || Error::invalid("after", &"this cursor was not made by a list in this order");
            order.parse_position(text).ok_or_else(unknown)
        };
        let after = wanted.after.as_deref().map(read_position).transpose()?;
        let query = Arc::new(RunQuery::new(filter, order));
        let (project, limit) = (at.id, wanted.limit);
        if let Some(names) = names(&query) {
            let scan = Scan::new(self, caller, project, &query, Candidates::Names(names));
            return least(scan, after, limit).await;
        }
        if query.order().field().is_none() && query.filter().is_all() {
            let after = after.map(|place| (place.created_at, place.id));
            let by = ByCreation { newest_first: query.order().is_descending(), after };
            return first(Scan::new(self, caller, project, &query, Candidates::Creation(by)), limit).await;
        }
        let mut after = after;
        loop {
            let wanted = limit.saturating_add(1);
            let Some(mut places) = self.first_by_index(caller, project, &query, after.clone(), wanted).await? else {
                return self.list_by_scan(caller, project, &query, after, limit).await;
            };
            let has_more = places.len() > limit;
            places.truncate(limit);
            let Some(last) = places.last().cloned() else { return Ok(RunPage { runs: Vec::new(), has_more }) };
            let runs = self.runs_at(caller, project, places).await?;
            // All of them were deleted just now: a page without runs has no cursor to go on from.
            if runs.is_empty() && has_more {
                after = Some(last);
                continue;
            }
            return Ok(RunPage { runs, has_more });
        }
    }

    /// Reads every run of the project.
    async fn list_by_scan(
        &self,
        caller: &Caller,
        project: ProjectId,
        query: &Arc<RunQuery>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<RunPage, Error> {
        let all = Candidates::Creation(ByCreation::default());
        least(Scan::new(self, caller, project, query, all), after, limit).await
    }

    /// The runs at these places. One that was deleted just now is left out.
    async fn runs_at(
        &self,
        caller: &Caller,
        id: ProjectId,
        places: Vec<Position>,
    ) -> Result<Vec<(Allowed<FoundRun>, String)>, Error> {
        let (caller, licence) = (*caller, self.licence());
        let read = self.db.read(move |tx| {
            let found = project::get(tx, &caller, id)?;
            let Some(at) = seen(&caller, Action::RunRead, found, &licence)? else { return Ok(Vec::new()) };
            let mut runs = Vec::with_capacity(places.len());
            for place in places {
                runs.extend(run::listed(tx, &at, place.id)?.map(|found| (found, place.to_text())));
            }
            Ok::<_, Error>(runs)
        });
        read.await
    }

    /// How many runs of the project match.
    pub async fn count_runs(
        &self,
        caller: &Caller,
        at: &Allowed<FoundProject>,
        filters: Option<String>,
    ) -> Result<usize, Error> {
        let filter = parse_filter(filters.as_deref())?;
        let query = Arc::new(RunQuery::new(filter, RunOrder::default()));
        let candidates = match names(&query) {
            Some(names) => Candidates::Names(names),
            None => match self.count_by_index(caller, at.id, &query).await? {
                Some(count) => return Ok(count),
                None => Candidates::Creation(ByCreation::default()),
            },
        };
        let mut scan = Scan::new(self, caller, at.id, &query, candidates);
        let mut count = 0;
        while let Some(matching) = scan.next(usize::MAX).await? {
            count += matching.len();
        }
        Ok(count)
    }
}

fn parse_filter(text: Option<&str>) -> Result<RunFilter, Error> {
    RunFilter::parse(text.unwrap_or_default()).map_err(|why| Error::invalid("filters", &why))
}

fn names(query: &RunQuery) -> Option<Vec<String>> {
    query.filter().names().map(|names| names.into_iter().map(str::to_owned).collect())
}

/// The first runs that the scan finds.
async fn first(mut scan: Scan, limit: usize) -> Result<RunPage, Error> {
    let mut runs: Vec<(Position, Allowed<FoundRun>)> = Vec::new();
    while runs.len() <= limit {
        let missing = limit.saturating_add(1) - runs.len();
        let Some(matching) = scan.next(missing).await? else { break };
        runs.extend(matching);
    }
    Ok(page(runs, limit))
}

/// The runs that come first in the order, of all behind `after` that the scan finds.
async fn least(mut scan: Scan, after: Option<Position>, limit: usize) -> Result<RunPage, Error> {
    let mut runs: BTreeMap<Position, Allowed<FoundRun>> = BTreeMap::new();
    while let Some(matching) = scan.next(usize::MAX).await? {
        for (place, found) in matching {
            if after.as_ref().is_some_and(|after| place <= *after) {
                continue;
            }
            runs.insert(place, found);
            // One more than the page holds says whether there are more.
            if runs.len() > limit.saturating_add(1) {
                runs.pop_last();
            }
        }
    }
    Ok(page(runs.into_iter().collect(), limit))
}

fn page(mut runs: Vec<(Position, Allowed<FoundRun>)>, limit: usize) -> RunPage {
    let has_more = runs.len() > limit;
    runs.truncate(limit);
    RunPage { runs: runs.into_iter().map(|(place, found)| (found, place.to_text())).collect(), has_more }
}
