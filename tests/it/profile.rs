//! How a team shows itself, and to whom; its picture, by whatever it is called.

use crate::server::{Answer, Place, Server};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const PROFILE: &str = "/api/v1/teams/vision/profile";
const AVATAR: &str = "/api/v1/teams/vision/avatar";
/// Thirty by twenty pixels.
const GIF: &str = "GIF89a\u{1e}\0\u{14}\0\0\0\0;";

#[track_caller]
fn refused((status, answer): Answer, expected: u16, word: &str) -> Value {
    assert_eq!(status, expected, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(word), "{message}");
    answer["error"]["field"].clone()
}

struct Keys {
    admin: String,
    member: String,
    outsider: String,
}

/// A team `vision` with an admin and a member.
fn with_team(server: &Server<'_>) -> Keys {
    let (admin, member) = (server.person("ada"), server.person("grace"));
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    server.arrange("PUT", "/api/v1/teams/vision/members/grace", &json!({ "role": "member" }));
    Keys { admin, member, outsider: server.outsider("edsger") }
}

/// An image as a browser gets it: status, headers and bytes.
fn image(server: &Server<'_>, key: Option<&str>, path: &str) -> (u16, http::HeaderMap, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = http::Request::builder().method("GET").uri(format!("{}{path}", server.url));
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut answer = agent.run(request.body(String::new()).unwrap()).unwrap();
    let bytes = answer.body_mut().read_to_vec().unwrap();
    (answer.status().as_u16(), answer.headers().clone(), bytes)
}

#[test]
fn an_introduction_is_kept_as_written_and_shown_without_anything_that_acts() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let introduction = "# We *see*\n\n<script>alert(1)</script>\n\n[paper](https://example.com/p) [x](javascript:alert(1))\n\n\
        [![build](https://badge.example/b.svg)](https://ci.example)";
    let links = json!([{ "title": "Paper", "url": "https://example.com/p" }]);
    let profile = json!({ "introduction": introduction, "links": links });

    let put = server.ask(&keys.admin, "PUT", PROFILE, &profile);

    assert_eq!(put.0, 200, "{}", put.1);
    let shown = server.ask(&keys.member, "GET", PROFILE, &NOTHING).1;
    assert_eq!(shown, put.1);
    assert_eq!((&shown["introduction"], &shown["links"]), (&json!(introduction), &links));
    let html = shown["introduction_html"].as_str().unwrap();
    assert!(html.contains("<h1>We <em>see</em></h1>"), "{html}");
    assert!(html.contains("<a href=\"https://ci.example\" rel=\"noopener noreferrer nofollow\">build</a>"), "{html}");
    for acting in ["<script", "javascript:", "<img"] {
        assert!(!html.contains(acting), "{html}");
    }
    // What is absent is empty.
    let emptied = server.ask(&keys.admin, "PUT", PROFILE, &json!({})).1;
    assert_eq!((&emptied["introduction"], &emptied["links"]), (&json!(""), &json!([])));
}

#[test]
fn only_admins_of_the_team_change_its_profile_and_what_is_wrong_is_named() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let us = json!({ "introduction": "Us" });

    refused(server.ask(&keys.member, "PUT", PROFILE, &us), 403, "team:profile_update is refused");
    refused(server.ask(&keys.outsider, "PUT", PROFILE, &us), 404, "`vision` does not exist");
    refused(server.ask(&keys.outsider, "PUT", "/api/v1/teams/nobody/profile", &us), 404, "`nobody` does not exist");
    let wrong = [
        (json!({ "introduction": "x".repeat(70_000) }), "introduction"),
        (json!({ "links": [{ "title": "x", "url": "javascript:alert(1)" }] }), "links"),
        (json!({ "links": [{ "title": "", "url": "https://example.com" }] }), "links"),
        (json!({ "projects": ["nothing"] }), "projects"),
        (json!({ "projects": ["a/b"] }), "projects"),
    ];
    for (profile, field) in wrong {
        assert_eq!(refused(server.ask(&keys.admin, "PUT", PROFILE, &profile), 422, ""), field);
    }
    assert_eq!(server.ask(&keys.admin, "PUT", PROFILE, &json!({ "audience": "world" })).0, 422);
    assert_eq!(server.ask(&keys.admin, "GET", PROFILE, &NOTHING).1["introduction"], "", "nothing was half changed");
}

#[test]
fn a_profile_is_for_the_team_or_for_everyone_and_a_hidden_team_shows_none() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let read = |key: Option<&str>| server.ask_as(key, "GET", PROFILE, "").0;
    let all = || [read(Some(&keys.member)), read(Some(&keys.outsider)), read(None)];
    let switch = |path: &str, value: Value| server.arrange("PATCH", path, &value);

    assert_eq!(all(), [200, 404, 404], "for the team, at first");
    server.ask(&keys.admin, "PUT", PROFILE, &json!({ "introduction": "Us", "audience": "everyone" }));
    assert_eq!(all(), [200, 404, 404], "it hides");
    switch("/api/v1/teams/vision/settings", json!({ "hidden": false }));
    assert_eq!(all(), [200, 200, 404]);
    server.arrange("PUT", "/api/v1/settings/anonymous_reading", &json!({ "value": true }));
    assert_eq!(all(), [200, 200, 200]);
    server.ask(&keys.admin, "PUT", PROFILE, &json!({ "introduction": "Us", "audience": "team" }));
    assert_eq!(all(), [200, 404, 404]);
    // What is hidden is answered like what there is not.
    let hidden = server.ask_as(Some(&keys.outsider), "GET", PROFILE, "").1;
    let missing = server.ask_as(Some(&keys.outsider), "GET", "/api/v1/teams/nobody/profile", "").1;
    assert_eq!(hidden, missing.replace("nobody", "vision"));
    server.ask(&keys.admin, "PUT", PROFILE, &json!({ "audience": "everyone" }));
    server.arrange("DELETE", "/api/v1/teams/vision", &NOTHING);
    assert_eq!(all(), [404, 404, 404], "a deleted team shows nothing");
}

#[test]
fn a_profile_shows_those_projects_that_its_reader_sees() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    for (project, visibility) in [("open-one", "public"), ("ours", "team"), ("secret", "restricted")] {
        let project = json!({ "entity": "vision", "name": project, "visibility": visibility });
        let made = server.ask(&keys.admin, "POST", "/api/v1/projects", &project);
        assert_eq!(made.0, 201, "{}", made.1);
    }
    server.arrange("PATCH", "/api/v1/teams/vision/settings", &json!({ "hidden": false }));
    let projects = ["secret", "ours", "open-one", "ours"];
    let put = server.ask(&keys.admin, "PUT", PROFILE, &json!({ "audience": "everyone", "projects": projects }));
    assert_eq!(put.0, 200, "{}", put.1);

    let shown = |key: &str| {
        let profile = server.ask(key, "GET", PROFILE, &NOTHING).1;
        let projects = profile["projects"].as_array().unwrap().iter();
        projects.map(|project| project["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&keys.admin), ["secret", "ours", "open-one"]);
    assert_eq!(shown(&keys.member), ["ours", "open-one"]);
    assert_eq!(shown(&keys.outsider), ["open-one"]);
}

#[test]
fn a_picture_is_what_its_bytes_say_and_does_nothing_in_a_browser() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    let put = |key: &str, body: &str| {
        let (status, text) = server.ask_as(Some(key), "PUT", AVATAR, body);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    };
    assert_eq!(image(&server, Some(&keys.member), AVATAR).0, 404);

    refused(put(&keys.member, GIF), 403, "team:profile_update is refused");
    for no_image in ["<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "<html>", "", "GIF89a"] {
        assert_eq!(refused(put(&keys.admin, no_image), 422, "no PNG, JPEG, WebP or GIF"), "body");
    }
    assert_eq!(refused(put(&keys.admin, "GIF89a\u{1}\u{7f}\u{1}\u{7f}"), 422, "pixels"), "body");
    let large = format!("{GIF}{}", "x".repeat(1 << 20));
    assert_eq!(refused(put(&keys.admin, &large), 422, "larger than"), "body");
    assert_eq!(put(&keys.admin, GIF).0, 204);

    let (status, headers, bytes) = image(&server, Some(&keys.member), AVATAR);
    assert_eq!((status, bytes.as_slice()), (200, GIF.as_bytes()));
    assert_eq!(headers["content-type"], "image/gif");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert_eq!(image(&server, Some(&keys.outsider), AVATAR).0, 404);
    assert_eq!(image(&server, None, AVATAR).0, 404);
    let shown = server.ask(&keys.member, "GET", PROFILE, &NOTHING).1;
    assert_eq!(shown["avatar"], AVATAR);
    let photo = server.graphql(Some(&keys.member), r#"{ entity(name: "vision") { photoUrl } }"#, &NOTHING).1;
    assert!(photo.contains(&format!("{}{AVATAR}", server.url)), "{photo}");
    let checked = place.run(&["check"], "");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    assert_eq!(server.ask(&keys.admin, "DELETE", AVATAR, &NOTHING).0, 204);
    assert_eq!(image(&server, Some(&keys.member), AVATAR).0, 404);
    assert_eq!(server.ask(&keys.member, "GET", PROFILE, &NOTHING).1.get("avatar"), None);
}

/// The rules in full are tested where a host can be made up; here that the server has them.
#[test]
fn the_server_does_not_fetch_from_within() {
    let place = Place::new();
    let server = place.serve();
    let keys = with_team(&server);
    server.arrange("PUT", "/api/v1/settings/outside_images", &json!({ "value": ["localhost"] }));
    let introduction = "![badge](https://localhost/badge.png) ![raw](https://127.0.0.1/x.png)";

    let put = server.ask(&keys.admin, "PUT", PROFILE, &json!({ "introduction": introduction })).1;

    let html = put["introduction_html"].as_str().unwrap();
    assert!(html.contains(">badge</a>") && html.contains(">raw</a>") && !html.contains("<img"), "{html}");
    for id in [0, 1, 2] {
        let path = format!("/api/v1/teams/vision/outside-images/{id}");
        assert_eq!(image(&server, Some(&keys.admin), &path).0, 404);
    }
}
