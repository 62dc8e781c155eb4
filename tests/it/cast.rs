//! A team with people of every role around it, and what the table of permissions says of these.

use crate::server::Server;
use serde_json::json;
use std::collections::BTreeMap;

/// The columns of the file, in its order.
const COLUMNS: [&str; 6] = ["view_only", "member", "registry_admin", "team_admin", "org_admin", "system_admin"];

/// The cells of each action, by role.
pub fn cells() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let lines = include_str!("../permissions.tsv").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let fields = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    fields.map(|fields| (fields[1], COLUMNS.into_iter().zip(fields[2..8].iter().copied()).collect())).collect()
}

/// A team `vision` with holders of every role that there can be; their keys by role.
pub fn people(server: &Server<'_>) -> Vec<(&'static str, String)> {
    let admin = json!({ "username": "system-admin", "email": "system-admin@example.com", "system_admin": true });
    let admin = server.arrange("POST", "/api/v1/users", &admin);
    let mut keys = vec![
        ("system-admin", admin["api_key"].as_str().unwrap().to_owned()),
        ("outsider", server.outsider("outsider")),
    ];
    keys.extend(["owner", "member", "team-admin", "org-admin", "colleague"].map(|name| (name, server.person(name))));
    let team = json!({ "name": "vision", "organization": "default", "admins": ["team-admin"] });
    server.arrange("POST", "/api/v1/teams", &team);
    for member in ["owner", "member"] {
        let path = format!("/api/v1/teams/vision/members/{member}");
        server.arrange("PUT", &path, &json!({ "role": "member" }));
    }
    server.arrange("PUT", "/api/v1/organizations/default/members/org-admin", &json!({ "role": "admin" }));
    keys
}
