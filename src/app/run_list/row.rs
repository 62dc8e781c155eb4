//! A run with what a query needs of it, read in one go.

use crate::access::Allowed;
use crate::app::{App, Error};
use crate::db::repo::run::{self, FoundRun};
use crate::db::tx::Read;
use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::run_query::{Needs, RunView};
use crate::domain::stream::RunStreams;
use std::sync::Arc;

/// Runs whose histories are looked into together: what follows from them can be large, so it is made for a few, looked
/// at, and let go.
pub(super) const HISTORIES_AT_ONCE: usize = 16;

pub(super) struct Row {
    pub found: Allowed<FoundRun>,
    pub username: Option<Arc<str>>,
    heartbeat_at: Option<Timestamp>,
    config: Option<String>,
    summary: Option<String>,
    /// The client leaves some of the summary to the server, and the query asks for it.
    derives_summary: bool,
    history_keys: Option<String>,
}

impl Row {
    /// `username` says what the owner is called.
    pub fn read(
        tx: &impl Read,
        found: Allowed<FoundRun>,
        needs: Needs,
        username: impl FnOnce(UserId) -> Result<Option<Arc<str>>, Error>,
    ) -> Result<Self, Error> {
        let username = found.run.owner.filter(|_| needs.username).map(username).transpose()?.flatten();
        let streams = if needs.heartbeat || needs.summary { run::streams(tx, &found)? } else { RunStreams::default() };
        Ok(Self {
            username,
            heartbeat_at: streams.heartbeat_at,
            config: if needs.config { run::config(tx, &found)? } else { None },
            summary: if needs.summary { run::summary(tx, &found)? } else { None },
            derives_summary: needs.summary && streams.derives_summary,
            history_keys: None,
            found,
        })
    }

    pub fn view(&self) -> RunView<'_> {
        RunView {
            id: self.found.id,
            run: &self.found.run,
            entity: self.found.at.entity.entity.name.as_str(),
            project: self.found.at.project.name.as_str(),
            username: self.username.as_deref(),
            heartbeat_at: self.heartbeat_at,
            config: self.config.as_deref(),
            summary: self.summary.as_deref(),
            history_keys: self.history_keys.as_deref(),
        }
    }

    /// Of its texts.
    pub fn bytes(&self) -> usize {
        let run = &self.found.run;
        let texts = [&self.config, &self.summary, &run.notes, &run.description];
        texts.into_iter().flatten().map(String::len).sum()
    }

    /// Whether something of it follows from history, and has to be put in.
    pub fn wants_history(&self, needs: Needs) -> bool {
        needs.history_keys || self.derives_summary
    }
}

impl App {
    /// Puts in what history has to say: summaries where the rows decide them, and the keys that were logged.
    pub(super) async fn add_history(&self, mut rows: Vec<&mut Row>, needs: Needs) -> Result<(), Error> {
        let derived: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].derives_summary).collect();
        if !derived.is_empty() {
            let of_derived: Vec<&Allowed<FoundRun>> = derived.iter().map(|at| &rows[*at].found).collect();
            let summaries = self.summaries(&of_derived).await?;
            for (at, summary) in derived.into_iter().zip(summaries) {
                rows[at].summary = Some(summary);
            }
        }
        if needs.history_keys {
            let runs: Vec<&Allowed<FoundRun>> = rows.iter().map(|row| &row.found).collect();
            let facts = self.history_facts(&runs).await?;
            for (row, facts) in rows.iter_mut().zip(facts) {
                row.history_keys = Some(facts.history_keys());
            }
        }
        Ok(())
    }
}
