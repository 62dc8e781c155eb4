//! Who makes, sees and ends API keys. What counts is not the role in one team but the highest in any, so these rows are
//! asked for by people, not by places around a team.

use crate::cast::Cast;
use crate::server::Place;
use crate::table::cell;
use serde_json::{Value, json};

pub const ACTIONS: [&str; 3] = ["api_key:own", "api_key:list_others", "api_key:revoke_others"];

/// The column of somebody's highest role.
fn column(who: &str) -> &'static str {
    match who {
        "team-admin" | "team-admin-2" | "colleague" | "view-only" => "team_admin",
        "org-admin" => "org_admin",
        "system-admin" => "system_admin",
        _ => "member",
    }
}

/// Whether an admin of the organization `default` administers them.
fn is_in_organization(who: &str) -> bool {
    !["outsider", "invited"].contains(&who)
}

#[test]
fn keys_are_seen_by_their_owner_and_by_administrators() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    for (who, key) in cast.keys() {
        let may = |action: &str| cell(action, column(who)) == "yes";
        let (_, own) = server.graphql(Some(key), "{ viewer { apiKeys { edges { node { name } } } } }", &Value::Null);
        assert_eq!(own.contains(&key[..6]), may("api_key:own"), "{who}: {own}");
        for (other, foreign) in cast.keys().filter(|(other, _)| *other != who) {
            let text =
                "query($q: String) { users(query: $q) { edges { node { apiKeys { edges { node { name } } } } } } }";
            let (_, told) = server.graphql(Some(key), text, &json!({ "q": other }));
            let is_in_reach = is_in_organization(other) || who == "system-admin";
            assert_eq!(
                told.contains(&foreign[..6]),
                may("api_key:list_others") && is_in_reach,
                "{who}, {other}: {told}"
            );
            assert!(!told.contains(foreign), "{who} is shown a whole key");
        }
    }
}

#[test]
fn keys_are_ended_by_their_owner_and_by_administrators() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let owner = cast.key("member");
    for (who, key) in cast.keys() {
        let make = "mutation { generateApiKey(input: {}) { apiKey { id name } } }";
        let made: Value = serde_json::from_str(&server.graphql(owner.as_deref(), make, &Value::Null).1).unwrap();
        let made = &made["data"]["generateApiKey"]["apiKey"];
        let text = "mutation($id: String!) { deleteApiKey(input: {id: $id}) { success } }";

        let told = server.graphql(Some(key), text, &json!({ "id": made["id"] }));

        let may = who == "member" || cell("api_key:revoke_others", column(who)) == "yes";
        assert_eq!(told.1.contains("\"success\":true"), may, "{who}: {told:?}");
        let (_, viewer) = server.graphql(made["name"].as_str(), "{ viewer { id } }", &Value::Null);
        assert_eq!(viewer.contains("\"id\""), !may, "{who}: {viewer}");
    }
}
