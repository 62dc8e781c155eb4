//! Organizations, teams and who belongs to them, over REST.

use crate::server::{Answer, Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

#[track_caller]
fn refused((status, answer): Answer, expected: u16, code: &str, word: &str) {
    assert_eq!((status, answer["error"]["code"].as_str()), (expected, Some(code)), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(word), "{message}");
}

/// User names and roles of a list of members.
fn members(server: &Server<'_>, path: &str) -> Vec<(String, String)> {
    let page = server.arrange("GET", path, &NOTHING);
    let members = page["members"].as_array().unwrap().iter();
    let word = |member: &Value, field: &str| member[field].as_str().unwrap().to_owned();
    members.map(|member| (word(member, "username"), word(member, "role"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect()
}

fn role(role: &str) -> Value {
    json!({ "role": role })
}

#[test]
fn a_new_person_joins_the_first_organization_or_none_or_the_one_that_is_named() {
    let place = Place::new();
    let server = place.serve();
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));

    server.person("ada");
    server.outsider("grace");
    let edsger = json!({ "username": "edsger", "email": "e@example.com", "organization": "lab" });
    server.arrange("POST", "/api/v1/users", &edsger);
    let nobody = json!({ "username": "x", "email": "x@example.com", "organization": "nowhere" });
    let unknown = server.operate("POST", "/api/v1/users", &nobody);

    assert_eq!(members(&server, "/api/v1/organizations/default/members"), pairs(&[("ada", "member")]));
    assert_eq!(members(&server, "/api/v1/organizations/lab/members"), pairs(&[("edsger", "member")]));
    assert_eq!(unknown.1["error"]["field"], "organization");
    refused(unknown, 422, "invalid", "`nowhere` does not exist");
    let people = server.arrange("GET", "/api/v1/users", &NOTHING);
    assert_eq!(people["users"].as_array().unwrap().len(), 3, "the refused person was not made");
}

#[test]
fn people_teams_and_organizations_share_one_name_space() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));

    for name in ["Ada", "vision", "DEFAULT"] {
        refused(server.operate("POST", "/api/v1/organizations", &json!({ "name": name })), 409, "conflict", "taken");
        let team = json!({ "name": name, "organization": "default" });
        refused(server.operate("POST", "/api/v1/teams", &team), 409, "conflict", "taken");
    }
    refused(server.operate("POST", "/api/v1/organizations", &json!({ "name": "a b" })), 422, "invalid", "letters");
}

#[test]
fn the_last_organization_and_one_with_teams_are_not_deleted() {
    let place = Place::new();
    let server = place.serve();
    refused(server.operate("DELETE", "/api/v1/organizations/default", &NOTHING), 409, "conflict", "the last one");
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "lab" }));

    refused(server.operate("DELETE", "/api/v1/organizations/lab", &NOTHING), 409, "conflict", "still has teams");
    server.person("ada");
    server.arrange("DELETE", "/api/v1/organizations/default", &NOTHING);

    refused(server.operate("DELETE", "/api/v1/organizations/default", &NOTHING), 404, "not_found", "does not exist");
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "default" }));
    assert_eq!(members(&server, "/api/v1/organizations/default/members"), pairs(&[]), "the name inherits nobody");
}

#[test]
fn only_the_named_admins_are_in_a_new_team_and_join_its_organization() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.outsider("grace");

    let team = json!({ "name": "vision", "organization": "default", "admins": ["grace", "grace"] });
    let made = server.arrange("POST", "/api/v1/teams", &team);

    assert_eq!((&made["name"], &made["organization"]), (&json!("vision"), &json!("default")));
    assert_eq!(members(&server, "/api/v1/teams/vision/members"), pairs(&[("grace", "admin")]));
    let in_organization = pairs(&[("ada", "member"), ("grace", "member")]);
    assert_eq!(members(&server, "/api/v1/organizations/default/members"), in_organization);
    let nobody = json!({ "name": "b", "organization": "default", "admins": ["nobody"] });
    let unknown = server.operate("POST", "/api/v1/teams", &nobody);
    assert_eq!(unknown.1["error"]["field"], "admins");
    refused(unknown, 422, "invalid", "`nobody` does not exist");
}

#[test]
fn setting_a_role_twice_is_setting_it_once() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));

    for path in ["/api/v1/teams/vision/members/ada", "/api/v1/organizations/default/members/ada"] {
        let first = server.arrange("PUT", path, &role("member"));
        assert_eq!(server.arrange("PUT", path, &role("member")), first, "{path}");
        let admin = server.arrange("PUT", path, &role("admin"));
        assert_eq!((&admin["role"], &admin["since"]), (&json!("admin"), &first["since"]), "{path}");
    }
}

#[test]
fn an_unlicensed_or_unknown_role_is_refused_by_its_name() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));

    let put = |path: &str, name: &str| server.operate("PUT", path, &role(name));
    refused(put("/api/v1/teams/vision/members/ada", "view_only"), 403, "not_licensed", "view_only needs a licence");
    let custom = put("/api/v1/teams/vision/members/ada", "labeller");
    assert_eq!(custom.1["error"]["field"], "role");
    refused(custom, 422, "invalid", "no role `labeller`");
    refused(put("/api/v1/organizations/default/members/ada", "view_only"), 422, "invalid", "viewer");
    assert_eq!(members(&server, "/api/v1/teams/vision/members"), pairs(&[]));
}

#[test]
fn the_last_admin_of_a_team_or_an_organization_keeps_their_place() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.person("grace");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &role("admin"));
    let (in_team, in_organization) = ("/api/v1/teams/vision/members", "/api/v1/organizations/default/members");
    let ask = |method: &str, path: String, body: &Value| server.operate(method, &path, body);

    let last_of_team = "the last admin of team `vision`; make somebody else an admin of it first";
    let last_of_organization = "the last admin of organization `default`";
    refused(ask("PUT", format!("{in_team}/ada"), &role("member")), 409, "conflict", last_of_team);
    refused(ask("DELETE", format!("{in_team}/ada"), &NOTHING), 409, "conflict", last_of_team);
    refused(ask("PUT", format!("{in_organization}/ada"), &role("viewer")), 409, "conflict", last_of_team);
    refused(ask("DELETE", format!("{in_organization}/ada"), &NOTHING), 409, "conflict", last_of_team);
    refused(ask("DELETE", "/api/v1/users/ada".into(), &NOTHING), 409, "conflict", last_of_team);
    refused(ask("PUT", format!("{in_organization}/grace"), &role("member")), 409, "conflict", last_of_organization);
    refused(ask("DELETE", format!("{in_organization}/grace"), &NOTHING), 409, "conflict", last_of_organization);
    refused(ask("DELETE", "/api/v1/users/grace".into(), &NOTHING), 409, "conflict", last_of_organization);

    server.arrange("PUT", &format!("{in_team}/grace"), &role("admin"));
    server.arrange("PUT", &format!("{in_team}/ada"), &role("member"));
    server.arrange("PUT", &format!("{in_organization}/ada"), &role("admin"));
    server.arrange("PUT", &format!("{in_organization}/grace"), &role("member"));
    assert_eq!(members(&server, in_team), pairs(&[("ada", "member"), ("grace", "admin")]));
    assert_eq!(members(&server, in_organization), pairs(&[("ada", "admin"), ("grace", "member")]));
}

#[test]
fn an_admin_who_is_only_a_viewer_of_the_organization_does_not_count_as_one() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    server.person("ada");
    server.person("grace");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada", "grace"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &role("viewer"));

    let ada = server.operate("PUT", "/api/v1/teams/vision/members/ada", &role("member"));
    let again = server.operate("PUT", "/api/v1/teams/vision/members/grace", &role("member"));

    refused(ada, 409, "conflict", "the last admin of team `vision`");
    refused(again, 409, "conflict", "a viewer of organization `default`");
    server.arrange("DELETE", "/api/v1/teams/vision/members/grace", &NOTHING);
}

#[test]
fn who_leaves_an_organization_or_is_deleted_is_in_none_of_its_teams() {
    let place = Place::new();
    let server = place.serve();
    server.person("ada");
    server.person("grace");
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));
    for (team, organization) in [("vision", "default"), ("speech", "default"), ("robots", "lab")] {
        server.arrange("POST", "/api/v1/teams", &json!({ "name": team, "organization": organization }));
        server.arrange("PUT", &format!("/api/v1/teams/{team}/members/ada"), &role("member"));
        server.arrange("PUT", &format!("/api/v1/teams/{team}/members/grace"), &role("member"));
    }

    server.arrange("DELETE", "/api/v1/organizations/default/members/ada", &NOTHING);
    server.arrange("DELETE", "/api/v1/users/grace", &NOTHING);

    assert_eq!(members(&server, "/api/v1/teams/vision/members"), pairs(&[]));
    assert_eq!(members(&server, "/api/v1/teams/speech/members"), pairs(&[]));
    assert_eq!(members(&server, "/api/v1/teams/robots/members"), pairs(&[("ada", "member")]));
    let again = server.operate("DELETE", "/api/v1/organizations/default/members/ada", &NOTHING);
    refused(again, 404, "not_found", "no member of organization `default`");
    server.person("grace");
    assert_eq!(members(&server, "/api/v1/teams/robots/members"), pairs(&[("ada", "member")]));
}

#[test]
fn a_person_with_projects_of_their_own_is_not_deleted() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    let query = r#"mutation { upsertBucket(input: {entityName: "ada", modelName: "p", name: "r"}) { bucket { id } } }"#;
    let (_, made) = server.ask(&ada, "POST", "/graphql", &json!({ "query": query }));
    assert!(made["data"]["upsertBucket"]["bucket"]["id"].is_string(), "{made}");

    let deleted = server.operate("DELETE", "/api/v1/users/ada", &NOTHING);

    refused(deleted, 409, "conflict", "still has projects of their own");
    assert_eq!(server.ask(&ada, "POST", "/graphql", &json!({ "query": query })).0, 200, "the key still works");
}

#[test]
fn a_member_may_leave_a_team_and_remove_nobody_else() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    server.person("grace");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));
    for name in ["ada", "grace"] {
        server.arrange("PUT", &format!("/api/v1/teams/vision/members/{name}"), &role("member"));
    }

    let other = server.ask(&ada, "DELETE", "/api/v1/teams/vision/members/grace", &NOTHING);
    let own = server.ask(&ada, "DELETE", "/api/v1/teams/vision/members/ada", &NOTHING);
    let gone = server.ask(&ada, "GET", "/api/v1/teams/vision/members", &NOTHING);

    refused(other, 403, "forbidden", "team:member_remove");
    assert_eq!(own.0, 204);
    refused(gone, 404, "not_found", "team `vision` does not exist");
}

#[test]
fn a_team_admin_adds_people_of_the_organization_and_learns_nothing_of_others() {
    let place = Place::new();
    let server = place.serve();
    let ada = server.person("ada");
    server.person("grace");
    server.outsider("edsger");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    let put = |name: &str| server.ask(&ada, "PUT", &format!("/api/v1/teams/vision/members/{name}"), &role("member"));

    assert_eq!(put("grace").0, 200);
    for name in ["edsger", "nobody"] {
        refused(put(name), 404, "not_found", &format!("`{name}` is not in the team's organization"));
    }
    server.arrange("PUT", "/api/v1/organizations/default/members/ada", &role("admin"));
    assert_eq!(put("edsger").0, 200, "an admin of the organization brings people in");
    refused(put("nobody"), 404, "not_found", "person `nobody` does not exist");
}

#[test]
fn what_a_caller_may_not_see_is_answered_like_what_does_not_exist() {
    let place = Place::new();
    let server = place.serve();
    let stranger = server.outsider("stranger");
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "vision", "organization": "default" }));
    let ask = |method: &str, path: &str, body: &Value| {
        let (status, answer) = server.ask(&stranger, method, path, body);
        (status, answer.to_string().replace("nothing", "vision").replace("nowhere", "default"))
    };

    for (method, hidden, missing, body) in [
        ("GET", "/api/v1/teams/vision/members", "/api/v1/teams/nothing/members", NOTHING),
        ("PUT", "/api/v1/teams/vision/members/x", "/api/v1/teams/nothing/members/x", role("member")),
        ("DELETE", "/api/v1/teams/vision/members/x", "/api/v1/teams/nothing/members/x", NOTHING),
        ("GET", "/api/v1/organizations/default/members", "/api/v1/organizations/nowhere/members", NOTHING),
        ("DELETE", "/api/v1/organizations/default", "/api/v1/organizations/nowhere", NOTHING),
    ] {
        assert_eq!(ask(method, hidden, &body), ask(method, missing, &body), "{method} {hidden}");
    }
    let hidden = ask("POST", "/api/v1/teams", &json!({ "name": "x", "organization": "default" }));
    assert_eq!(hidden, ask("POST", "/api/v1/teams", &json!({ "name": "x", "organization": "nowhere" })));
    assert_eq!(hidden.0, 404);
    let teams = server.ask(&stranger, "GET", "/api/v1/teams", &NOTHING);
    assert_eq!(teams, (200, json!({ "teams": [] })));
    let listed = server.ask(&stranger, "GET", "/api/v1/organizations", &NOTHING);
    assert_eq!(listed, (200, json!({ "organizations": [] })));
}

#[test]
fn lists_come_in_pages_that_miss_nobody() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..103 {
        server.arrange("POST", "/api/v1/teams", &json!({ "name": format!("t{number}"), "organization": "default" }));
    }
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));
    server.arrange("POST", "/api/v1/teams", &json!({ "name": "robots", "organization": "lab" }));

    let (mut names, mut path) = (Vec::new(), "/api/v1/teams".to_owned());
    loop {
        let page = server.arrange("GET", &path, &NOTHING);
        names.extend(page["teams"].as_array().unwrap().iter().map(|team| team["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/teams?after={next}");
    }

    let mut expected: Vec<String> = (0..103).map(|number| format!("t{number}")).collect();
    expected.push("robots".into());
    assert_eq!(names, expected);
    let of_lab = server.arrange("GET", "/api/v1/teams?organization=lab", &NOTHING);
    assert_eq!(of_lab["teams"].as_array().unwrap().len(), 1);
    for path in ["/api/v1/teams?after=x", "/api/v1/users?after=x", "/api/v1/organizations?after=-"] {
        refused(server.operate("GET", path, &NOTHING), 422, "invalid", "`next`");
    }
    refused(server.operate("GET", "/api/v1/teams?afer=1", &NOTHING), 400, "parameters", "afer");
}

#[test]
fn every_refusal_has_the_shape_of_a_refusal() {
    let place = Place::new();
    let server = place.serve();

    refused(server.operate("GET", "/api/v1/nonsense", &NOTHING), 404, "no_route", "openapi.json");
    refused(server.operate("PATCH", "/api/v1/teams", &NOTHING), 405, "method", "method");
    refused(server.operate("POST", "/api/v1/teams", &json!({ "name": 1 })), 422, "body", "name");
    refused(server.operate("GET", "/api/v1/teams/%FF/members", &NOTHING), 400, "path", "");
    refused(server.ask("", "GET", "/api/v1/teams", &NOTHING), 401, "unauthenticated", "API key");
}

#[test]
fn the_description_of_the_interface_needs_no_key() {
    let place = Place::new();
    let server = place.serve();

    let (status, description) = server.ask("", "GET", "/api/v1/openapi.json", &NOTHING);

    assert_eq!(status, 200);
    assert!(description["openapi"].as_str().unwrap().starts_with("3."), "{description}");
    assert!(description["paths"]["/api/v1/teams/{name}/members/{username}"]["put"].is_object());
}
