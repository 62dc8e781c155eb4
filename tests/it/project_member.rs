//! Roles in one project: who gives them, who can have them, and what becomes of them.

use crate::server::{Answer, Place};
use crate::visibility::{Cast, refused};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

fn put(cast: &Cast<'_>, who: &str, of: &str, role: &Value) -> Answer {
    cast.ask(who, "PUT", &format!("/api/v1/projects/vision/p/members/{of}"), &json!({ "role": role }))
}

/// User names, roles and roles in the team.
fn members(cast: &Cast<'_>) -> Vec<(String, String, String)> {
    let (status, page) = cast.ask("team-admin", "GET", "/api/v1/projects/vision/p/members", &NOTHING);
    assert_eq!(status, 200, "{page}");
    let word = |member: &Value, field: &str| member[field].as_str().unwrap().to_owned();
    let members = page["members"].as_array().unwrap().iter();
    members.map(|it| (word(it, "username"), word(it, "role"), word(it, "team_role"))).collect()
}

fn project(cast: &Cast<'_>, visibility: &str) {
    let new = json!({ "entity": "vision", "name": "p", "visibility": visibility });
    let (status, answer) = cast.ask("owner", "POST", "/api/v1/projects", &new);
    assert_eq!(status, 201, "{answer}");
    assert!(cast.log("owner", "p", "theirs"));
}

#[test]
fn a_role_in_a_project_counts_there_and_nowhere_else_until_it_is_taken_away() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "team");
    assert!(cast.log("owner", "elsewhere", "theirs"));

    let (status, given) = put(&cast, "owner", "member", &json!("view_only"));
    assert_eq!((status, &given["role"], &given["team_role"]), (200, &json!("view_only"), &json!("member")), "{given}");
    assert_eq!(put(&cast, "owner", "member", &json!("view_only")).1, given, "twice is once");
    assert!(cast.reads("member", "p") && !cast.log("member", "p", "new") && cast.log("member", "elsewhere", "new"));
    let word = |text: &str| text.to_owned();
    assert_eq!(members(&cast), [(word("member"), word("view_only"), word("member"))]);

    let (status, taken) = put(&cast, "owner", "member", &NOTHING);
    assert_eq!((status, taken.get("role")), (200, None), "{taken}");
    assert!(cast.log("member", "p", "new") && members(&cast).is_empty());
    assert_eq!(cast.ask("owner", "DELETE", "/api/v1/projects/vision/p/members/member", &NOTHING).0, 204);
}

#[test]
fn an_owner_lets_people_into_a_restricted_project_and_out_of_it() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "restricted");
    assert!(!cast.reads("member", "p"));

    assert_eq!(put(&cast, "owner", "member", &json!("member")).0, 200);
    assert!(cast.reads("member", "p") && cast.log("member", "p", "new"));
    refused(put(&cast, "member", "invited", &json!("member")), 403, "project:members is refused: only the owner");
    assert_eq!(put(&cast, "invited", "invited", &json!("member")).0, 404, "to who is not in it, it does not exist");

    assert_eq!(put(&cast, "owner", "member", &NOTHING).0, 200);
    assert!(!cast.reads("member", "p"));
    refused(put(&cast, "team-admin", "owner", &NOTHING), 409, "`owner` owns this restricted project");
}

#[test]
fn who_is_view_only_is_not_raised_and_who_is_admin_stays_it() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "restricted");

    for role in ["member", "admin"] {
        refused(put(&cast, "team-admin", "org-viewer", &json!(role)), 409, "`org-viewer` is view-only in the team");
    }
    assert_eq!(put(&cast, "team-admin", "org-viewer", &json!("view_only")).0, 200);
    assert!(cast.reads("org-viewer", "p") && !cast.log("org-viewer", "p", "new"));
    refused(put(&cast, "team-admin", "team-admin", &json!("view_only")), 409, "an admin of the team");
    let (status, unknown) = put(&cast, "team-admin", "member", &json!("owner"));
    assert_eq!((status, &unknown["error"]["field"]), (422, &json!("role")), "{unknown}");
    for nobody in ["colleague", "nobody", "x%2Fy"] {
        refused(put(&cast, "team-admin", nobody, &json!("member")), 404, "is no member of team `vision`");
    }
}

#[test]
fn an_owner_who_is_no_admin_makes_nobody_an_admin() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "team");

    for somebody in ["owner", "member"] {
        refused(put(&cast, "owner", somebody, &json!("admin")), 403, "only an admin of the project");
    }
    assert_eq!(put(&cast, "team-admin", "member", &json!("admin")).0, 200);
    refused(put(&cast, "owner", "member", &json!("view_only")), 403, "only an admin of the project");
    refused(put(&cast, "owner", "member", &NOTHING), 403, "only an admin of the project");
    assert_eq!(put(&cast, "member", "owner", &json!("admin")).0, 200, "an admin of the project does");
}

#[test]
fn who_leaves_the_team_and_comes_back_has_the_role_in_the_team() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "restricted");
    assert_eq!(put(&cast, "team-admin", "member", &json!("member")).0, 200);
    assert!(cast.reads("member", "p"));

    assert_eq!(cast.ask("team-admin", "DELETE", "/api/v1/teams/vision/members/member", &NOTHING).0, 204);
    assert!(!cast.reads("member", "p"));
    let role = json!({ "role": "member" });
    assert_eq!(cast.ask("team-admin", "PUT", "/api/v1/teams/vision/members/member", &role).0, 200);

    assert!(!cast.reads("member", "p"), "being invited again is for whoever invites");
    assert_eq!(members(&cast).len(), 1, "the owner");
}

#[test]
fn who_leaves_the_organization_or_is_deleted_leaves_no_role_behind() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "team");
    for who in ["member", "invited"] {
        assert_eq!(put(&cast, "team-admin", who, &json!("view_only")).0, 200);
    }

    server.arrange("DELETE", "/api/v1/organizations/default/members/member", &NOTHING);
    server.arrange("DELETE", "/api/v1/users/invited", &NOTHING);

    assert!(members(&cast).is_empty());
    drop(server);
    let checked = place.run(&["check"], "");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn who_has_a_role_in_a_public_project_is_for_its_team_to_know() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    project(&cast, "public");
    let path = "/api/v1/projects/vision/p/members";

    assert_eq!(cast.ask("member", "GET", path, &NOTHING).0, 200);
    assert!(cast.reads("outsider", "p"));
    let hidden = cast.ask("outsider", "GET", path, &NOTHING);
    let missing = cast.ask("outsider", "GET", "/api/v1/projects/vision/q/members", &NOTHING);
    assert_eq!((hidden.0, missing.0), (404, 404));
    assert_eq!(hidden.1.to_string(), missing.1.to_string().replace("vision/q", "vision/p"));
    refused(put(&cast, "outsider", "member", &json!("view_only")), 403, "project:members is refused");
}
