//! The `serve` command as an operator meets it: the real binary on a free port.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
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
            let parsed: Value = serde_json::from_str(&text).unwrap();
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

/// One request over the admin socket: status and JSON.
fn over_admin_socket(directory: &Path, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut socket = UnixStream::connect(directory.join("data/admin.sock")).unwrap();
    let length = body.len();
    let head = "Host: admin\r\nConnection: close\r\nContent-Type: application/json";
    write!(socket, "{method} {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

impl Server {
    /// One request over the network with a key: status and JSON.
    fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .unwrap();
        let mut answer = agent.run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn ada() -> Value {
    json!({ "username": "Ada", "email": "ada@example.com", "system_admin": true })
}

#[test]
fn the_operator_makes_the_first_person_and_their_key_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let (status, made) = over_admin_socket(directory.path(), "POST", "/api/v1/users", &ada());
    assert_eq!(status, 201, "{made}");
    let key = made["api_key"].as_str().unwrap();
    drop(server);

    let server = Server::start(directory.path());
    let (status, people) = server.ask("GET", "/api/v1/users", key, &Value::Null);

    assert_eq!(key.len(), 40);
    assert_eq!((status, &people["users"][0]["username"]), (200, &json!("Ada")), "{people}");
    assert_eq!(people["users"][0].get("api_key"), None);
}

#[test]
fn people_without_the_right_and_wrong_requests_are_refused_with_a_code() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let admin = over_admin_socket(directory.path(), "POST", "/api/v1/users", &ada()).1["api_key"].clone();
    let admin = admin.as_str().unwrap();
    let imported = "imported-key-of-somebody-who-had-one-already";
    let grace = json!({ "username": "grace", "email": "grace@example.com", "api_key": imported });
    let (status, answer) = server.ask("POST", "/api/v1/users", admin, &grace);
    assert_eq!((status, answer.get("api_key")), (201, None), "{answer}");

    let refusals = [
        (server.ask("GET", "/api/v1/users", "nobody", &Value::Null), 401, "unauthenticated"),
        (server.ask("GET", "/api/v1/users", imported, &Value::Null), 403, "forbidden"),
        (server.ask("DELETE", "/api/v1/users/Ada", imported, &Value::Null), 403, "forbidden"),
        (server.ask("POST", "/api/v1/users", imported, &grace), 403, "forbidden"),
        (server.ask("POST", "/api/v1/users", admin, &json!({ "username": "ADA", "email": "b@c" })), 409, "conflict"),
        (server.ask("POST", "/api/v1/users", admin, &json!({ "username": "../x", "email": "b@c" })), 422, "invalid"),
        (server.ask("POST", "/api/v1/users", admin, &json!([])), 422, "body"),
        (server.ask("DELETE", "/api/v1/users/ada", admin, &Value::Null), 404, "not_found"),
        (server.ask("DELETE", "/api/v1/users/Ada", admin, &Value::Null), 409, "conflict"),
    ];
    for ((status, answer), expected, code) in refusals {
        assert_eq!((status, &answer["error"]["code"]), (expected, &json!(code)), "{answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_deleted_persons_key_stops_and_their_name_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let first = over_admin_socket(directory.path(), "POST", "/api/v1/users", &ada()).1;
    let second = json!({ "username": "grace", "email": "grace@example.com", "system_admin": true });
    let second = over_admin_socket(directory.path(), "POST", "/api/v1/users", &second).1;

    let deleted = server.ask("DELETE", "/api/v1/users/Ada", second["api_key"].as_str().unwrap(), &Value::Null);

    assert_eq!(deleted.0, 204, "{}", deleted.1);
    assert_eq!(server.ask("GET", "/api/v1/users", first["api_key"].as_str().unwrap(), &Value::Null).0, 401);
    assert_eq!(over_admin_socket(directory.path(), "POST", "/api/v1/users", &ada()).0, 201);
}
