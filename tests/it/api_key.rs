//! API keys over HTTP: made, shown once, listed, renamed, revoked; for oneself and for others; bad input.

use crate::server::{Answer, Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

#[track_caller]
fn refused((status, answer): Answer, expected: u16, field: &str) {
    assert_eq!(status, expected, "{answer}");
    assert_eq!(answer["error"]["field"], field, "{answer}");
}

fn works(server: &Server<'_>, key: &str) -> bool {
    server.graphql(Some(key), "{ viewer { id } }", &NOTHING).0 == 200
}

fn make(server: &Server<'_>, key: &str, new: &Value) -> Value {
    let (status, made) = server.ask(key, "POST", "/api/v1/api-keys", new);
    assert_eq!(status, 201, "{made}");
    made
}

#[test]
fn a_key_is_shown_once_renamed_and_ended_at_once() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    let new = json!({ "name": "cluster", "scope": "write", "expires_at": "2099-01-31T12:00:00+01:00" });
    let made = make(&server, &ada, &new);
    let key = made["api_key"].as_str().unwrap();
    assert!(key.len() == 40 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{key}");
    assert_eq!(made["expires_at"], "2099-01-31T11:00:00.000000Z");

    let (_, listed) = server.ask(&ada, "GET", "/api/v1/api-keys", &NOTHING);
    let listed = listed["api_keys"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    assert_eq!((&listed[1]["name"], &listed[1]["scope"]), (&json!("cluster"), &json!("write")));
    assert_eq!(listed[1]["begins_with"], key[..6]);
    assert!(listed[1].get("api_key").is_none() && listed[1].get("teams").is_none());

    let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
    let (status, renamed) = server.ask(&ada, "PATCH", &path, &json!({ "name": "the new cluster" }));
    assert_eq!((status, &renamed["name"]), (200, &json!("the new cluster")));
    assert!(works(&server, key));
    assert_eq!(server.ask(&ada, "DELETE", &path, &NOTHING).0, 204);
    assert!(!works(&server, key));
    let (status, answer) = server.ask(key, "GET", "/api/v1/api-keys", &NOTHING);
    assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthenticated")));
    assert!(!server.log().contains(key));
}

#[test]
fn a_scope_and_a_limit_hold_in_every_interface() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    for team in ["vision", "speech"] {
        server.arrange("POST", "/api/v1/teams", &json!({ "name": team, "organization": "default", "admins": ["ada"] }));
        let text = "mutation($e: String) { upsertBucket(input: {entityName: $e, modelName: \"p\", name: \"r\"}) {
            bucket { id } } }";
        assert_eq!(server.graphql(Some(&ada), text, &json!({ "e": team })).0, 200);
    }
    let read = make(&server, &ada, &json!({ "scope": "read" }))["api_key"].as_str().unwrap().to_owned();
    let limited = make(&server, &ada, &json!({ "teams": ["vision"] }));
    assert_eq!((&limited["teams"], &limited["projects"]), (&json!(["vision"]), &json!([])));
    let limited = limited["api_key"].as_str().unwrap();

    let body = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0}"] } } });
    let stream = |key: &str, team: &str| server.ask(key, "POST", &format!("/files/{team}/p/r/file_stream"), &body).0;
    let sees = |key: &str, team: &str| {
        let text = "query($e: String) { project(name: \"p\", entityName: $e) { run(name: \"r\") { id } } }";
        server.graphql(Some(key), text, &json!({ "e": team })).1.contains("\"id\"")
    };
    assert_eq!((stream(&read, "vision"), sees(&read, "vision"), sees(&read, "speech")), (403, true, true));
    assert_eq!((stream(limited, "vision"), sees(limited, "vision")), (200, true));
    assert_eq!((stream(limited, "speech"), sees(limited, "speech")), (404, false));
    let (_, teams) = server.ask(limited, "GET", "/api/v1/teams", &NOTHING);
    assert_eq!(teams["teams"].as_array().unwrap().len(), 1, "{teams}");
    assert_eq!(server.ask(limited, "PUT", "/api/v1/teams/speech/members/ada", &json!({ "role": "admin" })).0, 404);
    assert_eq!(server.ask(limited, "GET", "/api/v1/teams/vision/members", &NOTHING).0, 200);
    for path in ["/api/v1/organizations/default/members", "/api/v1/users", "/api/v1/api-keys"] {
        assert!([403, 404].contains(&server.ask(limited, "GET", path, &NOTHING).0), "{path}");
    }
    let admin = json!({ "username": "root", "email": "root@example.com", "system_admin": true });
    let root = server.arrange("POST", "/api/v1/users", &admin)["api_key"].as_str().unwrap().to_owned();
    let narrow = make(&server, &root, &json!({ "teams": ["root"] }));
    let narrow = narrow["api_key"].as_str().unwrap();
    assert_eq!(server.ask(narrow, "GET", "/api/v1/users", &NOTHING).0, 403);
    assert_eq!(server.ask(&root, "GET", "/api/v1/users", &NOTHING).0, 200);
}

#[test]
fn keys_of_others_are_for_their_administrators() {
    let place = Place::new();
    let server = place.serve();
    let (ada, grace, stranger) = (server.person("ada"), server.person("grace"), server.outsider("stranger"));
    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &json!({ "role": "admin" }));
    let admin = json!({ "username": "root", "email": "root@example.com", "system_admin": true });
    let root = server.arrange("POST", "/api/v1/users", &admin)["api_key"].as_str().unwrap().to_owned();
    let of_ada = "/api/v1/users/ada/api-keys";
    let given = json!({ "name": "brought along", "api_key": "k".repeat(50) });

    for (key, list, import) in [(&ada, 200, 403), (&grace, 200, 403), (&root, 200, 201), (&stranger, 404, 404)] {
        assert_eq!(server.ask(key, "GET", of_ada, &NOTHING).0, list);
        let (status, answer) = server.ask(key, "POST", of_ada, &given);
        assert_eq!(status, import, "{answer}");
        assert!(answer.get("api_key").is_none(), "a key that was given is not told again");
    }
    assert!(works(&server, &"k".repeat(50)));
    assert_eq!(server.ask(&root, "POST", of_ada, &given).0, 409);
    let made = make(&server, &ada, &json!({}));
    let (key, id) = (made["api_key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let path = format!("{of_ada}/{id}");
    assert_eq!(server.ask(&stranger, "DELETE", &path, &NOTHING).0, 404);
    let elsewhere = format!("/api/v1/users/grace/api-keys/{id}");
    assert_eq!(server.ask(&root, "DELETE", &elsewhere, &NOTHING).0, 404, "it is no key of hers");
    assert!(works(&server, key));
    assert_eq!(server.ask(&grace, "DELETE", &path, &NOTHING).0, 204);
    assert!(!works(&server, key));
    let hidden = server.ask(&stranger, "GET", of_ada, &NOTHING).1.to_string();
    let missing = server.ask(&stranger, "GET", "/api/v1/users/nobody/api-keys", &NOTHING).1.to_string();
    assert_eq!(hidden.replace("ada", "nobody"), missing);
}

#[test]
fn bad_input_is_refused_by_its_field_and_makes_nothing() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    let post = |body: &Value| server.ask(&ada, "POST", "/api/v1/api-keys", body);

    for scope in ["", "Admin", "owner"] {
        refused(post(&json!({ "scope": scope })), 422, "scope");
    }
    for time in ["", "tomorrow", "2099-01-31", "2000-01-01T00:00:00Z"] {
        refused(post(&json!({ "expires_at": time })), 422, "expires_at");
    }
    for teams in [json!([]), json!(["nobody"]), json!(["a/b"]), json!(vec!["ada"; 101])] {
        refused(post(&json!({ "teams": teams })), 422, "teams");
    }
    for projects in [json!(["ada"]), json!(["ada/nothing"]), json!(["/"]), json!(["nobody/p"])] {
        refused(post(&json!({ "projects": projects })), 422, "projects");
    }
    refused(post(&json!({ "name": "x".repeat(1001) })), 422, "name");
    refused(post(&json!({ "name": "a\nb" })), 422, "name");
    refused(post(&json!({ "api_key": "short" })), 422, "api_key");
    assert_eq!(post(&json!({ "rights": "all" })).0, 422);
    assert_eq!(post(&json!({ "api_key": "k".repeat(40) })).0, 403, "only system admins bring a key along");
    for id in ["0", "-1", "x", "99999999999999999999999"] {
        let path = format!("/api/v1/api-keys/{id}");
        assert_eq!(server.ask(&ada, "DELETE", &path, &NOTHING).0, 404);
        assert_eq!(server.ask(&ada, "PATCH", &path, &json!({ "name": "x" })).0, 404);
    }
    let (_, listed) = server.ask(&ada, "GET", "/api/v1/api-keys", &NOTHING);
    assert_eq!(listed["api_keys"].as_array().unwrap().len(), 1);
}
