//! `kill -9` at any moment: what was acknowledged is there after the next start, once and exact. 50 processes stream
//! runs and four upload files while the server is killed and started again, each time on the same directory.
//! `WEIGHHOUSE_TEST_SCALE` multiplies the number of kills.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::door::{Door, GoneOnFailure, Visitor, is_tried_again};
use harness::http::request;
use harness::server::{Account, CREATE_FILES, Server, Starting, UPSERT_RUN, path_of, upload_paths};
use harness::writer::{PROJECT, Writer};
use harness::{Random, reading, scale};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const KILLS: f64 = 100.0;
const WRITERS: u64 = 50;
const UPLOADERS: u64 = 4;
/// Runs are sealed all the time, so that kills hit that, too.
const SETTINGS: [(&str, &str); 3] =
    [("HISTORY__SEAL_ROWS", "300"), ("HISTORY__SEAL_IDLE_SECS", "1"), ("DATABASE__MIN_FREE_MIB", "16")];
/// The longest that a server runs before it is killed.
const LIFE_MILLIS: u64 = 1200;
/// Far above what was ever seen; it is to find a start that walks over the whole database.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// Sent to the server: files of one run by name, and what each may be found to hold.
struct Uploads {
    run: String,
    files: BTreeMap<String, Vec<Found>>,
    acknowledged: u64,
}

/// What a file may turn out to be.
#[derive(Debug, Clone, PartialEq)]
enum Found {
    NotListed,
    Whole { size_bytes: u64, md5: [u8; 16] },
}

#[test]
fn a_kill_at_any_moment_loses_no_acknowledged_line_or_file_and_doubles_none() {
    let directory = tempfile::tempdir().unwrap();
    let kills = (KILLS * scale()).ceil() as u64;
    let began = Instant::now();
    let (door, stop) = (Door::default(), AtomicBool::new(false));
    let server = Server::start(directory.path(), &SETTINGS);
    let account = server.create_account("ada");

    let (writers, uploads, mut waits) = std::thread::scope(|scope| {
        let _guard = GoneOnFailure(&door);
        let (account, door, stop) = (&account, &door, &stop);
        let start = |number| {
            scope.spawn(move || {
                let mut writer = Writer::new(number, account, door);
                writer.stream_until(stop);
                writer
            })
        };
        let streaming: Vec<_> = (0..WRITERS).map(start).collect();
        let start = |number| scope.spawn(move || upload_until(number, account, door, stop));
        let uploading: Vec<_> = (0..UPLOADERS).map(start).collect();
        let has_failed = || streaming.iter().any(|thread| thread.is_finished());

        let (server, waits) = kill_again_and_again(server, directory.path(), kills, door, has_failed);
        stop.store(true, Ordering::Relaxed);

        let writers: Vec<Writer> = streaming.into_iter().map(|thread| thread.join().unwrap()).collect();
        let uploads: Vec<Uploads> = uploading.into_iter().map(|thread| thread.join().unwrap()).collect();
        server.kill();
        (writers, uploads, waits)
    });
    let streamed = began.elapsed();

    let server = Server::start(directory.path(), &SETTINGS);
    waits.push(server.ready_after);
    for writer in &writers {
        reading::assert_holds(&server, &account, &writer.run, writer.acknowledged);
    }
    for uploads in &uploads {
        assert_files(&server, &account, uploads);
    }
    let objects = server.data().join("objects");
    assert!(server.terminate().success());
    assert_eq!(parts_of_uploads(&objects), 0, "parts of objects are left");
    assert!(objects.join("segments").exists(), "nothing was sealed");
    waits.sort();
    let lines: u64 = writers.iter().flat_map(|writer| writer.acknowledged).sum();
    let requests: u64 = writers.iter().map(|writer| writer.requests).sum();
    let again: u64 = writers.iter().map(Writer::unanswered).sum();
    let files: u64 = uploads.iter().map(|uploads| uploads.acknowledged).sum();
    println!(
        "{kills} kills: {lines} lines in {requests} requests, {again} sent again, {files} uploads; ready again after \
         {:?} (median), {:?} (slowest); {:.0?} streaming, {:.0?} in all",
        waits[waits.len() / 2],
        waits.last().unwrap(),
        streamed,
        began.elapsed()
    );
    assert!(again > 0, "no kill hit a request");
    assert!(waits.last().unwrap() < &READY_WITHIN, "{waits:?}");
}

/// Kills and restarts, also while the server starts: the last server, and how long each start took.
fn kill_again_and_again(
    server: Server,
    directory: &Path,
    kills: u64,
    door: &Door,
    has_failed: impl Fn() -> bool,
) -> (Server, Vec<Duration>) {
    let mut random = Random::new(7);
    let mut waits = Vec::new();
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
        waits.push(server.ready_after);
        door.open(server.address);
        if has_failed() {
            break; // it says why when it is joined
        }
    }
    (server, waits)
}

const RUN_FILES: &str = "query RunFiles($entity: String!, $project: String!, $run: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { files(first: 1000) { edges { node { name sizeBytes md5 directUrl } } } }
  }
}";

/// Uploads files, some of them several times with other contents. An upload that got no answer is sometimes sent again.
fn upload_until(number: u64, account: &Account, door: &Door, stop: &AtomicBool) -> Uploads {
    let mut random = Random::new(1000 + number);
    let mut visitor = Visitor::new(door);
    let mut uploads = Uploads { run: format!("files-{number}"), files: BTreeMap::new(), acknowledged: 0 };
    let variables = account.variables(PROJECT, &uploads.run);
    let graphql = |visitor: &mut Visitor<'_>, query: &str, variables: &Value| {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = visitor.insist(&request("POST", "/graphql", &account.headers(), body.as_bytes()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"].take()
    };
    graphql(&mut visitor, UPSERT_RUN, &variables);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("media/file {}.bin", random.below(60));
        let mut variables = variables.clone();
        variables["files"] = json!([name]);
        let path = upload_paths(&graphql(&mut visitor, CREATE_FILES, &variables)).remove(0);
        let length = if random.below(8) == 0 { random.below(6 << 20) } else { random.below(64 << 10) };
        let content = random.bytes(length as usize);
        let sent = Found::Whole { size_bytes: length, md5: Md5::digest(&content).into() };
        let known = uploads.files.entry(name).or_insert_with(|| vec![Found::NotListed]);
        loop {
            match visitor.try_once(&request("PUT", &path, &[], &content)) {
                Some(answer) if answer.status == 200 => {
                    *known = vec![sent];
                    uploads.acknowledged += 1;
                    break;
                }
                Some(answer) => assert!(is_tried_again(answer.status), "{}: {}", answer.status, answer.text()),
                None => {}
            }
            if !known.contains(&sent) {
                known.push(sent.clone());
            }
            if random.below(2) == 0 {
                break;
            }
        }
    }
    uploads
}

/// Each file is one of those that it may be, down to its bytes.
fn assert_files(server: &Server, account: &Account, uploads: &Uploads) {
    let data = server.query(account, RUN_FILES, &account.variables(PROJECT, &uploads.run));
    let mut found = BTreeMap::new();
    for edge in data["project"]["run"]["files"]["edges"].as_array().unwrap() {
        let node = &edge["node"];
        let content = server.ask("GET", &path_of(node["directUrl"].as_str().unwrap()), &[], b"");
        assert_eq!(content.status, 200, "{}", content.text());
        let md5: [u8; 16] = Md5::digest(&content.body).into();
        let whole = Found::Whole { size_bytes: content.body.len() as u64, md5 };
        assert_eq!(node["md5"], STANDARD.encode(md5), "{node}");
        assert_eq!(node["sizeBytes"].to_string().trim_matches('"'), content.body.len().to_string(), "{node}");
        found.insert(node["name"].as_str().unwrap().to_owned(), whole);
    }
    for (name, may_be) in &uploads.files {
        let is = found.remove(name).unwrap_or(Found::NotListed);
        assert!(may_be.contains(&is), "{name} is {is:?} instead of one of {may_be:?}");
    }
    assert!(found.is_empty(), "files that nobody sent: {found:?}");
}

/// Files below the directory that hold a part of an object.
fn parts_of_uploads(directory: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            count += parts_of_uploads(&entry.path());
        } else if entry.file_name().to_string_lossy().contains('#') {
            count += 1;
        }
    }
    count
}
