//! A running server in a directory of its own, and how the tests talk to it.

use crate::licence::Authority;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A data directory, and the commands that work on it.
pub struct Place {
    directory: TempDir,
}

/// What follows the host in a URL. People may reach the server by another host than the tests do.
pub fn path_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

impl Place {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// `weighhouse WORDS --data-dir …`
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighhouse"));
        command.args(words).arg("--data-dir").arg(self.data());
        command
    }

    /// Runs a command to its end, with this standard input.
    pub fn run(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    /// Where there is room for files of the test.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A server that takes the licences of this authority.
    pub fn serve_trusting(&self, authority: &Authority) -> Server<'_> {
        self.serve_with(self.trusting(authority))
    }

    /// The command that starts one.
    pub fn trusting(&self, authority: &Authority) -> Command {
        let mut command = self.command(&["serve"]);
        command.env("WEIGHHOUSE__LICENSE__TRUSTED_KEYS", authority.public_key());
        command
    }

    /// A server with a licence for everything; `words` are more arguments of `license-authority issue`.
    pub fn serve_licensed(&self, words: &[&str]) -> Server<'_> {
        let authority = Authority::new(self.directory());
        let text = std::fs::read_to_string(authority.issue(words)).unwrap();
        let server = self.serve_trusting(&authority);
        server.arrange("PUT", "/api/v1/license", &json!({ "license": text }));
        server
    }

    pub fn serve(&self) -> Server<'_> {
        self.serve_with(self.command(&["serve"]))
    }

    /// Like [`Place::serve`], by a command that takes the arguments of `serve`.
    pub fn serve_with(&self, mut command: Command) -> Server<'_> {
        let ready = self.directory.path().join("ready.json");
        let file = |name| std::fs::File::create(self.directory.path().join(name)).unwrap();
        command.args(["--listen", "127.0.0.1:0", "--ready-file"]).arg(&ready);
        let process = command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap();
        let url = wait_for(|| {
            let parsed: Value = serde_json::from_str(&std::fs::read_to_string(&ready).ok()?).unwrap();
            Some(parsed["url"].as_str().unwrap().to_owned())
        });
        std::fs::remove_file(ready).unwrap();
        Server { place: self, process, url }
    }
}

/// Killed at the end of its test.
pub struct Server<'p> {
    place: &'p Place,
    process: Child,
    pub url: String,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Status and JSON of an answer.
pub type Answer = (u16, Value);

impl Server<'_> {
    /// Where there is room for files of the test.
    pub fn directory(&self) -> &Path {
        self.place.directory()
    }

    /// What the server has said on its terminal.
    pub fn terminal(&self) -> String {
        std::fs::read_to_string(self.place.directory.path().join("stdout")).unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.directory.path().join("stderr")).unwrap()
    }

    /// One request over the network with a key.
    pub fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = self.ask_as(Some(key), method, path, &body);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// One request over the network, with or without a key; the answer as it came.
    pub fn ask_as(&self, key: Option<&str>, method: &str, path: &str, body: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// The status of a request without a key, whatever its answer is made of.
    pub fn status(&self, method: &str, path: &str) -> u16 {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        agent.run(request.body(String::new()).unwrap()).unwrap().status().as_u16()
    }

    /// One GraphQL request.
    pub fn graphql(&self, key: Option<&str>, query: &str, variables: &Value) -> (u16, String) {
        self.ask_as(key, "POST", "/graphql", &json!({ "query": query, "variables": variables }).to_string())
    }

    /// One request of the operator, over the admin socket.
    pub fn operate(&self, method: &str, path: &str, body: &Value) -> Answer {
        let (status, text) = self.operate_for_text(method, path, body);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The same with the answer as it came.
    pub fn operate_for_text(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut socket = UnixStream::connect(self.place.data().join("admin.sock")).unwrap();
        let length = body.len();
        let head = "Host: admin\r\nConnection: close\r\nContent-Type: application/json";
        write!(socket, "{method} {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Like [`Server::operate`], for steps that must succeed.
    pub fn arrange(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.operate(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Makes a person of no organization and returns their key.
    pub fn outsider(&self, username: &str) -> String {
        let person = json!({ "username": username, "email": format!("{username}@example.com"), "organization": null });
        self.arrange("POST", "/api/v1/users", &person)["api_key"].as_str().unwrap().to_owned()
    }

    /// Makes a person of the organization `default` and returns their key.
    pub fn person(&self, username: &str) -> String {
        let person = json!({ "username": username, "email": format!("{username}@example.com") });
        self.arrange("POST", "/api/v1/users", &person)["api_key"].as_str().unwrap().to_owned()
    }
}

/// Looks until there is an answer; a minute without one is a failure.
pub fn wait_for<R>(mut look: impl FnMut() -> Option<R>) -> R {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "nothing happened within a minute");
        std::thread::yield_now();
    }
}
