//! `kill -9` at any moment while artifacts are sent, committed and deleted: what was committed is there after the next
//! start, whole and exact, what was deleted stays away, and nobody sees a part. Eight clients share some of what they
//! log, so that content comes and goes under them. `WEIGHHOUSE_TEST_SCALE` multiplies the number of kills.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::door::{Door, GoneOnFailure, Visitor};
use harness::http::request;
use harness::server::{Account, Server, Starting, path_of};
use harness::{Random, scale};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const KILLS: f64 = 50.0;
const CLIENTS: u64 = 8;
const PROJECT: &str = "crash";
const SETTINGS: [(&str, &str); 1] = [("DATABASE__MIN_FREE_MIB", "16")];
/// The longest that a server runs before it is killed.
const LIFE_MILLIS: u64 = 1200;
/// Contents that several clients log.
const SHARED_CONTENTS: u64 = 40;

const CREATE: &str = "mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state } }
}";
const FILES: &str = "mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) { files { edges { node { uploadUrl artifact { id } } } } }
}";
const MANIFEST: &str = "mutation CreateArtifactManifest($input: CreateArtifactManifestInput!) {
  createArtifactManifest(input: $input) { artifactManifest { id file { uploadUrl } } }
}";
const COMMIT: &str = "mutation CommitArtifact($id: ID!) {
  commitArtifact(input: {artifactID: $id}) { artifact { id state } }
}";
const DELETE: &str = "mutation DeleteArtifact($id: ID!) {
  deleteArtifact(input: {artifactID: $id, deleteAliases: true}) { artifact { id } }
}";
const CONTENTS: &str = "query Contents($id: ID!) {
  artifact(id: $id) { state versionIndex fileCount files(first: 1000) { edges { node { name directUrl } } } }
}";

/// Files by path.
type Content = BTreeMap<String, Vec<u8>>;

/// What one client has done.
struct Logged {
    collection: String,
    committed: BTreeMap<String, Content>,
    deleted: Vec<String>,
    begun_only: Vec<String>,
    unanswered: u64,
}

#[test]
fn a_kill_at_any_moment_leaves_every_version_whole_and_no_part_of_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let kills = (KILLS * scale()).ceil() as u64;
    let began = Instant::now();
    let (door, stop) = (Door::default(), AtomicBool::new(false));
    let server = Server::start(directory.path(), &SETTINGS);
    let account = server.create_account("ada");

    let logged = std::thread::scope(|scope| {
        let _guard = GoneOnFailure(&door);
        let (account, door, stop) = (&account, &door, &stop);
        let start = |number| scope.spawn(move || Client::new(number, account, door).log_until(stop));
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        let has_failed = || clients.iter().any(|thread| thread.is_finished());

        let server = kill_again_and_again(server, directory.path(), kills, door, has_failed);
        stop.store(true, Ordering::Relaxed);

        let logged: Vec<Logged> = clients.into_iter().map(|thread| thread.join().unwrap()).collect();
        server.kill();
        logged
    });

    let server = Server::start(directory.path(), &SETTINGS);
    for client in &logged {
        assert_holds(&server, &account, client);
    }
    assert!(server.terminate().success());
    let checked = Command::new(env!("CARGO_BIN_EXE_weighhouse"))
        .args(["check", "--data-dir"])
        .arg(directory.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    let total = |count: fn(&Logged) -> usize| logged.iter().map(count).sum::<usize>();
    let again: u64 = logged.iter().map(|client| client.unanswered).sum();
    println!(
        "{kills} kills: {} versions, {} deleted, {} drafts left, {again} requests sent again, {:.0?}; {}",
        total(|client| client.committed.len()),
        total(|client| client.deleted.len()),
        total(|client| client.begun_only.len()),
        began.elapsed(),
        said.trim()
    );
    assert!(again > 0, "no kill hit a request");
    assert!(total(|client| client.deleted.len()) > 0, "nothing was deleted");
}

/// Kills and restarts, also while the server starts.
fn kill_again_and_again(
    server: Server,
    directory: &Path,
    kills: u64,
    door: &Door,
    has_failed: impl Fn() -> bool,
) -> Server {
    let mut random = Random::new(11);
    let mut server = server;
    door.open(server.address);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MILLIS)));
        server.kill();
        if random.below(6) == 0 {
            let starting = Starting::spawn(directory, &SETTINGS);
            std::thread::sleep(Duration::from_millis(random.below(150)));
            starting.kill();
        }
        server = Server::start(directory, &SETTINGS);
        door.open(server.address);
        if has_failed() {
            break; // it says why when it is joined
        }
    }
    server
}

/// Somebody who logs artifacts, and sends again whatever was not answered.
struct Client<'d> {
    account: &'d Account,
    visitor: Visitor<'d>,
    random: Random,
    logged: Logged,
}

impl<'d> Client<'d> {
    fn new(number: u64, account: &'d Account, door: &'d Door) -> Self {
        let logged = Logged {
            collection: format!("set-{number}"),
            committed: BTreeMap::new(),
            deleted: Vec::new(),
            begun_only: Vec::new(),
            unanswered: 0,
        };
        Self { account, visitor: Visitor::new(door), random: Random::new(500 + number), logged }
    }

    fn log_until(mut self, stop: &AtomicBool) -> Logged {
        while !stop.load(Ordering::Relaxed) {
            match self.random.below(8) {
                0 | 1 if !self.logged.committed.is_empty() => self.delete_one(),
                2 => self.log(false),
                _ => self.log(true),
            }
        }
        self.logged.unanswered = self.visitor.unanswered;
        self.logged
    }

    fn graphql(&mut self, query: &str, variables: &Value) -> (u16, Value) {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = self.visitor.insist(&request("POST", "/graphql", &self.account.headers(), body.as_bytes()));
        (answer.status, answer.json())
    }

    fn done(&mut self, query: &str, variables: &Value) -> Value {
        let (status, mut answer) = self.graphql(query, variables);
        assert_eq!(status, 200, "{answer}");
        answer["data"].take()
    }

    fn put(&mut self, url: &str, content: &[u8]) {
        let answer = self.visitor.insist(&request("PUT", &path_of(url), &[], content));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Some files; about half of them are what others log too.
    fn content(&mut self) -> Content {
        let count = 1 + self.random.below(30);
        let mut content = Content::new();
        for number in 0..count {
            let bytes = match self.random.below(40) {
                0 => {
                    let length = self.random.below(5 << 20);
                    self.random.bytes(length as usize)
                }
                1..20 => format!("shared {}", self.random.below(SHARED_CONTENTS)).into_bytes(),
                _ => {
                    let length = self.random.below(20 << 10);
                    self.random.bytes(length as usize)
                }
            };
            content.insert(format!("data/{number:03}.bin"), bytes);
        }
        content
    }

    fn log(&mut self, commits: bool) {
        let content = self.content();
        let collection = self.logged.collection.clone();
        let input = json!({
            "entityName": self.account.name,
            "projectName": PROJECT,
            "artifactTypeName": "dataset",
            "artifactCollectionName": collection,
            "digest": digest_of(&content),
            "aliases": [{ "artifactCollectionName": collection, "alias": "latest" }],
            "clientID": format!("{collection}-{:x}{:x}", self.random.next(), self.random.next()),
            "enableDigestDeduplication": true,
        });
        let made = self.done(CREATE, &json!({ "input": input }));
        let artifact = &made["createArtifact"]["artifact"];
        let id = artifact["id"].as_str().unwrap().to_owned();
        if artifact["state"] == "COMMITTED" {
            assert_eq!(self.logged.committed.get(&id), Some(&content), "other content is taken for the same");
            return;
        }
        let specs: Vec<Value> = content
            .iter()
            .map(|(path, bytes)| json!({ "artifactID": id, "name": path, "md5": md5_of(bytes) }))
            .collect();
        let made = self.done(FILES, &json!({ "input": { "artifactFiles": specs } }));
        let edges = made["createArtifactFiles"]["files"]["edges"].as_array().unwrap();
        assert_eq!(edges.len(), content.len());
        for (edge, bytes) in edges.iter().zip(content.values()) {
            if let Some(url) = edge["node"]["uploadUrl"].as_str() {
                self.put(url, bytes);
            }
        }
        let manifest = manifest_of(&content);
        let input = json!({
            "artifactID": id, "name": "wandb_manifest.json", "digest": md5_of(&manifest), "type": "FULL",
            "entityName": self.account.name, "projectName": PROJECT, "runName": "",
        });
        let made = self.done(MANIFEST, &json!({ "input": input }));
        let url = made["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"].as_str().unwrap().to_owned();
        self.put(&url, &manifest);
        if !commits {
            self.logged.begun_only.push(id);
            return;
        }
        let committed = self.done(COMMIT, &json!({ "id": id }));
        assert_eq!(committed["commitArtifact"]["artifact"]["state"], "COMMITTED", "{committed}");
        self.logged.committed.insert(id, content);
    }

    fn delete_one(&mut self) {
        let at = self.random.below(self.logged.committed.len() as u64) as usize;
        let id = self.logged.committed.keys().nth(at).unwrap().clone();
        let before = self.visitor.unanswered;
        let (status, answer) = self.graphql(DELETE, &json!({ "id": id }));
        // Sent again after it was done, there is nothing to delete.
        let was_sent_again = self.visitor.unanswered > before;
        assert!(status == 200 || (status == 404 && was_sent_again), "{status}: {answer}");
        self.logged.committed.remove(&id);
        self.logged.deleted.push(id);
    }
}

fn md5_of(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}

fn digest_of(content: &Content) -> String {
    let mut md5 = Md5::new_with_prefix("wandb-artifact-manifest-v1\n");
    for (path, bytes) in content {
        md5.update(format!("{path}:{}\n", md5_of(bytes)));
    }
    md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest_of(content: &Content) -> Vec<u8> {
    let mut contents = Map::new();
    for (path, bytes) in content {
        contents.insert(path.clone(), json!({ "digest": md5_of(bytes), "size": bytes.len() }));
    }
    let policy = json!({ "storageLayout": "V2" });
    let manifest = json!({
        "version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": policy, "contents": contents,
    });
    manifest.to_string().into_bytes()
}

/// Every version has its files to the last byte, drafts are drafts, and what was deleted is not there.
fn assert_holds(server: &Server, account: &Account, client: &Logged) {
    let ask = |id: &str| server.query(account, CONTENTS, &json!({ "id": id }))["artifact"].take();
    let mut versions = Vec::new();
    for (id, content) in &client.committed {
        let artifact = ask(id);
        assert_eq!(artifact["state"], "COMMITTED", "{} {id}: {artifact}", client.collection);
        versions.push(artifact["versionIndex"].as_u64().unwrap());
        let edges = artifact["files"]["edges"].as_array().unwrap();
        assert_eq!(edges.len(), content.len());
        for edge in edges {
            let (name, url) = (edge["node"]["name"].as_str().unwrap(), edge["node"]["directUrl"].as_str().unwrap());
            let answer = server.ask("GET", &path_of(url), &[], b"");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.body == content[name], "{name} of {id} has other bytes");
        }
    }
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), client.committed.len(), "two versions have one number");
    for id in &client.begun_only {
        assert_eq!(ask(id)["state"], "PENDING", "{id}");
    }
    for id in &client.deleted {
        assert_eq!(ask(id), Value::Null, "{id} was deleted");
    }
}
