//! Names that try to leave their place, tokens that were not given, and ranges of every kind.

use super::{World, assert_refused};
use crate::harness::http::Answer;
use crate::harness::server::{CREATE_FILES, path_of, upload_paths};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use weighhouse::domain::clock::Timestamp;
use weighhouse::domain::id::{FileId, ObjectId};
use weighhouse::secrets::MasterKey;
use weighhouse::storage::sign::{Bearer, Claim, Grant, Signer};

const CANARY: &[u8] = b"the canary of the path corpus";

/// Spellings of a way out, or of something that is no plain name somewhere. `OUT` stands for a directory outside.
const CORPUS: [&str; 88] = [
    "../x",
    "../../x",
    "../../../../../../../../OUT/x",
    "a/../../x",
    "a/b/../../../x",
    "./../x",
    "a/./../../x",
    "..",
    "../",
    "a/..",
    "a/../",
    "/../x",
    "//x",
    "/x",
    "OUT/x",
    "/OUT/x",
    "//OUT/x",
    "///OUT/x",
    "..\\x",
    "..\\..\\x",
    "a\\..\\..\\x",
    "\\x",
    "\\\\host\\share\\x",
    "a/..\\../x",
    "..\\/x",
    "C:\\x",
    "C:/x",
    "c:x",
    "\\\\?\\C:\\x",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "..%2fx",
    "..%5cx",
    "%2e./x",
    "%252e%252e%252fx",
    "..%252fx",
    "%c0%ae%c0%ae/x",
    "%c0%af",
    "..%c0%afx",
    "..%00/x",
    "%00",
    "a%00b",
    "a\u{0}",
    "a\u{0}/../x",
    "../x\u{0}.txt",
    "a\nb",
    "a\rb",
    "a\tb",
    "\u{1b}[31mx",
    "a\u{7f}b",
    "....//x",
    "..../x",
    ".../x",
    ". ./x",
    ".. /x",
    " ../x",
    "..;/x",
    "..\u{200b}/x",
    "\u{ff0e}\u{ff0e}/x",
    "\u{2024}\u{2024}/x",
    "..\u{2215}x",
    "..\u{ff0f}x",
    "\u{202e}txt.exe",
    "\u{feff}x",
    ".",
    "./x",
    "a/.",
    "a//b",
    "a/",
    "",
    " ",
    "x ",
    "x.",
    "~",
    "~/x",
    "~root/x",
    "$HOME/x",
    "${HOME}/x",
    "`id`",
    "$(id)",
    "x;rm -rf .",
    "-rf",
    "file:///OUT/x",
    "http://localhost/x",
    "CON",
    "nul.txt",
    "wandb-metadata.json#1",
    "master.key",
];

#[test]
fn no_file_name_leads_out_of_its_place() {
    let world = World::new(&[]);
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().to_str().unwrap();
    let names: BTreeSet<String> = CORPUS.iter().map(|name| name.replace("OUT", out)).collect();
    assert_eq!(names.len(), CORPUS.len(), "a spelling is there twice");
    let long = [format!("a/{}", "../".repeat(300)), "x".repeat(1025), "x".repeat(1 << 20), "é".repeat(513)];
    let before = tree(world.directory.path());

    let mut stored = BTreeSet::new();
    for name in names.iter().chain(&long) {
        let mut variables = world.account.variables("p", "r");
        variables["files"] = json!([name]);
        let answer = world.server.graphql(&world.account, CREATE_FILES, &variables);
        if answer.status != 200 {
            assert_refused(&answer, &[400], name);
            continue;
        }
        let path = upload_paths(&answer.json()["data"]).remove(0);
        let put = world.server.ask("PUT", &path, &[], CANARY);
        assert_eq!(put.status, 200, "{name}: {}", put.text());
        // A `./` in front says nothing, and is left out.
        stored.insert(name.trim_start_matches("./").to_owned());
    }

    assert!(stored.len() < CORPUS.len(), "nothing was refused");
    let leaves = |name: &&String| name.split(['/', '\\']).any(|step| step == "..");
    assert_eq!(stored.iter().find(leaves), None, "would leave the directory of whoever downloads it");
    let listed: BTreeSet<String> =
        listed(&world).iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, stored, "a stored name is not the one that was sent");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    let objects = world.server.data().join("objects");
    for file in tree(world.directory.path()).difference(&before) {
        let below = Path::new(file).strip_prefix(&objects).unwrap_or_else(|_| panic!("{file} was made"));
        let is_of_ids = below.iter().all(|step| {
            step.to_str()
                .unwrap()
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-' || byte.is_ascii_lowercase())
        });
        assert!(is_of_ids, "{file} is no opaque key");
    }
    for file in &before {
        let bytes = std::fs::read(file).unwrap_or_default();
        let is_database = file.ends_with(".redb");
        assert!(is_database || !bytes.windows(CANARY.len()).any(|window| window == CANARY), "{file} was written to");
    }
    world.assert_goes_on("path traversal");
}

#[test]
fn path_segments_that_try_to_leave_are_404_or_400() {
    let world = World::new(&[]);
    let steps = [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "..%2f..",
        "%2f",
        "%5c",
        "..%5c..",
        "%00",
        "a%00",
        "%ff",
        "%c0%ae%c0%ae",
        "%252e%252e",
        "a%0d%0ab",
        "%e2%80%ae",
        "%",
        "%2",
        "%zz",
        ".",
        "~",
        "*",
        "p;x",
        "p%23",
        "p%3f",
        "%20",
        "+",
        "{run}",
    ];
    let long = "x".repeat(20_000);
    for step in steps.iter().copied().chain([long.as_str()]) {
        for path in [
            format!("/files/{step}/p/r/file_stream"),
            format!("/files/ada/{step}/r/file_stream"),
            format!("/files/ada/p/{step}/file_stream"),
        ] {
            let answer = world.post(&path, &[], b"{}");
            let shown = &path[..path.len().min(80)];
            assert!(matches!(answer.status, 400 | 404), "{shown}: {} {}", answer.status, answer.text());
            assert!(!answer.body.is_empty(), "{shown}: no sentence");
        }
    }
    for path in [
        "/files/../../etc/passwd",
        "/storage/../data/master.key",
        "/storage/%2e%2e%2fmaster.key",
        "//",
        "/files/ada/p/r",
    ] {
        let answer = world.server.ask("GET", path, &world.account.headers(), b"");
        assert!(matches!(answer.status, 400 | 403 | 404 | 405), "{path}: {}", answer.status);
    }
    world.assert_goes_on("path segments");
}

#[test]
fn a_token_allows_what_it_was_made_for_until_it_expires() {
    let secret = "5f".repeat(32);
    let world = World::new(&[("SECRETS__MASTER_KEY", &secret)]);
    let put_path = world.server.create_files(&world.account, "p", "r", &["a.txt"]).remove(0);
    let put = |path: &str| world.server.ask("PUT", path, &[], b"hello");
    let get = |path: &str| world.server.ask("GET", path, &[], b"");
    assert_eq!(put(&put_path).status, 200);
    let get_path = path_of(listed(&world)[0]["directUrl"].as_str().unwrap());
    assert_eq!(get(&get_path).body, b"hello");

    assert_refused(&get(&put_path), &[403], "fetching with a token for sending");
    assert_refused(&put(&get_path), &[403], "sending with a token for fetching");
    for path in [&put_path, &get_path] {
        let mut changed = path.clone().into_bytes();
        *changed.last_mut().unwrap() ^= 1;
        let longer = format!("{path}A");
        for forged in [
            &path[..path.len() - 1],
            &longer,
            std::str::from_utf8(&changed).unwrap(),
            "/storage/x",
            "/storage/%00",
            "/storage/%2e%2e",
        ] {
            assert_refused(&put(forged), &[403], forged);
            assert_refused(&get(forged), &[403], forged);
        }
    }
    // The key is known here, so that a token can be made that was never given.
    let signer = Signer::new(&MasterKey::from_text(&secret).unwrap(), None);
    let other = Signer::new(&MasterKey::from_text(&"60".repeat(32)).unwrap(), None);
    let (past, future) = (Timestamp(1_000_000), Timestamp(4_000_000_000_000_000));
    let path = |signer: &Signer, grant, until| {
        format!("/storage/{}", signer.sign(Claim { grant, bearer: Bearer::Operator }, until))
    };
    assert_refused(&put(&path(&signer, Grant::PutFile(FileId(1)), past)), &[403], "an old token");
    assert_refused(&get(&path(&signer, Grant::GetObject(ObjectId(1)), past)), &[403], "an old token");
    assert_refused(&put(&path(&other, Grant::PutFile(FileId(1)), future)), &[403], "another server's token");
    assert_refused(&put(&path(&signer, Grant::PutFile(FileId(9999)), future)), &[404], "a file that never was");
    assert_eq!(put(&path(&signer, Grant::PutFile(FileId(1)), future)).status, 200);
    assert_eq!(listed(&world).len(), 1);
}

#[test]
fn bytes_of_another_md5_than_declared_are_to_be_sent_again_and_change_nothing() {
    let world = World::new(&[]);
    let path = world.server.create_files(&world.account, "p", "r", &["a.txt"]).remove(0);
    assert_eq!(world.server.ask("PUT", &path, &[], b"hello").status, 200);
    let md5_of_hello = [("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")];

    let damaged = world.server.ask("PUT", &path, &md5_of_hello, b"hellp, and more");

    assert_refused(&damaged, &[408], "another MD5");
    assert_eq!(listed(&world)[0]["sizeBytes"], 5);
    assert_eq!(world.server.ask("PUT", &path, &md5_of_hello, b"hello").status, 200);
}

#[test]
fn an_odd_range_gets_everything_a_part_or_416() {
    let world = World::new(&[]);
    let put_path = world.server.create_files(&world.account, "p", "r", &["a.txt"]).remove(0);
    assert_eq!(world.server.ask("PUT", &put_path, &[], b"0123456789").status, 200);
    let path = path_of(listed(&world)[0]["directUrl"].as_str().unwrap());
    let ask = |range: &str| world.server.ask("GET", &path, &[("Range", range)], b"");
    let whole = (200, "0123456789");
    let part = |answer: &Answer| (answer.status, answer.text());

    for (range, expected) in [
        ("bytes=0-0", (206, "0")),
        ("bytes=-3", (206, "789")),
        ("bytes=8-", (206, "89")),
        ("bytes=5-99999999999999999999", (206, "56789")),
        ("bytes=-99", (206, "0123456789")),
        ("bytes=10-", (416, "")),
        ("bytes=-0", (416, "")),
        ("bytes=99999999999999999999999-", (416, "")),
        ("bytes=5-4", whole),
        ("bytes=0-1,4-5", whole),
        ("bytes=a-b", whole),
        ("lines=0-1", whole),
        ("bytes", whole),
        ("", whole),
        ("bytes=0x0-0x1", whole),
        ("bytes=--1", whole),
        ("bytes=+1-2", whole),
        ("bytes=0-0-0", whole),
        ("\u{e9}", whole),
    ] {
        let answer = ask(range);
        assert_eq!(part(&answer), (expected.0, expected.1.to_owned()), "{range}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert_eq!(length, answer.body.len(), "{range}");
    }
    let many = format!("bytes={}", "0-0,".repeat(5000));
    assert_eq!(part(&ask(&many)), (200, "0123456789".to_owned()));
}

fn listed(world: &World) -> Vec<Value> {
    let query = "query RunFiles($entity: String!, $project: String!, $run: String!) {
      project(name: $project, entityName: $entity) {
        run(name: $run) { files(first: 1000) { edges { node { name sizeBytes directUrl } } } }
      }
    }";
    let mut data = world.server.query(&world.account, query, &world.account.variables("p", "r"));
    let edges = data["project"]["run"]["files"]["edges"].take();
    edges.as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect()
}

/// Every file below the directory.
fn tree(directory: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(tree(&entry.path())),
            false => _ = files.insert(entry.path().to_str().unwrap().to_owned()),
        }
    }
    files
}
