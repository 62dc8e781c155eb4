//! Invitations over REST and the command line: who may send, see, copy and take back which, and accepting one.

use crate::browser::Browser;
use crate::mail_server::MailServer;
use crate::server::{Answer, Place, Server, wait_for};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const PASSWORD: &str = "a-good-password";

/// A team `vision` with the admin ada and the member grace; edsger is an admin of its organization; eve of another.
struct Cast<'s> {
    server: &'s Server<'s>,
    ada: String,
    grace: String,
    edsger: String,
    eve: String,
}

impl<'s> Cast<'s> {
    fn new(server: &'s Server<'s>) -> Self {
        let [ada, grace, edsger] = ["ada", "grace", "edsger"].map(|name| server.person(name));
        server.arrange("POST", "/api/v1/organizations", &json!({ "name": "lab" }));
        let eve = json!({ "username": "eve", "email": "eve@example.com", "organization": "lab" });
        let eve = server.arrange("POST", "/api/v1/users", &eve)["api_key"].as_str().unwrap().to_owned();
        let role = |path: &str, role: &str| server.arrange("PUT", path, &json!({ "role": role }));
        role("/api/v1/organizations/lab/members/eve", "admin");
        role("/api/v1/organizations/default/members/edsger", "admin");
        let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
        server.arrange("POST", "/api/v1/teams", &team);
        role("/api/v1/teams/vision/members/grace", "member");
        Self { server, ada, grace, edsger, eve }
    }

    fn invite(&self, who: &str, path: &str, email: &str, role: &str) -> Answer {
        self.server.ask(who, "POST", path, &json!({ "email": email, "role": role }))
    }
}

const TEAM: &str = "/api/v1/teams/vision/invitations";
const ORGANIZATION: &str = "/api/v1/organizations/default/invitations";

#[track_caller]
fn refused((status, answer): Answer, expected: u16, word: &str) {
    assert_eq!(status, expected, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{answer}");
}

fn token(made: &Value) -> String {
    made["link"]["token"].as_str().or(made["token"].as_str()).unwrap().to_owned()
}

#[test]
fn who_manages_a_team_sends_copies_and_takes_back_its_invitations() {
    let place = Place::new();
    let server = place.serve();
    let cast = Cast::new(&server);

    let (status, made) = cast.invite(&cast.ada, TEAM, "new@example.com", "member");
    assert_eq!(status, 201, "{made}");
    let url = made["link"]["url"].as_str().unwrap();
    assert_eq!(url, format!("{}/invitations/{}", server.url, token(&made)));
    let one = format!("{TEAM}/{}", made["id"].as_str().unwrap());
    let listed = server.ask(&cast.edsger, "GET", TEAM, &NOTHING).1;
    let shown = &listed["invitations"][0];
    assert_eq!(
        (&shown["email"], &shown["role"], &shown["invited_by"], &shown["expired"]),
        (&json!("new@example.com"), &json!("member"), &json!("ada"), &json!(false))
    );
    assert!(!listed.to_string().contains(&token(&made)), "a token is shown once");

    for (method, path) in [("GET", TEAM.to_owned()), ("POST", format!("{one}/link")), ("DELETE", one.clone())] {
        refused(server.ask(&cast.grace, method, &path, &NOTHING), 403, "is refused");
        let hidden = server.ask(&cast.eve, method, &path, &NOTHING);
        let missing = server.ask(&cast.eve, method, &path.replace("vision", "nothing"), &NOTHING);
        assert_eq!((hidden.0, hidden.1.to_string()), (404, missing.1.to_string().replace("nothing", "vision")));
    }
    refused(cast.invite(&cast.grace, TEAM, "x@example.com", "member"), 403, "team:member_add");
    refused(cast.invite(&cast.eve, TEAM, "x@example.com", "member"), 404, "`vision` does not exist");
    refused(cast.invite(&cast.ada, TEAM, "x@example.com", "emperor"), 422, "no role `emperor`");
    refused(cast.invite(&cast.ada, TEAM, "x@example.com", "view_only"), 403, "needs a licence");
    refused(cast.invite(&cast.ada, TEAM, "no address", "member"), 422, "e-mail address");
    refused(cast.invite(&cast.ada, TEAM, &format!("{}@example.com", "x".repeat(300)), "member"), 422, "254");
    refused(server.ask(&cast.ada, "POST", TEAM, &json!({ "role": "member" })), 422, "either `email` or `username`");

    let other = server.ask(&cast.ada, "POST", &format!("{one}/link"), &NOTHING).1;
    assert_eq!(server.status("GET", &format!("/api/v1/invitations/{}", token(&made))), 404, "the first link has ended");
    assert_eq!(server.status("GET", &format!("/api/v1/invitations/{}", token(&other))), 200);
    assert_eq!(server.ask(&cast.edsger, "DELETE", &one, &NOTHING).0, 204);
    assert_eq!(server.status("GET", &format!("/api/v1/invitations/{}", token(&other))), 404);
    refused(server.ask(&cast.ada, "DELETE", &one, &NOTHING), 404, "this invitation does not exist");
    refused(
        server.ask(&cast.ada, "DELETE", &format!("{TEAM}/nonsense"), &NOTHING),
        404,
        "this invitation does not exist",
    );
}

#[test]
fn only_admins_of_an_organization_invite_into_it() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);

    refused(cast.invite(&cast.ada, ORGANIZATION, "new@example.com", "member"), 403, "org:members");
    refused(cast.invite(&cast.eve, ORGANIZATION, "new@example.com", "member"), 404, "does not exist");
    refused(cast.invite(&cast.edsger, ORGANIZATION, "new@example.com", "view_only"), 422, "admin, member and viewer");
    let (status, made) = cast.invite(&cast.edsger, ORGANIZATION, "new@example.com", "viewer");
    assert_eq!(status, 201, "{made}");
    let one = format!("{ORGANIZATION}/{}", made["id"].as_str().unwrap());
    refused(server.ask(&cast.ada, "GET", ORGANIZATION, &NOTHING), 403, "org:members");
    refused(server.ask(&cast.ada, "POST", &format!("{one}/link"), &NOTHING), 403, "org:members");
    refused(
        server.ask(&cast.ada, "DELETE", &format!("{TEAM}/{}", made["id"].as_str().unwrap()), &NOTHING),
        404,
        "invitation",
    );
    assert_eq!(server.ask(&cast.edsger, "GET", ORGANIZATION, &NOTHING).1["invitations"].as_array().unwrap().len(), 1);

    let page = format!("/api/v1/invitations/{}", token(&made));
    let shown = server.ask("", "GET", &page, &NOTHING).1;
    assert_eq!(
        (&shown["organization"], &shown["role"], shown.get("team")),
        (&json!("default"), &json!("viewer"), None)
    );
    let person = json!({ "username": "new", "password": PASSWORD });
    let accepted = Browser::new(&server).ask("POST", &format!("{page}/accept"), &person);
    assert_eq!((accepted.status, &accepted.json["organization"]), (200, &json!("default")), "{}", accepted.json);

    let members = server.arrange("GET", "/api/v1/organizations/default/members", &NOTHING);
    let new = members["members"].as_array().unwrap().iter().find(|member| member["username"] == "new").unwrap();
    assert_eq!(new["role"], "viewer");
    let at_once = server.ask(&cast.edsger, "POST", ORGANIZATION, &json!({ "username": "eve", "role": "member" }));
    assert_eq!((at_once.0, &at_once.1["member"]), (201, &json!("eve")));
}

#[test]
fn an_invitation_is_accepted_with_a_session_by_its_person_and_by_nobody_else() {
    let place = Place::new();
    let server = place.serve();
    let cast = Cast::new(&server);
    let with_password = |name: &str| {
        let email = format!("{name}@example.com");
        let person = json!({ "username": name, "email": email, "password": PASSWORD, "organization": null });
        server.arrange("POST", "/api/v1/users", &person);
    };
    with_password("barbara");
    with_password("mallory");
    let made = cast.invite(&cast.ada, TEAM, "barbara@example.com", "admin").1;
    let accept = format!("/api/v1/invitations/{}/accept", token(&made));
    let mut barbara = Browser::new(&server);
    let mut mallory = Browser::new(&server);

    let nobody = barbara.ask("POST", &accept, &json!({}));
    assert_eq!((nobody.status, &nobody.json["error"]["field"]), (422, &json!("username")));
    let as_new = barbara.ask("POST", &accept, &json!({ "username": "barbara2", "password": PASSWORD }));
    assert_eq!(as_new.status, 409, "{}", as_new.json);
    mallory.sign_in("mallory", PASSWORD);
    assert_eq!(mallory.ask("POST", &accept, &json!({})).status, 403);
    barbara.sign_in("barbara", PASSWORD);
    let mut elsewhere = Browser::saying(&server, &[("Sec-Fetch-Site", "cross-site")]);
    elsewhere.cookie = barbara.cookie.clone();
    assert_eq!(elsewhere.ask("POST", &accept, &json!({})).code(), "cross_site");
    let accepted = barbara.ask("POST", &accept, &json!({}));
    assert_eq!((accepted.status, &accepted.json), (200, &json!({ "username": "barbara", "team": "vision" })));
    assert_eq!(barbara.ask("POST", &accept, &json!({})).status, 404);

    let teams = barbara.ask("GET", "/api/v1/teams", &NOTHING).json;
    assert_eq!(teams["teams"][0]["name"], "vision", "{teams}");
    assert!(!server.log().contains(&token(&made)));
}

#[test]
fn an_invitation_of_the_client_is_mailed_and_its_link_works() {
    let (place, mails) = (Place::new(), MailServer::new());
    let server = mails.serve(&place);
    let cast = Cast::new(&server);
    let text = "mutation($i: CreateInviteInput!) { createInvite(input: $i) { invite { email } } }";
    let input = json!({ "i": { "entityName": "vision", "email": "new@example.com", "admin": false } });

    let (status, answer) = server.graphql(Some(&cast.ada), text, &input);

    assert_eq!(status, 200, "{answer}");
    let (to, mail) = wait_for(|| mails.taken().pop());
    let mail = mail.replace("=\n", "");
    assert!(to == "new@example.com" && mail.contains("`ada` invites you to the team `vision`"), "{mail}");
    let link = mail.lines().find(|line| line.contains("/invitations/")).unwrap().trim();
    let token = link.strip_prefix("https://w.example/invitations/").unwrap().to_owned();
    let person = json!({ "username": "new", "name": "New Person", "password": PASSWORD });
    let mut browser = Browser::new(&server);
    assert_eq!(browser.ask("POST", &format!("/api/v1/invitations/{token}/accept"), &person).status, 200);
    assert_eq!(browser.sign_in("new@example.com", PASSWORD).status, 201);
}

#[test]
fn the_operator_invites_lists_copies_and_takes_back_with_and_without_a_server() {
    let place = Place::new();
    let server = place.serve();
    let _cast = Cast::new(&server);
    let run = |words: &[&str]| {
        let done = place.run(&[&["invitation"], words].concat(), "");
        let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(done.status.success(), "{words:?}: {err}");
        (out, err)
    };
    let check = || {
        let (url, _) = run(&["create", "--team", "vision", "--email", "new@example.com"]);
        assert!(url.contains("/invitations/"), "{url}");
        let (table, _) = run(&["list", "--team", "vision"]);
        assert!(table.contains("new@example.com") && table.contains("member"), "{table}");
        let (json, _) = run(&["list", "--team", "vision", "--json"]);
        let id = serde_json::from_str::<Value>(&json).unwrap()[0]["id"].as_str().unwrap().to_owned();
        let (other, _) = run(&["link", "--team", "vision", &id]);
        assert_ne!(other, url);
        run(&["delete", "--team", "vision", &id]);
        run(&["create", "--organization", "default", "--email", "new@example.com", "--role", "admin"]);
        let (json, _) = run(&["list", "--organization", "default", "--json"]);
        let id = serde_json::from_str::<Value>(&json).unwrap()[0]["id"].as_str().unwrap().to_owned();
        run(&["delete", "--organization", "default", &id]);
    };
    check();
    let (_, told) = run(&["create", "--team", "vision", "--email", "edsger@example.com"]);
    assert!(told.contains("`edsger` has this address and is a member now"), "{told}");
    assert!(!place.run(&["invitation", "list"], "").status.success(), "neither a team nor an organization");
    drop(server);
    check();
}
