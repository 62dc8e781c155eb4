//! `access explain`: the command and the route, and what they tell to whom.

use crate::server::{Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

/// Teams `vision` of Ada's with Grace as member, and `speech` of Edsger's; each has a project `p` with a run of its own.
/// The keys by name.
fn arrange(server: &Server<'_>) -> [(&'static str, String); 4] {
    let keys = ["ada", "grace", "edsger"].map(|name| (name, server.person(name)));
    let stranger = server.outsider("stranger");
    for (team, admin) in [("vision", "ada"), ("speech", "edsger")] {
        let new = json!({ "name": team, "organization": "default", "admins": [admin] });
        server.arrange("POST", "/api/v1/teams", &new);
        let key = &keys.iter().find(|(name, _)| *name == admin).unwrap().1;
        let query = format!(
            r#"mutation {{ upsertBucket(input: {{entityName: "{team}", modelName: "p", name: "{admin}-run"}}) {{ inserted }} }}"#
        );
        assert_eq!(server.graphql(Some(key), &query, &json!({})).0, 200);
    }
    server.arrange("PUT", "/api/v1/teams/vision/members/grace", &json!({ "role": "member" }));
    let [ada, grace, edsger] = keys;
    [ada, grace, edsger, ("stranger", stranger)]
}

fn path(user: &str, action: &str, on: &str) -> String {
    format!("/api/v1/access/explain?user={user}&action={action}&on={on}")
}

#[test]
fn the_command_says_yes_or_no_and_why() {
    let place = Place::new();
    let server = place.serve();
    arrange(&server);
    let explain = |action: &str, on: &str| {
        let output = place.run(&["access", "explain", "--user", "grace", "--action", action, "--on", on], "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    let logs = explain("run:log", "vision/p");
    let deletes = explain("run:delete", "vision/p/runs/ada-run");
    let elsewhere = explain("run:read", "speech/p/runs/edsger-run");
    let creates = explain("service_account:create", "vision");

    assert!(logs.starts_with("yes\n"), "{logs}");
    for reason in ["role in the team: member", "visibility of the project: team", "the table says for member: yes"] {
        assert!(logs.contains(reason), "{logs}");
    }
    assert!(deletes.starts_with("no\n") && deletes.contains("does not own the object"), "{deletes}");
    assert!(deletes.contains("they are told: run:delete is refused: only the owner"), "{deletes}");
    assert!(elsewhere.starts_with("no\n") && elsewhere.contains("answered as missing"), "{elsewhere}");
    assert!(creates.starts_with("no\n") && creates.contains("the table says for member: no"), "{creates}");

    let unknown = place.run(&["access", "explain", "--user", "grace", "--action", "run:fly"], "");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no action `run:fly`"));
}

#[test]
fn the_answer_is_what_a_request_meets() {
    let place = Place::new();
    let server = place.serve();
    let keys = arrange(&server);
    let key = |name: &str| &keys.iter().find(|(known, _)| *known == name).unwrap().1;
    for (name, action, on, method, route, body) in [
        ("grace", "team:read", "vision", "GET", "/api/v1/teams/vision/members", NOTHING),
        ("edsger", "team:read", "vision", "GET", "/api/v1/teams/vision/members", NOTHING),
        ("grace", "team:settings_update", "vision", "PATCH", "/api/v1/teams/vision/settings", json!({})),
        ("grace", "org:members", "default", "GET", "/api/v1/organizations/default/members", NOTHING),
        ("stranger", "org:members", "default", "GET", "/api/v1/organizations/default/members", NOTHING),
        ("grace", "user:manage", "", "GET", "/api/v1/users", NOTHING),
        ("grace", "run:read", "vision/p", "GET", "/api/v1/projects/vision/p/trash", NOTHING),
        ("edsger", "run:read", "vision/p", "GET", "/api/v1/projects/vision/p/trash", NOTHING),
    ] {
        let explained = server.arrange("GET", &path(name, action, on), &NOTHING);
        let (status, answer) = server.ask(key(name), method, route, &body);

        let expected = match explained["verdict"].as_str().unwrap() {
            "allowed" => 200,
            "hidden" => 404,
            _ => 403,
        };
        let what = format!("{name} {action} on {on}: {explained} and {answer}");
        // A change without anything in it is refused for that, after the right was asked for.
        assert!(status == expected || (explained["allowed"] == true && status == 422), "{status}: {what}");
        assert_eq!(explained["allowed"], expected == 200, "{what}");
    }
}

#[test]
fn admins_ask_about_what_is_theirs_and_learn_nothing_of_the_rest() {
    let place = Place::new();
    let server = place.serve();
    let keys = arrange(&server);
    let key = |name: &str| &keys.iter().find(|(known, _)| *known == name).unwrap().1;
    let ask = |name: &str, path: &str| server.ask(key(name), "GET", path, &NOTHING);

    assert_eq!(ask("ada", &path("grace", "run:log", "vision/p")).1["allowed"], true);
    assert_eq!(
        ask("ada", &path("edsger", "run:log", "vision/p")).1["verdict"],
        "hidden",
        "somebody of the organization"
    );
    assert_eq!(ask("grace", &path("grace", "run:log", "vision/p")).0, 403, "members do not ask");

    let told = |(status, answer): (u16, Value), names: &[(&str, &str)]| {
        let text = answer["error"]["message"].as_str().unwrap_or_default().to_owned();
        (status, names.iter().fold(text, |text, (from, to)| text.replace(from, to)))
    };
    server.arrange("PATCH", "/api/v1/teams/speech/settings", &json!({ "hidden": true }));
    for (hidden, missing, names) in [
        (path("grace", "run:log", "speech/p"), path("grace", "run:log", "nothing/p"), [("speech", "nothing"); 1]),
        (path("grace", "run:log", "speech"), path("grace", "run:log", "nothing"), [("speech", "nothing")]),
        (
            path("grace", "run:log", "speech/p/runs/edsger-run"),
            path("grace", "run:log", "speech/p/runs/no-run"),
            [("edsger-run", "no-run")],
        ),
        (path("stranger", "run:log", "vision/p"), path("nobody", "run:log", "vision/p"), [("stranger", "nobody")]),
    ] {
        let (seen, absent) = (told(ask("ada", &hidden), &names), told(ask("ada", &missing), &[]));
        assert_eq!(seen, absent, "{hidden}");
        assert_eq!(seen.0, 404, "{hidden}");
    }
    assert_eq!(ask("ada", &path("grace", "user:manage", "")).0, 404, "the instance is not a team's");

    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &json!({ "role": "admin" }));
    assert_eq!(ask("grace", &path("edsger", "team:member_add", "speech")).1["allowed"], true);
    assert_eq!(
        ask("grace", &path("ada", "run:log", "speech/p")).1["verdict"],
        "hidden",
        "its visibility is hers to govern"
    );
    assert_eq!(ask("grace", &path("edsger", "run:log", "speech/p/runs/edsger-run")).0, 404, "what is in it is not");
}

#[test]
fn a_question_that_cannot_be_meant_is_refused_by_its_field() {
    let place = Place::new();
    let server = place.serve();
    arrange(&server);
    for (path, status, field) in [
        (path("ada", "fly", "vision"), 422, Some("action")),
        (path("ada", "run:log", "a/b/c"), 422, Some("on")),
        (path("ada", "run:log", "a/b/runs/c/d"), 422, Some("on")),
        (path("ada", "run:log", "vision") + "&scope=all", 400, None),
        ("/api/v1/access/explain?user=ada".to_owned(), 400, None),
        (path("nobody", "run:log", "vision"), 404, None),
        (path("ada", "run:log", "nothing"), 404, None),
    ] {
        let (found, answer) = server.operate("GET", &path, &NOTHING);
        assert_eq!((found, answer["error"]["field"].as_str()), (status, field), "{path}: {answer}");
    }
}

#[test]
fn the_scope_of_a_key_is_part_of_the_answer() {
    let place = Place::new();
    let server = place.serve();
    arrange(&server);

    let reader = server.arrange("GET", &(path("grace", "run:log", "vision/p") + "&scope=read"), &NOTHING);
    assert_eq!((&reader["allowed"], &reader["verdict"]), (&false.into(), &"forbidden".into()));
    assert!(reader["reasons"].to_string().contains("a key of the scope read does not cover it"), "{reader}");
}
