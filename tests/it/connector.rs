//! Connectors over HTTP, by commands and from the settings file. What providers make of them is tested elsewhere.

use crate::server::{Place, Server};
use serde_json::{Value, json};
use std::process::Output;

const SECRET: &str = "a-secret-that-nobody-sees";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn run(place: &Place, words: &[&str], input: &str) -> String {
    let output = place.run(words, input);
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    said(&output)
}

fn team(server: &Server<'_>, name: &str) {
    server.arrange("POST", "/api/v1/teams", &json!({ "name": name, "organization": "default" }));
}

/// A bucket on this machine, where the server does not go.
fn bucket(name: &str) -> Value {
    let place = json!({ "provider": "s3", "bucket": name, "region": "r", "path_style": true,
        "endpoint": "http://127.0.0.1:9" });
    json!({ "name": name, "store": { "place": place, "credentials": format!("id:{SECRET}") } })
}

#[test]
fn a_directory_is_defined_tested_attached_and_deleted_by_commands() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    team(&server, "vision");
    let address = format!("file://{}/store", server.directory().display());

    let made = run(&place, &["connector", "create", "disk", "--address", &address], "");
    assert!(made.contains("weighhouse connector test disk"), "{made}");
    let tested = run(&place, &["connector", "test", "disk"], "");
    for step in
        ["put              passed", "multipart        passed", "signed_get       skipped: a directory has no URLs"]
    {
        assert!(tested.contains(step), "{tested}");
    }
    run(&place, &["connector", "attach", "disk", "--team", "vision"], "");
    let listed = run(&place, &["connector", "list"], "");
    assert!(listed.contains("auto (proxy)") && listed.contains("vision") && listed.contains("passed 20"), "{listed}");
    let shown: Value = serde_json::from_str(&run(&place, &["connector", "show", "disk", "--json"], "")).unwrap();
    assert_eq!((&shown["teams"], &shown["is_direct"]), (&json!(["vision"]), &json!(false)));

    let refused = place.run(&["connector", "delete", "disk"], "");
    assert!(!refused.status.success() && said(&refused).contains("the bytes of vision"), "{}", said(&refused));
    run(&place, &["connector", "detach", "--team", "vision"], "");
    run(&place, &["connector", "delete", "disk"], "");
    assert_eq!(run(&place, &["connector", "list", "--json"], "").trim(), "[]");
    assert!(
        std::fs::read_dir(place.directory().join("store"))
            .unwrap()
            .next()
            .is_none_or(|left| left.unwrap().path().is_dir())
    );
}

#[test]
fn a_store_that_cannot_be_used_ends_the_command_and_says_what_to_do() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    team(&server, "vision");
    let address = format!("s3://id:{SECRET}@127.0.0.1:9/bucket?tls=false");
    // From standard input, where nobody else sees it.
    run(&place, &["connector", "create", "eu", "--address", "-"], &format!("{address}\n"));

    let failed = place.run(&["connector", "test", "eu"], "");

    assert_eq!(failed.status.code(), Some(1));
    let text = said(&failed);
    for expected in [
        "resolve          failed",
        "127.0.0.1",
        "storage.allow_endpoints",
        "put              skipped: not tried: `resolve` failed",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let refused = place.run(&["team", "create", "speech", "--connector", "eu"], "");
    assert!(!refused.status.success() && said(&refused).contains("fails at `resolve`"), "{}", said(&refused));
    assert_eq!(server.operate("GET", "/api/v1/teams/speech/connector", &Value::Null).0, 404, "no team was made");
    let refused = server.operate("PUT", "/api/v1/teams/vision/connector", &json!({ "connector": "eu" }));
    assert_eq!(refused.0, 409, "{}", refused.1);
    assert_eq!(server.arrange("GET", "/api/v1/teams/vision/connector", &Value::Null), json!({ "connector": null }));
    let metrics = server.operate_for_text("GET", "/metrics", &Value::Null).1;
    assert!(metrics.contains("weighhouse_connector_good{connector=\"eu\"} 0"), "{metrics}");
}

#[test]
fn what_is_wrong_with_a_description_is_said_by_its_field() {
    let place = Place::new();
    let server = place.serve();
    server.arrange("POST", "/api/v1/connectors", &bucket("taken"));
    let with = |field: &str, value: Value| {
        let mut new = bucket("new");
        new["store"][field] = value;
        new
    };

    for (field, body) in [
        ("name", json!({ "name": "a b", "store": bucket("x")["store"] })),
        ("name", json!({ "name": "default", "store": bucket("x")["store"] })),
        ("name", json!({ "name": "TAKEN", "store": bucket("x")["store"] })),
        ("place", with("place", json!({ "provider": "s4" }))),
        ("place", with("place", json!({ "provider": "gcs", "bucket": "b", "regoin": "r" }))),
        ("place", with("address", json!("s3://b?region=r"))),
        ("prefix", with("prefix", json!("/x"))),
        ("identity", with("identity", json!({ "kind": "somebody" }))),
        ("credentials", with("credentials", json!("no key"))),
        ("credentials", with("credentials", Value::Null)),
        ("address", json!({ "name": "new", "store": { "address": format!("s4://id:{SECRET}@h/b") } })),
    ] {
        let (status, answer) = server.operate("POST", "/api/v1/connectors", &body);
        let told = answer["error"]["field"].clone();
        let is_same = told == json!(field) || (field == "credentials" && told == json!("identity"));
        assert!([409, 422].contains(&status) && is_same, "{field}: {status} {answer} for {body}");
        assert!(!answer.to_string().contains(SECRET), "{answer}");
    }
    let nested =
        server.operate("POST", "/api/v1/connectors", &json!({ "name": "new", "store": bucket("taken")["store"] }));
    assert!(nested.0 == 409 && nested.1.to_string().contains("`taken`"), "{nested:?}");
    let unknown = server.operate("POST", "/api/v1/connectors", &json!({ "name": "n", "store": {}, "more": 1 }));
    assert_eq!(unknown.0, 422);
}

#[test]
fn no_secret_is_in_an_answer_a_dump_a_log_or_the_audit_log() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let mut texts = vec![server.arrange("POST", "/api/v1/connectors", &bucket("eu")).to_string()];
    for (method, path, body) in [
        ("POST", "/api/v1/connectors/eu/test", Value::Null),
        ("POST", "/api/v1/connectors/eu/rotate", json!({ "credentials": format!("id:{SECRET}-2") })),
        ("PATCH", "/api/v1/connectors/eu", json!({ "data_path": "direct" })),
        ("GET", "/api/v1/connectors/eu", Value::Null),
        ("GET", "/api/v1/connectors", Value::Null),
        ("GET", "/admin/audit_logs?numDays=1", Value::Null),
    ] {
        texts.push(server.operate_for_text(method, path, &body).1);
    }
    texts.push(run(&place, &["db", "dump"], ""));
    assert!(texts.last().unwrap().contains(r#""sealed":"***""#), "{texts:?}");
    texts.push(run(&place, &["secrets", "rotate"], ""));
    texts.push(run(&place, &["db", "dump"], ""));
    assert!(texts.last().unwrap().contains(r#""wrapped":"***""#));
    texts.push(server.log());

    for text in &texts {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(texts.iter().any(|text| text.contains("connector:create")), "the audit log tells of it");
}

#[test]
fn keys_and_connectors_go_on_after_another_sealing_key_with_and_without_a_server() {
    let place = Place::new();
    {
        let server = place.serve_licensed(&[]);
        let key = server.person("ada");
        server.arrange("POST", "/api/v1/connectors", &bucket("eu"));
        run(&place, &["secrets", "rotate"], "");
        assert_eq!(server.ask(&key, "GET", "/api/v1/api-keys", &Value::Null).0, 200);
    }
    let rotated = run(&place, &["secrets", "rotate"], "");
    assert!(rotated.contains("sealed 1 records"), "{rotated}");
    let server = place.serve();
    let tested = server.arrange("POST", "/api/v1/connectors/eu/test", &Value::Null);
    let resolve = &tested["test"]["steps"][0];
    assert_eq!((&resolve["step"], &resolve["outcome"]), (&json!("resolve"), &json!("failed")), "its secret was opened");
}

#[test]
fn the_settings_file_defines_connectors_and_the_store_of_the_server() {
    let place = Place::new();
    let (config, key) = (place.directory().join("weighhouse.toml"), place.directory().join("key.txt"));
    std::fs::write(&key, format!("id:{SECRET}\n")).unwrap();
    let write = |more: &str| {
        let text = format!(
            "[storage]\ndefault = \"main\"\n[[storage.connectors]]\nname = \"main\"\naddress = \"file://{}/main\"\n\
             [[storage.connectors]]\nname = \"eu\"\ncredentials_file = \"{}\"\n\
             place = {{ provider = \"s3\", bucket = \"b\", region = \"r\", path_style = false }}\n{more}",
            place.directory().display(),
            key.display()
        );
        std::fs::write(&config, text).unwrap();
    };
    let config_words = ["--config", config.to_str().unwrap()];
    write("");
    run(&place, &[&["check-config"], &config_words[..]].concat(), "");
    {
        let server = place.serve_with(place.command(&[&["serve"], &config_words[..]].concat()));
        let main = server.arrange("GET", "/api/v1/connectors/main", &Value::Null);
        assert_eq!((&main["is_default"], &main["fixed"]), (&json!(true), &json!(true)), "{main}");
        assert!(place.directory().join("main/weighhouse-owner.json").exists());
        let refused = server.operate("PATCH", "/api/v1/connectors/eu", &json!({ "data_path": "proxy" }));
        assert!(refused.0 == 409 && refused.1.to_string().contains("settings file"), "{refused:?}");
    }

    for (more, expected) in [
        ("colour = 1\n", "`colour`"),
        ("credentials = \"id:x\"\n", "both set; keep one"),
        ("ca_file = \"/nowhere\"\n", "cannot read `/nowhere`"),
        ("prefix = \"/\"\n", "prefix"),
        ("[[storage.connectors]]\nname = \"eu\"\naddress = \"s3://other?region=r\"\n", "eu"),
        (
            "[[storage.connectors]]\nname = \"x\"\naddress = \"s3://id:a-secret@b/p?region=r\"\n",
            "lead to the same bucket",
        ),
    ] {
        write(more);
        let refused = place.run(&[&["check-config"], &config_words[..]].concat(), "");
        let text = said(&refused);
        assert!(!refused.status.success() && text.contains(expected), "{more}: {text}");
        assert!(!text.contains(SECRET) && !text.contains("a-secret"), "{text}");
    }
    std::fs::write(&config, "[storage]\ndefault = \"nowhere\"\nallow_endpoints = [\"a b\"]\n").unwrap();
    let refused = said(&place.run(&[&["check-config"], &config_words[..]].concat(), ""));
    assert!(refused.contains("`storage.allow_endpoints`"), "{refused}");
    std::fs::write(&config, "[storage]\ndefault = \"nowhere\"\n").unwrap();
    let refused = said(&place.run(&[&["connector", "list"], &config_words[..]].concat(), ""));
    assert!(refused.contains("connector `nowhere` does not exist"), "{refused}");
}

#[test]
fn the_master_key_can_be_a_credential_of_the_service() {
    let place = Place::new();
    let credentials = place.directory().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("weighhouse-master-key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let mut command = place.command(&["serve"]);
    command.env("CREDENTIALS_DIRECTORY", &credentials);

    let server = place.serve_with(command);

    server.person("ada");
    assert!(!place.data().join("master.key").exists(), "none is made where there is one");
}
