//! The commands of an operator, on a directory that is served and on one that is not.

use crate::server::{Place, Server, wait_for};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
    output
}

fn create(username: &str) -> Vec<String> {
    let email = format!("{username}@example.com");
    ["user", "create", "--username", username, "--email", &email].map(str::to_owned).to_vec()
}

fn run(place: &Place, words: &[String], input: &str) -> Output {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.run(&words, input)
}

/// Runs `check` with the directory served and with it not, for a command must do the same both ways.
fn both_ways(check: impl Fn(&Place)) {
    let place = Place::new();
    check(&place);
    let place = Place::new();
    let _server = place.serve();
    check(&place);
}

#[test]
fn a_person_is_made_listed_and_deleted_with_and_without_a_server() {
    both_ways(|place| {
        let made = succeeded(run(place, &[create("ada"), vec!["--system-admin".into()]].concat(), ""));
        let key = out(&made);
        assert_eq!(key.trim().len(), 40, "standard output holds the key alone: {key}");
        assert!(err(&made).contains("shown only now"), "{}", err(&made));
        let grace = [create("grace"), ["--name", "Grace Hopper", "--json"].map(str::to_owned).to_vec()].concat();
        let grace: Value = serde_json::from_str(&out(&succeeded(run(place, &grace, "")))).unwrap();
        assert_eq!((&grace["name"], grace["api_key"].as_str().unwrap().len()), (&json!("Grace Hopper"), 40));

        let listed = succeeded(place.run(&["user", "list", "--json"], ""));
        let listed: Value = serde_json::from_str(&out(&listed)).unwrap();
        let names: Vec<&str> = listed.as_array().unwrap().iter().map(|p| p["username"].as_str().unwrap()).collect();
        assert_eq!(names, ["ada", "grace"]);
        assert!(listed.to_string().find("api_key").is_none());
        assert!(out(&place.run(&["user", "list"], "")).contains("grace@example.com"));

        succeeded(place.run(&["user", "delete", "grace"], ""));
        let again = place.run(&["user", "delete", "grace"], "");
        assert_eq!(again.status.code(), Some(1));
        assert!(err(&again).contains("person `grace` does not exist"), "{}", err(&again));
        let last = place.run(&["user", "delete", "ada"], "");
        assert!(err(&last).contains("the last system admin"), "{}", err(&last));
    });
}

#[test]
fn a_given_key_works_and_is_not_printed_again() {
    let place = Place::new();
    let key = "k".repeat(50);
    let words = [create("ada"), ["--password-stdin", "--api-key-stdin", "--system-admin"].map(str::to_owned).to_vec()];

    let made = succeeded(run(&place, &words.concat(), &format!("a-good-password\n{key}\n")));

    assert_eq!(out(&made), "");
    assert!(!err(&made).contains(&key));
    let server = place.serve();
    assert_eq!(server.ask(&key, "GET", "/api/v1/users", &Value::Null).0, 200);
    let short = run(&place, &[create("grace"), vec!["--password-stdin".into()]].concat(), "short\n");
    assert!(!short.status.success() && err(&short).contains("10"), "{}", err(&short));
    let none = run(&place, &[create("grace"), vec!["--password-stdin".into()]].concat(), "");
    assert!(err(&none).contains("no line with the password"), "{}", err(&none));
}

#[test]
fn more_people_than_a_page_holds_are_all_listed() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..101 {
        server.person(&format!("p{number}"));
    }

    let listed = succeeded(place.run(&["user", "list", "--json"], ""));

    let listed: Value = serde_json::from_str(&out(&listed)).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 101);
}

#[test]
fn a_server_without_people_says_how_to_make_the_first_and_what_it_says_works() {
    let place = Place::new();
    let server = place.serve();
    let told = wait_for(|| Some(server.terminal()).filter(|text| text.contains("WANDB_API_KEY")));
    assert!(told.contains(&format!("WANDB_BASE_URL={}", server.url)), "{told}");

    let line = told.lines().find(|line| line.contains("user create")).unwrap().trim();
    let line = line.replacen("weighhouse", env!("CARGO_BIN_EXE_weighhouse"), 1);
    let line = line.replace("NAME", "ada").replace("ADDRESS", "ada@example.com");
    let made = succeeded(Command::new("sh").arg("-c").arg(line).current_dir("/").output().unwrap());

    assert_eq!(server.ask(out(&made).trim(), "GET", "/api/v1/users", &Value::Null).0, 200);
    drop(server);
    let server = place.serve();
    // It answers only after it has said what it has to say.
    assert_eq!(server.ask("", "GET", "/healthz", &Value::Null).0, 200);
    assert_eq!(server.terminal(), "", "there are people now");
}

#[test]
fn a_directory_that_is_missing_is_not_made_by_looking_into_it() {
    let place = Place::new();

    for words in [["user", "list"], ["db", "dump"]] {
        let refused = place.run(&words, "");
        assert!(!refused.status.success() && err(&refused).contains("does not exist"), "{}", err(&refused));
    }
    assert!(!place.data().exists());
}

#[test]
fn a_server_that_holds_the_directory_and_does_not_answer_is_named() {
    let place = Place::new();
    let server = place.serve();
    std::fs::remove_file(place.data().join("admin.sock")).unwrap();

    let refused = place.run(&["user", "list"], "");

    assert!(!refused.status.success());
    assert!(err(&refused).contains("starting or stopping"), "{}", err(&refused));
    assert_eq!(server.ask("", "GET", "/healthz", &Value::Null).0, 200, "the server was left alone");
}

#[test]
fn a_socket_that_a_killed_server_left_behind_does_not_hinder() {
    let place = Place::new();
    drop(place.serve());
    assert!(place.data().join("admin.sock").exists());

    succeeded(place.run(&["user", "list"], ""));
}

#[test]
fn what_lies_in_the_data_directory_is_for_its_owner_whatever_the_umask() {
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    let place = Place::new();
    let data = place.data();
    let mut lax = Command::new("sh");
    lax.args(["-c", r#"umask 000 && exec "$@""#, "sh", env!("CARGO_BIN_EXE_weighhouse"), "serve", "--data-dir"]);
    lax.arg(&data);
    let server = place.serve_with(lax);

    assert_eq!(mode(&data), 0o700);
    for file in ["metadata.redb", "master.key", "lock", "admin.sock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    assert!(!server.log().contains("chmod 700"), "{}", server.log());
    drop(server);

    std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let server = place.serve();
    assert!(server.log().contains("chmod 700") && server.log().contains("WARN"), "{}", server.log());
    assert_eq!(mode(&data), 0o755);
}

#[test]
fn check_finds_nothing_where_nothing_is_wrong() {
    both_ways(|place| {
        succeeded(run(place, &create("ada"), ""));

        let checked = succeeded(place.run(&["check"], ""));

        assert!(out(&checked).contains("are as they should be"), "{}", out(&checked));
    });
}

/// Makes a person with a project, a run and a file of known bytes, and returns the file's path in the store.
fn with_a_stored_file(place: &Place, server: &Server<'_>) -> std::path::PathBuf {
    let key = server.person("ada");
    let query = r#"mutation U($files: [String!]!) { upsertBucket(input: {entityName: "ada", modelName: "p", name: "r"}) { bucket { id } }
        createRunFiles(input: {entityName: "ada", projectName: "p", runName: "r", files: $files}) { files { name uploadUrl } } }"#;
    let asked = json!({ "query": query, "variables": { "files": ["notes.txt"] } });
    let (status, answer) = server.ask(&key, "POST", "/graphql", &asked);
    let url = answer["data"]["createRunFiles"]["files"][0]["uploadUrl"].as_str();
    let url = url.unwrap_or_else(|| panic!("{status} {answer}"));
    ureq::put(url).send("some bytes").unwrap();
    let mut folders = vec![place.data().join("objects/files")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                return path;
            }
            folders.push(path);
        }
    }
    panic!("the file is not in the store");
}

#[test]
fn check_names_an_object_that_is_other_shorter_or_gone() {
    let place = Place::new();
    let server = place.serve();
    let object = with_a_stored_file(&place, &server);
    assert!(out(&succeeded(place.run(&["check"], ""))).contains("1 objects"));

    for (harm, word) in [(Some("SOME BYTES"), "other contents"), (Some("some"), "has 4 bytes"), (None, "is missing")] {
        match harm {
            Some(bytes) => std::fs::write(&object, bytes).unwrap(),
            None => std::fs::remove_file(&object).unwrap(),
        }
        let checked = place.run(&["check"], "");
        assert_eq!(checked.status.code(), Some(1));
        assert!(out(&checked).contains("notes.txt") && out(&checked).contains(word), "{}", out(&checked));
    }
}

/// Every file below the directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Makes a run that has ended with history, events and console, sealed to objects.
fn with_a_sealed_run(place: &Place, server: &Server<'_>) -> Vec<PathBuf> {
    let key = server.person("ada");
    let query = r#"mutation { upsertBucket(input: {entityName: "ada", modelName: "p", name: "r"}) { bucket { id } } }"#;
    assert_eq!(server.ask(&key, "POST", "/graphql", &json!({ "query": query })).0, 200);
    let rows: Vec<String> =
        (0..500).map(|step| format!("{{\"_step\":{step},\"loss\":{}}}", 1.0 / f64::from(step + 1))).collect();
    let lines = json!({
        "wandb-history.jsonl": { "offset": 0, "content": rows },
        "wandb-events.jsonl": { "offset": 0, "content": ["{\"system.cpu\":1}", "{\"system.cpu\":2}"] },
        "output.log": { "offset": 0, "content": ["one", "two"] },
    });
    let body = json!({ "files": lines, "complete": true, "exitcode": 0 });
    assert_eq!(server.ask(&key, "POST", "/files/ada/p/r/file_stream", &body).0, 200);
    // History with its level of detail, events, console.
    let sealed = || Some(files_below(&place.data().join("objects"))).filter(|files| files.len() == 4);
    wait_for(|| sealed().filter(|files| files.iter().all(|file| !file.to_string_lossy().contains('#'))));
    wait_for(|| Some(()).filter(|()| out(&place.run(&["check"], "")).contains(" 4 objects")));
    sealed().unwrap()
}

#[test]
fn check_reads_sealed_parts_and_names_objects_that_are_damaged_shorter_or_gone() {
    let place = Place::new();
    let server = place.serve();
    let objects = with_a_sealed_run(&place, &server);
    drop(server);
    assert!(out(&succeeded(place.run(&["check"], ""))).contains(" 4 objects are as they should be"));

    for object in &objects {
        let good = std::fs::read(object).unwrap();
        let mut damaged = good.clone();
        damaged.iter_mut().take(good.len() / 2).for_each(|byte| *byte ^= 0x55);
        let is_detail = object.to_string_lossy().contains(".detail.");
        let shorter = if is_detail { "cannot be read" } else { "bytes and should have" };
        for (harm, word) in
            [(Some(damaged), "cannot be read"), (Some(good[1..].to_vec()), shorter), (None, "is missing")]
        {
            match harm {
                Some(bytes) => std::fs::write(object, bytes).unwrap(),
                None => std::fs::remove_file(object).unwrap(),
            }
            let checked = place.run(&["check"], "");
            let said = out(&checked);
            assert_eq!(checked.status.code(), Some(1), "{word}: {}", object.display());
            assert_eq!(said.lines().count(), 1, "{said}");
            let name = object.file_name().unwrap().to_str().unwrap();
            assert!(said.contains(name) && said.contains("of run ") && said.contains(word), "{word}: {said}");
        }
        std::fs::write(object, good).unwrap();
    }
    succeeded(place.run(&["check"], ""));
}

#[test]
fn a_dump_has_every_record_and_no_secret() {
    both_ways(|place| {
        let words = [create("ada"), vec!["--password-stdin".into()]].concat();
        let key = out(&succeeded(run(place, &words, "a-good-password\n")));

        let dumped = out(&succeeded(place.run(&["db", "dump"], "")));

        let lines: Vec<Value> = dumped.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |table: &str| lines.iter().filter(|line| line["table"] == table).collect::<Vec<_>>();
        assert_eq!(of("users")[0]["record"]["password_hash"], "***");
        assert_eq!(of("api_keys")[0]["record"]["hash"], "***");
        assert_eq!((of("entities").len(), of("organizations").len(), of("organization_members").len()), (2, 1, 1));
        assert!(!dumped.contains(&key.trim()[..6]) && !dumped.contains("argon2"), "{dumped}");
    });
}
