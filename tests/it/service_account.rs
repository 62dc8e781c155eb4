//! Service accounts over HTTP: who may make and end them and their keys, what they are shown as, and what they log.

use crate::cast::{cells, people};
use crate::server::{Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const IN_TEAM: &str = "/api/v1/teams/vision/service-accounts";
const IN_ORGANIZATION: &str = "/api/v1/organizations/default/service-accounts";

/// Makes an account as the operator, and a key of it.
fn account(server: &Server<'_>, at: &str, name: &str) -> String {
    let mut new = json!({ "name": name, "description": "for the cluster" });
    if at == IN_ORGANIZATION {
        new["default_team"] = json!("vision");
    }
    server.arrange("POST", at, &new);
    let key = server.arrange("POST", &format!("{at}/{name}/api-keys"), &json!({}));
    key["api_key"].as_str().unwrap().to_owned()
}

fn query(server: &Server<'_>, key: &str, text: &str, variables: &Value) -> Value {
    let (status, answer) = server.graphql(Some(key), text, variables);
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str::<Value>(&answer).unwrap()["data"].take()
}

fn works(server: &Server<'_>, key: &str) -> bool {
    server.graphql(Some(key), "{ viewer { id } }", &NOTHING).0 == 200
}

/// The column under which somebody of `people` stands for a team `vision` and its organization.
fn column(role: &str) -> Option<&'static str> {
    match role {
        "owner" | "member" => Some("member"),
        "team-admin" => Some("team_admin"),
        "org-admin" => Some("org_admin"),
        "system-admin" => Some("system_admin"),
        _ => None,
    }
}

#[test]
fn accounts_and_their_keys_are_in_the_hands_of_those_whom_the_table_names() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let keys = people(&server);
    let mut number = 0;
    for (role, key) in &keys {
        for (at, create, keep, end) in [
            (IN_TEAM, "service_account:create", "service_account:key", "service_account:delete"),
            (IN_ORGANIZATION, "org_service_account:create", "org_service_account:delete", "org_service_account:delete"),
        ] {
            number += 1;
            let (made, there) = (format!("made-{number}"), format!("there-{number}"));
            let first = account(&server, at, &there);
            let id = server.arrange("GET", &format!("{at}/{there}/api-keys"), &NOTHING)["api_keys"][0]["id"].take();
            let of_keys = format!("{at}/{there}/api-keys");
            let new = match at {
                IN_TEAM => json!({ "name": made }),
                _ => json!({ "name": made, "default_team": "vision" }),
            };
            let requests = [
                (create, "POST", at.to_owned(), new),
                (keep, "POST", of_keys.clone(), json!({})),
                (keep, "GET", of_keys.clone(), NOTHING),
                (keep, "DELETE", format!("{of_keys}/{}", id.as_str().unwrap()), NOTHING),
                (end, "DELETE", format!("{at}/{there}"), NOTHING),
            ];
            for (action, method, path, body) in requests {
                let may = column(role).is_some_and(|column| cells()[action][column] == "yes");
                let (status, answer) = server.ask(key, method, &path, &body);
                let what = format!("{action} for {role}: {method} {path} answers {status} {answer}");
                assert_eq!((200..300).contains(&status), may, "{what}");
                assert!(may || [403, 404].contains(&status), "{what}");
                if action == create {
                    let (made, _) = server.operate("GET", &format!("{at}/{made}/api-keys"), &NOTHING);
                    assert_eq!(made == 200, may, "{what}");
                }
            }
            let may_end = column(role).is_some_and(|column| cells()[end][column] == "yes");
            let may_keep = column(role).is_some_and(|column| cells()[keep][column] == "yes");
            let (works, _) = server.graphql(Some(&first), "{ viewer { id } }", &NOTHING);
            assert_eq!(works == 200, !may_end && !may_keep, "{role} in {at}");
        }
    }
}

#[test]
fn what_does_not_exist_or_is_hidden_is_answered_alike() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let keys = people(&server);
    account(&server, IN_TEAM, "ci");
    server.arrange("PATCH", "/api/v1/teams/vision/settings", &json!({ "hidden": true }));
    let key = &keys.iter().find(|(role, _)| *role == "outsider").unwrap().1;
    let ask = |method: &str, path: &str, body: &Value| {
        let (status, answer) = server.ask(key, method, path, body);
        (status, answer.to_string().replace("nothing", "vision"))
    };
    for (method, end, body) in [
        ("GET", "", NOTHING),
        ("POST", "", json!({ "name": "x" })),
        ("DELETE", "/ci", NOTHING),
        ("GET", "/ci/api-keys", NOTHING),
        ("POST", "/ci/api-keys", json!({})),
        ("DELETE", "/ci/api-keys/1", NOTHING),
    ] {
        let hidden = ask(method, &format!("/api/v1/teams/vision/service-accounts{end}"), &body);
        assert_eq!(hidden, ask(method, &format!("/api/v1/teams/nothing/service-accounts{end}"), &body));
        assert_eq!(hidden.0, 404, "{method} {end}");
    }
    // An account of one home is none of another.
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "speech", "organization": "default" }));
    for path in ["/api/v1/teams/speech/service-accounts/ci", "/api/v1/organizations/default/service-accounts/ci"] {
        let (status, answer) = server.operate("DELETE", path, &NOTHING);
        assert_eq!(status, 404, "{answer}");
    }
}

#[test]
fn an_account_is_shown_as_one_and_is_no_person() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let admin = server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default", "admins": ["ada"] }));
    let text = "mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) { user { id username } } }";
    let new = json!({ "i": { "entityName": "vision", "description": "CI service account" } });
    let made = query(&server, &admin, text, &new)["createServiceAccount"]["user"].take();
    assert_eq!(made["username"], "CI-service-account");

    let text = "{ entity(name: \"vision\") { members { id username name email accountType admin role apiKey } } }";
    let members = query(&server, &admin, text, &NOTHING)["entity"]["members"].take();
    let last = members.as_array().unwrap().last().unwrap();
    assert_eq!((&last["accountType"], &last["name"]), (&json!("SERVICE"), &json!("CI service account")));
    assert_eq!((&last["role"], &last["admin"], &last["email"]), (&json!("member"), &json!(false), &NOTHING));
    assert_eq!(members[0]["accountType"], "USER");
    let people = server.arrange("GET", "/api/v1/users", &NOTHING);
    assert_eq!(people["users"].as_array().unwrap().len(), 1);
    let listed = server.arrange("GET", IN_TEAM, &NOTHING);
    assert_eq!(listed["service_accounts"][0]["default_team"], "vision");

    let text = "mutation($i: DeleteInviteInput!) { deleteInvite(input: $i) { success } }";
    let gone = json!({ "i": { "entityName": "vision", "id": last["id"] } });
    assert_eq!(query(&server, &admin, text, &gone)["deleteInvite"]["success"], true);
    assert!(server.arrange("GET", IN_TEAM, &NOTHING)["service_accounts"].as_array().unwrap().is_empty());
}

#[test]
fn an_account_logs_reads_and_fetches_with_its_key() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default", "admins": ["ada"] }));
    let key = account(&server, IN_TEAM, "ci");

    let viewer =
        query(&server, &key, "{ viewer { username entity email teams { edges { node { name } } } } }", &NOTHING);
    let expected = json!({ "username": "ci", "entity": "vision", "email": null,
        "teams": { "edges": [{ "node": { "name": "vision" } }] } });
    assert_eq!(viewer["viewer"], expected);
    let upsert = "mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { name user { username }
        project { name entity { name } } } } }";
    let made = query(&server, &key, upsert, &json!({ "i": { "modelName": "p", "name": "r" } }));
    let bucket = &made["upsertBucket"]["bucket"];
    assert_eq!((&bucket["user"]["username"], &bucket["project"]["entity"]["name"]), (&json!("ci"), &json!("vision")));
    let lines = json!({ "offset": 0, "content": ["{\"_step\":0,\"loss\":1}"] });
    let body = json!({ "files": { "wandb-history.jsonl": lines } });
    assert_eq!(server.ask(&key, "POST", "/files/vision/p/r/file_stream", &body).0, 200);
    for (method, path, body) in [
        ("GET", "/api/v1/users", NOTHING),
        ("POST", "/api/v1/api-keys", json!({})),
        ("POST", "/api/v1/teams", json!({ "name": "x", "organization": "default" })),
        ("PUT", "/api/v1/teams/vision/members/ada", json!({ "role": "view_only" })),
        ("POST", IN_TEAM, json!({ "name": "x" })),
    ] {
        let (status, answer) = server.ask(&key, method, path, &body);
        assert!([403, 404].contains(&status), "{method} {path}: {status} {answer}");
    }
}

#[test]
fn the_command_makes_lists_and_revokes_keys_and_prints_a_key_alone() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default", "admins": ["ada"] }));
    let run = |words: &[&str]| {
        let done = place.run(words, "");
        let out = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success(), "{words:?}: {out}{}", String::from_utf8_lossy(&done.stderr));
        out
    };
    let fails = |words: &[&str]| {
        let done = place.run(words, "");
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };

    let made = run(&["api-key", "create", "--user", "ada", "--name", "laptop", "--scope", "read", "--only", "vision"]);
    assert_eq!(made.trim().len(), 40);
    assert!(works(&server, made.trim()));
    let listed: Value = serde_json::from_str(&run(&["api-key", "list", "--user", "ada", "--json"])).unwrap();
    assert_eq!((&listed[1]["scope"], &listed[1]["teams"]), (&json!("read"), &json!(["vision"])));
    let table = run(&["api-key", "list", "--user", "ada"]);
    assert!(table.contains("laptop") && table.contains("vision") && !table.contains(made.trim()), "{table}");
    run(&["api-key", "revoke", "--user", "ada", listed[1]["id"].as_str().unwrap()]);
    assert!(!works(&server, made.trim()));

    let key = run(&["service-account", "create", "--team", "vision", "ci", "--description", "nightly"]);
    assert!(works(&server, key.trim()));
    assert!(run(&["service-account", "list", "--team", "vision"]).contains("nightly"));
    let of_account = ["--service-account", "ci", "--team", "vision"];
    let second = run(&[&["api-key", "create"], &of_account[..]].concat());
    assert!(works(&server, second.trim()));
    assert_eq!(run(&[&["api-key", "list"], &of_account[..]].concat()).lines().count(), 3);
    let wide = ["service-account", "create", "--organization", "default", "wide"];
    assert!(fails(&wide).contains("default team"));
    run(&[&wide[..], &["--default-team", "vision"]].concat());
    assert!(run(&["service-account", "list", "--organization", "default"]).contains("wide"));
    run(&["service-account", "delete", "--team", "vision", "ci"]);
    assert!(!works(&server, key.trim()) && !works(&server, second.trim()));
    assert!(fails(&["api-key", "list", "--service-account", "ci"]).contains("--team"));
    assert!(fails(&["api-key", "list"]).contains("--user"));
}
