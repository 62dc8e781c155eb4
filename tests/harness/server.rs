//! The real binary as a child, on a free port, with its log in a file. It is killed when it is dropped.

use super::http::{Answer, Connection, basic, request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A server that is not ready by then has failed.
const START_DEADLINE: Duration = Duration::from_secs(60);

pub struct Server {
    process: Child,
    directory: PathBuf,
    pub address: SocketAddr,
    /// From the start of the process until it could be asked.
    pub ready_after: Duration,
}

/// A server's child process that may not be ready yet.
pub struct Starting {
    process: Child,
    directory: PathBuf,
    started: Instant,
}

/// Somebody with an API key.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    pub key: String,
    /// The header's value.
    pub authorization: String,
}

impl Starting {
    /// `settings` are names as in the environment, without their beginning: `DATABASE__MIN_FREE_MIB`.
    /// The data is in `directory/data`, the log in `directory/log`.
    pub fn spawn(directory: &Path, settings: &[(&str, &str)]) -> Self {
        let _none_there = fs::remove_file(directory.join("ready.json"));
        let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighhouse"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.join("data"));
        command.arg("--ready-file").arg(directory.join("ready.json"));
        command.envs(settings.iter().map(|(name, value)| (format!("WEIGHHOUSE__{name}"), value)));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { process, directory: directory.to_owned(), started: Instant::now() }
    }

    pub fn until_ready(mut self) -> Server {
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the server ended while it started ({status}):\n{}", log_end(&self.directory));
            }
            if let Ok(text) = fs::read(self.directory.join("ready.json")) {
                let ready: Value = serde_json::from_slice(&text).unwrap();
                let address = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
                let ready_after = self.started.elapsed();
                return Server { process: self.process, directory: self.directory, address, ready_after };
            }
            assert!(self.started.elapsed() < START_DEADLINE, "not ready:\n{}", log_end(&self.directory));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Server {
    pub fn start(directory: &Path, settings: &[(&str, &str)]) -> Self {
        Starting::spawn(directory, settings).until_ready()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and how the process then ended.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }

    /// Has the process ended by itself?
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// All that was logged since the directory is there.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// The most that was ever resident; the kernel keeps it, so that no moment is missed.
    pub fn peak_rss_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap()
    }

    /// One request over a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().exchange(&request(method, path, headers, body)).unwrap()
    }

    /// One request through the admin socket.
    pub fn ask_as_operator(&self, method: &str, path: &str, body: &Value) -> Answer {
        let mut connection = Connection::open_unix(&self.data().join("admin.sock")).unwrap();
        let headers = [("Content-Type", "application/json")];
        connection.exchange(&request(method, path, &headers, body.to_string().as_bytes())).unwrap()
    }

    /// A new person, made as an operator makes one.
    pub fn create_account(&self, name: &str) -> Account {
        let person = json!({ "username": name, "email": format!("{name}@example.com") });
        let made = self.ask_as_operator("POST", "/api/v1/users", &person);
        assert_eq!(made.status, 201, "{}", made.text());
        let key = made.json()["api_key"].as_str().unwrap().to_owned();
        Account { name: name.to_owned(), authorization: basic(&key), key }
    }

    /// A GraphQL request; the answer with whatever status it has.
    pub fn graphql(&self, account: &Account, query: &str, variables: &Value) -> Answer {
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.ask("POST", "/graphql", &account.headers(), body.as_bytes())
    }

    /// A GraphQL request that has to succeed: its `data`.
    pub fn query(&self, account: &Account, query: &str, variables: &Value) -> Value {
        let answer = self.graphql(account, query, variables);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].take()
    }

    pub fn create_run(&self, account: &Account, project: &str, run: &str) {
        let made = self.query(account, UPSERT_RUN, &account.variables(project, run));
        assert_eq!(made["upsertBucket"]["bucket"]["name"], run, "{made}");
    }

    /// One file_stream request.
    pub fn stream(&self, account: &Account, project: &str, run: &str, body: &[u8]) -> Answer {
        self.ask("POST", &account.stream_path(project, run), &account.headers(), body)
    }

    /// Numbers of lines: history, events, console.
    pub fn line_counts(&self, account: &Account, project: &str, run: &str) -> [u64; 3] {
        let data = self.query(account, LINE_COUNTS, &account.variables(project, run));
        let run = &data["project"]["run"];
        ["historyLineCount", "eventsLineCount", "logLineCount"].map(|field| run[field].as_u64().unwrap())
    }

    /// Where the named files' bytes are to be sent, as paths on this server.
    pub fn create_files(&self, account: &Account, project: &str, run: &str, names: &[&str]) -> Vec<String> {
        let mut variables = account.variables(project, run);
        variables["files"] = json!(names);
        let made = self.query(account, CREATE_FILES, &variables);
        upload_paths(&made)
    }
}

impl Account {
    pub fn headers(&self) -> [(&str, &str); 2] {
        [("Authorization", &self.authorization), ("Content-Type", "application/json")]
    }

    pub fn variables(&self, project: &str, run: &str) -> Value {
        json!({ "entity": self.name, "project": project, "run": run })
    }

    pub fn stream_path(&self, project: &str, run: &str) -> String {
        format!("/files/{}/{project}/{run}/file_stream", self.name)
    }
}

pub const UPSERT_RUN: &str = "mutation UpsertBucket($run: String, $project: String, $entity: String) {
  upsertBucket(input: {name: $run, modelName: $project, entityName: $entity}) {
    bucket { id name historyLineCount } inserted
  }
}";

pub const CREATE_FILES: &str =
    "mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
    runID uploadHeaders files { name uploadUrl }
  }
}";

const LINE_COUNTS: &str = "query Run($project: String!, $entity: String!, $run: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { historyLineCount eventsLineCount logLineCount }
  }
}";

/// The paths in the answer to [`CREATE_FILES`].
pub fn upload_paths(made: &Value) -> Vec<String> {
    let files = made["createRunFiles"]["files"].as_array().unwrap();
    files.iter().map(|file| path_of(file["uploadUrl"].as_str().unwrap())).collect()
}

/// What follows host and port in a URL.
pub fn path_of(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

fn log_end(directory: &Path) -> String {
    let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
