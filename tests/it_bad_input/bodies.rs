//! Bodies that are too long, too dense, too slow or cut off, on every route that takes one.

use super::{World, assert_quick, assert_refused};
use crate::harness::http::{Connection, chunk, head};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::time::Instant;

const STREAM: &str = "/files/ada/p/r/file_stream";

fn gzip(plain: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..times {
        encoder.write_all(plain).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn gzip_bombs_by_the_dozen_are_refused_in_bounded_memory() {
    let world = World::new(&[]);
    let mebibyte = vec![b' '; 1 << 20];
    let one_member = gzip(&mebibyte, 512);
    let many_members = gzip(&mebibyte, 1).repeat(1024);
    let began = Instant::now();

    std::thread::scope(|scope| {
        for number in 0..48 {
            let (world, bomb) = (&world, if number % 2 == 0 { &one_member } else { &many_members });
            let path = if number % 3 == 0 { "/graphql" } else { STREAM };
            scope.spawn(move || {
                let answer = world.post(path, &[("Content-Encoding", "gzip")], bomb);
                assert_refused(&answer, &[413, 503], path);
            });
        }
    });

    assert_quick(began, "48 bombs");
    world.assert_goes_on("gzip bombs");
    assert!(world.server.peak_rss_bytes() < 640 << 20, "{} bytes", world.server.peak_rss_bytes());
}

#[test]
fn other_and_stacked_encodings_are_refused_and_broken_gzip_too() {
    let world = World::new(&[]);
    let plain = b"{}";
    for encoding in ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip,identity", "x"] {
        let answer = world.post(STREAM, &[("Content-Encoding", encoding)], plain);
        assert_refused(&answer, &[415], encoding);
        // Old clients try 415 again for days.
        assert_refused(&world.post("/graphql", &[("Content-Encoding", encoding)], plain), &[400], encoding);
    }
    let twice = [("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")];
    assert_refused(&world.post(STREAM, &twice, plain), &[415], "two headers");
    let whole = gzip(br#"{"exitcode":null}"#, 1);
    for (what, body) in [("no gzip", &plain[..]), ("cut off", &whole[..whole.len() - 5]), ("a stub", &whole[..9])] {
        assert_refused(&world.post(STREAM, &[("Content-Encoding", "gzip")], body), &[400], what);
    }
    assert_eq!(world.post(STREAM, &[("Content-Encoding", "gzip")], &whole).status, 200);
    world.assert_goes_on("encodings");
}

#[test]
fn a_body_over_the_limit_is_refused_declared_or_chunked_sent_or_not() {
    let world = World::new(&[]);
    let too_long = 33 << 20;

    let mut declared = world.server.connect();
    declared.send(&head("POST", STREAM, &world.account.headers(), Some(too_long))).unwrap();
    assert_refused(&declared.answer().unwrap(), &[413], "declared and not sent");
    let sent = world.stream(&vec![b' '; too_long]);
    assert_refused(&sent, &[413], "declared and sent");
    let mut chunked = world.server.connect();
    chunked.send(&head("POST", STREAM, &world.account.headers(), None)).unwrap();
    let piece = chunk(&vec![b' '; 1 << 20]);
    let mut broken = Ok(());
    for _ in 0..34 {
        broken = broken.and_then(|()| chunked.send(&piece));
    }
    assert_refused(&chunked.answer().unwrap(), &[413], "in chunks");
    world.assert_goes_on("bodies over the limit");
    assert!(world.server.peak_rss_bytes() < 256 << 20, "{} bytes", world.server.peak_rss_bytes());
}

/// Begins a request on each route that takes a body and sends `part` of it.
fn begun(world: &World) -> Vec<(&'static str, Connection)> {
    let upload = world.server.create_files(&world.account, "p", "r", &["slow.bin"]).remove(0);
    let routes = [
        ("file_stream", "POST", STREAM.to_owned()),
        ("graphql", "POST", "/graphql".to_owned()),
        ("upload", "PUT", upload),
    ];
    let begin = |(what, method, path): (&'static str, &str, String)| {
        let mut connection = world.server.connect();
        connection.send(&head(method, &path, &world.account.headers(), Some(100))).unwrap();
        connection.send(br#"{"files":{"#).unwrap();
        (what, connection)
    };
    routes.into_iter().map(begin).collect()
}

#[test]
fn a_body_that_stands_still_is_408_or_503_and_leaves_nothing() {
    let world = World::new(&[("SERVER__BODY_IDLE_SECS", "1")]);

    for (what, mut connection) in begun(&world) {
        let answer = connection.answer().unwrap();
        assert_refused(&answer, &[408, 503], what);
    }

    world.assert_goes_on("bodies that stand still");
    assert_eq!(files_below(&world.server.data().join("objects")), 0);
}

#[test]
fn a_body_whose_connection_breaks_leaves_nothing() {
    let world = World::new(&[]);

    drop(begun(&world));

    world.assert_goes_on("broken connections");
    assert_eq!(world.lines(), [1, 0, 0]);
    assert_eq!(files_below(&world.server.data().join("objects")), 0);
}

fn files_below(directory: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[test]
fn bodies_dense_with_tiny_parts_stay_in_bounded_memory() {
    let world = World::new(&[]);
    let bodies = [
        ("numbers", format!(r#"{{"a":[{}1]}}"#, "1,".repeat(15 << 20))),
        ("empty lines", format!(r#"{{"files":{{"x":{{"offset":0,"content":[{}""]}}}}}}"#, r#""","#.repeat(9 << 20))),
        ("names", format!(r#"{{"uploaded":[{}""]}}"#, r#""","#.repeat(9 << 20))),
        ("files", format!(r#"{{"files":{{{}"":null}}}}"#, r#""":null,"#.repeat(4_000_000))),
        ("a file again and again", format!(r#"{{"files":{{{}"":null}}}}"#, r#""output.log":null,"#.repeat(1_500_000))),
        (
            "console",
            format!(r#"{{"files":{{"output.log":{{"offset":0,"content":[{}""]}}}}}}"#, r#""","#.repeat(9 << 20)),
        ),
        ("nesting", format!(r#"{{"a":{}{}}}"#, "[".repeat(15 << 20), "]".repeat(15 << 20))),
    ];
    for (what, body) in &bodies {
        let began = Instant::now();
        let answer = world.stream(body.as_bytes());
        assert!(matches!(answer.status, 200 | 400), "{what}: {}", answer.text());
        assert_quick(began, what);
    }
    world.assert_goes_on("dense bodies");
    // The body as it came, of it little more than the ends of the lines, and what the server needs for itself.
    assert!(world.server.peak_rss_bytes() < 256 << 20, "{} bytes", world.server.peak_rss_bytes());
}
