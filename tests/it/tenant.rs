//! What somebody of another tenant, or nobody at all, gets who knows every name, id, cursor and URL of this one. Texts
//! that only this tenant may read carry a canary, and no answer to anybody else may have one. Whatever a stranger asks
//! for is also asked for by names that nobody has, and both answers have to be the same. Long because every argument and
//! mutation has a line here.

use crate::artifact::Logger;
use crate::server::{Place, Server, wait_for};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// In every name of the tenant, and in none of what it logged.
const TENANT: &str = "wren-";
/// In the place of `TENANT` it names nothing.
const NOBODY: &str = "nobody-";
/// In what the tenant logged, in addresses, and in the full names of its people.
const LOGGED: &str = "canary-logged";
const ADDRESS: &str = "canary-address";
const FULL_NAME: &str = "canary-full-name";
/// How many objects lie in one another in a document.
const WAY_MAX: usize = 7;

/// All that somebody outside might have got hold of.
#[derive(Clone)]
pub struct Known {
    pub organization: String,
    pub team: String,
    pub project: String,
    pub run: String,
    pub person: String,
    pub email: String,
    pub files: Vec<String>,
    pub project_ids: Vec<String>,
    pub api_key: String,
    pub member: String,
    /// Its name is drawn, so that of nobody's sweep is the same.
    pub sweep: String,
    pub sweep_id: String,
    pub agent_id: String,
    pub project_cursor: String,
    pub run_cursor: String,
    pub file_cursor: String,
    /// The names of a sequence, its portfolio and its type.
    pub sequence: String,
    pub portfolio: String,
    pub artifact_type: String,
    /// Ids: of a version, of a draft, of the sequence, of the portfolio, of a manifest.
    pub artifact: String,
    pub draft: String,
    pub sequence_id: String,
    pub portfolio_id: String,
    pub manifest: String,
    /// What the client called the version.
    pub client_id: String,
}

impl Known {
    fn run_id(&self) -> String {
        STANDARD.encode(format!("Run:v1:{}:{}:{}", self.run, self.project, self.team))
    }

    /// The same with every name changed.
    fn renamed(&self, change: impl Fn(&str) -> String) -> Known {
        Known {
            organization: change(&self.organization),
            team: change(&self.team),
            project: change(&self.project),
            run: change(&self.run),
            person: change(&self.person),
            email: change(&self.email),
            sequence: change(&self.sequence),
            portfolio: change(&self.portfolio),
            artifact_type: change(&self.artifact_type),
            client_id: change(&self.client_id),
            ..self.clone()
        }
    }

    /// The same of a tenant that there is not.
    fn missing(&self) -> Known {
        let id = |kind: &str| STANDARD.encode(format!("{kind}:999999999"));
        Known {
            files: vec![id("RunFile")],
            project_ids: vec![id("Project")],
            api_key: id("ApiKey"),
            member: id("Member"),
            sweep_id: id("Sweep"),
            agent_id: id("Agent"),
            artifact: id("Artifact"),
            draft: id("Artifact"),
            sequence_id: id("ArtifactCollection"),
            portfolio_id: id("ArtifactCollection"),
            manifest: id("ArtifactManifest"),
            ..self.renamed(as_nobodys)
        }
    }
}

fn as_nobodys(text: &str) -> String {
    text.replace(TENANT, NOBODY).replace(&TENANT.to_uppercase(), &NOBODY.to_uppercase())
}

/// What the schema says about itself.
struct Schema(BTreeMap<String, Value>);

impl Schema {
    fn of(server: &Server<'_>) -> Self {
        let kind = "name kind ofType { name kind ofType { name kind ofType { name kind } } }";
        let text = format!(
            "{{ __schema {{ types {{ name kind possibleTypes {{ name }} fields {{ name type {{ {kind} }}
            args {{ name type {{ {kind} }} }} }} }} }} }}"
        );
        let (status, text) = server.graphql(None, &text, &Value::Null);
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let types = answer["data"]["__schema"]["types"].as_array().unwrap();
        Self(types.iter().map(|kind| (kind["name"].as_str().unwrap().to_owned(), kind.clone())).collect())
    }

    fn fields<'a>(&'a self, of: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.0[of]["fields"].as_array().into_iter().flatten()
    }

    /// A field with its arguments filled in and everything selected that lies in it, each type once on each way.
    fn whole(&self, of: &str, field: &Value, known: &Known, walk: &mut Walk) -> Option<String> {
        let (name, kind) = (field["name"].as_str().unwrap(), named_type(&field["type"]));
        let is_leaf = matches!(self.0[&kind]["kind"].as_str(), Some("SCALAR" | "ENUM"));
        if walk.way.contains(&kind) || (!is_leaf && !walk.may_enter(of, name, &kind)) {
            return None;
        }
        let inside = self.selection(&kind, known, walk);
        let args = field["args"].as_array().unwrap();
        let args: Vec<_> =
            args.iter().filter_map(|arg| argument(of, name, arg["name"].as_str().unwrap(), known)).collect();
        let args = if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) };
        Some(format!("{name}{args} {inside}"))
    }

    fn selection(&self, kind: &str, known: &Known, walk: &mut Walk) -> String {
        let is_object = self.0[kind]["kind"] == "OBJECT";
        let kinds: Vec<&str> = match self.0[kind]["kind"].as_str() {
            Some("OBJECT") => vec![kind],
            Some("INTERFACE" | "UNION") => {
                let possible = self.0[kind]["possibleTypes"].as_array().unwrap();
                possible.iter().map(|kind| kind["name"].as_str().unwrap()).collect()
            }
            _ => return String::new(),
        };
        let mut parts = Vec::new();
        for kind in kinds {
            if walk.way.iter().any(|passed| passed == kind) {
                continue;
            }
            walk.way.push(kind.to_owned());
            let fields: Vec<_> = self.fields(kind).filter_map(|field| self.whole(kind, field, known, walk)).collect();
            walk.way.pop();
            if is_object {
                parts.extend(fields);
            } else if !fields.is_empty() {
                parts.push(format!("... on {kind} {{ {} }}", fields.join(" ")));
            }
        }
        format!("{{ __typename {} }}", parts.join(" "))
    }
}

/// The way through the schema so far.
#[derive(Default)]
struct Walk {
    way: Vec<String>,
    entered: BTreeSet<(String, String)>,
}

impl Walk {
    /// Artifacts lead everywhere and from everywhere to them, so on ways past one a field is entered once in a document; and
    /// no way is longer than the server allows.
    fn may_enter(&mut self, of: &str, field: &str, kind: &str) -> bool {
        if self.way.len() >= WAY_MAX {
            return false;
        }
        let leads_on = kind.contains("Artifact") || self.way.iter().any(|passed| passed.contains("Artifact"));
        !leads_on || self.entered.insert((of.to_owned(), field.to_owned()))
    }
}

fn named_type(kind: &Value) -> String {
    match kind["name"].as_str() {
        Some(name) => name.to_owned(),
        None => named_type(&kind["ofType"]),
    }
}

/// What the argument is given. A new argument needs a line here, or this fails.
fn argument(of: &str, field: &str, name: &str, known: &Known) -> Option<String> {
    let value = match (of, field, name) {
        ("Query", "entity", "name") | (_, _, "entityName") => json!(known.team),
        ("Query", "organization", "name") => json!(known.organization),
        ("Query" | "Entity", "project" | "model", "name") => json!(known.project),
        ("Project", "run" | "bucket", "name") => json!(known.run),
        ("Query", "users", "query") => json!(known.person),
        ("Query", "models", "after") => json!(known.project_cursor),
        ("Project", "runs", "after") => json!(known.run_cursor),
        ("Project", "sweep", "sweepName") => json!(known.sweep),
        ("Sweep", "agent", "agentName") => json!(known.agent_id),
        ("Run", "files", "after") => json!(known.file_cursor),
        ("File", "url", "upload") => json!(true),
        ("Run", "sampledHistory", "specs") => json!(["{\"keys\": [\"_step\"], \"samples\": 10}"]),
        ("Run", "bucketedHistory", "key") => json!("_step"),
        ("Run", "bucketedHistory", "buckets") => json!(3),
        ("Run", "parquetHistory", "liveKeys") => json!(["_step"]),
        ("Query", "artifact", "id") => json!(known.artifact),
        ("Query", "artifactCollection", "id") => json!(known.sequence_id),
        ("Query", "clientIDMapping", "clientID") => json!(known.client_id),
        ("Project", "artifactType", "name") => json!(known.artifact_type),
        ("Project" | "ArtifactType", "artifactCollection" | "artifactSequence", "name") => json!(known.sequence),
        ("Project" | "ArtifactType", "artifact" | "artifactCollectionMembership", "name") => {
            json!(format!("{}:v0", known.sequence))
        }
        (_, "artifactMembership", "aliasName") => json!("latest"),
        ("Artifact", "filesByManifestEntries", "manifestVersion" | "storageLayout") => json!("V2"),
        ("Artifact", "filesByManifestEntries", "entries") => {
            return Some("entries: [{name: \"a.txt\", digest: \"\"}]".into());
        }
        (_, _, "first" | "samples" | "last") => json!(100),
        (
            _,
            _,
            "desc"
            | "missingOk"
            | "rampIDType"
            | "filters"
            | "order"
            | "keys"
            | "names"
            | "pattern"
            | "minStep"
            | "maxStep"
            | "after"
            | "enableTracking"
            | "includeAll"
            | "storageRegion"
            | "before"
            | "useImprovedPagination",
        ) => return None,
        other => panic!("no value for the argument {other:?}: say what a stranger would give"),
    };
    Some(format!("{name}: {value}"))
}

/// The arguments of every mutation. A new mutation needs a line here, or the crawl fails.
fn inputs(mutation: &str, known: &Known, own: &str) -> Vec<Value> {
    let at = json!({ "entityName": known.team, "projectName": known.project, "runName": known.run });
    let with = |more: Value| {
        let mut input = at.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let fork_of = |run: &str| {
        let point = json!({ "branch_point": { "run_id": run, "step": 1 } });
        json!({ "_wandb": { "value": point } }).to_string()
    };
    let id = json!({ "id": known.run_id() });
    match mutation {
        "upsertModel" => vec![
            json!({ "entityName": known.team, "name": known.project }),
            json!({ "entityName": known.team, "name": known.project, "description": "taken over" }),
            json!({ "entityName": known.team, "name": "taken-over" }),
        ],
        "renameProject" => vec![json!({ "entityName": known.team, "oldProjectName": known.project,
            "newProjectName": "taken-over" })],
        "deleteModel" => known.project_ids.iter().map(|id| json!({ "id": id })).collect(),
        "upsertBucket" => vec![
            id,
            json!({ "id": known.run_id(), "notes": "taken over" }),
            json!({ "id": known.run_id(), "config": "{}", "jobProgram": "train.py" }),
            json!({ "entityName": known.team, "modelName": known.project, "name": known.run }),
            json!({ "entityName": known.team, "modelName": known.project, "name": "taken-over" }),
            // Forks: in the tenant's project over a run of it, next to it, and from it into a project of one's own.
            json!({ "entityName": known.team, "modelName": known.project, "name": known.run, "config": fork_of("any") }),
            json!({ "entityName": known.team, "modelName": known.project, "name": "new", "config": fork_of(&known.run) }),
            json!({ "entityName": own, "modelName": "own", "name": "fork", "config": fork_of(&known.run) }),
        ],
        "stopRun" | "deleteRun" => vec![id],
        "deleteRuns" | "undeleteRuns" => vec![json!({ "ids": [known.run_id()] })],
        "moveRuns" => vec![
            json!({ "ids": [known.run_id()], "destinationEntityName": own, "destinationProjectName": "own" }),
            json!({ "ids": [], "destinationEntityName": known.team, "destinationProjectName": known.project }),
        ],
        "updateRunState" => vec![json!({ "id": known.run_id(), "state": "failed" })],
        "rewindRun" => vec![with(json!({ "metricName": "_step", "metricValue": 0 }))],
        "createRunFiles" | "markRunFilesUploaded" => vec![with(json!({ "files": ["canary.txt"] }))],
        "deleteFiles" => vec![json!({ "files": known.files })],
        "upsertSweep" => {
            let config = "method: random\nparameters: {a: {value: 1}}";
            let new = json!({ "entityName": known.team, "projectName": known.project, "config": config });
            let prior = json!({ "$or": [{ "name": known.run }] }).to_string();
            let mut with_prior = new.clone();
            with_prior["priorRunsFilters"] = json!(prior);
            vec![
                new,
                with_prior,
                json!({ "id": known.sweep_id, "state": "CANCELED" }),
                json!({ "id": known.sweep_id, "displayName": "taken over" }),
                json!({ "id": known.sweep_id, "config": config, "controller": "{}" }),
            ]
        }
        "createAgent" => vec![
            json!({ "entityName": known.team, "projectName": known.project, "sweep": known.sweep, "host": "taken-over" }),
        ],
        "agentHeartbeat" => vec![json!({ "id": known.agent_id, "runState": "{}" })],
        "enqueueSweepRun" => vec![json!({ "id": known.sweep_id, "config": "{}" })],
        "notifyScriptableRunAlert" => vec![with(json!({ "title": "taken", "text": "over" }))],
        "deleteApiKey" => vec![json!({ "id": known.api_key })],
        "createAnonymousEntity" => vec![json!({})],
        "createInvite" => vec![
            json!({ "entityName": known.team, "email": "taken@example.com", "admin": true }),
            json!({ "entityName": known.team, "username": "kea" }),
        ],
        "deleteInvite" => vec![json!({ "entityName": known.team, "id": known.member })],
        "createServiceAccount" => vec![json!({ "entityName": known.team, "description": "taken over" })],
        "createUser" => vec![json!({ "email": known.email, "admin": true })],
        "createCustomChart" => {
            let chart = json!({ "entity": known.team, "name": "taken", "displayName": "over", "type": "vega2",
                "access": "PUBLIC", "spec": "{}" });
            vec![chart]
        }
        // A key of one's own, and a team of one's own: neither names anything of somebody else.
        "generateApiKey" | "createTeam" => Vec::new(),
        other => crate::tenant_artifact::inputs(other, known, own),
    }
}

/// Who asks.
struct Asker<'s> {
    server: &'s Server<'s>,
    schema: &'s Schema,
    key: Option<&'s str>,
    /// An entity of their own.
    own: &'s str,
}

/// What was asked, and the status and body of the answer.
type Asked = (String, u16, String);

impl Asker<'_> {
    /// Every field of the schema.
    fn read(&self, known: &Known) -> Vec<Asked> {
        let mut asked = Vec::new();
        // Once from the beginning of every list and once behind the tenant's cursors; people by name and by address.
        let beginning = Known {
            project_cursor: String::new(),
            run_cursor: String::new(),
            file_cursor: String::new(),
            person: known.email.clone(),
            ..known.clone()
        };
        for known in [known, &beginning] {
            for field in self.schema.fields("Query") {
                let text = self.schema.whole("Query", field, known, &mut Walk::default()).unwrap();
                let (status, answer) = self.server.graphql(self.key, &format!("{{ {text} }}"), &Value::Null);
                asked.push((field["name"].to_string(), status, answer));
            }
        }
        asked
    }

    /// Every mutation and stream.
    fn write(&self, known: &Known) -> Vec<Asked> {
        let mut asked = Vec::new();
        for field in self.schema.fields("Mutation") {
            let name = field["name"].as_str().unwrap();
            let payload = self.schema.selection(&named_type(&field["type"]), known, &mut Walk::default());
            let kind = named_type(&field["args"][0]["type"]);
            let text = format!("mutation($input: {kind}!) {{ {name}(input: $input) {payload} }}");
            for input in inputs(name, known, self.own) {
                let (status, answer) = self.server.graphql(self.key, &text, &json!({ "input": input }));
                asked.push((format!("{name} {input}"), status, answer));
            }
        }
        let digest = "d41d8cd98f00b204e9800998ecf8427e";
        let (team, project, id) = (&known.team, &known.project, &known.artifact);
        for path in [
            format!("/artifacts/{team}/{digest}"),
            format!("/artifactsV2/default/{team}/{id}/{digest}"),
            format!("/artifactsV2/default/{team}/{project}/{}/{id}//{digest}/a.txt", known.sequence),
        ] {
            let (status, answer) = self.server.ask_as(self.key, "GET", &path, "");
            asked.push((path, status, answer));
        }
        let path = format!("/files/{}/{}/{}/file_stream", known.team, known.project, known.run);
        let lines = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":9}"] } } });
        let (status, answer) = self.server.ask_as(self.key, "POST", &path, &lines.to_string());
        asked.push((path, status, answer));
        asked
    }

    /// Every route of the REST interface that names something.
    fn rest(&self, known: &Known) -> Vec<Asked> {
        let (_, text) = self.server.ask_as(None, "GET", "/api/v1/openapi.json", "");
        let description: Value = serde_json::from_str(&text).unwrap();
        let mut asked = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            let name = if path.contains("organizations") { &known.organization } else { &known.team };
            let filled = path.replace("{name}", name).replace("{username}", &known.person);
            let filled = filled.replace("{entity}", &known.team).replace("{project}", &known.project);
            let filled = filled.replace("{run}", &known.run).replace("{role}", &format!("{}-role", known.organization));
            for method in methods.as_object().unwrap().keys().filter(|method| *method != "parameters") {
                let body = match (method.as_str(), path.as_str()) {
                    ("post", "/api/v1/teams") => json!({ "name": "taken-over", "organization": known.organization }),
                    ("post", "/api/v1/organizations") => json!({ "name": "taken-over" }),
                    ("post", "/api/v1/users") => json!({ "username": "taken-over", "email": known.email }),
                    ("post", path) if path.ends_with("/runs/delete") => json!({ "runs": [known.run] }),
                    ("post", path) if path.ends_with("/runs/move") => {
                        json!({ "runs": [known.run], "entity": self.own, "project": "own" })
                    }
                    ("post", path) if path.ends_with("/restore") => Value::Null,
                    ("post", "/api/v1/projects") => json!({ "entity": known.team, "name": "taken-over" }),
                    ("patch", "/api/v1/projects/{entity}/{project}") => {
                        json!({ "visibility": "open", "description": "taken over", "owner": known.person })
                    }
                    ("patch", path) if path.ends_with("/settings") => json!({ "hidden": false }),
                    ("patch", path) if path.ends_with("/privacy") => json!({ "members_invite": true }),
                    ("post", path) if path.ends_with("/roles") => {
                        json!({ "name": "taken over", "base": "member", "actions": ["run:stop"] })
                    }
                    ("patch", path) if path.ends_with("/roles/{role}") => json!({ "base": "view_only" }),
                    ("put", "/api/v1/settings/{key}") => json!({ "value": true }),
                    ("put", "/api/v1/license") => json!({ "license": "" }),
                    ("post", path) if path.ends_with("/invitations") => {
                        json!({ "email": "taken@example.com", "role": "admin" })
                    }
                    ("post", "/api/v1/session") => json!({ "login": known.person, "password": "not the right one" }),
                    ("put", "/api/v1/password") => json!({ "password": "x", "new_password": "taken-over-by-me" }),
                    // What it says to which address is looked at where people sign in.
                    ("post", "/api/v1/password-reset") => json!({ "email": "" }),
                    ("post", "/api/v1/password-reset/{token}") => json!({ "password": "taken-over-by-me" }),
                    ("post", "/api/v1/setup/{token}") => {
                        json!({ "username": "taken-over", "email": known.email, "password": "taken-over-by-me" })
                    }
                    ("post", path) if path.ends_with("/accept") => {
                        json!({ "username": "taken-over", "password": "taken-over-by-me" })
                    }
                    ("post", path) if path.ends_with("/link") || path.ends_with("-link") => Value::Null,
                    ("post", "/api/v1/second-factor/confirm") => json!({ "code": "000000" }),
                    ("post", path) if path.starts_with("/api/v1/second-factor") => json!({ "password": "x" }),
                    ("post", "/api/v1/mail/test") => json!({ "to": known.email }),
                    // Limited to what is not theirs, so that no key is made.
                    ("post", path) if path.ends_with("/api-keys") => json!({ "teams": [known.team] }),
                    ("patch", "/api/v1/api-keys/{id}") => json!({ "name": "taken over" }),
                    ("post", path) if path.ends_with("/service-accounts") => json!({ "name": "taken-over" }),
                    ("patch", path) if path.ends_with("/service-accounts/{account}") => {
                        json!({ "default_team": known.team })
                    }
                    ("post", path) if path.ends_with("activate") => Value::Null,
                    ("post", "/api/v1/connectors") => {
                        json!({ "name": "taken-over", "store": { "address": "s3://ID:SECRET@s3.example.com/b?region=r" } })
                    }
                    ("patch", "/api/v1/connectors/{name}") => json!({ "data_path": "proxy" }),
                    ("post", "/api/v1/connectors/{name}/rotate") => json!({ "credentials": "ID:SECRET" }),
                    ("post", path) if path.ends_with("/test") || path == "/api/v1/secrets/rotate" => Value::Null,
                    ("put", path) if path.ends_with("/connector") => json!({ "connector": "default" }),
                    ("post", path) if path.ends_with("/migration") => json!({ "to": "default" }),
                    ("post", path) if path.ends_with("/migration/resume") => json!({}),
                    ("post", path) if path.contains("/migration/") => Value::Null,
                    ("patch", "/api/v1/users/{username}") => json!({ "name": "taken over" }),
                    ("patch", "/api/v1/teams/{name}" | "/api/v1/organizations/{name}") => {
                        json!({ "name": "taken-over" })
                    }
                    ("put", path) if path.ends_with("/profile") => json!({ "introduction": "taken over" }),
                    ("put", path) if path.ends_with("/avatar") => json!("taken over"),
                    ("put", path) if path.ends_with("{username}") => json!({ "role": "admin" }),
                    ("get" | "delete", _) => Value::Null,
                    other => panic!("no body for {other:?}: say what a stranger would send"),
                };
                let body = if body.is_null() { String::new() } else { body.to_string() };
                let (status, answer) = self.server.ask_as(self.key, &method.to_uppercase(), &filled, &body);
                asked.push((format!("{method} {path}"), status, answer));
            }
        }
        for filtered in [
            format!("/api/v1/teams?organization={}", known.organization),
            format!("/api/v1/projects?entity={}", known.team),
        ] {
            let (status, answer) = self.server.ask_as(self.key, "GET", &filtered, "");
            asked.push((filtered, status, answer));
        }
        asked
    }
}

/// A tenant with everything that can be logged, and the key of its one person.
struct Tenant<'s> {
    server: &'s Server<'s>,
    key: String,
    known: Known,
}

impl<'s> Tenant<'s> {
    fn new(server: &'s Server<'s>) -> Self {
        server.arrange("POST", "/api/v1/organizations", &json!({ "name": "wren-organization" }));
        let person = json!({ "username": "wren-ada", "email": format!("wren-ada@{ADDRESS}.example"),
            "name": FULL_NAME, "organization": "wren-organization" });
        let key = server.arrange("POST", "/api/v1/users", &person)["api_key"].as_str().unwrap().to_owned();
        let team = json!({ "name": "wren-team", "organization": "wren-organization", "admins": ["wren-ada"] });
        server.arrange("POST", "/api/v1/teams", &team);
        let known = Known {
            organization: "wren-organization".into(),
            team: "wren-team".into(),
            project: "wren-project".into(),
            run: "wren-run".into(),
            person: "wren-ada".into(),
            email: person["email"].as_str().unwrap().to_owned(),
            files: Vec::new(),
            project_ids: Vec::new(),
            api_key: STANDARD.encode("ApiKey:1"),
            member: STANDARD.encode("Member:1"),
            sweep: String::new(),
            sweep_id: String::new(),
            agent_id: String::new(),
            project_cursor: URL_SAFE_NO_PAD.encode("a"),
            run_cursor: String::new(),
            file_cursor: URL_SAFE_NO_PAD.encode("a"),
            sequence: "wren-data".into(),
            portfolio: "wren-chosen".into(),
            artifact_type: "wren-dataset".into(),
            artifact: String::new(),
            draft: String::new(),
            sequence_id: String::new(),
            portfolio_id: String::new(),
            manifest: String::new(),
            client_id: "wren-client-id".into(),
        };
        let mut tenant = Self { server, key, known };
        tenant.log();
        tenant.sweep();
        let found = tenant.ask(
            "{ project(name: \"wren-project\", entityName: \"wren-team\") { id runs { edges { cursor
            node { files { edges { node { id } } } } } } } }",
            &Value::Null,
        );
        let run = &found["project"]["runs"]["edges"][0];
        tenant.known.project_ids = vec![found["project"]["id"].as_str().unwrap().to_owned()];
        tenant.known.run_cursor = run["cursor"].as_str().unwrap().to_owned();
        tenant.known.files = vec![run["node"]["files"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned()];
        tenant.log_artifacts();
        tenant
    }

    fn ask(&self, text: &str, variables: &Value) -> Value {
        let (status, text) = self.server.graphql(Some(&self.key), text, variables);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["data"].take()
    }

    fn log(&self) {
        let at = json!({ "entityName": "wren-team", "projectName": "wren-project", "runName": "wren-run" });
        let described = json!({ "entityName": "wren-team", "name": "wren-project", "description": LOGGED });
        self.ask("mutation($i: UpsertModelInput!) { upsertModel(input: $i) { inserted } }", &json!({ "i": described }));
        let run = json!({ "entityName": "wren-team", "modelName": "wren-project", "name": "wren-run",
            "displayName": LOGGED, "groupName": LOGGED, "jobType": LOGGED, "notes": LOGGED, "description": LOGGED,
            "tags": [LOGGED], "commit": LOGGED, "host": LOGGED, "jobProgram": LOGGED, "jobRepo": LOGGED, "sweep": LOGGED,
            "config": json!({ "key": { "value": LOGGED } }).to_string(),
            "summaryMetrics": json!({ "key": LOGGED }).to_string() });
        self.ask("mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }", &json!({ "i": run }));
        let row = |step: i64| json!({ "_step": step, "key": LOGGED }).to_string();
        let streamed = json!({ "files": {
            "wandb-history.jsonl": { "offset": 0, "content": [row(0), row(1), row(2)] },
            "wandb-events.jsonl": { "offset": 0, "content": [row(0)] },
            "output.log": { "offset": 0, "content": [LOGGED] } } });
        let path = "/files/wren-team/wren-project/wren-run/file_stream";
        let (status, text) = self.server.ask_as(Some(&self.key), "POST", path, &streamed.to_string());
        assert_eq!(status, 200, "{text}");
        let mut files = at.clone();
        files["files"] = json!([format!("{LOGGED}.txt")]);
        let text = "mutation($i: CreateRunFilesInput!) { createRunFiles(input: $i) { files { uploadUrl } } }";
        let made = self.ask(text, &json!({ "i": files }));
        let url = self.path_of(&made["createRunFiles"]["files"][0]["uploadUrl"]);
        assert_eq!(self.server.ask_as(None, "PUT", &url, LOGGED).0, 200);
    }

    /// A version that the run has logged and used, linked to a portfolio, and a draft.
    fn log_artifacts(&mut self) {
        let (server, key) = (self.server, self.key.clone());
        let logger = Logger { server, key: &key, entity: "wren-team", project: "wren-project" };
        let mut input = logger.draft("wren-data", LOGGED);
        input["artifactTypeName"] = json!("wren-dataset");
        input["runName"] = json!("wren-run");
        input["clientID"] = json!(self.known.client_id);
        let artifact = logger.send(&input, LOGGED);
        logger.commit(&artifact);
        logger.link(&artifact, "wren-chosen");
        let used = json!({ "entityName": "wren-team", "projectName": "wren-project", "runName": "wren-run",
            "artifactID": artifact });
        self.ask(
            "mutation($i: UseArtifactInput!) { useArtifact(input: $i) { artifact { id } } }",
            &json!({ "i": used }),
        );
        let text = format!("{LOGGED} draft");
        let draft = logger.send(&logger.draft("wren-drafts", &text), &text);
        let found =
            self.ask("query($id: ID!) { artifact(id: $id) { currentManifest { id } } }", &json!({ "id": artifact }));
        self.known.manifest = found["artifact"]["currentManifest"]["id"].as_str().unwrap().to_owned();
        self.known.sequence_id = logger.collection("wren-data");
        self.known.portfolio_id = logger.collection("wren-chosen");
        (self.known.artifact, self.known.draft) = (artifact, draft);
    }

    /// A sweep with an agent and a run that waits for it.
    fn sweep(&mut self) {
        let config = format!("method: random\ndescription: {LOGGED}\nparameters: {{key: {{value: {LOGGED}}}}}");
        let sweep = json!({ "entityName": "wren-team", "projectName": "wren-project", "displayName": LOGGED,
            "config": config });
        let text = "mutation($i: UpsertSweepInput!) { upsertSweep(input: $i) { sweep { id name } } }";
        let made = self.ask(text, &json!({ "i": sweep }))["upsertSweep"]["sweep"].take();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (self.known.sweep_id, self.known.sweep) = (text(&made["id"]), text(&made["name"]));
        let agent = json!({ "entityName": "wren-team", "projectName": "wren-project", "sweep": self.known.sweep,
            "host": LOGGED });
        let asked = "mutation($i: CreateAgentInput!) { createAgent(input: $i) { agent { id } } }";
        self.known.agent_id = text(&self.ask(asked, &json!({ "i": agent }))["createAgent"]["agent"]["id"]);
        let beat = json!({ "id": self.known.agent_id, "runState": "{}" });
        self.ask(
            "mutation($i: AgentHeartbeatInput!) { agentHeartbeat(input: $i) { commands } }",
            &json!({ "i": beat }),
        );
    }

    fn path_of(&self, url: &Value) -> String {
        url.as_str().unwrap().strip_prefix(&self.server.url).unwrap().to_owned()
    }

    /// What a stranger might have changed.
    fn look(&self) -> Value {
        self.ask(
            "{ models(entityName: \"wren-team\") { edges { node { name description runCount runs { edges { node {
               name displayName notes config summaryMetrics state stopped historyLineCount eventsLineCount logLineCount
               files { edges { node { name md5 updatedAt } } } } } }
               artifactTypes { edges { node { name } } }
               artifactCollections { edges { node { name description updatedAt tags { edges { node { name } } }
               aliases { edges { node { alias } } } artifacts { edges { node { id description metadata state updatedAt
               tags { name } files { edges { node { name digest } } } usedBy { edges { node { name } } } } } } } } }
               totalSweeps sweeps { edges { node { state displayName config controller runCount updatedAt
               agents { edges { node { id totalRuns heartbeatAt } } } } } } } } } }",
            &Value::Null,
        )
    }
}

/// A team of somebody's own in an organization; their key.
fn team_of(server: &Server<'_>, person: &str, organization: &str) -> String {
    let body = json!({ "username": person, "email": format!("{person}@example.com"), "organization": organization });
    let key = server.arrange("POST", "/api/v1/users", &body)["api_key"].as_str().unwrap().to_owned();
    let team = json!({ "name": format!("{person}-team"), "organization": organization, "admins": [person] });
    server.arrange("POST", "/api/v1/teams", &team);
    key
}

/// The members of an object come in any order.
fn comparable(answer: &str) -> Value {
    let text = as_nobodys(answer);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// No canary in the answers, and the same answers as for names that nobody has.
fn assert_nothing_told(who: &str, canaries: &[&str], told: &[Asked], of_nobody: &[Asked]) {
    assert_eq!(told.len(), of_nobody.len());
    for ((what, status, answer), (_, twin_status, twin)) in told.iter().zip(of_nobody) {
        let leaked = canaries.iter().find(|canary| answer.contains(**canary));
        assert_eq!(leaked, None, "{who}: {what} answers {status} {answer}");
        let (answer, twin) = (comparable(answer), comparable(twin));
        assert_eq!((*status, answer), (*twin_status, twin), "{who}: {what} tells that it exists");
    }
}

#[test]
fn nobody_of_another_tenant_learns_that_a_tenant_exists_or_changes_anything_of_it() {
    let place = Place::new();
    let server = place.serve();
    let (tenant, schema) = (Tenant::new(&server), Schema::of(&server));
    server.arrange("POST", "/api/v1/organizations", &json!({ "name": "other" }));
    let (team_admin, org_admin) = (team_of(&server, "kea", "other"), team_of(&server, "kiwi", "other"));
    server.arrange("PUT", "/api/v1/organizations/other/members/kiwi", &json!({ "role": "admin" }));
    let before = tenant.look();
    let asker = |key, own| Asker { server: &server, schema: &schema, key, own };
    let shouted = tenant.known.renamed(str::to_uppercase);

    for (who, asker) in [
        ("a team admin of another organization", asker(Some(&*team_admin), "kea-team")),
        ("an admin of another organization", asker(Some(&*org_admin), "kiwi-team")),
        ("nobody", asker(None, "kea-team")),
    ] {
        let canaries = [LOGGED, ADDRESS, FULL_NAME, &tenant.key[..6]];
        for known in [&tenant.known, &shouted] {
            let missing = known.missing();
            let read = (asker.read(known), asker.read(&missing));
            assert_nothing_told(who, &canaries, &read.0, &read.1);
            let written = (asker.write(known), asker.write(&missing));
            assert_nothing_told(who, &canaries, &written.0, &written.1);
            let asked = (asker.rest(known), asker.rest(&missing));
            assert_nothing_told(who, &canaries, &asked.0, &asked.1);
        }
    }

    assert_eq!(tenant.look(), before);
}

#[test]
fn another_team_of_the_organization_learns_no_more_than_who_is_in_it() {
    let place = Place::new();
    let server = place.serve();
    let (tenant, schema) = (Tenant::new(&server), Schema::of(&server));
    let key = team_of(&server, "kea", "wren-organization");
    let before = tenant.look();
    let asker = Asker { server: &server, schema: &schema, key: Some(&key), own: "kea-team" };

    let canaries = [LOGGED, ADDRESS, &tenant.key[..6]];
    // The organization, and who is in it, is theirs too.
    let known = Known {
        organization: "wren-nobody".into(),
        person: "wren-nobody".into(),
        email: "wren-nobody@example.com".into(),
        ..tenant.known.clone()
    };
    let (read, of_nobody) = (asker.read(&known), asker.read(&known.missing()));
    assert_nothing_told("a neighbour", &canaries, &read, &of_nobody);
    let (written, of_nobody) = (asker.write(&known), asker.write(&known.missing()));
    assert_nothing_told("a neighbour", &canaries, &written, &of_nobody);
    for (what, status, answer) in asker.read(&tenant.known).iter().chain(&asker.rest(&tenant.known)) {
        let leaked = canaries.iter().find(|canary| answer.contains(**canary));
        assert_eq!(leaked, None, "{what} answers {status} {answer}");
    }
    assert_eq!(tenant.look(), before);
}

#[test]
fn the_crawl_finds_the_canaries_where_they_may_be_read() {
    let place = Place::new();
    let server = place.serve();
    let (tenant, schema) = (Tenant::new(&server), Schema::of(&server));
    let asker = Asker { server: &server, schema: &schema, key: Some(&tenant.key), own: "wren-team" };

    let read = asker.read(&tenant.known);

    for (what, status, answer) in &read {
        assert_eq!(*status, 200, "{what}: {answer}");
    }
    let all = read.iter().map(|(_, _, answer)| answer.as_str()).collect::<String>();
    for canary in [LOGGED, ADDRESS, FULL_NAME, &tenant.key[..6]] {
        assert!(all.contains(canary), "{canary}");
    }
    for field in ["config", "summaryMetrics", "history", "eventsTail", "notes", "displayName", "description", "tags"] {
        let told = format!("\"{field}\":");
        let begins = all.match_indices(&told).map(|(at, _)| &all[at..]);
        assert!(begins.into_iter().any(|rest| rest[..rest.len().min(200)].contains(LOGGED)), "{field} has no canary");
    }
}

#[test]
fn a_url_of_storage_gives_what_it_was_made_for_and_nothing_of_a_run_in_the_trash() {
    let place = Place::new();
    let server = place.serve();
    let tenant = Tenant::new(&server);
    let finished = json!({ "complete": true, "exitcode": 0 });
    let path = "/files/wren-team/wren-project/wren-run/file_stream";
    assert_eq!(server.ask_as(Some(&tenant.key), "POST", path, &finished.to_string()).0, 200);
    let text = "{ project(name: \"wren-project\", entityName: \"wren-team\") { run(name: \"wren-run\") {
        parquetHistory(liveKeys: [\"_step\"]) { parquetUrls }
        files { edges { node { url put: url(upload: true) } } } } } }";
    let urls = wait_for(|| {
        let found = tenant.ask(text, &Value::Null);
        let run = &found["project"]["run"];
        let (parquet, file) = (&run["parquetHistory"]["parquetUrls"][0], &run["files"]["edges"][0]["node"]);
        let path_of = |url: &Value| tenant.path_of(url);
        (!parquet.is_null()).then(|| [path_of(&file["url"]), path_of(&file["put"]), path_of(parquet)])
    });
    let [get, put, parquet] = &urls;
    let status = |method: &str, path: &str| server.status(method, path);

    assert_eq!((status("GET", get), status("GET", parquet)), (200, 200));
    assert_eq!((status("PUT", get), status("PUT", parquet), status("GET", put)), (403, 403, 403));
    for url in &urls {
        for at in "/storage/".len()..url.len() {
            let mut forged = url.clone();
            let other = if forged.as_bytes()[at] == b'A' { "B" } else { "A" };
            forged.replace_range(at..=at, other);
            assert_eq!((status("GET", &forged), status("PUT", &forged)), (403, 403), "{url} as {forged}");
        }
    }
    let id = json!({ "i": { "id": tenant.known.run_id() } });
    tenant.ask("mutation($i: DeleteRunInput!) { deleteRun(input: $i) { success } }", &id);
    assert_eq!((status("GET", get), status("PUT", put), status("GET", parquet)), (404, 404, 404));
}
