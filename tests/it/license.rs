//! Licences as administrators meet them: the commands, the REST interface, and what works with and without one.

use crate::licence::{Authority, FAR};
use crate::server::{Place, Server, wait_for};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command on the directory, by settings that trust the authority.
fn run(place: &Place, authority: &Authority, words: &[&str]) -> Output {
    let mut command = place.command(words);
    command.env("WEIGHHOUSE__LICENSE__TRUSTED_KEYS", authority.public_key()).output().unwrap()
}

fn install(server: &Server<'_>, file: &Path) -> (u16, Value) {
    let text = std::fs::read_to_string(file).unwrap();
    server.operate("PUT", "/api/v1/license", &json!({ "license": text }))
}

#[test]
fn an_authority_keeps_its_key_secret_and_overwrites_none() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());

    let mode = std::fs::metadata(authority.private_key()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = std::fs::read(authority.private_key()).unwrap();
    let mut again = std::process::Command::new(env!("CARGO_BIN_EXE_weighhouse"));
    let again = again.args(["license-authority", "keygen", "--out"]).arg(directory.path().join("authority"));
    let again = again.output().unwrap();
    assert!(!again.status.success() && err(&again).contains("nothing is overwritten"), "{}", err(&again));
    assert_eq!(std::fs::read(authority.private_key()).unwrap(), before);
    for (words, why) in [
        (&["--features", "teleport", "--expires", FAR][..], "`teleport`"),
        (&["--features", "all", "--expires", "tomorrow"], "2026-01-31"),
        (&["--features", "all", "--expires", "2026-01-01", "--not-before", "2026-01-02"], "before its first"),
        (&["--features", "all", "--expires", FAR, "--max-users", "many"], "many"),
    ] {
        let out = directory.path().join("none");
        let refused = authority.try_issue(&out, words);
        assert!(!refused.status.success() && err(&refused).contains(why), "{words:?}: {}", err(&refused));
        assert!(!out.exists());
    }
}

#[test]
fn a_licence_is_verified_installed_and_shown_by_the_command_with_and_without_a_server() {
    let place = Place::new();
    drop(place.serve());
    let authority = Authority::new(place.directory());
    let file = authority.issue(&["--max-users", "7"]);
    let file = file.to_str().unwrap();
    let out = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();

    let good = run(&place, &authority, &["license", "verify", file]);
    assert!(good.status.success() && out(&good).contains(FAR), "{}{}", out(&good), err(&good));
    let unknown = place.run(&["license", "verify", file], "");
    assert!(!unknown.status.success() && err(&unknown).contains("license.trusted_keys"), "{}", err(&unknown));
    let none = run(&place, &authority, &["license", "show"]);
    assert!(out(&none).contains("none"), "{}", out(&none));
    let installed = run(&place, &authority, &["license", "install", file]);
    assert!(installed.status.success() && out(&installed).contains("service_accounts"), "{}", err(&installed));
    let server = place.serve_trusting(&authority);
    let shown = run(&place, &authority, &["license", "show", "--json"]);
    let shown: Value = serde_json::from_str(&out(&shown)).unwrap();
    assert_eq!(
        (&shown["state"], &shown["holder"], &shown["seats"]["max_users"]),
        (&json!("valid"), &json!("Tests"), &json!(7))
    );
    drop(server);

    let old = authority.issue_until("2020-12-31", &["--features", "sso"]);
    let old = run(&place, &authority, &["license", "verify", old.to_str().unwrap()]);
    assert!(!old.status.success() && err(&old).contains("expired: its last day was 2020-12-31"), "{}", err(&old));
    let huge = place.directory().join("huge");
    std::fs::write(&huge, vec![b'x'; 10 << 20]).unwrap();
    for command in ["verify", "install"] {
        let refused = run(&place, &authority, &["license", command, huge.to_str().unwrap()]);
        assert!(!refused.status.success() && err(&refused).contains("no licence file"), "{}", err(&refused));
    }
}

#[test]
fn what_is_no_good_licence_is_refused_by_its_field_and_leaves_the_one_there_is() {
    let place = Place::new();
    let authority = Authority::new(place.directory());
    let server = place.serve_trusting(&authority);
    let file = authority.issue(&["--max-teams", "3"]);
    let good = std::fs::read_to_string(&file).unwrap();
    assert_eq!(install(&server, &file).0, 200);

    for (text, why) in [
        (String::new(), "no licence file"),
        (good.replace("\"max_teams\": 3", "\"max_teams\": 9"), "altered"),
        (good.replace('\n', "\r\n"), "licence"),
        ("x".repeat(200_000), "bytes"),
        (std::fs::read_to_string(authority.issue_until("2020-12-31", &["--features", "all"])).unwrap(), "expired"),
    ] {
        let (status, answer) = server.operate("PUT", "/api/v1/license", &json!({ "license": text }));
        assert_eq!((status, &answer["error"]["field"]), (422, &json!("license")), "{why}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(why), "{why}: {answer}");
    }
    let shown = server.arrange("GET", "/api/v1/license", &Value::Null);
    assert_eq!((&shown["state"], &shown["seats"]["max_teams"]), (&json!("valid"), &json!(3)));
}

#[test]
fn a_licensed_role_is_given_with_a_licence_and_kept_without() {
    let place = Place::new();
    let authority = Authority::new(place.directory());
    let server = place.serve_trusting(&authority);
    let (ada, _) = (server.person("ada"), server.person("bob"));
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/organizations/default/members/ada", &json!({ "role": "admin" }));
    let carol = server.person("carol");
    server.person("dan");
    for name in ["carol", "dan"] {
        server.arrange("PUT", &format!("/api/v1/teams/vision/members/{name}"), &json!({ "role": "member" }));
    }
    let project = json!({ "entity": "vision", "name": "p" });
    assert_eq!(server.ask(&ada, "POST", "/api/v1/projects", &project).0, 201);
    assert_eq!(server.ask(&ada, "PATCH", "/api/v1/projects/vision/p", &json!({ "owner": "carol" })).0, 200);
    // Everywhere that somebody can come to look on and do no more.
    let ways = [
        (&ada, "PUT", "/api/v1/teams/vision/members/bob", json!({ "role": "view_only" })),
        (&ada, "PUT", "/api/v1/organizations/default/members/bob", json!({ "role": "viewer" })),
        (&carol, "PUT", "/api/v1/projects/vision/p/members/dan", json!({ "role": "view_only" })),
        (&ada, "POST", "/api/v1/teams/vision/invitations", json!({ "email": "e@example.com", "role": "view_only" })),
        (
            &ada,
            "POST",
            "/api/v1/organizations/default/invitations",
            json!({ "email": "e@example.com", "role": "viewer" }),
        ),
    ];

    for (key, method, path, body) in &ways {
        let (status, answer) = server.ask(key, method, path, body);
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("not_licensed")), "{path}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("view_only"), "{answer}");
    }
    assert_eq!(install(&server, &authority.issue(&[])).0, 200);
    for (key, method, path, body) in &ways {
        let (status, answer) = server.ask(key, method, path, body);
        assert!([200, 201].contains(&status), "{path}: {answer}");
    }
    drop(server);
    let server = place.serve();
    let shown = server.arrange("GET", "/api/v1/license", &Value::Null);
    assert_eq!(shown["state"], "unusable");
    wait_for(|| server.log().contains("license.trusted_keys").then_some(()));
    for (key, method, path, body) in ways.iter().filter(|(_, method, ..)| *method == "PUT") {
        assert_eq!(server.ask(key, method, path, body).0, 200, "they have it already: {path}");
    }
    let members = server.ask(&ada, "GET", "/api/v1/teams/vision/members", &Value::Null).1;
    assert_eq!(members["members"][1]["role"], "view_only");
    assert_eq!(server.ask(&ada, "DELETE", "/api/v1/teams/vision/members/bob", &Value::Null).0, 204);
    let back = server.ask(&ada, "PUT", "/api/v1/organizations/default/members/bob", &json!({ "role": "member" }));
    assert_eq!(back.0, 200, "{}", back.1);
    let back = server.ask(&carol, "PUT", "/api/v1/projects/vision/p/members/dan", &json!({ "role": null }));
    assert_eq!(back.0, 200, "{}", back.1);
}

#[test]
fn a_key_file_that_is_none_is_a_mistake_that_check_config_finds() {
    let place = Place::new();
    let wrong = place.directory().join("wrong.pem");
    std::fs::write(&wrong, "no key").unwrap();

    let mut command = place.command(&["check-config"]);
    let checked = command.env("WEIGHHOUSE__LICENSE__TRUSTED_KEYS", &wrong).output().unwrap();

    assert!(!checked.status.success() && err(&checked).contains("no Ed25519 public key"), "{}", err(&checked));
}

#[test]
fn a_limit_of_seats_is_told_and_nothing_half_made_remains() {
    let place = Place::new();
    let server = place.serve_licensed(&["--max-users", "1", "--max-teams", "0"]);
    server.person("ada");

    let bob = json!({ "username": "bob", "email": "bob@example.com" });
    let (status, answer) = server.operate("POST", "/api/v1/users", &bob);
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")));
    assert!(answer["error"]["message"].as_str().unwrap().contains("1 full seats (`max_users`)"), "{answer}");
    let team = json!({ "name": "vision", "organization": "default", "admins": [] });
    let (status, answer) = server.operate("POST", "/api/v1/teams", &team);
    assert!(status == 409 && answer["error"]["message"].as_str().unwrap().contains("`max_teams`"), "{answer}");
    let shown = server.arrange("GET", "/api/v1/license", &Value::Null);
    assert_eq!((&shown["seats"]["users"], &shown["seats"]["max_users"]), (&json!(1), &json!(1)));
    assert_eq!(server.arrange("GET", "/api/v1/users", &Value::Null)["users"].as_array().unwrap().len(), 1);
}
