//! No secret is written where it does not belong: not into the log at its most talkative, not into an answer that
//! refuses, not into a file. Each secret here is used in the right place and in every wrong one, and then looked for.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as tests do")]

#[expect(dead_code, reason = "each test uses part of what they share")]
mod harness;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::http::{Answer, basic, head};
use harness::server::{Account, Server, path_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const MASTER_KEY: &str = "canary-master-key-canary-master-key-canary";
/// A key that somebody brought from elsewhere; as a canary it can be found in any spelling.
const IMPORTED_KEY: &str = "canary-imported-key-0123456789-0123456789";
const WRONG_KEY: &str = "canary-wrong-key-98765432109876543210987654";
const COOKIE: &str = "canary-session-cookie";
const PASSWORD: &str = "canary-password-correct-horse";
const NEXT_PASSWORD: &str = "canary-next-password-battery";

/// Everything that a server was made to say.
struct Said {
    secrets: BTreeMap<&'static str, String>,
    refusals: Vec<(String, String)>,
}

impl Said {
    fn note(&mut self, what: &str, answer: &Answer) {
        if answer.status >= 400 {
            self.refusals.push((what.to_owned(), format!("{}{}", answer.head, answer.text())));
        }
    }

    /// The secret as it is, and as a header and a URL carry it.
    fn spellings(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        for (name, secret) in &self.secrets {
            all.push((*name, secret.clone()));
            let encoded = basic(secret);
            all.push((*name, encoded.trim_start_matches("Basic ").trim_end_matches('=').to_owned()));
        }
        all
    }

    #[track_caller]
    fn assert_not_in(&self, place: &str, text: &[u8]) {
        for (name, spelling) in self.spellings() {
            let is_there = text.windows(spelling.len()).any(|window| window == spelling.as_bytes());
            assert!(!is_there, "{name} is in {place}");
        }
    }
}

#[test]
fn no_secret_is_in_the_log_in_a_refusal_or_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let settings = [("LOG__FILTER", "trace"), ("SECRETS__MASTER_KEY", MASTER_KEY)];
    let server = Server::start(directory.path(), &settings);
    let account = server.create_account("ada");
    let grace = json!({ "username": "grace", "email": "grace@example.com", "api_key": IMPORTED_KEY });
    let made = server.ask_as_operator("POST", "/api/v1/users", &grace);
    assert_eq!(made.status, 201, "{}", made.text());
    let grace = Account { name: "grace".into(), key: IMPORTED_KEY.into(), authorization: basic(IMPORTED_KEY) };
    let mut said = Said { secrets: BTreeMap::new(), refusals: Vec::new() };
    said.note(
        "the same key again",
        &server.ask_as_operator(
            "POST",
            "/api/v1/users",
            &json!({ "username": "eve",
        "email": "eve@example.com", "api_key": IMPORTED_KEY }),
        ),
    );
    for (name, secret) in [
        ("the made key", account.key.as_str()),
        ("the imported key", IMPORTED_KEY),
        ("the wrong key", WRONG_KEY),
        ("the master key", MASTER_KEY),
        ("the cookie", COOKIE),
    ] {
        said.secrets.insert(name, secret.to_owned());
    }

    use_rightly(&server, &account, &mut said);
    use_rightly(&server, &grace, &mut said);
    sign_in_rightly_and_wrongly(&server, &mut said);
    for secret in [account.key.as_str(), IMPORTED_KEY, WRONG_KEY] {
        use_wrongly(&server, &account, secret, &mut said);
    }
    assert!(said.refusals.len() > 40, "only {} refusals", said.refusals.len());
    let (log, data) = (directory.path().join("log"), server.data());
    assert!(server.terminate().success());

    let log = std::fs::read(log).unwrap();
    assert!(String::from_utf8_lossy(&log).matches("answered").count() > 100, "the log says too little to be looked at");
    said.assert_not_in("the log", &log);
    for (what, text) in &said.refusals {
        said.assert_not_in(&format!("the answer to {what}"), text.as_bytes());
    }
    let files = files_below(&data);
    assert!(files.iter().any(|(name, _)| name.ends_with("metadata.redb")), "{:?}", files.len());
    for (name, bytes) in &files {
        said.assert_not_in(name, bytes);
    }
}

#[test]
fn the_made_master_key_is_in_its_own_file_only() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[("LOG__FILTER", "trace")]);
    let account = server.create_account("ada");
    let mut said = Said { secrets: BTreeMap::new(), refusals: Vec::new() };
    use_rightly(&server, &account, &mut said);
    let (log, data) = (directory.path().join("log"), server.data());
    assert!(server.terminate().success());

    let key = std::fs::read(data.join("master.key")).unwrap();
    assert_eq!(key.len(), 32);
    let hexadecimal: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(&key).trim_end_matches('=').to_owned();
    said.secrets.extend([("the master key", hexadecimal), ("the master key in base64", base64)]);
    let log = std::fs::read(log).unwrap();
    said.assert_not_in("the log", &log);
    for (name, bytes) in files_below(&data) {
        if !name.ends_with("master.key") {
            said.assert_not_in(&name, &bytes);
            assert!(!bytes.windows(key.len()).any(|window| window == key), "the master key is in {name}");
        }
    }
}

/// What a client does with its key and the tokens it is given.
fn use_rightly(server: &Server, account: &Account, said: &mut Said) {
    server.create_run(account, "p", "r");
    let stream = server.stream(account, "p", "r", br#"{"files":{"output.log":{"offset":0,"content":["x"]}}}"#);
    assert_eq!(stream.status, 200, "{}", stream.text());
    let bearer = format!("Bearer {}", account.key);
    assert_eq!(
        server.ask("POST", "/graphql", &[("Authorization", &bearer)], br#"{"query":"{ viewer { id } }"}"#).status,
        200
    );
    said.note("listing people", &server.ask("GET", "/api/v1/users", &[("Authorization", &bearer)], b""));
    let put = server.create_files(account, "p", "r", &["a.txt"]).remove(0);
    assert_eq!(server.ask("PUT", &put, &[], b"hello").status, 200);
    let query = "query F($entity: String!, $project: String!, $run: String!) {
      project(name: $project, entityName: $entity) { run(name: $run) { files { edges { node { directUrl } } } } }
    }";
    let data = server.query(account, query, &account.variables("p", "r"));
    let get = path_of(data["project"]["run"]["files"]["edges"][0]["node"]["directUrl"].as_str().unwrap());
    assert_eq!(server.ask("GET", &get, &[("Authorization", &account.authorization)], b"").status, 200);
    // Tokens in wrong places, and a body that stops half-way.
    said.note("a token swapped", &server.ask("GET", &put, &[], b""));
    said.note("a token swapped", &server.ask("PUT", &get, &[], b""));
    said.note("a token that is too long", &server.ask("GET", &format!("{get}x"), &[], b""));
    said.note("another MD5", &server.ask("PUT", &put, &[("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")], b"x"));
    said.note("a path that is not there", &server.ask("GET", &format!("{get}/x"), &[], b""));
    let mut broken = server.connect();
    broken.send(&head("PUT", &put, &[], Some(100))).unwrap();
    broken.send(b"half").unwrap();
    drop(broken);
    let (put_name, get_name) = match account.name.as_str() {
        "ada" => ("ada's upload token", "ada's download token"),
        _ => ("grace's upload token", "grace's download token"),
    };
    for (name, path) in [(put_name, &put), (get_name, &get)] {
        said.secrets.insert(name, path.strip_prefix("/storage/").unwrap().to_owned());
    }
}

/// What a browser does with a password, a session and a link.
fn sign_in_rightly_and_wrongly(server: &Server, said: &mut Said) {
    let edsger = json!({ "username": "edsger", "email": "edsger@example.com", "password": PASSWORD });
    assert_eq!(server.ask_as_operator("POST", "/api/v1/users", &edsger).status, 201);
    let page = [("Content-Type", "application/json"), ("Sec-Fetch-Site", "same-origin")];
    let ask = |method: &str, path: &str, cookie: &str, body: &Value| {
        let headers = [page[0], page[1], ("Cookie", cookie)];
        server.ask(method, path, &headers, body.to_string().as_bytes())
    };
    let sign_in = |login: &str, password: &str| {
        ask("POST", "/api/v1/session", "x=y", &json!({ "login": login, "password": password }))
    };
    let signed_in = sign_in("edsger", PASSWORD);
    assert_eq!(signed_in.status, 201, "{}", signed_in.text());
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1.to_owned();
    said.note("a password as the name", &sign_in(PASSWORD, NEXT_PASSWORD));
    said.note("a wrong password", &sign_in("edsger", NEXT_PASSWORD));
    said.note("a session in the path", &ask("DELETE", &format!("/api/v1/sessions/{session}"), &cookie, &Value::Null));
    said.note("a session as a key", &server.ask("GET", "/api/v1/users", &[("Authorization", &basic(&session))], b""));
    said.note("another site's page", &server.ask("DELETE", "/api/v1/session", &[("Cookie", &cookie)], b""));
    let own = json!({ "password": PASSWORD });
    let enrolled = ask("POST", "/api/v1/second-factor", &cookie, &own);
    let secret = enrolled.json()["secret"].as_str().unwrap().to_owned();
    said.note("a wrong code", &ask("POST", "/api/v1/second-factor/confirm", &cookie, &json!({ "code": secret })));
    let link = server.ask_as_operator("POST", "/api/v1/users/edsger/reset-link", &Value::Null).json();
    let token = link["token"].as_str().unwrap().to_owned();
    let reset = format!("/api/v1/password-reset/{token}");
    said.note("a link with a short password", &ask("POST", &reset, "x=y", &json!({ "password": "short" })));
    said.note("a link as an invitation", &ask("GET", &format!("/api/v1/invitations/{token}"), "x=y", &Value::Null));
    said.note("a link for setting up", &ask("POST", &format!("/api/v1/setup/{token}"), "x=y", &edsger));
    assert_eq!(ask("POST", &reset, "x=y", &json!({ "password": NEXT_PASSWORD })).status, 204);
    said.note("a link used up", &ask("POST", &reset, "x=y", &json!({ "password": NEXT_PASSWORD })));
    said.note("an ended session", &ask("GET", "/api/v1/session", &cookie, &Value::Null));
    for (name, secret) in [
        ("the password", PASSWORD.to_owned()),
        ("the next password", NEXT_PASSWORD.to_owned()),
        ("the session", session),
        ("the secret of the second factor", secret),
        ("the token of the link", token),
    ] {
        said.secrets.insert(name, secret);
    }
}

/// A key where no key belongs. What is stored because somebody sent it as data is no concern here, so all of these are
/// refused or have no effect.
fn use_wrongly(server: &Server, account: &Account, secret: &str, said: &mut Said) {
    let own = account.authorization.as_str();
    let mut headers: Vec<(&str, String)> = ["Bearer ", "Token ", "Basic ", "", "Bearer  x", "Digest username="]
        .iter()
        .map(|scheme| ("Authorization", format!("{scheme}{secret}x")))
        .collect();
    headers.push(("Authorization", format!("{}x", basic(secret))));
    headers.push(("Authorization", basic(&format!("user:{secret}"))));
    headers.push(("X-Api-Key", secret.to_owned()));
    headers.push(("Cookie", format!("session={COOKIE}; key={secret}")));
    headers.push(("X-Wandb-Username", secret.to_owned()));
    for (name, value) in &headers {
        for (method, path) in [("POST", "/graphql"), ("POST", "/files/ada/p/r/file_stream"), ("GET", "/api/v1/users")] {
            said.note(
                &format!("{name} on {path}"),
                &server.ask(method, path, &[(name, value)], br#"{"query":"mutation { stopRun }"}"#),
            );
        }
    }
    for header in [
        "X-Request-Id",
        "X-WANDB-ASYNC-CLIENT-ID",
        "Range",
        "Content-Type",
        "Content-Encoding",
        "User-Agent",
        "Referer",
        "Host",
    ] {
        let value = format!("{secret}, {secret}");
        said.note(header, &server.ask("POST", "/graphql", &[("Authorization", own), (header, &value)], b"{"));
        said.note(header, &server.ask("GET", "/storage/x", &[(header, &value)], b""));
    }
    let json = |value: Value| value.to_string().into_bytes();
    let headers = account.headers();
    let bodies = [
        ("a document with a mistake", json(json!({ "query": format!("{{ viewer {{ id(a: \"{secret}\" }} }}") }))),
        ("a body that is the key", json(json!(secret))),
        ("a body that is the bare key", secret.as_bytes().to_vec()),
        ("a body cut off", format!("{{\"query\":\"{secret}").into_bytes()),
    ];
    for (what, body) in &bodies {
        for path in ["/graphql", "/files/ada/p/r/file_stream", "/api/v1/users"] {
            said.note(&format!("{what} on {path}"), &server.ask("POST", path, &headers, body));
        }
    }
    for (method, path) in [
        ("GET", "/graphql?key="),
        ("POST", "/graphql?api_key="),
        ("GET", "/storage/"),
        ("PUT", "/storage/"),
        ("GET", "/"),
        ("GET", "/files/"),
    ] {
        let answer = server.ask(method, &format!("{path}{secret}"), &[("Authorization", own)], b"");
        said.note(path, &answer);
    }
    for variables in [json!({ "v": secret }), json!(secret), json!([secret])] {
        let query = "query Q($v: Int) { project(name: \"p\") { runs(first: $v) { edges { cursor } } } }";
        said.note("a variable of another type", &server.graphql(account, query, &variables));
    }
    let person = json!({ "username": "eve", "email": "eve@example.com", "password": secret, "api_key": [secret] });
    said.note("a person with a wrong field", &server.ask_as_operator("POST", "/api/v1/users", &person));
    let person = json!({ "username": "a b", "email": "eve@example.com", "api_key": format!("{secret}\u{e9}") });
    said.note("a person with a wrong name and key", &server.ask_as_operator("POST", "/api/v1/users", &person));
}

fn files_below(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            files.push((entry.path().to_str().unwrap().to_owned(), std::fs::read(entry.path()).unwrap()));
        }
    }
    files
}
