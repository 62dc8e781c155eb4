//! Mails, sent to a mail server on this machine that takes them, puts them off, or refuses them.

use crate::browser::Browser;
use crate::mail_server::MailServer;
use crate::server::{Place, wait_for};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const PASSWORD: &str = "a-good-password";

#[test]
fn a_test_mail_shows_the_words_of_the_mail_server() {
    let (place, mails) = (Place::new(), MailServer::new());
    let server = mails.serve(&place);
    let mail_to = |address: &str| server.operate("POST", "/api/v1/mail/test", &json!({ "to": address }));

    let taken = mail_to("ada@example.com");
    mails.answer_next("550 5.1.1 no such mailbox here");
    let refused = mail_to("nobody@example.com");

    assert_eq!((taken.0, &taken.1["server"]), (200, &json!("250 2.0.0 Ok: queued as 4QX7")), "{}", taken.1);
    assert_eq!((refused.0, &refused.1["error"]["code"]), (502, &json!("outside")));
    assert!(refused.1["error"]["message"].as_str().unwrap().contains("no such mailbox here"), "{}", refused.1);
    let (to, text) = &mails.taken()[0];
    assert!(to == "ada@example.com" && text.contains("From: Weighhouse <weighhouse@example.com>"), "{text}");
    assert_eq!(mail_to("a@b\r\nBcc: eve@example.com").0, 422);
    let ada = server.person("ada");
    assert_eq!(server.ask(&ada, "POST", "/api/v1/mail/test", &json!({ "to": "ada@example.com" })).0, 403);
    assert_eq!(server.ask(&ada, "GET", "/api/v1/mail", &NOTHING).0, 403);
    let printed = place.run(&["mail", "test", "--to", "grace@example.com"], "");
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), "250 2.0.0 Ok: queued as 4QX7\n");
}

#[test]
fn a_server_without_mail_says_what_is_missing() {
    let place = Place::new();
    let _server = place.serve();

    let refused = place.run(&["mail", "test", "--to", "ada@example.com"], "");

    assert!(String::from_utf8(refused.stderr).unwrap().contains("`mail.host`"));
    let mut check = place.command(&["check-config"]);
    let checked = check.env("WEIGHHOUSE__MAIL__HOST", "mail.example").output().unwrap();
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("`mail.from`") && said.contains("`server.public_url`"), "{said}");
    let mut check = place.command(&["check-config"]);
    MailServer::new().configure(&mut check);
    let checked = check.env("WEIGHHOUSE__MAIL__FROM", "not an address").output().unwrap();
    assert!(String::from_utf8(checked.stderr).unwrap().contains("is no sender"));
}

#[test]
fn a_reset_is_mailed_to_its_person_only_and_the_link_in_it_works() {
    let (place, mails) = (Place::new(), MailServer::new());
    let server = mails.serve(&place);
    let grace = json!({ "username": "grace", "email": "Grace@example.com", "password": PASSWORD });
    server.arrange("POST", "/api/v1/users", &grace);
    let mut browser = Browser::saying(&server, &[("Host", "evil.example")]);

    for email in ["nobody@example.com", "grace@EXAMPLE.com"] {
        assert_eq!(browser.ask("POST", "/api/v1/password-reset", &json!({ "email": email })).status, 202);
    }

    let mail = wait_for(|| mails.taken().pop());
    assert_eq!(mail.0, "Grace@example.com", "the address as it is kept");
    let text = mail.1.replace("=\n", "");
    let link = text.lines().find(|line| line.contains("/password-reset/")).unwrap().trim();
    let token = link.strip_prefix("https://w.example/password-reset/").unwrap().to_owned();
    let mut browser = Browser::new(&server);
    let path = format!("/api/v1/password-reset/{token}");
    assert_eq!(browser.ask("POST", &path, &json!({ "password": "the-next-password" })).status, 204);
    assert_eq!(browser.sign_in("grace", "the-next-password").status, 201);
    assert_eq!(mails.taken().len(), 1);
    assert_eq!(server.arrange("GET", "/api/v1/mail", &NOTHING)["mails"], json!([]), "what was sent is forgotten");
    let files = std::fs::read(place.data().join("metadata.redb")).unwrap();
    assert!(!files.windows(token.len()).any(|window| window == token.as_bytes()), "the link is kept in clear");
    assert!(!server.log().contains(&token) && !server.log().contains("race@example"));
}

#[test]
fn a_mail_that_is_put_off_is_kept_and_one_that_is_refused_is_given_up_where_it_is_seen() {
    let (place, mails) = (Place::new(), MailServer::new());
    let server = mails.serve(&place);
    for name in ["grace", "edsger"] {
        server.person(name);
    }
    let ask = |name: &str| {
        let body = json!({ "email": format!("{name}@example.com") });
        Browser::new(&server).ask("POST", "/api/v1/password-reset", &body)
    };
    let shown = |to: &str| {
        let listed = server.arrange("GET", "/api/v1/mail", &NOTHING);
        let found = listed["mails"].as_array().unwrap().iter().find(|mail| mail["to"] == to)?.clone();
        (found["tries"] == 1).then_some(found)
    };

    mails.answer_next("451 4.7.1 come back later");
    ask("grace");
    let put_off = wait_for(|| shown("grace@example.com"));
    mails.answer_next("550 5.1.1 unknown here");
    ask("edsger");
    let given_up = wait_for(|| shown("edsger@example.com"));

    assert!(put_off["next_try_at"].is_string(), "{put_off}");
    assert!(put_off["trouble"].as_str().unwrap().contains("come back later"), "{put_off}");
    assert!(given_up.get("next_try_at").is_none(), "{given_up}");
    assert!(given_up["trouble"].as_str().unwrap().contains("unknown here"), "{given_up}");
    let listed = String::from_utf8(place.run(&["mail", "list"], "").stdout).unwrap();
    assert!(listed.contains("given up") && listed.contains("edsger@example.com"), "{listed}");
    assert!(server.log().contains("gave a mail up"));
    let json = String::from_utf8(place.run(&["mail", "list", "--json"], "").stdout).unwrap();
    assert!(!json.contains("password-reset"), "what a mail says is shown to nobody");
}
