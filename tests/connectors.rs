//! Self-tests of connectors against servers that verify signatures, by the real binary: what is wrong is red in the right
//! line, with the right advice, and what cannot be used is attached to nobody.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

#[path = "harness/licence.rs"]
mod licence;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "it/server.rs"]
mod server;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "harness/stores/mod.rs"]
mod stores;

use licence::Authority;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use server::{Place, Server};
use std::collections::BTreeMap;
use stores::fault::{Fault, FaultyProxy};
use stores::s3::{S3Server, TEAM_A, TEAM_B, TEAM_C, Team};

/// A server that goes to loopback, with a licence, and an S3 of its own beside it.
fn scene(place: &Place) -> (Server<'_>, S3Server) {
    let s3 = S3Server::start(&place.directory().join("s3"));
    let authority = Authority::new(place.directory());
    let license = std::fs::read_to_string(authority.issue(&[])).unwrap();
    let mut command = place.command(&["serve"]);
    command.env("WEIGHHOUSE__LICENSE__TRUSTED_KEYS", authority.public_key());
    command.env("WEIGHHOUSE__STORAGE__ALLOW_ENDPOINTS", "127.0.0.1,localhost");
    let server = place.serve_with(command);
    server.arrange("PUT", "/api/v1/license", &json!({ "license": license }));
    (server, s3)
}

fn address(endpoint: &str, key: &str, secret: &str, bucket: &str) -> String {
    let secret = utf8_percent_encode(secret, NON_ALPHANUMERIC);
    let host = endpoint.strip_prefix("http://").unwrap();
    format!("s3://{key}:{secret}@{host}/{bucket}/weighhouse?tls=false")
}

fn create(server: &Server<'_>, name: &str, address: &str) {
    server.arrange("POST", "/api/v1/connectors", &json!({ "name": name, "store": { "address": address } }));
}

fn team(server: &Server<'_>, name: &str) {
    server.arrange("POST", "/api/v1/teams", &json!({ "name": name, "organization": "default" }));
}

/// Whether the store can be used, and each step by its name.
fn tested(server: &Server<'_>, name: &str) -> (bool, BTreeMap<String, Value>) {
    let tested = server.arrange("POST", &format!("/api/v1/connectors/{name}/test"), &Value::Null);
    let steps = tested["test"]["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| (step["step"].as_str().unwrap().to_owned(), step.clone())).collect();
    (tested["test"]["passed"] == true, steps)
}

#[track_caller]
fn red(server: &Server<'_>, name: &str, step: &str, words: &str, missing: &str) -> Value {
    let (passed, steps) = tested(server, name);
    let found = &steps[step];
    assert!(!passed && found["outcome"] == "failed", "{steps:#?}");
    assert!(found["words"].as_str().unwrap().contains(words), "{found}");
    assert!(found["missing"].as_str().unwrap_or_default().contains(missing), "{found}");
    found.clone()
}

/// Objects of a bucket, as the S3 server keeps them.
fn objects(s3: &S3Server, team: Team) -> Vec<String> {
    let root = s3.bucket(team);
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            match path.is_dir() {
                true => directories.push(path),
                false if name.starts_with('.') || name.contains(".s3s") => {}
                false => found.push(name),
            }
        }
    }
    found
}

#[test]
fn a_good_bucket_is_attached_used_directly_and_nothing_of_the_test_is_left() {
    let place = Place::new();
    let (server, s3) = scene(&place);
    team(&server, "vision");
    create(&server, "a", &address(&s3.endpoint(), TEAM_A.key, TEAM_A.secret, TEAM_A.bucket));

    let attached = server.arrange("PUT", "/api/v1/teams/vision/connector", &json!({ "connector": "a" }));

    let connector = &attached["connector"];
    assert_eq!((&connector["is_direct"], &connector["test"]["passed"]), (&json!(true), &json!(true)), "{connector}");
    for step in connector["test"]["steps"].as_array().unwrap() {
        // Of these the server beside us knows nothing.
        let is_unknown = ["cors", "versioning", "lifecycle"].contains(&step["step"].as_str().unwrap());
        assert!(step["outcome"] == "passed" || is_unknown, "{step}");
    }
    assert_eq!(objects(&s3, TEAM_A), ["weighhouse/weighhouse-owner.json"]);

    let rotate = |credentials: String| {
        server.operate("POST", "/api/v1/connectors/a/rotate", &json!({ "credentials": credentials }))
    };
    let (status, refused) = rotate(format!("{}:wrong", TEAM_A.key));
    assert!(status == 409 && refused.to_string().contains("nothing was changed"), "{refused}");
    assert!(tested(&server, "a").0, "the old credentials go on");
    assert_eq!(rotate(format!("{}:{}", TEAM_A.key, TEAM_A.secret)).0, 200);
    assert_eq!(server.arrange("GET", "/api/v1/connectors/a", &Value::Null)["version"], 2);
}

#[test]
fn what_is_wrong_with_a_bucket_is_red_in_the_right_line() {
    let place = Place::new();
    let (server, s3) = scene(&place);
    team(&server, "vision");
    let at = |key, secret, bucket| address(&s3.endpoint(), key, secret, bucket);
    create(&server, "secret", &at(TEAM_A.key, "not-the-secret", TEAM_A.bucket));
    create(&server, "missing", &at(TEAM_A.key, TEAM_A.secret, "no-such-bucket"));
    create(&server, "others", &at(TEAM_A.key, TEAM_A.secret, TEAM_B.bucket));
    create(&server, "keeps", &at(TEAM_C.key, TEAM_C.secret, TEAM_C.bucket));

    red(&server, "secret", "list", "SignatureDoesNotMatch", "the right credentials");
    red(&server, "missing", "list", "NoSuchBucket", "the bucket `no-such-bucket`");
    let denied = red(&server, "others", "list", "AccessDenied", "s3:ListBucket");
    assert!(denied["paste"].as_str().unwrap().contains("arn:aws:s3:::team-b/weighhouse/*"), "{denied}");
    let keeps = red(&server, "keeps", "delete", "Access", "s3:DeleteObject");
    assert!(keeps["paste"].as_str().unwrap().contains("s3:DeleteObject"), "{keeps}");
    let (_, steps) = tested(&server, "keeps");
    assert_eq!(steps["put"]["outcome"], "passed");
    for name in ["secret", "missing", "others", "keeps"] {
        let (status, refused) = server.operate("PUT", "/api/v1/teams/vision/connector", &json!({ "connector": name }));
        assert!(status == 409 && refused.to_string().contains("self-test"), "{refused}");
    }
    let command = place.run(&["connector", "test", "keeps"], "");
    let text = String::from_utf8_lossy(&command.stdout).into_owned();
    assert!(command.status.code() == Some(1) && text.contains("delete           failed"), "{text}");
    assert_eq!(objects(&s3, TEAM_B), [""; 0]);
    assert!(!server.log().contains("not-the-secret") && !server.log().contains(TEAM_A.secret));
}

#[test]
fn a_network_that_fails_is_told_from_a_provider_that_refuses() {
    let place = Place::new();
    let (server, s3) = scene(&place);
    let proxy = FaultyProxy::start(s3.address);
    let at = |endpoint: &str| address(endpoint, TEAM_A.key, TEAM_A.secret, TEAM_A.bucket);
    create(&server, "behind", &at(&proxy.endpoint()));
    create(&server, "unknown", &at("http://store.invalid:9000"));

    red(&server, "unknown", "resolve", "store.invalid", "the spelling of the endpoint");
    proxy.set(Fault::ClockAhead);
    red(&server, "behind", "clock", "behind that of the store", "time server");
    proxy.set(Fault::Stall);
    red(&server, "behind", "connect", "no answer within 15s", "");
    proxy.set(Fault::Reset);
    red(&server, "behind", "connect", "", "");
    proxy.set(Fault::Truncate(20));
    red(&server, "behind", "connect", "", "");
    proxy.set(Fault::None);
    assert!(tested(&server, "behind").0, "and when it is mended, it is good");
}

#[test]
fn two_teams_with_two_keys_are_in_two_buckets_and_one_that_is_down_is_no_trouble_for_the_other() {
    let place = Place::new();
    let (server, s3) = scene(&place);
    let proxy = FaultyProxy::start(s3.address);
    create(&server, "a", &address(&s3.endpoint(), TEAM_A.key, TEAM_A.secret, TEAM_A.bucket));
    create(&server, "b", &address(&proxy.endpoint(), TEAM_B.key, TEAM_B.secret, TEAM_B.bucket));
    let new = |name: &str, connector: &str| {
        let team = json!({ "name": name, "organization": "default", "connector": connector });
        server.arrange("POST", "/api/v1/teams", &team);
    };
    new("vision", "a");
    new("speech", "b");
    assert_eq!(objects(&s3, TEAM_B), ["weighhouse/weighhouse-owner.json"]);

    proxy.set(Fault::Reset);

    let (passed, _) = tested(&server, "b");
    assert!(!passed && tested(&server, "a").0);
    let again = server.operate("DELETE", "/api/v1/connectors/b", &Value::Null);
    assert!(again.0 == 409 && again.1.to_string().contains("speech"), "{again:?}");
}
