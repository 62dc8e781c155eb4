//! Who may do what with organizations, teams and people: every role against every request, over HTTP.
//! What is expected is read from `permissions.tsv`. Projects, runs and keys are in `run_permission`.

use crate::server::{Place, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The columns of the file, in its order, and who holds each here.
const ROLES: [&str; 6] = ["view_only", "member", "registry_admin", "team_admin", "org_admin", "system_admin"];
/// Those that can be made today: view-only is licensed, and there are no registries.
const HOLDERS: [&str; 4] = ["member", "team_admin", "org_admin", "system_admin"];

/// A request that an action guards, and what has to be arranged before each attempt.
pub struct Row {
    pub action: &'static str,
    method: &'static str,
    path: &'static str,
    body: Value,
    before: &'static [(&'static str, &'static str, &'static str)],
}

pub fn rows() -> Vec<Row> {
    let row = |action, method, path, body| Row { action, method, path, body, before: &[] };
    vec![
        row("team:read", "GET", "/api/v1/teams/vision/members", Value::Null),
        Row {
            before: &[("DELETE", "/api/v1/teams/vision/members/guest", "")],
            ..row("team:member_add", "PUT", "/api/v1/teams/vision/members/guest", json!({ "role": "member" }))
        },
        Row {
            before: &[("PUT", "/api/v1/teams/vision/members/guest", "member")],
            ..row("team:member_remove", "DELETE", "/api/v1/teams/vision/members/guest", Value::Null)
        },
        Row {
            before: &[("PUT", "/api/v1/teams/vision/members/guest", "member")],
            ..row("team:role_change", "PUT", "/api/v1/teams/vision/members/guest", json!({ "role": "admin" }))
        },
        row("team:create", "POST", "/api/v1/teams", json!({ "name": "NEW", "organization": "default" })),
        row("org:members", "GET", "/api/v1/organizations/default/members", Value::Null),
        row("org:members", "PUT", "/api/v1/organizations/default/members/guest", json!({ "role": "member" })),
        Row {
            before: &[("PUT", "/api/v1/organizations/default/members/guest", "member")],
            ..row("org:members", "DELETE", "/api/v1/organizations/default/members/guest", Value::Null)
        },
        row("team:settings_read", "GET", "/api/v1/teams/vision/settings", Value::Null),
        row("team:settings_update", "PATCH", "/api/v1/teams/vision/settings", json!({ "members_invite": false })),
        row("org:privacy", "GET", "/api/v1/organizations/default/privacy", Value::Null),
        row("org:privacy", "PATCH", "/api/v1/organizations/default/privacy", json!({ "members_invite": null })),
        row("org:create", "POST", "/api/v1/organizations", json!({ "name": "NEW" })),
        Row {
            before: &[("POST", "/api/v1/organizations", "short-lived")],
            ..row("org:delete", "DELETE", "/api/v1/organizations/short-lived", Value::Null)
        },
        Row {
            before: &[("PUT", "/api/v1/organizations/default/members/guest", "member")],
            ..row("access:explain", "GET", "/api/v1/access/explain?user=guest&action=team:read&on=vision", Value::Null)
        },
        row("user:manage", "GET", "/api/v1/users", Value::Null),
        row("user:manage", "POST", "/api/v1/users", json!({ "username": "NEW", "email": "NEW@example.com" })),
        row(
            "api_key:import",
            "POST",
            "/api/v1/users",
            json!({ "username": "NEW", "email": "NEW@example.com", "api_key": format!("NEW{}", "k".repeat(40)) }),
        ),
        row("org:members", "GET", "/api/v1/organizations/default", Value::Null),
        row("org:members", "GET", "/api/v1/organizations/default/members?format=csv", Value::Null),
        row("org:update", "PATCH", "/api/v1/organizations/default", json!({ "name": "default" })),
        row("user:manage", "GET", "/api/v1/users/guest", Value::Null),
        row("user:manage", "PATCH", "/api/v1/users/guest", json!({ "name": "Guest" })),
        row("user:manage", "POST", "/api/v1/users/guest/deactivate", Value::Null),
        row("user:manage", "POST", "/api/v1/users/guest/reactivate", Value::Null),
        Row {
            before: &[("POST", "/api/v1/users", "passer-by")],
            ..row("user:manage", "DELETE", "/api/v1/users/passer-by", Value::Null)
        },
        row("team:profile_update", "PUT", "/api/v1/teams/vision/profile", json!({ "introduction": "# Us" })),
        row("team:profile_update", "DELETE", "/api/v1/teams/vision/avatar", Value::Null),
        // Last: it leaves the team in the trash.
        Row {
            before: &[("POST", "/api/v1/teams/vision/restore", "vision")],
            ..row("team:delete", "DELETE", "/api/v1/teams/vision", Value::Null)
        },
        Row {
            before: &[("DELETE", "/api/v1/teams/vision", "")],
            ..row("team:restore", "POST", "/api/v1/teams/vision/restore", Value::Null)
        },
    ]
}

/// The cells of each action, by role.
pub fn cells() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let lines = include_str!("../permissions.tsv").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let fields = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    fields.map(|fields| (fields[1], ROLES.into_iter().zip(fields[2..8].iter().copied()).collect())).collect()
}

/// A team `vision` with a holder of each role around it; their keys by role.
fn holders(server: &Server<'_>) -> BTreeMap<&'static str, String> {
    let mut keys: BTreeMap<&str, String> = HOLDERS
        .into_iter()
        .map(|role| {
            let is_admin = role == "system_admin";
            let person = json!({ "username": role, "email": format!("{role}@example.com"), "system_admin": is_admin });
            let made = server.arrange("POST", "/api/v1/users", &person);
            (role, made["api_key"].as_str().unwrap().to_owned())
        })
        .collect();
    keys.insert("stranger", server.outsider("stranger"));
    server.person("guest");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["team_admin"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/teams/vision/members/member", &json!({ "role": "member" }));
    server.arrange("PUT", "/api/v1/organizations/default/members/org_admin", &json!({ "role": "admin" }));
    keys
}

/// Brings about what a row needs; that it is so already is fine.
fn arrange(server: &Server<'_>, row: &Row) {
    for (method, path, what) in row.before {
        let body = match *method {
            "PUT" => json!({ "role": what }),
            "POST" if path.ends_with("users") => {
                json!({ "username": what, "email": format!("{what}@example.com") })
            }
            "POST" => json!({ "name": what }),
            _ => Value::Null,
        };
        let (status, answer) = server.operate(method, path, &body);
        assert!(status < 300 || [404, 409].contains(&status), "{method} {path}: {answer}");
    }
}

#[test]
fn every_role_may_do_over_http_what_the_table_says() {
    let place = Place::new();
    let server = place.serve();
    let (keys, cells) = (holders(&server), cells());
    let mut fresh = 0;
    for row in rows() {
        for (role, key) in &keys {
            arrange(&server, &row);
            fresh += 1;
            let body: Value =
                serde_json::from_str(&row.body.to_string().replace("NEW", &format!("new-{fresh}"))).unwrap();
            let (status, answer) = server.ask(key, row.method, row.path, &body);
            let allowed = cells[row.action].get(role).is_some_and(|cell| *cell == "yes");
            let what = format!("{} for {role}: {} {} answers {status} {answer}", row.action, row.method, row.path);
            assert_eq!((200..300).contains(&status), allowed, "{what}");
            if !allowed {
                assert!([403, 404].contains(&status), "{what}");
            }
        }
    }
}

#[test]
fn every_action_of_these_routes_is_in_the_table() {
    let cells = cells();

    assert!(rows().iter().all(|row| cells.contains_key(row.action)));
    assert_eq!(cells["org:delete"]["system_admin"], "yes");
}
