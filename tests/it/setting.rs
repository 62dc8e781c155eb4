//! System settings: who sees and changes them, by which doors, and what is refused.

use crate::server::Place;
use serde_json::{Value, json};

#[test]
fn settings_are_listed_changed_and_reset_by_system_admins_alone() {
    let place = Place::new();
    let server = place.serve();
    let admin = json!({ "username": "root", "email": "root@example.com", "system_admin": true });
    let admin = server.arrange("POST", "/api/v1/users", &admin)["api_key"].as_str().unwrap().to_owned();
    let ada = server.person("ada");
    let path = "/api/v1/settings/team_trash_days";

    for (method, path, body) in
        [("GET", "/api/v1/settings", Value::Null), ("PUT", path, json!({ "value": 3 })), ("DELETE", path, Value::Null)]
    {
        let (status, answer) = server.ask(&ada, method, path, &body);
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")), "{method}: {answer}");
    }
    let (status, set) = server.ask(&admin, "PUT", path, &json!({ "value": 3 }));
    assert_eq!((status, &set["value"], &set["default"], &set["unit"]), (200, &json!(3), &json!(30), &json!("days")));
    let listed = server.ask(&admin, "GET", "/api/v1/settings", &Value::Null).1;
    let days = listed["settings"].as_array().unwrap().iter().find(|it| it["key"] == "team_trash_days").unwrap();
    assert_eq!((&days["value"], &days["type"], &days["fixed"]), (&json!(3), &json!("integer"), &json!(false)));
    assert!(days["changed_at"].is_string() && days["permission"] == "system:settings", "{days}");
    let (status, reset) = server.ask(&admin, "DELETE", path, &Value::Null);
    assert_eq!((status, &reset["value"], &reset["changed_at"]), (200, &json!(30), &Value::Null));
}

#[test]
fn a_value_that_a_setting_cannot_have_is_refused_by_its_field_and_changes_nothing() {
    let place = Place::new();
    let server = place.serve();

    for (key, wrong) in [
        ("team_trash_days", json!(-1)),
        ("team_trash_days", json!("3")),
        ("team_trash_days", json!(4_000_000_000_000_000_u64)),
        ("personal_projects", json!(null)),
        ("personal_projects", json!({ "a": [1] })),
        ("outside_images", json!(["https://example.com/x"])),
        ("outside_images", json!(vec!["a.example.com"; 1000])),
    ] {
        let (status, answer) = server.operate("PUT", &format!("/api/v1/settings/{key}"), &json!({ "value": wrong }));
        assert_eq!((status, &answer["error"]["field"]), (422, &json!("value")), "{key}: {answer}");
    }
    let (status, _) = server.operate("PUT", "/api/v1/settings/team_trash_days", &json!({ "value": 1, "more": 2 }));
    assert_eq!(status, 422);
    let (status, answer) = server.operate("PUT", "/api/v1/settings/no_such_key", &json!({ "value": 1 }));
    assert_eq!((status, &answer["error"]["message"]), (404, &json!("setting `no_such_key` does not exist")));
    let listed = server.arrange("GET", "/api/v1/settings", &Value::Null);
    assert!(listed["settings"].as_array().unwrap().iter().all(|setting| setting["value"] == setting["default"]));
}

#[test]
fn the_command_changes_settings_with_and_without_a_server_and_says_what_is_fixed() {
    let place = Place::new();
    drop(place.serve());
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };

    let (done, _, said) = run(&["settings", "set", "outside_images", "b.example.com,a.example.com"]);
    assert!(done && said.contains("a.example.com,b.example.com"), "{said}");
    let mut command = place.command(&["serve"]);
    command.env("WEIGHHOUSE__SETTINGS__CODE_SAVING", "false");
    let _server = place.serve_with(command);
    let (_, listed, _) = run(&["settings", "list"]);
    let row = |key: &str| listed.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(row("outside_images").contains("a.example.com,b.example.com") && row("outside_images").contains("changed"));
    assert!(row("code_saving").contains("false") && row("code_saving").contains("fixed in the settings file"));
    let (done, _, said) = run(&["settings", "set", "code_saving", "true"]);
    assert!(!done && said.contains("`code_saving` is fixed in the settings file"), "{said}");
    let (done, _, said) = run(&["settings", "set", "session_idle_hours", "soon"]);
    assert!(!done && said.contains("a whole number of hours from 1 to 8760"), "{said}");
    let (done, _, said) = run(&["settings", "reset", "outside_images"]);
    assert!(done && said.contains("default"), "{said}");
}

#[test]
fn without_personal_projects_a_client_is_told_to_name_a_team() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    server.arrange("PUT", "/api/v1/settings/personal_projects", &json!({ "value": false }));
    let start =
        "mutation($e: String) { upsertBucket(input: {name: \"r\", modelName: \"p\", entityName: $e}) { inserted } }";

    for entity in [json!(null), json!("ada")] {
        let (status, text) = server.graphql(Some(&ada), start, &json!({ "e": entity }));
        assert!(status == 403 && text.contains("personal projects are turned off on this server"), "{status} {text}");
    }
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default", "admins": ["ada"] }));
    assert_eq!(server.graphql(Some(&ada), start, &json!({ "e": "vision" })).0, 200);
}
