//! What a server makes of requests that are wrong, hostile or odd, over HTTP to the real binary: a refusal with a
//! sentence, bounded memory, nothing half-written, and a normal answer to the next normal request.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

#[path = "it_bad_input/bodies.rs"]
mod bodies;
#[path = "it_bad_input/file_stream.rs"]
mod file_stream;
#[path = "it_bad_input/files.rs"]
mod files;
#[path = "it_bad_input/graphql.rs"]
mod graphql;

use harness::http::Answer;
use harness::server::{Account, Server};
use serde_json::json;
use std::time::Instant;
use tempfile::TempDir;

const PROJECT: &str = "p";
const RUN: &str = "r";
/// What a person reads of a refusal is a sentence, not a page.
const MESSAGE_BYTES: std::ops::RangeInclusive<usize> = 5..=1200;

/// A server with one person and one run.
struct World {
    server: Server,
    account: Account,
    directory: TempDir,
}

impl World {
    fn new(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path(), settings);
        let account = server.create_account("ada");
        server.create_run(&account, PROJECT, RUN);
        Self { server, account, directory }
    }

    /// One file_stream request to the run.
    fn stream(&self, body: &[u8]) -> Answer {
        self.server.stream(&self.account, PROJECT, RUN, body)
    }

    fn post(&self, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        self.server.ask("POST", path, &[&self.account.headers()[..], more].concat(), body)
    }

    /// Numbers of lines of the run: history, events, console.
    fn lines(&self) -> [u64; 3] {
        self.server.line_counts(&self.account, PROJECT, RUN)
    }

    /// The run takes the next line, whatever came before, and has exactly one line more.
    fn assert_goes_on(&self, why: &str) {
        let [lines, events, console] = self.lines();
        let row = json!({ "offset": lines, "content": [format!("{{\"_step\":{lines}}}")] });
        let answer = self.stream(json!({ "files": { "wandb-history.jsonl": row } }).to_string().as_bytes());
        assert_eq!(answer.status, 200, "after {why}: {}", answer.text());
        assert_eq!(self.lines(), [lines + 1, events, console], "after {why}");
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, statuses: &[u16], what: &str) {
    let text = answer.text();
    let shown = &text[..text.floor_char_boundary(300)];
    assert!(statuses.contains(&answer.status), "{what}: {} instead of {statuses:?}: {shown}", answer.status);
    assert!(MESSAGE_BYTES.contains(&answer.message().len()), "{what}: no sentence in {shown}");
}

/// The server answers others while it is busy with one, so nothing may keep it busy for long.
#[track_caller]
fn assert_quick(began: Instant, what: &str) {
    assert!(began.elapsed().as_secs() < 20, "{what} took {:?}", began.elapsed());
}
