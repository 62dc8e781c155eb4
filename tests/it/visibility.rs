//! Who sees a project and who writes to it: every visibility against every kind of caller, and who changes it.

use crate::artifact::Logger;
use crate::server::{Answer, Place, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const VISIBILITIES: [&str; 4] = ["open", "public", "team", "restricted"];
const NOTHING: Value = Value::Null;

#[track_caller]
pub fn refused((status, answer): Answer, expected: u16, word: &str) {
    assert_eq!(status, expected, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(word), "{message}");
}

/// A team `vision` with somebody in every place in and around it, and a project of each visibility in it.
pub struct Cast<'s> {
    pub server: &'s Server<'s>,
    pub keys: Keys,
}

/// API keys by who has them.
pub type Keys = BTreeMap<&'static str, String>;

impl<'s> Cast<'s> {
    pub fn new(server: &'s Server<'s>) -> Self {
        let mut keys = BTreeMap::new();
        let admin = json!({ "username": "system-admin", "email": "system-admin@example.com", "system_admin": true });
        let admin = server.arrange("POST", "/api/v1/users", &admin);
        keys.insert("system-admin", admin["api_key"].as_str().unwrap().to_owned());
        keys.insert("outsider", server.outsider("outsider"));
        let people = [
            "colleague",
            "org-admin",
            "org-viewer",
            "member",
            "owner",
            "invited",
            "project-viewer",
            "project-admin",
            "team-admin",
        ];
        keys.extend(people.map(|name| (name, server.person(name))));
        let team = json!({ "name": "vision", "organization": "default", "admins": ["team-admin"] });
        server.arrange("POST", "/api/v1/teams", &team);
        for name in ["org-viewer", "member", "owner", "invited", "project-viewer", "project-admin"] {
            server.arrange("PUT", &format!("/api/v1/teams/vision/members/{name}"), &json!({ "role": "member" }));
        }
        for (name, role) in [("org-admin", "admin"), ("org-viewer", "viewer")] {
            let path = format!("/api/v1/organizations/default/members/{name}");
            server.arrange("PUT", &path, &json!({ "role": role }));
        }
        // Who may write nowhere has no API key.
        server.arrange("POST", "/api/v1/organizations", &json!({ "name": "elsewhere" }));
        let team = json!({ "name": "robots", "organization": "elsewhere", "admins": ["org-viewer"] });
        server.arrange("POST", "/api/v1/teams", &team);
        Self { server, keys }
    }

    /// Somebody who is view-only in the team, and has an API key for being more in another one. This needs a licence.
    fn add_view_only(&mut self) {
        self.keys.insert("view-only", self.server.person("view-only"));
        self.server.arrange("PUT", "/api/v1/teams/vision/members/view-only", &json!({ "role": "view_only" }));
        for place in ["organizations/elsewhere", "teams/robots"] {
            self.server.arrange("PUT", &format!("/api/v1/{place}/members/view-only"), &json!({ "role": "member" }));
        }
    }

    /// A project of the owner's with a run, an artifact and the invited in it.
    fn project(&self, visibility: &str) -> Logged {
        let name = format!("{visibility}-project");
        let made = self.ask("owner", "POST", "/api/v1/projects", &json!({ "entity": "vision", "name": name }));
        assert_eq!(made.0, 201, "{}", made.1);
        assert_eq!((&made.1["visibility"], &made.1["owner"]), (&json!("team"), &json!("owner")));
        self.log("owner", &name, "theirs");
        let logger = Logger { server: self.server, key: &self.keys["owner"], entity: "vision", project: &name };
        let artifact = logger.log("data", visibility);
        for (who, role) in [("invited", "member"), ("project-viewer", "view_only"), ("project-admin", "admin")] {
            let path = format!("/api/v1/projects/vision/{name}/members/{who}");
            let (status, answer) = self.ask("team-admin", "PUT", &path, &json!({ "role": role }));
            assert_eq!(status, 200, "{answer}");
        }
        let (status, answer) = self.ask(
            "owner",
            "PATCH",
            &format!("/api/v1/projects/vision/{name}"),
            &json!({ "visibility": visibility }),
        );
        assert_eq!((status, &answer["visibility"]), (200, &json!(visibility)), "{answer}");
        Logged { name, artifact }
    }

    pub fn ask(&self, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.server.ask(&self.keys[who], method, path, body)
    }

    pub fn graphql(&self, who: &str, text: &str, variables: &Value) -> (u16, Value) {
        let key = self.keys.get(who).map(String::as_str);
        let (status, answer) = self.server.graphql(key, text, variables);
        (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    fn mutate(&self, who: &str, field: &str, input: &Value) -> bool {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let text = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ __typename }} }}");
        let (status, answer) = self.graphql(who, &text, &json!({ "i": input }));
        assert!([200, 401, 403, 404].contains(&status), "{who}: {field}: {status} {answer}");
        status == 200 && answer["errors"].is_null()
    }

    pub fn log(&self, who: &str, project: &str, run: &str) -> bool {
        self.mutate(who, "upsertBucket", &json!({ "entityName": "vision", "modelName": project, "name": run }))
    }

    pub fn reads(&self, who: &str, project: &str) -> bool {
        let text = "query($p: String) { project(name: $p, entityName: \"vision\") { run(name: \"theirs\") { id } } }";
        let (_, answer) = self.graphql(who, text, &json!({ "p": project }));
        let by_graphql = !answer["data"]["project"]["run"]["id"].is_null();
        if self.keys.contains_key(who) {
            let (status, shown) = self.ask(who, "GET", &format!("/api/v1/projects/vision/{project}"), &NOTHING);
            assert_eq!(status == 200 && shown["created_at"].is_string(), by_graphql, "{who}: {status} {shown}");
            let listed = self.ask(who, "GET", "/api/v1/projects?entity=vision", &NOTHING).1;
            let is_listed = listed["projects"].as_array().unwrap().iter().any(|it| it["name"] == project);
            assert_eq!(is_listed, by_graphql, "{who}: {listed}");
        }
        by_graphql
    }

    fn downloads(&self, who: &str, at: &Logged) -> bool {
        let text = "query($id: ID!) { artifact(id: $id) { files { edges { node { directUrl } } } } }";
        let (_, answer) = self.graphql(who, text, &json!({ "id": at.artifact }));
        answer["data"]["artifact"]["files"]["edges"][0]["node"]["directUrl"].is_string()
    }

    /// A letter for each that is allowed: read, download, log, update and delete what others made.
    fn letters(&self, who: &str, at: &Logged) -> String {
        let run_id = |run: &str| STANDARD.encode(format!("Run:v1:{run}:{}:vision", at.name));
        let victim = format!("by-owner-before-{who}");
        assert!(self.log("owner", &at.name, &victim));
        let notes = json!({ "id": run_id(&victim), "notes": "edited" });
        let allowed = [
            ('r', self.reads(who, &at.name)),
            ('d', self.downloads(who, at)),
            ('l', self.log(who, &at.name, &format!("new-by-{who}"))),
            ('u', self.mutate(who, "upsertBucket", &notes)),
            ('x', self.mutate(who, "deleteRun", &json!({ "id": run_id(&victim) }))),
        ];
        allowed.iter().filter(|(_, may)| *may).map(|(letter, _)| *letter).collect()
    }
}

struct Logged {
    name: String,
    artifact: String,
}

#[test]
fn each_visibility_gives_each_kind_of_caller_what_the_table_says() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let mut cast = Cast::new(&server);
    cast.add_view_only();
    let expected = [
        // open, public, team, restricted
        ("nobody", ["", "", "", ""]),
        ("outsider", ["rdl", "rd", "", ""]),
        ("colleague", ["rdl", "rd", "", ""]),
        ("org-admin", ["rdl", "rd", "", ""]),
        ("system-admin", ["rdl", "rd", "", ""]),
        ("org-viewer", ["r", "r", "r", ""]),
        ("view-only", ["r", "r", "r", ""]),
        ("member", ["rdlu", "rdlu", "rdlu", ""]),
        ("invited", ["rdlu", "rdlu", "rdlu", "rdlu"]),
        ("project-viewer", ["r", "r", "r", "r"]),
        ("project-admin", ["rdlux", "rdlux", "rdlux", "rdlux"]),
        ("team-admin", ["rdlux", "rdlux", "rdlux", "rdlux"]),
    ];
    let projects = VISIBILITIES.map(|visibility| cast.project(visibility));

    for (who, letters) in expected {
        let found = projects.each_ref().map(|at| cast.letters(who, at));
        assert_eq!(found, letters, "{who}");
    }
    server.arrange("PUT", "/api/v1/settings/anonymous_reading", &json!({ "value": true }));
    let found = projects.each_ref().map(|at| cast.letters("nobody", at));
    assert_eq!(found, ["", "rd", "", ""], "nobody, where visitors may read");
    assert!(projects.iter().all(|at| cast.reads("owner", &at.name)), "the owner stays in what they have restricted");
}

fn at(project: &str) -> String {
    format!("/api/v1/projects/vision/{project}")
}

fn to(visibility: &str) -> Value {
    json!({ "visibility": visibility })
}

#[test]
fn the_owner_and_the_admins_change_the_visibility_and_others_do_not() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let project = cast.project("team");
    let path = at(&project.name);

    for who in ["owner", "project-admin", "team-admin"] {
        for visibility in VISIBILITIES {
            let (status, answer) = cast.ask(who, "PATCH", &path, &to(visibility));
            assert_eq!((status, &answer["visibility"]), (200, &json!(visibility)), "{who}: {answer}");
        }
        assert_eq!(cast.ask(who, "PATCH", &path, &to("team")).0, 200);
    }
    for who in ["member", "invited"] {
        refused(cast.ask(who, "PATCH", &path, &to("open")), 403, "project:visibility is refused: only the owner");
    }
    refused(cast.ask("org-viewer", "PATCH", &path, &to("open")), 403, "your role does not allow it");
    let hidden = cast.ask("colleague", "PATCH", &path, &to("open"));
    let missing = cast.ask("colleague", "PATCH", &at("no-such-project"), &to("open"));
    assert_eq!(hidden.1.to_string(), missing.1.to_string().replace("no-such-project", &project.name));
    assert_eq!((hidden.0, cast.ask("system-admin", "PATCH", &path, &to("open")).0), (404, 404));
    let (status, answer) = cast.ask("owner", "PATCH", &path, &to("private"));
    assert_eq!((status, &answer["error"]["field"]), (422, &json!("visibility")), "{answer}");
}

#[test]
fn an_admin_of_the_organization_narrows_a_project_by_its_name_and_sees_no_more_of_it() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let project = cast.project("restricted");
    let path = at(&project.name);
    assert_eq!(cast.ask("owner", "PATCH", &path, &json!({ "description": "what it is for" })).0, 200);

    let outline = json!({ "entity": "vision", "name": project.name, "visibility": "restricted", "owner": "owner" });
    assert_eq!(cast.ask("org-admin", "GET", &path, &NOTHING), (200, outline.clone()));
    let listed = cast.ask("org-admin", "GET", "/api/v1/projects?entity=vision", &NOTHING);
    assert_eq!(listed, (200, json!({ "projects": [] })));
    for visibility in ["open", "public"] {
        refused(cast.ask("org-admin", "PATCH", &path, &to(visibility)), 403, "to its team at most");
    }
    let (status, opened) = cast.ask("org-admin", "PATCH", &path, &to("team"));
    assert_eq!((status, &opened["visibility"], &opened["description"]), (200, &json!("team"), &NOTHING));
    assert!(cast.reads("member", &project.name) && !cast.reads("org-admin", &project.name));
    for change in [json!({ "description": "theirs now" }), json!({ "owner": "member" })] {
        assert_eq!(cast.ask("org-admin", "PATCH", &path, &change).0, 404, "{change}");
    }
    // What its owner has opened it may close, as far as it likes.
    for (from, to_be) in [("open", "public"), ("public", "team"), ("open", "restricted")] {
        assert_eq!(cast.ask("owner", "PATCH", &path, &to(from)).0, 200);
        let (status, answer) = cast.ask("org-admin", "PATCH", &path, &to(to_be));
        assert_eq!((status, &answer["visibility"]), (200, &json!(to_be)), "{answer}");
    }
    assert_eq!(cast.ask("outsider", "GET", &path, &NOTHING).0, 404);
}

#[test]
fn restricting_a_project_takes_it_from_everybody_who_is_not_invited_at_once() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let project = cast.project("team");
    assert!(cast.reads("member", &project.name) && cast.log("member", &project.name, "going-on"));

    assert_eq!(cast.ask("team-admin", "PATCH", &at(&project.name), &to("restricted")).0, 200);

    assert!(!cast.reads("member", &project.name) && !cast.log("member", &project.name, "going-on"));
    assert!(cast.reads("owner", &project.name) && cast.log("invited", &project.name, "going-on"));
    let members = cast.ask("owner", "GET", &format!("{}/members", at(&project.name)), &NOTHING).1;
    let owner = members["members"].as_array().unwrap().iter().find(|it| it["username"] == "owner").unwrap();
    assert_eq!(owner["role"], "member");
    assert_eq!(cast.ask("team-admin", "PATCH", &at(&project.name), &to("team")).0, 200);
    assert!(cast.reads("member", &project.name) && cast.log("member", &project.name, "going-on"));
}

#[test]
fn runs_move_into_a_restricted_project_and_not_out_of_it() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let (inner, outer) = (cast.project("restricted"), cast.project("team"));
    let end = |project: &str| {
        let id = STANDARD.encode(format!("Run:v1:theirs:{project}:vision"));
        assert!(cast.mutate("owner", "updateRunState", &json!({ "id": id, "state": "finished" })));
    };
    end(&outer.name);
    end(&inner.name);
    let go = |who: &str, from: &str, run: &str, to: &str| {
        let body = json!({ "runs": [run], "entity": "vision", "project": to });
        cast.ask(who, "POST", &format!("{}/runs/move", at(from)), &body)
    };

    refused(go("owner", &inner.name, "theirs", &outer.name), 403, "do not leave the restricted project");
    refused(go("team-admin", &inner.name, "theirs", &outer.name), 403, "do not leave the restricted project");
    assert!(cast.mutate(
        "owner",
        "upsertBucket",
        &json!({ "entityName": "vision", "modelName": outer.name,
        "name": "other", "state": "finished" })
    ));
    assert_eq!(go("owner", &outer.name, "other", &inner.name).0, 200);
    refused(go("member", &outer.name, "theirs", &inner.name), 403, "refused run:move");
}

#[test]
fn an_admin_hands_a_project_on_to_a_member_and_its_owner_does_not() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let project = cast.project("restricted");
    let path = at(&project.name);
    let hand_on = |who: &str, owner: &str| cast.ask(who, "PATCH", &path, &json!({ "owner": owner }));

    refused(hand_on("owner", "invited"), 403, "only an admin of the team hands a project on");
    refused(hand_on("team-admin", "colleague"), 404, "`colleague` is no member of team `vision`");
    refused(hand_on("team-admin", "no/body"), 404, "`no/body` is no member of team `vision`");
    let (status, answer) = hand_on("team-admin", "member");

    assert_eq!((status, &answer["owner"]), (200, &json!("member")), "{answer}");
    assert_eq!(cast.ask("member", "PATCH", &path, &to("restricted")).0, 200, "the new owner governs it and is in it");
    refused(cast.ask("owner", "PATCH", &path, &to("team")), 403, "only the owner");
    let own = json!({ "name": "mine", "visibility": "public" });
    let (status, answer) = cast.ask("owner", "POST", "/api/v1/projects", &own);
    assert_eq!((status, &answer["entity"], &answer["visibility"]), (201, &json!("owner"), &json!("public")));
    let given_away = cast.ask("owner", "PATCH", "/api/v1/projects/owner/mine", &json!({ "owner": "member" }));
    refused(given_away, 409, "is a person's own");
}

#[test]
fn a_project_is_made_with_a_visibility_and_a_free_name() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let new = |name: &str, visibility: &str| {
        json!({ "entity": "vision", "name": name, "visibility": visibility,
        "description": "what it is for" })
    };

    for visibility in VISIBILITIES {
        let (status, made) = cast.ask("member", "POST", "/api/v1/projects", &new(visibility, visibility));
        assert_eq!(
            (status, &made["visibility"], &made["owner"]),
            (201, &json!(visibility), &json!("member")),
            "{made}"
        );
        assert_eq!(made["description"], "what it is for");
        refused(cast.ask("member", "POST", "/api/v1/projects", &new(visibility, "team")), 409, "already");
    }
    assert_eq!(cast.ask("member", "GET", &at("restricted"), &NOTHING).0, 200, "who makes it is in it");
    for (who, status) in [("org-viewer", 403), ("colleague", 404), ("org-admin", 404), ("system-admin", 404)] {
        assert_eq!(cast.ask(who, "POST", "/api/v1/projects", &new("other", "team")).0, status, "{who}");
    }
    for (field, body) in [
        ("name", json!({ "entity": "vision", "name": "a/b" })),
        ("visibility", json!({ "entity": "vision", "name": "other", "visibility": "PRIVATE" })),
    ] {
        let (status, answer) = cast.ask("member", "POST", "/api/v1/projects", &body);
        assert_eq!((status, &answer["error"]["field"]), (422, &json!(field)), "{answer}");
    }
    assert_eq!(cast.ask("member", "GET", &at("other"), &NOTHING).0, 404, "nothing half made remains");
}

#[test]
fn the_client_sets_and_reads_the_visibility_in_its_own_words() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let text = "mutation($i: UpsertModelInput!) { upsertModel(input: $i) { inserted project { name access } } }";
    let upsert = |who: &str, access: &str| {
        let input = json!({ "entityName": "vision", "name": "by-client", "access": access });
        cast.graphql(who, text, &json!({ "i": input }))
    };

    for (access, visibility) in
        [("USER_WRITE", "open"), ("USER_READ", "public"), ("PRIVATE", "team"), ("RESTRICTED", "restricted")]
    {
        let (status, answer) = upsert("member", access);
        assert_eq!((status, &answer["data"]["upsertModel"]["project"]["access"]), (200, &json!(access)), "{answer}");
        assert_eq!(cast.ask("member", "GET", &at("by-client"), &NOTHING).1["visibility"], visibility);
    }
    let (status, answer) = upsert("member", "EVERYBODY");
    assert_eq!(status, 400, "{answer}");
    assert!(answer["errors"][0]["message"].as_str().unwrap().contains("EVERYBODY"), "{answer}");
    assert_eq!(upsert("team-admin", "PRIVATE").0, 200);
    assert_eq!(upsert("invited", "USER_READ").0, 403);
}

/// The details of the records of an action in the audit log, oldest first, with the address of who did it.
pub fn logged(place: &Place, action: &str) -> Vec<(Value, Value)> {
    let dumped = place.run(&["db", "dump"], "");
    assert!(dumped.status.success());
    let lines = String::from_utf8(dumped.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Some are linked into the log already, others wait for it.
    let lines = lines.filter(|line| line["table"].as_str().unwrap().starts_with("audit_"));
    let texts = lines.filter_map(|line| {
        let record = &line["record"];
        record["text"].as_str().or(record["written"]["text"].as_str()).map(str::to_owned)
    });
    let records = texts.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let mut records: Vec<Value> = records.filter(|record| record["action"] == action).collect();
    records.sort_by_key(|record| record["at"].as_i64());
    let told = |record: Value| (record["actor"]["User"]["email"].clone(), record["details"].clone());
    records.into_iter().map(told).collect()
}

#[test]
fn what_was_changed_of_a_project_is_in_the_log_and_what_was_refused_is_not() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let made = json!({ "entity": "vision", "name": "p" });
    assert_eq!(cast.ask("owner", "POST", "/api/v1/projects", &made).0, 201);

    assert_eq!(cast.ask("org-admin", "PATCH", &at("p"), &to("restricted")).0, 200);
    assert_eq!(cast.ask("org-admin", "PATCH", &at("p"), &to("open")).0, 403);
    let member = format!("{}/members/member", at("p"));
    for role in [json!("view_only"), json!("view_only"), NOTHING] {
        assert_eq!(cast.ask("owner", "PUT", &member, &json!({ "role": role })).0, 200);
    }
    assert_eq!(cast.ask("owner", "PUT", &member, &json!({ "role": "admin" })).0, 403);
    assert_eq!(cast.ask("team-admin", "PATCH", &at("p"), &json!({ "owner": "member" })).0, 200);
    assert_eq!(cast.ask("team-admin", "PATCH", &at("p"), &json!({ "description": "new" })).0, 200);
    // A change that fails at its second part undoes the first.
    let both = json!({ "description": "half", "owner": "nobody" });
    assert_eq!(cast.ask("team-admin", "PATCH", &at("p"), &both).0, 404);

    let details = json!({ "visibility_before": "team", "visibility": "restricted" });
    assert_eq!(logged(&place, "project:change_visibility"), [(json!("org-admin@example.com"), details)]);
    let owner = json!("owner@example.com");
    let given = (owner.clone(), json!({ "role_before": "none", "role": "view_only" }));
    let taken = (owner, json!({ "role_before": "view_only", "role": "none" }));
    assert_eq!(logged(&place, "project:update_member"), [given, taken]);
    let admin = json!("team-admin@example.com");
    let (handed, described) = (json!({ "owner": "member" }), json!({ "fields": "description" }));
    assert_eq!(logged(&place, "project:update"), [(admin.clone(), handed), (admin, described)]);
}

#[test]
fn the_command_governs_projects() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let _cast = Cast::new(&server);
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };

    let (done, _, said) = run(&["project", "create", "vision/p", "--visibility", "restricted", "--description", "new"]);
    assert!(done && said.contains("made the project `vision/p`, restricted"), "{said}");
    assert!(run(&["project", "set-role", "vision/p", "member", "member"]).0);
    let (_, listed, _) = run(&["project", "members", "vision/p"]);
    assert!(listed.lines().nth(1).unwrap().starts_with("member    member  member"), "{listed}");
    assert!(run(&["project", "remove-role", "vision/p", "member"]).0);
    let (_, listed, _) = run(&["project", "members", "vision/p", "--json"]);
    assert_eq!(listed.trim(), "[]");
    let (done, _, said) = run(&["project", "set", "vision/p", "--visibility", "team", "--owner", "member"]);
    assert!(done && said.contains("the project is team and owned by member"), "{said}");
    let (_, listed, _) = run(&["project", "list", "--team", "vision"]);
    assert!(listed.lines().nth(1).unwrap().starts_with("p        team        member"), "{listed}");
    let (done, _, said) = run(&["project", "set", "vision", "--visibility", "team"]);
    assert!(!done && said.contains("vision/mnist"), "{said}");
    let (done, _, said) = run(&["project", "set", "vision/q", "--visibility", "team"]);
    assert!(!done && said.contains("project `vision/q` does not exist"), "{said}");
}
