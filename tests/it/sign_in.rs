//! Signing in with a browser, and what those try who are not the person.

use crate::browser::Browser;
use crate::server::{Place, Server, wait_for};
use serde_json::{Value, json};
use std::process::Command;

const NOTHING: Value = Value::Null;
const PASSWORD: &str = "a-good-password";

fn with_password(server: &Server<'_>, username: &str) {
    let email = format!("{username}@example.com");
    let person = json!({ "username": username, "email": email, "password": PASSWORD });
    server.arrange("POST", "/api/v1/users", &person);
}

fn behind_a_proxy(place: &Place) -> Server<'_> {
    let mut command = place.command(&["serve"]);
    command.env("WEIGHHOUSE__SERVER__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8");
    place.serve_with(command)
}

#[test]
fn a_browser_signs_in_uses_every_interface_and_signs_out() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.ask("GET", "/api/v1/session", &NOTHING).code(), "no_session");

    let page = browser.sign_in("Ada@Example.com", PASSWORD);

    assert_eq!((page.status, &page.json["username"]), (201, &json!("ada")), "{}", page.json);
    let viewer = browser.ask("POST", "/graphql", &json!({ "query": "{ viewer { username } }" }));
    assert_eq!(viewer.json["data"]["viewer"]["username"], "ada", "{}", viewer.json);
    assert_eq!(browser.ask("GET", "/api/v1/teams", &NOTHING).status, 200);
    let run = r#"mutation { upsertBucket(input: {entityName: "ada", modelName: "p", name: "r"}) { bucket { id } } }"#;
    assert_eq!(browser.ask("POST", "/graphql", &json!({ "query": run })).status, 200);
    let line = json!({ "files": { "output.log": { "offset": 0, "content": ["x"] } } });
    assert_eq!(browser.ask("POST", "/files/ada/p/r/file_stream", &line).status, 200);
    let old = browser.cookie.clone();
    let gone = browser.ask("DELETE", "/api/v1/session", &NOTHING);
    assert_eq!((gone.status, browser.cookie.is_none()), (204, true), "{}", gone.header("set-cookie"));
    browser.cookie = old;
    let after = browser.ask("GET", "/api/v1/session", &NOTHING);
    assert_eq!((after.status, after.code()), (401, "no_session"));
    assert_eq!(after.header("www-authenticate"), "", "a browser would ask for a key in a window of its own");
    let viewer = browser.ask("POST", "/graphql", &json!({ "query": "{ viewer { username } }" }));
    assert_eq!(viewer.status, 401, "an ended session is no visitor");
}

#[test]
fn a_cookie_has_the_flags_that_fit_the_way_it_goes() {
    let place = Place::new();
    let server = behind_a_proxy(&place);
    with_password(&server, "ada");

    let https = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("Sec-Fetch-Site", "same-origin")];
    let mut secure = Browser::saying(&server, &https);
    let page = secure.sign_in("ada", PASSWORD);
    let cookie = page.header("set-cookie").to_owned();
    let (name, flags) = cookie.split_once('=').unwrap();
    assert_eq!(name, "__Host-weighhouse");
    assert!(flags.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"), "{flags}");
    assert_eq!(secure.ask("GET", "/api/v1/session", &NOTHING).json["session"]["address"], "192.0.2.1");

    let mut local = Browser::saying(&server, &[("X-Forwarded-For", "127.0.0.1")]);
    let page = local.sign_in("ada", PASSWORD);
    let cookie = page.header("set-cookie").to_owned();
    assert!(cookie.starts_with("weighhouse-session=") && !cookie.contains("Secure"), "{cookie}");
    // Planted by somebody on the way, in clear: over HTTPS it says nothing.
    secure.cookie = local.cookie.clone();
    assert_eq!(secure.ask("GET", "/api/v1/session", &NOTHING).code(), "no_session");

    let mut plain = Browser::saying(&server, &[("X-Forwarded-For", "192.0.2.1")]);
    let page = plain.sign_in("ada", PASSWORD);
    assert_eq!((page.status, page.code()), (403, "insecure"), "{}", page.json);
    server.arrange("PUT", "/api/v1/settings/allow_insecure_sign_in", &json!({ "value": true }));
    let page = plain.sign_in("ada", PASSWORD);
    assert!(page.status == 201 && page.header("set-cookie").starts_with("weighhouse-session="), "{}", page.json);
}

#[test]
fn a_session_that_was_planted_before_is_not_the_one_after_signing_in() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");
    with_password(&server, "eve");
    let mut eve = Browser::new(&server);
    eve.sign_in("eve", PASSWORD);
    let planted = eve.cookie.clone();

    let mut ada = Browser::new(&server);
    ada.cookie = planted.clone();
    ada.sign_in("ada", PASSWORD);

    assert_ne!(ada.cookie, planted);
    assert_eq!(ada.ask("GET", "/api/v1/session", &NOTHING).json["username"], "ada");
    assert_eq!(eve.ask("GET", "/api/v1/session", &NOTHING).status, 401, "the planted one has ended");
    let first = ada.cookie.clone();
    ada.sign_in("ada", PASSWORD);
    ada.cookie = first;
    assert_eq!(ada.ask("GET", "/api/v1/session", &NOTHING).status, 401, "each sign-in begins another one");
}

#[test]
fn a_page_of_another_site_changes_nothing_with_the_cookie() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");
    let mut own = Browser::new(&server);
    own.sign_in("ada", PASSWORD);
    let host = server.url.strip_prefix("http://").unwrap().to_owned();
    let evil_port = "http://127.0.0.1:1";

    for headers in [
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site"), ("Origin", server.url.as_str())],
        vec![("Origin", "https://evil.example")],
        vec![("Origin", evil_port)],
        vec![("Origin", "null")],
        vec![],
    ] {
        let mut other = Browser::saying(&server, &headers);
        other.cookie = own.cookie.clone();
        for (method, path, body) in [
            ("POST", "/graphql", json!({ "query": "{ viewer { username } }" })),
            ("POST", "/files/ada/p/r/file_stream", json!({})),
            ("DELETE", "/api/v1/sessions", NOTHING),
            ("PUT", "/api/v1/password", json!({ "password": PASSWORD, "new_password": "the-next-password" })),
        ] {
            let page = other.ask(method, path, &body);
            assert_eq!(page.status, 403, "{headers:?} {path}: {}", page.json);
        }
        assert_eq!(other.ask("GET", "/api/v1/session", &NOTHING).status, 200, "reading shows nothing to the page");
    }
    for headers in [vec![("Origin", server.url.as_str())], vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]]
    {
        let mut page = Browser::saying(&server, &headers);
        page.cookie = own.cookie.clone();
        let viewer = page.ask("POST", "/graphql", &json!({ "query": "{ viewer { username } }" }));
        assert_eq!(viewer.status, 200, "{headers:?} on {host}");
    }
    // Nor does it sign somebody in as somebody else.
    let mut other = Browser::saying(&server, &[("Sec-Fetch-Site", "cross-site")]);
    assert_eq!(other.sign_in("ada", PASSWORD).code(), "cross_site");
}

#[test]
fn a_spoofed_address_neither_widens_the_limit_nor_enters_the_records() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");

    let mut last = 0;
    for number in 0..70 {
        let spoofed = format!("192.0.2.{number}");
        let mut browser = Browser::saying(&server, &[("X-Forwarded-For", spoofed.as_str())]);
        // Through an unknown proxy nothing counts as local, and the refusal costs nothing.
        browser.headers.clear();
        browser.headers.push(("X-Real-Ip", spoofed));
        last = browser.sign_in(&format!("nobody{number}"), "short").status;
    }

    assert_eq!(last, 429, "they were all from one address");
    let page = Browser::saying(&server, &[("X-Forwarded-For", "127.0.0.1")]).sign_in("ada", PASSWORD);
    assert_eq!(page.code(), "insecure", "a proxy that nobody told us of is in between");
}

#[test]
fn too_many_attempts_are_answered_with_when_to_come_again() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");
    let mut browser = Browser::new(&server);

    let pages: Vec<_> = (0..11).map(|_| browser.sign_in("ada", "another-password")).collect();

    assert!(pages[..10].iter().all(|page| (page.status, page.code()) == (401, "wrong_sign_in")));
    let last = &pages[10];
    assert_eq!((last.status, last.code()), (429, "too_many_attempts"));
    assert!((1..=61).contains(&last.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 429);
}

#[test]
fn sessions_are_listed_and_ended_by_their_owner_only() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "ada");
    with_password(&server, "eve");
    let (mut one, mut two) =
        (Browser::saying(&server, &[("User-Agent", "One"), ("Sec-Fetch-Site", "same-origin")]), Browser::new(&server));
    one.sign_in("ada", PASSWORD);
    two.sign_in("ada", PASSWORD);
    let mut eve = Browser::new(&server);
    eve.sign_in("eve", PASSWORD);

    let listed = two.ask("GET", "/api/v1/sessions", &NOTHING).json;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        (&sessions[0]["agent"], &sessions[0]["current"], &sessions[1]["current"]),
        (&json!("One"), &json!(false), &json!(true))
    );
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    let of_one = format!("/api/v1/sessions/{}", sessions[0]["id"].as_str().unwrap());
    assert_eq!(eve.ask("DELETE", &of_one, &NOTHING).status, 404);
    assert_eq!(two.ask("DELETE", &of_one, &NOTHING).status, 204);
    assert_eq!(one.ask("GET", "/api/v1/session", &NOTHING).status, 401);
    one.sign_in("ada", PASSWORD);
    assert_eq!(two.ask("DELETE", "/api/v1/sessions", &NOTHING).status, 204);

    assert_eq!(one.ask("GET", "/api/v1/session", &NOTHING).status, 401);
    assert_eq!(two.ask("GET", "/api/v1/session", &NOTHING).status, 401);
    assert_eq!(eve.ask("GET", "/api/v1/session", &NOTHING).status, 200);
    assert_eq!(two.ask("DELETE", "/api/v1/sessions/nonsense", &NOTHING).status, 401);
    assert_eq!(eve.ask("DELETE", "/api/v1/sessions/nonsense", &NOTHING).status, 404);
}

#[test]
fn an_api_key_is_no_session() {
    let place = Place::new();
    let server = place.serve();
    let key = server.person("ada");

    for (method, path, body) in [
        ("GET", "/api/v1/session", NOTHING),
        ("GET", "/api/v1/sessions", NOTHING),
        ("PUT", "/api/v1/password", json!({ "password": PASSWORD, "new_password": PASSWORD })),
        ("POST", "/api/v1/second-factor", json!({ "password": PASSWORD })),
    ] {
        let (status, answer) = server.ask(&key, method, path, &body);
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("no_session")), "{path}");
    }
}

#[test]
fn the_setup_link_of_the_terminal_makes_the_first_person_once() {
    let place = Place::new();
    let server = place.serve();
    let told = wait_for(|| Some(server.terminal()).filter(|text| text.contains("WANDB_API_KEY")));
    let line = told.lines().find(|line| line.contains("curl")).unwrap().trim();
    let path = line.split(' ').nth(1).unwrap().strip_prefix(&server.url).unwrap().to_owned();
    let ada = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    let mut browser = Browser::new(&server);

    assert_eq!(browser.ask("POST", &format!("{path}x"), &ada).status, 404);
    let weak = browser.ask("POST", &path, &json!({ "username": "ada", "email": "ada@example.com", "password": "x" }));
    assert_eq!((weak.status, &weak.json["error"]["field"]), (422, &json!("password")));
    let line = line.replace("NAME", "ada").replace("ADDRESS", "ada@example.com").replace("PASSWORD", PASSWORD);
    let made = Command::new("sh").arg("-c").arg(format!("{line} --silent")).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();

    assert_eq!((&made["username"], &made["system_admin"]), (&json!("ada"), &json!(true)), "{made}");
    assert_eq!(server.ask(made["api_key"].as_str().unwrap(), "GET", "/api/v1/users", &NOTHING).0, 200);
    assert_eq!(browser.sign_in("ada", PASSWORD).status, 201);
    let eve = json!({ "username": "eve", "email": "eve@example.com", "password": PASSWORD });
    assert_eq!(browser.ask("POST", &path, &eve).status, 404);
    let token = path.rsplit('/').next().unwrap();
    assert!(!server.log().contains(token));
}

#[test]
fn the_setup_link_is_dead_once_the_first_person_came_another_way() {
    let place = Place::new();
    let server = place.serve();
    let told = wait_for(|| Some(server.terminal()).filter(|text| text.contains("WANDB_API_KEY")));
    let url = told.lines().find(|line| line.contains("curl")).unwrap().trim().split(' ').nth(1).unwrap().to_owned();
    let path = url.strip_prefix(&server.url).unwrap();
    server.person("ada");

    let eve = json!({ "username": "eve", "email": "eve@example.com", "password": PASSWORD });
    let page = Browser::new(&server).ask("POST", path, &eve);

    assert_eq!(page.status, 404, "{}", page.json);
    assert_eq!(server.arrange("GET", "/api/v1/users", &NOTHING)["users"].as_array().unwrap().len(), 1);
}

#[test]
fn an_administrator_copies_a_reset_link_and_others_do_not() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "grace");
    let ada = server.person("ada");
    assert_eq!(server.ask(&ada, "POST", "/api/v1/users/grace/reset-link", &NOTHING).0, 403);
    assert_eq!(server.ask(&ada, "POST", "/api/v1/users/nobody/reset-link", &NOTHING).0, 403);

    let made = place.run(&["user", "reset-link", "grace"], "");

    let url = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let token = url.strip_prefix(&format!("{}/password-reset/", server.url)).unwrap().to_owned();
    let mut browser = Browser::new(&server);
    let path = format!("/api/v1/password-reset/{token}");
    assert_eq!(browser.ask("POST", &path, &json!({ "password": "the-next-password" })).status, 204);
    let again = browser.ask("POST", &path, &json!({ "password": "a-third-password" }));
    assert_eq!((again.status, again.code()), (404, "not_found"), "{}", again.json);
    assert_eq!(browser.sign_in("grace", PASSWORD).status, 401);
    assert_eq!(browser.sign_in("grace", "the-next-password").status, 201);
    let asked = ["grace@example.com", "nobody@example.com"].map(|email| {
        let page = browser.ask("POST", "/api/v1/password-reset", &json!({ "email": email }));
        (page.status, page.json)
    });
    assert!(asked[0].0 == 202 && asked[0] == asked[1], "{asked:?}");
    assert!(!server.log().contains(&token));
}

#[test]
fn the_operator_turns_off_a_second_factor_that_was_lost() {
    let place = Place::new();
    let server = place.serve();
    with_password(&server, "grace");
    let ada = server.person("ada");

    assert_eq!(server.ask(&ada, "DELETE", "/api/v1/users/grace/second-factor", &NOTHING).0, 403);
    let none = place.run(&["user", "reset-second-factor", "grace"], "");

    assert!(String::from_utf8(none.stderr).unwrap().contains("has no second factor"));
    let mut browser = Browser::new(&server);
    browser.sign_in("grace", PASSWORD);
    let off = browser.ask("GET", "/api/v1/second-factor", &NOTHING).json;
    assert_eq!(off, json!({ "on": false, "since": null, "recovery_codes_left": 0 }));
    let enrolled = browser.ask("POST", "/api/v1/second-factor", &json!({ "password": PASSWORD }));
    assert_eq!(enrolled.status, 201);
    assert!(enrolled.json["otpauth_url"].as_str().unwrap().contains(enrolled.json["secret"].as_str().unwrap()));
    let wrong = browser.ask("POST", "/api/v1/second-factor", &json!({ "password": "another-password" }));
    assert_eq!((wrong.status, &wrong.json["error"]["field"]), (422, &json!("password")));
    let reset = place.run(&["user", "reset-second-factor", "grace"], "");
    assert!(reset.status.success());
    assert_eq!(browser.ask("GET", "/api/v1/session", &NOTHING).status, 401, "all sessions have ended");
    let dump = String::from_utf8(place.run(&["db", "dump"], "").stdout).unwrap();
    assert!(!dump.contains(enrolled.json["secret"].as_str().unwrap()));
}
