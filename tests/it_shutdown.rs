//! SIGTERM while clients stream: the server drains in time, answers nothing that ends a run's stream, and what it
//! acknowledged is there after the next start.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

use harness::door::{Door, GoneOnFailure};
use harness::http::head;
use harness::server::Server;
use harness::writer::{PROJECT, Writer};
use harness::{Random, reading, scale};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: u64 = 20;
const RESTARTS: f64 = 10.0;
/// `server.drain_secs` is 10; beyond that the process has only to end.
const DRAINED_WITHIN: Duration = Duration::from_secs(12);
/// The longest that a server runs before it is stopped.
const LIFE_MILLIS: u64 = 800;

#[test]
fn sigterm_under_load_drains_in_time_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (door, stop) = (Door::default(), AtomicBool::new(false));
    let mut server = Server::start(directory.path(), &[("HISTORY__SEAL_ROWS", "300")]);
    let account = server.create_account("ada");
    let restarts = (RESTARTS * scale()).ceil() as u64;
    let mut slowest = Duration::ZERO;

    // A writer fails on every status but 200 and those that the client tries again.
    let (writers, server) = std::thread::scope(|scope| {
        let _guard = GoneOnFailure(&door);
        door.open(server.address);
        let start = |number| {
            let (account, door, stop) = (&account, &door, &stop);
            scope.spawn(move || {
                let mut writer = Writer::new(number, account, door);
                writer.stream_until(stop);
                writer
            })
        };
        let streaming: Vec<_> = (0..CLIENTS).map(start).collect();
        let mut random = Random::new(3);
        for _ in 0..restarts {
            std::thread::sleep(Duration::from_millis(random.below(LIFE_MILLIS)));
            let told = Instant::now();
            assert!(server.terminate().success());
            slowest = slowest.max(told.elapsed());
            server = Server::start(directory.path(), &[("HISTORY__SEAL_ROWS", "300")]);
            door.open(server.address);
        }
        stop.store(true, Ordering::Relaxed);
        let writers: Vec<Writer> = streaming.into_iter().map(|thread| thread.join().unwrap()).collect();
        (writers, server)
    });

    for writer in &writers {
        reading::assert_holds(&server, &account, &writer.run, writer.acknowledged);
    }
    let lines: u64 = writers.iter().flat_map(|writer| writer.acknowledged).sum();
    let again: u64 = writers.iter().map(Writer::unanswered).sum();
    println!("{restarts} times: {lines} lines kept, {again} requests sent again, drained within {slowest:?}");
    assert!(slowest < DRAINED_WITHIN, "{slowest:?}");
}

#[test]
fn a_request_that_runs_at_sigterm_is_answered_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let account = server.create_account("ada");
    server.create_run(&account, PROJECT, "slow");
    let body = br#"{"files":{"output.log":{"offset":0,"content":["the last line"]}}}"#;
    let mut connection = server.connect();
    let path = account.stream_path(PROJECT, "slow");
    connection.send(&head("POST", &path, &account.headers(), Some(body.len()))).unwrap();
    connection.send(&body[..10]).unwrap();
    // Answered behind the unfinished request's head, so that one was taken before the signal.
    assert_eq!(server.ask("GET", "/healthz", &[], b"").status, 200);

    let told = Instant::now();
    let stopping = std::thread::spawn(move || server.terminate());
    connection.send(&body[10..]).unwrap();
    let answer = connection.answer().unwrap();

    assert_eq!(answer.status, 200, "{}", answer.text());
    drop(connection);
    assert!(stopping.join().unwrap().success());
    assert!(told.elapsed() < DRAINED_WITHIN, "{:?}", told.elapsed());
    let server = Server::start(directory.path(), &[]);
    assert_eq!(server.line_counts(&account, PROJECT, "slow"), [0, 0, 1]);
}
