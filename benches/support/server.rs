//! The server under measurement: the binary that cargo built, as a child, with a fresh directory on a real disk.

use super::client::Account;
use super::files::require_disk;
use super::http::{Connection, request};
use anyhow::{Context, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_weighhouse");
const USERNAME: &str = "bench";
const START_DEADLINE: Duration = Duration::from_secs(60);
const LOG_LINES: usize = 20;

pub struct Server {
    process: Child,
    directory: TempDir,
    pub address: SocketAddr,
}

/// Starts a server with its default settings, measures it, and stops it. An error carries the end of the server's log.
pub fn with_server<R>(measure: impl FnOnce(&Server) -> anyhow::Result<R>) -> anyhow::Result<R> {
    let server = Server::start()?;
    let measured = measure(&server).map_err(|error| anyhow!("{error:#}{}", server.log_end()))?;
    server.stop()?;
    Ok(measured)
}

/// A directory under the build directory, removed when dropped.
pub fn fresh_directory() -> anyhow::Result<TempDir> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(parent)?;
    require_disk(parent)?;
    // Short, for the admin socket's path inside it must not pass 107 bytes.
    Ok(tempfile::Builder::new().prefix("b").tempdir_in(parent)?)
}

/// `weighhouse serve` with its data in `directory`, not started yet; its log goes to a file there.
pub fn serve_command(directory: &Path, listen: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--listen", listen, "--data-dir"]).arg(directory.join("data"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(directory.join("log"))?);
    Ok(command)
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let directory = fresh_directory()?;
        let ready = directory.path().join("ready.json");
        let process = serve_command(directory.path(), "127.0.0.1:0")?.arg("--ready-file").arg(&ready).spawn()?;
        // Made before it is ready, so that it is ended whatever happens.
        let mut server = Self { process, directory, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let deadline = Instant::now() + START_DEADLINE;
        while !ready.exists() {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended while it started ({status}){}", server.log_end());
            }
            ensure!(Instant::now() < deadline, "the server is not ready after a minute{}", server.log_end());
            std::thread::sleep(Duration::from_millis(2));
        }
        let told: Value = serde_json::from_slice(&fs::read(&ready)?)?;
        let url = told["url"].as_str().context("the ready file has no url")?;
        server.address = url.strip_prefix("http://").context("the server does not speak plain HTTP")?.parse()?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A new person with an API key, made as an operator makes one.
    pub fn create_account(&self) -> anyhow::Result<Account> {
        let person = json!({ "username": USERNAME, "email": "bench@example.com" }).to_string();
        let mut admin = Connection::open_unix(&self.data_dir().join("admin.sock"))?;
        let answer = admin.exchange(&request("POST", "/api/v1/users", None, person.as_bytes()))?;
        let made: Value = serde_json::from_slice(answer.expect(201).context("cannot create a person")?)?;
        let key = made["api_key"].as_str().context("the new person has no API key")?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("api:{key}")));
        Ok(Account { entity: USERNAME.to_owned(), authorization })
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("; the end of its log:\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    /// A server that does not stop in order has failed, whatever it measured.
    fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::TERM).context("cannot stop the server")?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the server stopped with {status}{}", self.log_end());
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
