//! The `serve` command as an operator meets it: the real binary on a free port.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_weighhouse");

/// A running server that is killed at the end of its test.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(directory: &Path) -> Self {
        let ready = directory.join("ready.json");
        let process = serve(directory).arg("--ready-file").arg(&ready).stderr(Stdio::null()).spawn().unwrap();
        let url = wait_for(|| {
            let text = std::fs::read_to_string(&ready).ok()?;
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["pid"], process.id());
            Some(parsed["url"].as_str().unwrap().to_owned())
        });
        std::fs::remove_file(ready).unwrap();
        Self { process, url }
    }

    fn get(&self, path: &str) -> u16 {
        ureq::get(format!("{}{path}", self.url)).call().unwrap().status().as_u16()
    }

    fn terminate(mut self) -> bool {
        Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status().unwrap();
        self.process.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn serve(directory: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.join("data"));
    command
}

/// Looks until there is an answer; a minute without one is a failure.
fn wait_for<R>(mut look: impl FnMut() -> Option<R>) -> R {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing happened within a minute");
        std::thread::yield_now();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_answers_stops_on_sigterm_and_starts_again() {
    let directory = tempfile::tempdir().unwrap();

    for _ in 0..2 {
        let server = Server::start(directory.path());
        assert_eq!(server.get("/healthz"), 200);
        assert_eq!(server.get("/ready"), 200);
        assert!(server.terminate());
    }
}

#[test]
fn a_killed_server_starts_again() {
    let directory = tempfile::tempdir().unwrap();
    drop(Server::start(directory.path()));

    let server = Server::start(directory.path());

    assert_eq!(server.get("/ready"), 200);
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::start(directory.path());

    let second = serve(directory.path()).output().unwrap();

    assert!(!second.status.success());
    assert!(text(&second).contains(&format!("in use by process {}", first.process.id())), "{}", text(&second));
}

#[test]
fn an_unknown_setting_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("weighhouse.toml");
    std::fs::write(&file, "[server]\nlisten_on = \"127.0.0.1:1\"\n").unwrap();

    let refused = Command::new(BINARY).args(["check-config", "--config"]).arg(&file).output().unwrap();

    assert!(!refused.status.success());
    assert!(text(&refused).contains("server.listen_on"), "{}", text(&refused));
}
