//! `kill -9` in every phase of a migration, while clients log: from the store of the server into a directory, and on into
//! a bucket. Afterwards every object is in the bucket with its digest, and the stores that were left have nothing of the
//! team. `WEIGHHOUSE_TEST_SCALE` multiplies the number of objects.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "harness/stores/mod.rs"]
mod stores;

use harness::door::{Door, GoneOnFailure, Visitor};
use harness::http::request;
use harness::licence::Authority;
use harness::server::{Account, CREATE_FILES, Server, UPSERT_RUN, upload_paths};
use harness::writer::{PROJECT, Writer};
use harness::{Random, reading, scale};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use stores::s3::{S3Server, TEAM_A};
use weighhouse::domain::orphan::Reason;

const OBJECTS: f64 = 2_000.0;
const WRITERS: u64 = 4;
/// Files made ready for upload in one request.
const FILES_AT_ONCE: usize = 50;
const LEGS: [&str; 2] = ["one", "bucket"];
const LEFT: [&str; 2] = ["default", "one"];
/// The bucket is on this machine, where servers do not go unasked.
const ALLOWED: (&str, &str) = ("STORAGE__ALLOW_ENDPOINTS", "127.0.0.1");
/// A phase that takes longer has failed: a new process waits some seconds for the lease of the killed one.
const PHASE_WITHIN: Duration = Duration::from_secs(120);
const MIGRATION: &str = "/api/v1/teams/vision/migration";

struct Running<'d> {
    directory: &'d Path,
    settings: Vec<(&'static str, String)>,
    server: Option<Server>,
    door: &'d Door,
    kills: u64,
}

impl Running<'_> {
    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn kill_and_start(&mut self) {
        self.server.take().unwrap().kill();
        self.kills += 1;
        self.start();
    }

    fn start(&mut self) {
        let settings: Vec<(&str, &str)> = self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Server::start(self.directory, &settings);
        self.door.open(server.address);
        self.server = Some(server);
    }

    fn operate(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.server().ask_as_operator(method, path, body);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Waits for one of these phases, and says which it is.
    fn wait_for(&self, phases: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let migration = self.operate("GET", MIGRATION, &Value::Null)["migration"].take();
            let phase = migration["phase"].as_str().unwrap();
            if phases.contains(&phase) {
                return phase.to_owned();
            }
            assert!(migration["halted_by"].is_null(), "{migration}");
            assert!(began.elapsed() < PHASE_WITHIN, "{migration}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// From one store into another, killed in every phase that is seen.
    fn migrate(&mut self, to: &str, random: &mut Random) {
        self.operate("POST", MIGRATION, &json!({ "to": to }));
        for (phases, rest) in
            [(&["copying", "verifying", "kept"][..], 300), (&["verifying", "kept"], 300), (&["kept"], 50)]
        {
            self.wait_for(phases);
            std::thread::sleep(Duration::from_millis(random.below(rest)));
            self.kill_and_start();
        }
        self.operate("POST", &format!("{MIGRATION}/release"), &Value::Null);
        std::thread::sleep(Duration::from_millis(random.below(50)));
        self.kill_and_start();
        self.wait_for(&["released"]);
    }
}

#[test]
fn a_kill_in_any_phase_loses_nothing_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let trusted = authority.public_key().to_str().unwrap().to_owned();
    let s3 = S3Server::start(&directory.path().join("s3"));
    let settings = vec![
        (ALLOWED.0, ALLOWED.1.to_owned()),
        ("LICENSE__TRUSTED_KEYS", trusted),
        ("HISTORY__SEAL_ROWS", "100".to_owned()),
        ("HISTORY__SEAL_IDLE_SECS", "1".to_owned()),
        ("DATABASE__MIN_FREE_MIB", "16".to_owned()),
    ];
    let (door, stop) = (Door::default(), AtomicBool::new(false));
    let mut running = Running { directory: directory.path(), settings, server: None, door: &door, kills: 0 };
    running.start();
    let license = std::fs::read_to_string(authority.issue(&[])).unwrap();
    running.operate("PUT", "/api/v1/license", &json!({ "license": license }));
    let ada = running.server().create_account("ada");
    running.operate(
        "POST",
        "/api/v1/teams",
        &json!({ "name": "vision", "organization": "default", "admins": ["ada"] }),
    );
    let team = Account { name: "vision".into(), ..ada.clone() };
    let directory_of_one = format!("file://{}", directory.path().join("one").display());
    for (name, address) in [("one", directory_of_one), ("bucket", s3.connector_address(TEAM_A, "weighhouse"))] {
        // Those who upload here go on with the server alone.
        let store = json!({ "address": address, "data_path": "proxy" });
        running.operate("POST", "/api/v1/connectors", &json!({ "name": name, "store": store }));
    }
    let objects = (OBJECTS * scale()).ceil() as usize;
    send_files(running.server(), &team, objects);

    let mut random = Random::new(5);
    let writers = std::thread::scope(|scope| {
        let _guard = GoneOnFailure(&door);
        let (team, door, stop) = (&team, &door, &stop);
        let writing = |number| {
            scope.spawn(move || {
                let mut writer = Writer::new(number, team, door);
                writer.stream_until(stop);
                writer
            })
        };
        let uploading = scope.spawn(move || upload_until(team, door, stop));
        let writing: Vec<_> = (0..WRITERS).map(writing).collect();
        for to in LEGS {
            running.migrate(to, &mut random);
        }
        stop.store(true, Ordering::Relaxed);
        let uploaded = uploading.join().unwrap();
        (writing.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Writer>>(), uploaded)
    });

    let (writers, uploaded) = writers;
    for writer in &writers {
        reading::assert_holds(running.server(), &team, &writer.run, writer.acknowledged);
    }
    for name in LEFT {
        assert_left(running.server(), name);
    }
    let kills = running.kills;
    assert!(running.server.take().unwrap().terminate().success());
    let checked = Command::new(env!("CARGO_BIN_EXE_weighhouse"))
        .args(["check", "--data-dir"])
        .arg(directory.path().join("data"))
        .env(format!("WEIGHHOUSE__{}", ALLOWED.0), ALLOWED.1)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    println!("{kills} kills, {objects} objects before and {uploaded} meanwhile; {}", said.trim());
}

/// Small files of one run.
fn send_files(server: &Server, team: &Account, count: usize) {
    server.create_run(team, PROJECT, "files");
    let names: Vec<String> = (0..count).map(|number| format!("file {number}")).collect();
    let mut connection = server.connect();
    for names in names.chunks(FILES_AT_ONCE) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (name, path) in names.iter().zip(server.create_files(team, PROJECT, "files", &names)) {
            let answer = connection.exchange(&request("PUT", &path, &[], name.as_bytes())).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
}

/// Goes on sending files, each until it is acknowledged; how many.
fn upload_until(team: &Account, door: &Door, stop: &AtomicBool) -> u64 {
    let (mut visitor, mut sent) = (Visitor::new(door), 0);
    let variables = team.variables(PROJECT, "meanwhile");
    let graphql = |visitor: &mut Visitor<'_>, query: &str, variables: &Value| {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = visitor.insist(&request("POST", "/graphql", &team.headers(), body.as_bytes()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].take()
    };
    graphql(&mut visitor, UPSERT_RUN, &variables);
    while !stop.load(Ordering::Relaxed) {
        let mut variables = variables.clone();
        variables["files"] = json!([format!("media/{sent}.bin")]);
        let path = upload_paths(&graphql(&mut visitor, CREATE_FILES, &variables)).remove(0);
        let answer = visitor.insist(&request("PUT", &path, &[], format!("content {sent}").as_bytes()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        sent += 1;
    }
    sent
}

/// Nothing that a record leads to is in a store that was left, nor an orphan. What a kill has cut off is announced, and
/// goes when its time has come.
fn assert_left(server: &Server, store: &str) {
    let answer = server.ask_as_operator("GET", &format!("/admin/clean_store?store={store}&dry_run=true"), &Value::Null);
    let text = answer.text();
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let kept = summary["kept"].as_array().unwrap_or_else(|| panic!("{text}"));
    assert!(kept.iter().all(|kept| kept["reason"] != Reason::Referenced.text()), "{store}: {text}");
    assert_eq!(summary["records"], 0, "{store}: {text}");
}
