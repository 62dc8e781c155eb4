//! A run's history as the files it is sealed in, for clients that read them by themselves.
//!
//! Version 0.31 keeps the files of a run by their places in the list and never asks again, so a list may only grow and a
//! file never change. None is given out while that, or the sameness of what is read, is not certain.

use super::source;
use crate::access::{Action, Allowed, Caller};
use crate::app::direct::TransferUrl;
use crate::app::transfer::PARQUET;
use crate::app::{App, Error};
use crate::db::repo::run::FoundRun;
use crate::domain::garbage::StoredObject;
use crate::domain::id::RunId;
use crate::domain::run::RunState;
use crate::domain::stream::{SealedPart, Stream};
use crate::storage::sign::Grant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetHistory {
    /// In the order of steps.
    pub urls: Vec<TransferUrl>,
    /// The first step that is in none of the files: from there on the client has to ask for rows.
    pub live_from: Option<i64>,
}

impl App {
    pub async fn parquet_history(&self, caller: &Caller, run: &Allowed<FoundRun>) -> Result<ParquetHistory, Error> {
        run.must_be(Action::RunRead);
        let id = run.id;
        let snapshot = self.db.read(move |tx| source::snapshot(tx, id, Stream::History, |_| false)).await?;
        let is_open = run.run.state.is_alive() || run.run.state == RunState::Pending;
        let is_published = !is_open
            && snapshot.state.generation == 0
            && snapshot.state.tail_lines == 0
            && are_readable_by_clients(&snapshot.parts);
        if is_published {
            let mut urls = Vec::with_capacity(snapshot.parts.len());
            for part in &snapshot.parts {
                urls.push(self.segment_url(caller, id, part).await?);
            }
            return Ok(ParquetHistory { urls, live_from: None });
        }
        let tail = snapshot.chunks.iter().filter_map(|(_, chunk)| chunk.min_step);
        let live_from = snapshot.parts.iter().map(|part| part.min_step).chain(tail).min();
        Ok(ParquetHistory { urls: Vec::new(), live_from })
    }

    /// Clients send no credentials along.
    async fn segment_url(&self, caller: &Caller, run: RunId, part: &SealedPart) -> Result<TransferUrl, Error> {
        let signed = self.fetch_url(part.owner, StoredObject::Segment(part.segment), PARQUET).await?;
        let secs = self.read_url_secs();
        let token = || TransferUrl::Token(self.token_for(caller, Grant::GetSegment(part.segment, run), secs));
        Ok(signed.unwrap_or_else(token))
    }
}

/// The client's reader shows of them what reading rows would show.
fn are_readable_by_clients(parts: &[SealedPart]) -> bool {
    let is_plain = |part: &SealedPart| part.is_lossless && !part.is_sparse && part.last_step.is_none();
    parts.iter().all(is_plain) && parts.windows(2).all(|pair| pair[0].max_step < pair[1].min_step)
}
