//! A deleted team over HTTP: there for nobody, by no way; and as it was once it is restored.

use crate::server::{Answer, Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const UPSERT: &str =
    r#"mutation { upsertBucket(input: {entityName: "vision", modelName: "p", name: "r"}) { bucket { id } } }"#;

#[track_caller]
fn refused((status, answer): Answer, expected: u16, word: &str) {
    assert_eq!(status, expected, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(word), "{message}");
}

struct Keys {
    root: String,
    ada: String,
    stranger: String,
}

/// A team `vision` of Ada's with a run.
fn with_team(server: &Server<'_>) -> Keys {
    let root = json!({ "username": "root", "email": "root@example.com", "system_admin": true });
    let root = server.arrange("POST", "/api/v1/users", &root)["api_key"].as_str().unwrap().to_owned();
    let (ada, stranger) = (server.person("ada"), server.outsider("stranger"));
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    let made = server.graphql(Some(&ada), UPSERT, &NOTHING);
    assert_eq!(made.0, 200, "{}", made.1);
    Keys { root, ada, stranger }
}

#[test]
fn a_deleted_team_is_there_for_nobody_and_its_name_stays_taken() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let deleted = server.ask(&keys.root, "DELETE", "/api/v1/teams/vision", &NOTHING);
    assert_eq!(deleted.0, 200, "{}", deleted.1);

    let query = r#"{ viewer { teams { edges { node { name } } } } entity(name: "vision") { name members { name } }
        project(name: "p", entityName: "vision") { name run(name: "r") { name } } models(entityName: "vision") { edges { node { name } } } }"#;
    for key in [&keys.root, &keys.ada, &keys.stranger] {
        let (status, answer) = server.graphql(Some(key), query, &NOTHING);
        assert_eq!(status, 200, "{answer}");
        assert!(!answer.contains("vision"), "{answer}");
        assert_eq!(server.ask(key, "GET", "/api/v1/teams", &NOTHING).1["teams"], json!([]));
        refused(server.ask(key, "GET", "/api/v1/teams/vision/members", &NOTHING), 404, "`vision` does not exist");
    }
    // Whoever logs to it is told why that ends; a stranger learns nothing.
    let stream = |key: &str| server.ask(key, "POST", "/files/vision/p/r/file_stream", &json!({ "complete": false }));
    let (status, answer) = stream(&keys.ada);
    assert_eq!(status, 403);
    assert!(answer["error"].as_str().unwrap().contains("the team was deleted"), "{answer}");
    assert_eq!(stream(&keys.stranger).0, 404);
    let (status, answer) = server.graphql(Some(&keys.ada), UPSERT, &NOTHING);
    assert_eq!(status, 403);
    assert!(answer.contains("the team was deleted"), "{answer}");
    let (_, answer) = server.graphql(Some(&keys.stranger), UPSERT, &NOTHING);
    assert!(!answer.contains("deleted"), "{answer}");
    // Its people are shown without it, and its name is nobody else's.
    assert_eq!(server.arrange("GET", "/api/v1/users/ada", &NOTHING)["teams"], json!([]));
    let again = json!({ "name": "Vision", "organization": "default" });
    refused(server.operate("POST", "/api/v1/teams", &again), 409, "taken");
    refused(server.operate("DELETE", "/api/v1/organizations/default", &NOTHING), 409, "teams");
    refused(server.ask(&keys.root, "DELETE", "/api/v1/teams/vision", &NOTHING), 404, "does not exist");
    refused(server.operate("PUT", "/api/v1/teams/vision/members/ada", &json!({ "role": "member" })), 404, "not exist");
}

#[test]
fn only_system_admins_delete_restore_and_see_what_is_in_the_trash() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let organization_admin = server.person("grace");
    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &json!({ "role": "admin" }));

    for key in [&keys.ada, &organization_admin] {
        refused(server.ask(key, "DELETE", "/api/v1/teams/vision", &NOTHING), 403, "team:delete is refused");
    }
    refused(server.ask(&keys.root, "POST", "/api/v1/teams/vision/restore", &NOTHING), 409, "not in the trash");
    let deleted = server.ask(&keys.root, "DELETE", "/api/v1/teams/vision", &NOTHING).1;
    let listed = |key: &str, more: &str| {
        server.ask(key, "GET", &format!("/api/v1/teams?deleted=true{more}"), &NOTHING).1["teams"].clone()
    };
    assert_eq!(listed(&keys.root, ""), json!([deleted]));
    assert_eq!(listed(&keys.root, "&organization=default"), json!([deleted]));
    assert_eq!(listed(&keys.root, "&organization=nowhere"), json!([]));
    assert!(deleted["removed_at"].as_str().unwrap() > deleted["deleted_at"].as_str().unwrap());
    for key in [&keys.ada, &organization_admin] {
        assert_eq!(listed(key, ""), json!([]));
        refused(server.ask(key, "POST", "/api/v1/teams/vision/restore", &NOTHING), 403, "team:restore is refused");
    }
    assert_eq!(server.ask(&keys.stranger, "POST", "/api/v1/teams/vision/restore", &NOTHING).0, 404);
    assert_eq!(server.ask(&keys.root, "GET", "/api/v1/teams?deleted=true&after=x", &NOTHING).0, 422);

    let restored = server.ask(&keys.root, "POST", "/api/v1/teams/vision/restore", &NOTHING);

    assert_eq!((restored.0, restored.1.get("deleted_at")), (200, None));
    assert_eq!(listed(&keys.root, ""), json!([]));
    let members = server.ask(&keys.ada, "GET", "/api/v1/teams/vision/members", &NOTHING).1;
    assert_eq!(members["members"][0]["username"], "ada");
    assert_eq!(server.graphql(Some(&keys.ada), UPSERT, &NOTHING).0, 200);
}

#[test]
fn a_team_is_deleted_and_restored_by_command_and_removed_when_its_days_are_over() {
    let place = Place::new();
    let server = place.serve();
    with_team(&server);
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };

    run(&["team", "delete", "vision"]);
    assert!(run(&["team", "list", "--deleted"]).contains("vision"));
    assert!(!run(&["team", "list"]).contains("vision"));
    run(&["team", "restore", "vision"]);
    assert!(run(&["team", "list"]).contains("vision"));
    // Without any days in the trash it is removed as soon as the server looks: at its next start.
    server.arrange("PUT", "/api/v1/settings/team_trash_days", &json!({ "value": 0 }));
    run(&["team", "delete", "vision"]);
    drop(server);
    let server = place.serve();
    crate::server::wait_for(|| {
        let team = json!({ "name": "vision", "organization": "default" });
        (server.operate("POST", "/api/v1/teams", &team).0 == 201).then_some(())
    });
    assert!(run(&["check"]).contains("records"));
}

#[test]
fn a_team_that_comes_back_without_an_admin_says_so_and_can_be_given_one() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let restored = || server.ask(&keys.root, "POST", "/api/v1/teams/vision/restore", &NOTHING);
    let delete = || assert_eq!(server.ask(&keys.root, "DELETE", "/api/v1/teams/vision", &NOTHING).0, 200);
    delete();
    assert_eq!(restored().1.get("notice"), None, "Ada administers it");

    delete();
    server.arrange("POST", "/api/v1/users/ada/deactivate", &NOTHING);
    let (status, answer) = restored();
    assert_eq!(status, 200, "{answer}");
    let notice = answer["notice"].as_str().unwrap();
    assert!(notice.contains("team `vision` has no active admin any more"), "{notice}");
    delete();
    let told = place.run(&["team", "restore", "vision"], "");
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("restored the team `vision`\n") && told.contains("team set-role vision USERNAME"), "{told}");

    server.person("grace");
    assert!(place.run(&["team", "set-role", "vision", "grace", "admin"], "").status.success());
    delete();
    assert_eq!(restored().1.get("notice"), None);
}
