//! People as administrators handle them: finding, changing, deactivating them, and the admins that must stay.

use crate::server::{Answer, Place, Server};
use serde_json::{Value, json};
use std::sync::Barrier;

const NOTHING: Value = Value::Null;

#[track_caller]
fn refused((status, answer): Answer, expected: u16, word: &str) -> Value {
    assert_eq!(status, expected, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(word), "{message}");
    answer["error"]["field"].clone()
}

fn role(role: &str) -> Value {
    json!({ "role": role })
}

/// User names of the people that a list has.
fn found(server: &Server<'_>, query: &str) -> Vec<String> {
    let page = server.arrange("GET", &format!("/api/v1/users?{query}"), &NOTHING);
    page["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

fn system_admin(server: &Server<'_>, username: &str) -> String {
    let person = json!({ "username": username, "email": format!("{username}@example.com"), "system_admin": true });
    server.arrange("POST", "/api/v1/users", &person)["api_key"].as_str().unwrap().to_owned()
}

#[test]
fn a_deactivated_person_comes_in_nowhere_and_keeps_their_places() {
    let place = Place::new();
    let server = place.serve();
    system_admin(&server, "root");
    let key = server.person("ada");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["root"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/teams/vision/members/ada", &role("member"));
    let knocks = || {
        let graphql = server.graphql(Some(&key), "{ viewer { username } }", &NOTHING).0;
        let stream = server.ask(&key, "POST", "/files/vision/p/r/file_stream", &json!({})).0;
        (server.ask(&key, "GET", "/api/v1/teams/vision/members", &NOTHING).0, graphql, stream)
    };
    assert_eq!(knocks().0, 200);

    let gone = server.arrange("POST", "/api/v1/users/ada/deactivate", &NOTHING);

    assert_eq!(gone["status"], "deactivated");
    assert_eq!(server.arrange("POST", "/api/v1/users/ada/deactivate", &NOTHING), gone, "twice is once");
    assert_eq!(knocks(), (401, 401, 401));
    let shown = server.arrange("GET", "/api/v1/users/ada", &NOTHING);
    assert_eq!(shown["teams"], json!([{ "name": "vision", "role": "member" }]));
    assert_eq!(shown["organizations"], json!([{ "name": "default", "role": "member" }]));
    let back = server.arrange("POST", "/api/v1/users/ada/reactivate", &NOTHING);
    assert_eq!((&back["status"], back.get("deactivated_at")), (&json!("active"), None));
    assert_eq!(knocks().0, 200);
}

#[test]
fn the_client_sees_since_when_somebody_is_deactivated() {
    let place = Place::new();
    let server = place.serve();
    let key = server.person("ada");
    server.person("grace");
    let deleted_at = || {
        let query = r#"{ users(query: "grace") { edges { node { username deletedAt } } } }"#;
        let answer: Value = serde_json::from_str(&server.graphql(Some(&key), query, &NOTHING).1).unwrap();
        let node = &answer["data"]["users"]["edges"][0]["node"];
        assert_eq!(node["username"], "grace");
        node["deletedAt"].clone()
    };
    assert_eq!(deleted_at(), NOTHING);

    let gone = server.arrange("POST", "/api/v1/users/grace/deactivate", &NOTHING);

    assert_eq!(deleted_at(), gone["deactivated_at"]);
}

#[test]
fn a_deactivated_person_is_added_nowhere() {
    let place = Place::new();
    let server = place.serve();
    let admin = server.person("ada");
    server.person("grace");
    server.outsider("edsger");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    for username in ["grace", "edsger"] {
        server.arrange("POST", &format!("/api/v1/users/{username}/deactivate"), &NOTHING);
    }

    let put = |path: &str| server.operate("PUT", path, &role("member"));
    refused(put("/api/v1/teams/vision/members/grace"), 409, "deactivated");
    refused(put("/api/v1/teams/vision/members/edsger"), 409, "deactivated");
    refused(put("/api/v1/organizations/default/members/edsger"), 409, "deactivated");
    let team = json!({ "name": "speech", "organization": "default", "admins": ["grace"] });
    assert_eq!(refused(server.operate("POST", "/api/v1/teams", &team), 422, "deactivated"), "admins");
    let invite =
        r#"mutation { createInvite(input: {entityName: "vision", email: "grace@example.com"}) { invite { id } } }"#;
    let (_, invited) = server.graphql(Some(&admin), invite, &NOTHING);
    assert!(invited.contains("deactivated"), "{invited}");
    // Who may not look outside the organization learns nothing about who is there.
    let outside = server.ask(&admin, "PUT", "/api/v1/teams/vision/members/edsger", &role("member"));
    let nobody = server.ask(&admin, "PUT", "/api/v1/teams/vision/members/nobody", &role("member"));
    refused(outside, 404, "`edsger` is not in the team's organization");
    refused(nobody, 404, "`nobody` is not in the team's organization");
    let members = server.arrange("GET", "/api/v1/teams/vision/members", &NOTHING);
    assert_eq!(members["members"].as_array().unwrap().len(), 1);
}

#[test]
fn the_last_active_admin_of_anything_is_neither_deactivated_nor_demoted() {
    let place = Place::new();
    let server = place.serve();
    system_admin(&server, "root");
    for username in ["ada", "grace", "edsger"] {
        server.person(username);
    }
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada", "grace"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/organizations/default/members/edsger", &role("admin"));
    let deactivate = |username: &str| server.operate("POST", &format!("/api/v1/users/{username}/deactivate"), &NOTHING);
    let demote = || server.operate("PATCH", "/api/v1/users/root", &json!({ "system_admin": false }));

    refused(deactivate("root"), 409, "`root` is the last system admin");
    refused(demote(), 409, "`root` is the last system admin");
    refused(deactivate("edsger"), 409, "`edsger` is the last admin of organization `default`");
    assert_eq!(deactivate("grace").0, 200);
    let alone = "`ada` is the last admin of team `vision`";
    refused(deactivate("ada"), 409, alone);
    refused(server.operate("PUT", "/api/v1/teams/vision/members/ada", &role("member")), 409, alone);
    refused(server.operate("DELETE", "/api/v1/users/ada", &NOTHING), 409, alone);
    // A second one who is deactivated is no second one.
    system_admin(&server, "second");
    assert_eq!(deactivate("second").0, 200);
    refused(demote(), 409, "`root` is the last system admin");
    assert_eq!(server.operate("DELETE", "/api/v1/teams/vision/members/grace", &NOTHING).0, 204);
    server.arrange("POST", "/api/v1/users/second/reactivate", &NOTHING);
    assert_eq!(demote().0, 200);
}

#[test]
fn of_fifty_admins_who_step_down_at_once_one_stays() {
    const ADMINS: usize = 50;
    let place = Place::new();
    let server = place.serve();
    let names: Vec<String> = (0..ADMINS).map(|number| format!("admin-{number}")).collect();
    let keys: Vec<String> = names.iter().map(|name| system_admin(&server, name)).collect();
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default", "admins": names }));
    for name in &names {
        server.arrange("PUT", &format!("/api/v1/organizations/default/members/{name}"), &role("admin"));
    }
    // Each asks with a key of their own, all at the same moment; the answers by status.
    let step_down = |method: &str, path: &(dyn Fn(&str) -> String + Sync), body: &Value| {
        let start = Barrier::new(ADMINS);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asking = names.iter().zip(&keys).map(|(name, key)| {
                let (start, server) = (&start, &server);
                scope.spawn(move || {
                    start.wait();
                    server.ask(key, method, &path(name), body).0
                })
            });
            asking.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(200), count(409)), (ADMINS - 1, 1), "{statuses:?}");
    };

    step_down("PUT", &|name| format!("/api/v1/teams/vision/members/{name}"), &role("member"));
    step_down("PUT", &|name| format!("/api/v1/organizations/default/members/{name}"), &role("member"));
    step_down("PATCH", &|name| format!("/api/v1/users/{name}"), &json!({ "system_admin": false }));

    let admins = |path: &str, list: &str, is_admin: &dyn Fn(&Value) -> bool| {
        let page = server.arrange("GET", path, &NOTHING);
        page[list].as_array().unwrap().iter().filter(|entry| is_admin(entry)).count()
    };
    assert_eq!(admins("/api/v1/teams/vision/members", "members", &|member| member["role"] == "admin"), 1);
    assert_eq!(admins("/api/v1/organizations/default/members", "members", &|member| member["role"] == "admin"), 1);
    assert_eq!(admins("/api/v1/users", "users", &|user| user["system_admin"] == true), 1);
}

#[test]
fn people_are_found_by_a_few_letters_and_by_their_status() {
    let place = Place::new();
    let server = place.serve();
    for (username, name) in [("ada", "Augusta Ada King"), ("grace", "Grace Hopper"), ("al-k", "Muhammad")] {
        let person = json!({ "username": username, "name": name, "email": format!("{username}@example.com") });
        server.arrange("POST", "/api/v1/users", &person);
    }
    server.arrange("POST", "/api/v1/users/grace/deactivate", &NOTHING);

    assert_eq!(found(&server, ""), ["ada", "grace", "al-k"]);
    assert_eq!(found(&server, "query=A"), ["ada", "al-k"]);
    assert_eq!(found(&server, "query=hop"), ["grace"]);
    assert_eq!(found(&server, "query=al-k%40exa"), ["al-k"]);
    assert_eq!(found(&server, "query=example.com"), [""; 0]);
    assert_eq!(found(&server, "status=deactivated"), ["grace"]);
    assert_eq!(found(&server, "status=active&query=a"), ["ada", "al-k"]);
    assert_eq!(server.operate("GET", "/api/v1/users?status=asleep", &NOTHING).0, 400);
}

#[test]
fn what_is_wrong_with_a_person_is_named_and_leaves_nothing_behind() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.person("grace");
    let long = "x".repeat(300);
    let wrong = [
        (json!({ "username": "a b", "email": "new@example.com" }), "username", 422),
        (json!({ "username": "", "email": "new@example.com" }), "username", 422),
        (json!({ "username": long, "email": "new@example.com" }), "username", 422),
        (json!({ "username": "graphql", "email": "new@example.com" }), "username", 422),
        (json!({ "username": "ADA", "email": "new@example.com" }), "username", 409),
        (json!({ "username": "new", "email": "new" }), "email", 422),
        (json!({ "username": "new", "email": format!("{long}@example.com") }), "email", 422),
        (json!({ "username": "new", "email": "a@b@c" }), "email", 422),
        (json!({ "username": "new", "email": "ADA@example.com" }), "email", 409),
        (json!({ "username": "new", "email": "new@example.com", "name": long }), "name", 422),
        (json!({ "username": "new", "email": "new@example.com", "name": "two\nlines" }), "name", 422),
        (json!({ "username": "new", "email": "new@example.com", "password": "short" }), "password", 422),
        (json!({ "username": "new", "email": "new@example.com", "api_key": "short" }), "api_key", 422),
        (json!({ "username": "new", "email": "new@example.com", "organization": "nowhere" }), "organization", 422),
    ];

    for (person, field, status) in wrong {
        assert_eq!(refused(server.operate("POST", "/api/v1/users", &person), status, ""), field, "{person}");
    }
    let changes = [
        (json!({ "email": "grace@EXAMPLE.com" }), "email", 409),
        (json!({ "email": "nowhere" }), "email", 422),
        (json!({ "name": long }), "name", 422),
        (json!({ "name": "" }), "name", 422),
    ];
    for (change, field, status) in changes {
        assert_eq!(refused(server.operate("PATCH", "/api/v1/users/ada", &change), status, ""), field, "{change}");
    }
    assert_eq!(server.operate("PATCH", "/api/v1/users/ada", &json!({ "nickname": "x" })).0, 422);
    refused(server.operate("PATCH", "/api/v1/users/nobody", &json!({ "name": "x" })), 404, "`nobody` does not exist");
    assert_eq!(found(&server, ""), ["ada", "grace"]);
    // Nothing holds the names and addresses that were refused.
    let new = json!({ "username": "new", "email": "new@example.com" });
    server.arrange("POST", "/api/v1/users", &new);
}

#[test]
fn a_person_is_changed_field_by_field() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");

    let changed = json!({ "name": "Ada King", "email": "ada@example.org", "system_admin": true });
    let changed = server.arrange("PATCH", "/api/v1/users/ada", &changed);
    let nameless = server.arrange("PATCH", "/api/v1/users/ada", &json!({ "name": null }));
    // The old address is free.
    let next = json!({ "username": "next", "email": "ada@example.com" });
    server.arrange("POST", "/api/v1/users", &next);

    assert_eq!((&changed["name"], &changed["email"]), (&json!("Ada King"), &json!("ada@example.org")));
    assert_eq!((&nameless["name"], &nameless["email"]), (&NOTHING, &json!("ada@example.org")));
    assert_eq!(nameless["system_admin"], true);
}

#[test]
fn an_organization_gets_another_name_and_the_old_one_leads_to_it() {
    let place = Place::new();
    let server = place.serve();
    let admin = server.person("ada");
    server.arrange("PUT", "/api/v1/organizations/default/members/ada", &role("admin"));
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));
    let rename = |from: &str, to: &str| {
        server.ask(&admin, "PATCH", &format!("/api/v1/organizations/{from}"), &json!({ "name": to }))
    };

    assert_eq!(refused(rename("default", "a b"), 422, "letters"), "name");
    assert_eq!(refused(rename("default", "VISION"), 409, "taken"), "name");
    assert_eq!(rename("default", "Default").0, 200, "only its case");
    assert_eq!(rename("Default", "lab").0, 200);

    assert_eq!(server.ask(&admin, "GET", "/api/v1/organizations/lab", &NOTHING).1["name"], "lab");
    assert_eq!(server.arrange("GET", "/api/v1/teams?organization=lab", &NOTHING)["teams"][0]["organization"], "lab");
    assert_eq!(server.ask(&admin, "GET", "/api/v1/organizations/default", &NOTHING).1["name"], "lab");
    let again = server.operate("POST", "/api/v1/organizations", &json!({ "name": "DEFAULT" }));
    assert_eq!(refused(again, 409, "taken"), "name");
}

#[test]
fn the_people_of_an_organization_come_with_their_teams_there_and_as_a_table() {
    let place = Place::new();
    let server = place.serve();
    let admin = server.person("ada");
    server.arrange("PUT", "/api/v1/organizations/default/members/ada", &role("admin"));
    let person = json!({ "username": "grace", "name": "=Hopper, \"Grace\"", "email": "grace@example.com" });
    server.arrange("POST", "/api/v1/users", &person);
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));
    for (team, organization) in [("vision", "default"), ("robots", "lab")] {
        let team = json!({ "name": team, "organization": organization, "admins": ["grace"] });
        server.arrange("POST", "/api/v1/teams", &team);
    }
    for number in 0..120 {
        server.person(&format!("p{number}"));
    }

    let page = server.ask(&admin, "GET", "/api/v1/organizations/default/members", &NOTHING).1;
    let (status, table) = server.ask_as(Some(&admin), "GET", "/api/v1/organizations/default/members?format=csv", "");

    let grace = &page["members"][1];
    assert_eq!(grace["teams"], json!([{ "name": "vision", "role": "admin" }]), "not the one of another organization");
    assert_eq!((&grace["status"], &grace["email"]), (&json!("active"), &json!("grace@example.com")));
    server.arrange("POST", "/api/v1/users/p7/deactivate", &NOTHING);
    let seat =
        |who: &str| server.arrange("GET", &format!("/api/v1/users?query={who}"), &NOTHING)["users"][0]["seat"].take();
    assert_eq!((&grace["seat"], seat("grace"), seat("p7")), (&json!("full"), json!("full"), json!("none")));
    assert_eq!(status, 200);
    let lines: Vec<&str> = table.split("\r\n").collect();
    assert_eq!(lines[0], "username,name,email,role,status,since,last_active_at,seat,teams");
    assert!(lines[2].starts_with("grace,\"'=Hopper, \"\"Grace\"\"\",grace@example.com,member,active,"), "{}", lines[2]);
    assert!(lines[2].ends_with(",full,vision (admin)"), "{}", lines[2]);
    assert_eq!(lines.len(), 1 + 122 + 1, "all pages, and an end of the last line");
    let stranger = server.person("stranger");
    let (status, _) = server.ask_as(Some(&stranger), "GET", "/api/v1/organizations/default/members?format=csv", "");
    assert_eq!(status, 403);
}

#[test]
fn the_commands_do_what_the_routes_do() {
    let place = Place::new();
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    run(&["user", "create", "--username", "ada", "--email", "ada@example.com", "--system-admin"]);
    run(&["user", "create", "--username", "grace", "--email", "grace@example.com"]);

    run(&["user", "update", "grace", "--name", "Grace Hopper"]);
    run(&["user", "deactivate", "grace"]);
    assert!(run(&["user", "list", "hopp"]).contains("deactivated"));
    run(&["user", "reactivate", "grace"]);
    run(&["organization", "create", "lab"]);
    run(&["organization", "rename", "lab", "works"]);
    run(&["organization", "set-role", "works", "grace", "admin"]);
    assert!(run(&["organization", "members", "works"]).contains("admin"));
    run(&["team", "create", "vision", "--organization", "works", "--admin", "grace"]);
    run(&["team", "set-role", "vision", "ada", "member"]);
    assert!(run(&["team", "list"]).contains("works"));
    let shown: Value = serde_json::from_str(&run(&["user", "show", "grace", "--json"])).unwrap();
    assert_eq!((&shown["name"], &shown["teams"][0]["name"]), (&json!("Grace Hopper"), &json!("vision")));
    run(&["team", "rename", "vision", "sight"]);
    run(&["user", "update", "ada", "--username", "lovelace"]);
    assert!(run(&["team", "members", "vision"]).contains("lovelace"), "the old name leads to it");
    run(&["team", "remove-member", "vision", "ada"]);
    let members: Value = serde_json::from_str(&run(&["team", "members", "vision", "--json"])).unwrap();
    assert_eq!(members.as_array().unwrap().len(), 1);
    run(&["organization", "remove-member", "works", "ada"]);
    run(&["organization", "create", "empty"]);
    run(&["organization", "delete", "empty"]);
    assert_eq!(run(&["organization", "list"]).lines().count(), 3);
    let nothing = place.run(&["user", "update", "grace"], "");
    assert!(!nothing.status.success());
}
