//! Taking in what a client streams into a run. What can be done outside the database is done before: one closure then
//! finds the run, checks the caller, places the lines and writes them.

mod branch;
#[cfg(test)]
mod branch_tests;
mod incoming;
mod place;
mod state;
#[cfg(test)]
mod tests;

pub use branch::{Cut, fork, rewind};
pub use place::begin_session;

use super::run::existing;
use super::{App, Error, seal};
use crate::access::{Action, Allowed, Caller};
use crate::db::DbError;
use crate::db::repo::run::{self, FoundRun, RunPath};
use crate::db::repo::stream;
use crate::db::tx::WriteTx;
use crate::domain::json::{MAX_DEPTH, Value};
use crate::domain::run::Run;
use crate::domain::stream::{RunStreams, Stream};
use incoming::Incoming;
use sha2::{Digest, Sha256};
use std::ops::Deref;
use std::sync::Arc;

/// Bodies up to here are read where they arrive: handing them to another thread would cost more.
const INLINE_BYTES: usize = 64 << 10;

/// What a request's headers say about who writes.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    /// One of several processes that write to the run at once, by the name it gives itself.
    pub async_client_id: Option<String>,
    /// The client leaves to the server what follows from the rows.
    pub derive_summary: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamReply {
    /// Somebody asked the run to stop.
    pub stopped: bool,
}

impl App {
    /// Takes in one request; when it returns, all of it is on disk. Sending it again changes nothing.
    pub async fn accept_stream<B>(
        &self,
        caller: &Caller,
        at: RunPath,
        body: B,
        from: Writer,
    ) -> Result<StreamReply, Error>
    where
        B: Deref<Target = [u8]> + Send + 'static,
    {
        let limits = self.settings.rows;
        let incoming = if body.len() <= INLINE_BYTES {
            Incoming::read(&body, &limits)?
        } else {
            let read = tokio::task::spawn_blocking(move || Incoming::read(&body, &limits)).await;
            read.map_err(|_| DbError::Unavailable("the request was given up".into()))??
        };
        let (caller, licence, settings) = (*caller, self.licence(), Arc::clone(&self.settings));
        let has_uploaded = incoming.has_uploaded;
        let accepted = self.db.write(move |tx| {
            let run = existing(tx, &caller, &at, Action::RunLog, &licence)?;
            let (stopped, streams) = accept(tx, &run, &incoming, &from)?;
            let is_due = incoming.signals.is_complete()
                || Stream::ALL.iter().any(|stream| seal::is_long(&settings, streams.of(*stream)));
            Ok::<_, Error>((run.id, stopped, is_due))
        });
        let (run, stopped, is_due) = accepted.await?;
        self.tails.add(run);
        if has_uploaded {
            self.arrivals.note_run(run);
        }
        if is_due {
            self.tails.due.notify_one();
        }
        Ok(StreamReply { stopped })
    }
}

/// The writer's name has any length, its place in a key has not.
fn writer_key(from: &Writer) -> [u8; 16] {
    let name = from.async_client_id.as_deref().unwrap_or_default();
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(name)[..16]);
    key
}

/// Whether somebody asked the run to stop, and how far its streams have come with this request.
fn accept(
    tx: &mut WriteTx<'_>,
    run: &Allowed<FoundRun>,
    incoming: &Incoming,
    from: &Writer,
) -> Result<(bool, RunStreams), Error> {
    let mut streams = run::streams(tx, run)?;
    let is_shared = run.run.is_shared || from.async_client_id.is_some();
    let mut placing = place::Placing { tx, run, streams: &mut streams };
    if is_shared {
        let key = writer_key(from);
        let mut writer = stream::writer(placing.tx, run, key)?;
        let before = writer.clone();
        placing.shared(incoming, &mut writer)?;
        if writer != before {
            stream::put_writer(tx, run, key, &writer)?;
        }
    } else {
        placing.single(incoming)?;
    }
    if let Some(summary) = &incoming.summary {
        let own = if is_shared { merged(run::summary(tx, run)?.as_deref(), summary) } else { summary.clone() };
        run::put_summary(tx, run, own)?;
    }
    let now = tx.now();
    streams.heartbeat_at = Some(now);
    streams.derives_summary |= from.derive_summary || is_shared;
    streams.removed_values += incoming.removed_values;
    streams.rejected_lines += incoming.rejected_lines;
    let next = state::after(&run.run, &incoming.signals, is_shared, streams.ended_at, now);
    if incoming.signals.is_complete() {
        streams.ended_at = Some(now);
    }
    if (next.state, next.exit_code) != (run.run.state, run.run.exit_code) {
        let changed = Run { state: next.state, exit_code: next.exit_code, ..run.run.clone() };
        run::put(tx, run, &changed)?;
    }
    stream::put_streams(tx, run, &streams)?;
    Ok((run.run.stop_requested, streams))
}

/// Each writer of a shared run sends its own keys: the others' stay.
fn merged(known: Option<&str>, own: &str) -> String {
    let parse =
        |text: &str| Value::parse(text.as_bytes(), MAX_DEPTH + 1).ok().filter(|value| value.as_object().is_some());
    let Some(mut known) = known.and_then(parse) else { return own.to_owned() };
    let Some(Value::Object(members)) = parse(own) else { return known.to_text() };
    for (key, value) in members {
        known.set(&key, value);
    }
    known.to_text()
}
