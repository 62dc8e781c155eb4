//! Runs of one list. The first field that asks for something reads it for its neighbours too, in one transaction, and
//! what nobody asks for is not read.

use crate::access::Allowed;
use crate::api::graphql::error::{answer_too_large, failed};
use crate::api::graphql::request::Request;
use crate::app::history::{EventFacts, HistoryFacts};
use crate::app::person::Person;
use crate::app::run::FoundRun;
use crate::domain::id::UserId;
use crate::domain::stream::RunStreams;
use async_graphql::Result;
use std::collections::HashMap;
use tokio::sync::OnceCell;

/// Runs that are read together: of a longer list the rest is read when its turn has come.
const TOGETHER: usize = 64;
/// The same for what follows from history and can be large.
const HISTORIES_TOGETHER: usize = 16;

pub(super) struct Batch {
    /// All of one project.
    runs: Vec<Allowed<FoundRun>>,
    streams: Parts<RunStreams>,
    configs: Parts<String>,
    summaries: Parts<String>,
    histories: Parts<HistoryFacts>,
    events: Parts<EventFacts>,
    owners: OnceCell<Result<HashMap<UserId, Person>>>,
}

/// One value a run, in parts that are read one by one. A failure is kept as well: nobody tries again for every run.
struct Parts<T> {
    together: usize,
    parts: Vec<OnceCell<Result<Vec<T>>>>,
}

impl<T> Parts<T> {
    fn new(runs: usize, together: usize) -> Self {
        Self { together, parts: (0..runs.div_ceil(together)).map(|_| OnceCell::new()).collect() }
    }

    /// The value of the run `at`; `read` gets the runs of its part.
    async fn get<'b, F>(
        &'b self,
        runs: &'b [Allowed<FoundRun>],
        at: usize,
        read: impl FnOnce(Vec<&'b Allowed<FoundRun>>) -> F,
    ) -> Result<&'b T>
    where
        F: Future<Output = Result<Vec<T>>>,
    {
        let part = at / self.together;
        let missing = || async_graphql::Error::new("a run is not in its own list");
        let cell = self.parts.get(part).ok_or_else(missing)?;
        let together = runs.iter().skip(part * self.together).take(self.together).collect();
        match cell.get_or_init(|| read(together)).await {
            Ok(values) => values.get(at % self.together).ok_or_else(missing),
            Err(error) => Err(error.clone()),
        }
    }
}

impl Batch {
    pub fn new(runs: Vec<Allowed<FoundRun>>) -> Self {
        let count = runs.len();
        Self {
            streams: Parts::new(count, count.max(1)),
            configs: Parts::new(count, TOGETHER),
            summaries: Parts::new(count, HISTORIES_TOGETHER),
            histories: Parts::new(count, HISTORIES_TOGETHER),
            events: Parts::new(count, HISTORIES_TOGETHER),
            owners: OnceCell::new(),
            runs,
        }
    }

    pub fn run(&self, at: usize) -> &Allowed<FoundRun> {
        &self.runs[at]
    }

    pub async fn streams<'b>(&'b self, request: &Request, at: usize) -> Result<&'b RunStreams> {
        let read = |runs: Vec<&'b _>| async move { request.app.run_streams(&runs).await.map_err(failed) };
        self.streams.get(&self.runs, at, read).await
    }

    /// JSON text.
    pub async fn config<'b>(&'b self, request: &Request, at: usize) -> Result<&'b str> {
        let read = |runs: Vec<&'b _>| async move {
            let read = request.app.run_configs(&runs, request.answer.left()).await.map_err(failed)?;
            let configs = read.ok_or_else(answer_too_large)?;
            let configs: Vec<String> =
                configs.into_iter().map(|text| text.unwrap_or_else(|| "{}".to_owned())).collect();
            request.answer.spend(configs.iter().map(String::len).sum())?;
            Ok(configs)
        };
        self.configs.get(&self.runs, at, read).await.map(String::as_str)
    }

    /// JSON text.
    pub async fn summary<'b>(&'b self, request: &Request, at: usize) -> Result<&'b str> {
        let read = |runs: Vec<&'b _>| async move {
            let summaries = request.app.summaries(&runs).await.map_err(failed)?;
            request.answer.spend(summaries.iter().map(String::len).sum())?;
            Ok(summaries)
        };
        self.summaries.get(&self.runs, at, read).await.map(String::as_str)
    }

    pub async fn history_facts<'b>(&'b self, request: &Request, at: usize) -> Result<&'b HistoryFacts> {
        let read = |runs: Vec<&'b _>| async move { request.app.history_facts(&runs).await.map_err(failed) };
        self.histories.get(&self.runs, at, read).await
    }

    pub async fn event_facts<'b>(&'b self, request: &Request, at: usize) -> Result<&'b EventFacts> {
        let read = |runs: Vec<&'b _>| async move { request.app.event_facts(&runs).await.map_err(failed) };
        self.events.get(&self.runs, at, read).await
    }

    /// `None` when the owner is no longer there.
    pub async fn owner(&self, request: &Request, at: usize) -> Result<Option<Person>> {
        let read = || async {
            let ids = self.runs.iter().filter_map(|found| found.run.owner).collect();
            let people = request.app.find_people(&request.caller, ids).await.map_err(failed)?;
            Ok(people.into_iter().map(|person| (person.id, person)).collect())
        };
        match self.owners.get_or_init(read).await {
            Ok(people) => Ok(self.runs[at].run.owner.and_then(|owner| people.get(&owner)).cloned()),
            Err(error) => Err(error.clone()),
        }
    }
}
