//! Custom roles: who defines and gives them, and what those may who hold one.

use crate::server::{Answer, Place, Server};
use crate::visibility::{Cast, logged, refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const ROLES: &str = "/api/v1/organizations/default/roles";

fn new(name: &str, base: &str, actions: &[&str]) -> Value {
    json!({ "name": name, "base": base, "actions": actions })
}

fn define(server: &Server<'_>, name: &str, base: &str, actions: &[&str]) -> Value {
    server.arrange("POST", ROLES, &new(name, base, actions))
}

fn give(cast: &Cast<'_>, who: &str, of: &str, role: &str) -> Answer {
    cast.ask(who, "PUT", &format!("/api/v1/teams/vision/members/{of}"), &json!({ "role": role }))
}

/// A run of the owner's, which the person tries to stop.
fn stops(cast: &Cast<'_>, who: &str, run: &str) -> bool {
    assert!(cast.log("owner", "p", run));
    let id = STANDARD.encode(format!("Run:v1:{run}:p:vision"));
    let text = "mutation($i: StopRunInput!) { stopRun(input: $i) { success } }";
    let (status, answer) = cast.graphql(who, text, &json!({ "i": { "id": id } }));
    assert!([200, 403].contains(&status), "{status} {answer}");
    status == 200
}

/// The role and the custom role that a list shows.
fn shown(cast: &Cast<'_>, who: &str) -> (Value, Value) {
    let (_, page) = cast.ask("team-admin", "GET", "/api/v1/teams/vision/members", &NOTHING);
    let member = page["members"].as_array().unwrap().iter().find(|member| member["username"] == who).unwrap();
    (member["role"].clone(), member["custom_role"].clone())
}

#[test]
fn admins_of_the_organization_define_roles_and_everybody_in_it_reads_them() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);

    let role = json!({ "name": "Labeller", "description": "tags runs", "base": "view_only",
        "actions": ["artifact:download", "run:update", "run:update"] });
    for who in ["member", "team-admin"] {
        refused(cast.ask(who, "POST", ROLES, &role), 403, "custom_role:define is refused");
    }
    assert_eq!(cast.ask("outsider", "POST", ROLES, &role).0, 404);
    let (status, made) = cast.ask("org-admin", "POST", ROLES, &role);
    assert_eq!((status, &made["seat"]), (201, &json!("member")), "{made}");
    assert_eq!(made["actions"], json!(["run:update", "artifact:download"]), "in the order of the table, each once");
    for who in ["member", "team-admin", "org-viewer", "system-admin"] {
        assert_eq!(cast.ask(who, "GET", ROLES, &NOTHING), (200, json!({ "roles": [made] })), "{who}");
    }
    let hidden = cast.ask("outsider", "GET", ROLES, &NOTHING);
    let missing = cast.ask("outsider", "GET", "/api/v1/organizations/nowhere/roles", &NOTHING);
    assert_eq!((hidden.0, hidden.1.to_string()), (404, missing.1.to_string().replace("nowhere", "default")));

    let change = json!({ "name": "tagger", "description": null, "actions": ["artifact:download"] });
    let path = format!("{ROLES}/labeller");
    refused(cast.ask("team-admin", "PATCH", &path, &change), 403, "custom_role:define is refused");
    let (status, changed) = cast.ask("org-admin", "PATCH", &path, &change);
    assert_eq!((status, &changed["name"], &changed["description"]), (200, &json!("tagger"), &NOTHING), "{changed}");
    assert_eq!((&changed["seat"], &changed["base"]), (&json!("view_only"), &json!("view_only")));
    refused(cast.ask("org-admin", "PATCH", &path, &change), 404, "custom role `labeller` does not exist");
    refused(
        cast.ask("team-admin", "DELETE", &format!("{ROLES}/tagger"), &NOTHING),
        403,
        "custom_role:delete is refused",
    );
    assert_eq!(cast.ask("org-admin", "DELETE", &format!("{ROLES}/tagger"), &NOTHING).0, 204);
    assert_eq!(cast.ask("member", "GET", ROLES, &NOTHING), (200, json!({ "roles": [] })));
}

#[test]
fn a_role_that_cannot_be_is_refused_by_its_field_and_not_made() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    define(&server, "Data labeller", "member", &["run:stop"]);

    for (field, body) in [
        ("name", new("admin", "member", &["run:stop"])),
        ("name", new("View Only", "member", &["run:stop"])),
        ("name", new("a/b", "member", &["run:stop"])),
        ("name", new("", "member", &["run:stop"])),
        ("name", new(&"x".repeat(65), "member", &["run:stop"])),
        ("base", new("r", "admin", &["run:stop"])),
        ("base", new("r", "viewer", &["run:stop"])),
        ("actions", new("r", "member", &[])),
        ("actions", new("r", "member", &["run:fly"])),
        ("actions", new("r", "member", &["team:member_add"])),
        ("actions", new("r", "member", &["registry_admin:change"])),
        ("actions", new("r", "member", &["protected_alias:change"])),
        ("actions", new("r", "member", &["api_key:own"])),
        (
            "description",
            json!({ "name": "r", "base": "member", "actions": ["run:stop"], "description": "x".repeat(1001) }),
        ),
    ] {
        let (status, answer) = server.operate("POST", ROLES, &body);
        assert_eq!((status, &answer["error"]["field"]), (422, &json!(field)), "{body}: {answer}");
    }
    refused(server.operate("POST", ROLES, &new("data-LABELLER", "member", &["run:stop"])), 409, "`Data labeller`");
    define(&server, "other", "member", &["run:stop"]);
    let rename = server.operate("PATCH", &format!("{ROLES}/other"), &json!({ "name": "data labeller" }));
    refused(rename, 409, "`Data labeller`");
    let listed = server.arrange("GET", ROLES, &NOTHING);
    let names: Vec<_> = listed["roles"].as_array().unwrap().iter().map(|role| role["name"].clone()).collect();
    assert_eq!(names, ["Data labeller", "other"]);
    for number in 2..200 {
        define(&server, &format!("role {number}"), "member", &["run:stop"]);
    }
    refused(server.operate("POST", ROLES, &new("one more", "member", &["run:stop"])), 409, "at most 200 custom roles");
}

#[test]
fn a_holder_may_what_the_role_adds_from_the_change_on() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    define(&server, "stopper", "member", &["run:stop"]);
    assert!(!stops(&cast, "member", "r1"));

    refused(give(&cast, "member", "invited", "stopper"), 403, "team:role_change is refused");
    let (status, given) = give(&cast, "team-admin", "member", "Stopper");
    assert_eq!((status, &given["role"], &given["custom_role"]), (200, &json!("member"), &json!("stopper")), "{given}");
    assert!(stops(&cast, "member", "r2"));
    assert_eq!(shown(&cast, "member"), (json!("member"), json!("stopper")));
    let (_, answer) =
        cast.graphql("owner", "{ entity(name: \"vision\") { members { username role admin } } }", &NOTHING);
    let members = answer["data"]["entity"]["members"].as_array().unwrap().clone();
    assert!(members.contains(&json!({ "username": "member", "role": "stopper", "admin": false })), "{members:?}");

    let change = |body: Value| server.arrange("PATCH", &format!("{ROLES}/stopper"), &body);
    change(json!({ "actions": ["run:delete"] }));
    assert!(!stops(&cast, "member", "r3"));
    change(json!({ "actions": ["run:stop"], "base": "view_only" }));
    assert!(stops(&cast, "member", "r4") && !cast.log("member", "p", "new"), "it is built on another role now");
    assert_eq!(shown(&cast, "member"), (json!("view_only"), json!("stopper")));
    change(json!({ "base": "member" }));
    assert!(cast.log("member", "p", "new"));

    server.arrange("DELETE", &format!("{ROLES}/stopper"), &NOTHING);
    assert!(!stops(&cast, "member", "r5") && cast.log("member", "p", "new-2"));
    assert_eq!(shown(&cast, "member"), (json!("member"), NOTHING));
    drop(server);
    assert!(place.run(&["check"], "").status.success());
}

#[test]
fn a_role_in_a_project_replaces_a_custom_role_there() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    define(&server, "stopper", "member", &["run:stop"]);
    assert_eq!(give(&cast, "team-admin", "member", "stopper").0, 200);
    assert!(stops(&cast, "member", "r1"));

    let path = "/api/v1/projects/vision/p/members/member";
    assert_eq!(cast.ask("team-admin", "PUT", path, &json!({ "role": "member" })).0, 200);
    assert!(!stops(&cast, "member", "r2"));
    assert_eq!(cast.ask("team-admin", "DELETE", path, &NOTHING).0, 204);
    assert!(stops(&cast, "member", "r3"));
}

#[test]
fn who_is_only_view_only_has_a_key_as_soon_as_the_role_adds_what_writes() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    define(&server, "reader", "view_only", &["artifact:download"]);
    define(&server, "stopper", "view_only", &["run:stop"]);
    assert!(cast.log("owner", "p", "r"));
    let makes_key = || {
        let (status, answer) =
            cast.graphql("member", "mutation { generateApiKey(input: {}) { apiKey { id } } }", &NOTHING);
        status == 200 && answer["errors"].is_null()
    };

    for (role, may) in [("reader", false), ("stopper", true), ("view_only", false), ("member", true)] {
        assert_eq!(give(&cast, "team-admin", "member", role).0, 200, "{role}");
        assert_eq!(makes_key(), may, "{role}");
    }
    assert_eq!(give(&cast, "team-admin", "member", "stopper").0, 200);
    server.arrange("PATCH", &format!("{ROLES}/stopper"), &json!({ "actions": ["run:read"] }));
    assert!(!makes_key(), "the role adds nothing that writes any more");
}

#[test]
fn a_viewer_of_the_organization_holds_no_custom_role() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    for base in ["view_only", "member"] {
        define(&server, &format!("on {base}"), base, &["run:stop"]);
        refused(give(&cast, "team-admin", "org-viewer", &format!("on {base}")), 409, "is a viewer of organization");
    }
    assert_eq!(give(&cast, "team-admin", "member", "on member").0, 200);
    server.arrange("PUT", "/api/v1/organizations/default/members/member", &json!({ "role": "viewer" }));
    let robots = json!({ "role": "member" });
    server.arrange("PUT", "/api/v1/organizations/elsewhere/members/member", &robots);
    server.arrange("PUT", "/api/v1/teams/robots/members/member", &robots);
    assert!(!stops(&cast, "member", "r1"), "what they hold is taken away by being a viewer");
}

#[test]
fn without_a_licence_roles_are_neither_defined_nor_given_and_those_that_are_there_go_on() {
    let place = Place::new();
    let keys = {
        let server = place.serve_licensed(&[]);
        let cast = Cast::new(&server);
        define(&server, "stopper", "member", &["run:stop"]);
        assert_eq!(give(&cast, "team-admin", "member", "stopper").0, 200);
        cast.keys
    };
    // The authority that issued the licence is trusted no more.
    let server = place.serve();
    let cast = Cast { server: &server, keys };
    let (path, told) = (format!("{ROLES}/stopper"), "custom_roles needs a licence");

    refused(cast.ask("org-admin", "POST", ROLES, &new("other", "member", &["run:stop"])), 403, told);
    refused(cast.ask("org-admin", "PATCH", &path, &json!({ "base": "view_only" })), 403, told);
    refused(give(&cast, "team-admin", "invited", "stopper"), 403, told);
    assert!(stops(&cast, "member", "r1"), "who holds it goes on");
    assert_eq!(give(&cast, "team-admin", "member", "stopper").0, 200, "they have it already");
    assert_eq!(cast.ask("member", "GET", ROLES, &NOTHING).1["roles"][0]["name"], "stopper");
    assert_eq!(cast.ask("org-admin", "DELETE", &path, &NOTHING).0, 204);
    assert!(!stops(&cast, "member", "r2"));
}

#[test]
fn the_command_defines_changes_and_deletes_roles() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };

    let made = run(&["role", "create", "labeller", "--base", "view_only", "--add", "run:update", "--add", "run:stop"]);
    assert!(made.0, "{}", made.2);
    let (done, listed, _) = run(&["role", "list"]);
    assert!(done && listed.contains("labeller  view_only  member  run:update run:stop"), "{listed}");
    assert!(run(&["role", "update", "labeller", "--rename", "tagger", "--add", "run:update"]).0);
    let (_, listed, _) = run(&["role", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["actions"]), (&json!("tagger"), &json!(["run:update"])));
    let (done, _, said) = run(&["role", "create", "x", "--base", "member", "--add", "run:fly"]);
    assert!(!done && said.contains("there is no action `run:fly`"), "{said}");
    assert!(run(&["role", "delete", "tagger"]).0);
    assert_eq!(server.arrange("GET", ROLES, &NOTHING), json!({ "roles": [] }));
}

#[test]
fn what_was_defined_and_given_is_in_the_log() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);

    assert_eq!(cast.ask("org-admin", "POST", ROLES, &new("stopper", "member", &["run:stop"])).0, 201);
    assert_eq!(give(&cast, "team-admin", "member", "stopper").0, 200);
    let path = format!("{ROLES}/stopper");
    assert_eq!(cast.ask("org-admin", "PATCH", &path, &json!({ "base": "view_only" })).0, 200);
    assert_eq!(cast.ask("org-admin", "PATCH", &path, &json!({ "base": "view_only" })).0, 200);
    assert_eq!(cast.ask("org-admin", "DELETE", &path, &NOTHING).0, 204);

    let details = |base: &str| json!({ "role": "stopper", "base": base, "actions": "run:stop" });
    let by = json!("org-admin@example.com");
    assert_eq!(logged(&place, "custom_role:create"), [(by.clone(), details("member"))]);
    assert_eq!(logged(&place, "custom_role:update"), [(by.clone(), details("view_only"))]);
    assert_eq!(logged(&place, "custom_role:delete"), [(by, details("view_only"))]);
    let given = json!({ "role_before": "member", "role": "stopper" });
    assert_eq!(logged(&place, "team:update_member").last(), Some(&(json!("team-admin@example.com"), given)));
}
