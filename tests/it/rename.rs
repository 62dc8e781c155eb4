//! Other names for teams and people: the name of before leads on, for who may see where, and is nobody else's.

use crate::server::{Answer, Place};
use crate::visibility::{Cast, logged, refused};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const TEAM: &str = "/api/v1/teams/vision";

fn rename(cast: &Cast<'_>, who: &str, to: &str) -> Answer {
    cast.ask(who, "PATCH", TEAM, &json!({ "name": to }))
}

#[test]
fn what_is_logged_and_read_under_the_old_name_of_a_team_goes_on() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let project = json!({ "entity": "vision", "name": "p" });
    assert_eq!(cast.ask("owner", "POST", "/api/v1/projects", &project).0, 201);
    assert!(cast.log("owner", "p", "theirs"));
    let before = cast.graphql("outsider", "{ entity(name: \"vision\") { name } }", &NOTHING);

    assert_eq!(rename(&cast, "team-admin", "sight").1["name"], "sight");

    let body = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0,\"x\":1}"] } } });
    for team in ["vision", "sight"] {
        let path = format!("/files/{team}/p/theirs/file_stream");
        let (status, answer) = server.ask(&cast.keys["owner"], "POST", &path, &body);
        assert_eq!(status, 200, "{team}: {answer}");
        let text = "query($e: String) { project(name: \"p\", entityName: $e) { entityName runs { edges { node { name } } } } }";
        let (_, answer) = cast.graphql("member", text, &json!({ "e": team }));
        assert_eq!(answer["data"]["project"]["entityName"], "sight", "{answer}");
        assert_eq!(answer["data"]["project"]["runs"]["edges"][0]["node"]["name"], "theirs");
    }
    assert!(cast.log("owner", "p", "another") && cast.reads("member", "p"));
    assert_eq!(cast.graphql("outsider", "{ entity(name: \"vision\") { name } }", &NOTHING), before);
    // A key for one team is for it by whatever name.
    let key = json!({ "teams": ["vision"] });
    assert_eq!(cast.ask("member", "POST", "/api/v1/api-keys", &key).1["teams"], json!(["sight"]));
}

#[test]
fn a_name_of_before_is_nobody_elses_and_can_be_taken_back() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    refused(rename(&cast, "member", "sight"), 403, "team:settings_update is refused");
    refused(rename(&cast, "outsider", "sight"), 404, "team `vision` does not exist");
    for (to, status, word) in [("a b", 422, "letters"), ("ROBOTS", 409, "taken"), ("member", 409, "taken")] {
        let (got, answer) = rename(&cast, "team-admin", to);
        assert_eq!((got, &answer["error"]["field"]), (status, &json!("name")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{answer}");
    }

    assert_eq!(rename(&cast, "team-admin", "sight").0, 200);
    let team = json!({ "name": "Vision", "organization": "default" });
    refused(server.operate("POST", "/api/v1/teams", &team), 409, "taken");
    let person = json!({ "username": "VISION", "email": "v@example.com" });
    refused(server.operate("POST", "/api/v1/users", &person), 409, "taken");
    assert_eq!(rename(&cast, "org-admin", "vision").1["name"], "vision", "its own again");

    assert_eq!(server.operate("DELETE", "/api/v1/teams/sight", &NOTHING).0, 200);
    refused(server.operate("POST", "/api/v1/teams", &team), 409, "taken");
    let renamed = |before: &str, after: &str| json!({ "old_name": before, "name": after });
    let (admin, org_admin) = (json!("team-admin@example.com"), json!("org-admin@example.com"));
    let told = [(admin, renamed("vision", "sight")), (org_admin, renamed("sight", "vision"))];
    assert_eq!(logged(&place, "team:update_settings"), told);
}

#[test]
fn a_person_is_found_by_their_names_of_before_and_keeps_all_that_is_theirs() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let run = json!({ "entityName": "owner", "modelName": "own", "name": "r" });
    let text = "mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }";
    assert_eq!(cast.graphql("owner", text, &json!({ "i": run })).0, 200);
    let call = |who: &str, to: &str| cast.ask(who, "PATCH", "/api/v1/users/owner", &json!({ "username": to }));
    refused(call("member", "boss"), 403, "user:manage");
    for to in ["a b", "Member"] {
        assert_eq!(call("system-admin", to).1["error"]["field"], "username", "{to}");
    }

    assert_eq!(call("system-admin", "boss").1["username"], "boss");

    assert_eq!(server.arrange("GET", "/api/v1/users/owner", &NOTHING)["username"], "boss");
    assert_eq!(cast.graphql("owner", "{ viewer { username } }", &NOTHING).1["data"]["viewer"]["username"], "boss");
    assert_eq!(cast.graphql("owner", text, &json!({ "i": run })).0, 200, "their own entity goes by both names");
    assert_eq!(cast.ask("owner", "GET", "/api/v1/projects?entity=boss", &NOTHING).1["projects"][0]["name"], "own");
    assert_eq!(cast.ask("team-admin", "PUT", &format!("{TEAM}/members/owner"), &json!({ "role": "admin" })).0, 200);
    let other = json!({ "username": "owner", "email": "other@example.com" });
    refused(server.operate("POST", "/api/v1/users", &other), 409, "taken");
    let told = json!({ "old_username": "owner", "username": "boss" });
    assert_eq!(logged(&place, "user:update"), [(json!("system-admin@example.com"), told)]);
    server.arrange("DELETE", &format!("{TEAM}/members/boss"), &NOTHING);
    let checked = {
        drop(server);
        place.run(&["check"], "")
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
