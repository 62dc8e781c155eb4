//! What a run's client said about its machine and program: a file that it sends when it starts.

use super::FoundRun;
use crate::access::Allowed;
use crate::app::{App, Error};
use crate::domain::json::{MAX_DEPTH, Value};
use crate::storage::ObjectKey;
use crate::storage::download::Download;
use futures_util::TryStreamExt;

/// As clients call it (wandb 0.17.9 to 0.31.0).
const FILE: &str = "wandb-metadata.json";
/// A larger one is nothing that a client wrote.
const BYTES_MAX: u64 = 1 << 20;

impl App {
    /// The object in the file; `None` when it has not arrived, or is none.
    pub async fn run_info(&self, found: &Allowed<FoundRun>) -> Result<Option<Value>, Error> {
        let files = self.run_files_named(found, vec![FILE.to_owned()]).await?;
        let Some(contents) = files.into_iter().next().map(|file| file.contents) else { return Ok(None) };
        if contents.size_bytes > BYTES_MAX {
            return Ok(None);
        }
        let store = &self.store_of(contents.owner)?;
        let download = Download::open(store, &ObjectKey::run_file(contents.object)).await?;
        let size_bytes = download.size_bytes();
        let mut text = Vec::new();
        let mut bytes = download.into_stream(0..size_bytes);
        while let Some(piece) = bytes.try_next().await? {
            text.extend_from_slice(&piece);
        }
        let read = Value::parse(&text, MAX_DEPTH).ok();
        Ok(read.filter(|value| value.as_object().is_some()))
    }
}
