//! Requests about projects, runs and sweeps, through the doors that clients use. Whether something was done is looked up
//! by its owner afterwards.

use crate::cast::{self, Outcome, Told};
use crate::server::{Server, path_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::cell::RefCell;

/// What a request is aimed at.
#[derive(Clone)]
struct Target {
    entity: String,
    project: String,
    run: String,
    /// A project without runs, and its id.
    spare: String,
    spare_id: String,
    /// A file of the run, by its id.
    file: String,
    sweep: String,
    /// The sweep, and an agent of it, by their ids.
    sweep_id: String,
    agent_id: String,
    /// What the request makes, where it makes something.
    new: String,
}

impl Target {
    fn run_id(&self) -> String {
        STANDARD.encode(format!("Run:v1:{}:{}:{}", self.run, self.project, self.entity))
    }

    fn path(&self) -> Value {
        json!({ "entityName": self.entity, "projectName": self.project, "runName": self.run })
    }

    /// The answer, whatever the things in it are called. Longest first: one name may be in another.
    fn nameless(&self, told: &Told) -> Told {
        let mut names = [&self.entity, &self.project, &self.run, &self.spare, &self.sweep, &self.new];
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        (told.0, names.into_iter().fold(told.1.clone(), |text, name| text.replace(name.as_str(), "NAME")))
    }
}

/// Somebody who asks.
struct Asker<'s> {
    server: &'s Server<'s>,
    key: Option<String>,
}

impl Asker<'_> {
    fn query(&self, query: &str, variables: &Value) -> Told {
        self.server.graphql(self.key.as_deref(), query, variables)
    }

    /// A mutation whose only answer is that it was done.
    fn mutate(&self, field: &str, input: &Value) -> Told {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let text = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ __typename }} }}");
        self.query(&text, &json!({ "i": input }))
    }

    /// Sends a file through the URL that the answer has, if it has one.
    fn put(&self, made: Told) -> Told {
        let answer: Value = serde_json::from_str(&made.1).unwrap();
        let Some(url) = answer["data"]["createRunFiles"]["files"][0]["uploadUrl"].as_str() else { return made };
        self.server.ask_as(None, "PUT", path_of(url), "sent by the row")
    }

    fn stream(&self, at: &Target, body: &Value) -> Told {
        let path = format!("/files/{}/{}/{}/file_stream", at.entity, at.project, at.run);
        self.server.ask_as(self.key.as_deref(), "POST", &path, &body.to_string())
    }

    fn post(&self, at: &Target, path: &str, body: &Value) -> Told {
        let path = format!("/api/v1/projects/{}/{}{path}", at.entity, at.project);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.ask_as(self.key.as_deref(), "POST", &path, &body)
    }

    fn create_file(&self, at: &Target, name: &str) -> Told {
        let text = "mutation($i: CreateRunFilesInput!) { createRunFiles(input: $i) { files { uploadUrl } } }";
        let mut input = at.path();
        input["files"] = json!([name]);
        self.put(self.query(text, &json!({ "i": input })))
    }

    /// Everything that a row may have changed.
    fn look(&self, at: &Target) -> Value {
        let text = "query($e: String, $p: String, $r: String!, $s: String!, $new: String!, $spare: String) {
            made: project(name: $new, entityName: $e) { name }
            spare: project(name: $spare, entityName: $e) { id access }
            project(name: $p, entityName: $e) { description new: run(name: $new) { name } run(name: $r) {
                id notes state stopped historyLineCount files { edges { node { id name } } } }
                sweeps(first: 1) { edges { node { description } } }
                sweep(sweepName: $s) { state displayName runCount agents { edges { node { id } } } } } }";
        let variables = json!({ "e": at.entity, "p": at.project, "r": at.run, "s": at.sweep, "new": at.new,
            "spare": at.spare });
        let told = self.query(text, &variables);
        assert_eq!(told.0, 200, "{}", told.1);
        let mut found = serde_json::from_str::<Value>(&told.1).unwrap()["data"].take();
        let path = format!("/api/v1/projects/{}/{}/members", at.entity, at.spare);
        found["members"] = json!(self.server.ask_as(self.key.as_deref(), "GET", &path, "").1);
        found
    }
}

/// A request that an action guards.
#[derive(Clone, Copy)]
struct Row {
    action: &'static str,
    /// Which of the requests of this action.
    name: &'static str,
    /// What the owner does first.
    before: fn(&Asker<'_>, &Target),
    send: fn(&Asker<'_>, &Target) -> Told,
    /// Whether it was done: what was told, and what the owner finds afterwards.
    is_done: fn(&Target, &Told, &Value) -> bool,
}

/// Reading is done when the answer has a name that only the target has.
fn tells_id(_: &Target, told: &Told, _: &Value) -> bool {
    told.1.contains("\"id\":")
}

fn rows() -> Vec<Row> {
    run_rows().into_iter().chain(sweep_rows()).chain(project_rows()).collect()
}

/// Of the project without runs, which is the owner's.
fn project_rows() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, before: |_, _| {}, send, is_done };
    vec![
        row(
            "project:members",
            "PUT /members",
            |asker, at| {
                let path = format!("/api/v1/projects/{}/{}/members/member", at.entity, at.spare);
                asker.server.ask_as(asker.key.as_deref(), "PUT", &path, "{\"role\": \"view_only\"}")
            },
            |_, _, after| after["members"].as_str().unwrap().contains("\"role\":\"view_only\""),
        ),
        row(
            "project:visibility",
            "PATCH",
            |asker, at| {
                let path = format!("/api/v1/projects/{}/{}", at.entity, at.spare);
                asker.server.ask_as(asker.key.as_deref(), "PATCH", &path, "{\"visibility\": \"restricted\"}")
            },
            |_, _, after| after["spare"]["access"] == "RESTRICTED",
        ),
    ]
}

fn run_rows() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, before: |_, _| {}, send, is_done };
    let is_gone: fn(&Target, &Told, &Value) -> bool = |_, _, after| after["project"]["run"].is_null();
    let is_back: fn(&Target, &Told, &Value) -> bool = |_, _, after| !after["project"]["run"].is_null();
    vec![
        row("project:read", "project", |asker, at| project(asker, "project", at), tells_id),
        row("project:read", "model", |asker, at| project(asker, "model", at), tells_id),
        row("project:read", "models", list_projects, tells_id),
        row("project:create", "upsertModel", create_project, |_, _, after| !after["made"].is_null()),
        row("project:update", "upsertModel", describe_project, |at, _, after| {
            after["project"]["description"] == at.new.as_str()
        }),
        row(
            "project:update",
            "renameProject",
            |asker, at| {
                let names = json!({ "entityName": at.entity, "oldProjectName": at.spare, "newProjectName": at.new });
                asker.mutate("renameProject", &names)
            },
            |_, _, after| after["spare"].is_null() && !after["made"].is_null(),
        ),
        row(
            "project:delete",
            "deleteModel",
            |asker, at| asker.mutate("deleteModel", &json!({ "id": at.spare_id })),
            |_, _, after| after["spare"].is_null(),
        ),
        row("run:read", "run", |asker, at| read_run(asker, "run", at), tells_id),
        row("run:read", "bucket", |asker, at| read_run(asker, "bucket", at), tells_id),
        row("run:read", "runs", list_runs, tells_id),
        row(
            "run:read",
            "markRunFilesUploaded",
            |asker, at| {
                let mut input = at.path();
                input["files"] = json!(["arranged.txt"]);
                asker.mutate("markRunFilesUploaded", &input)
            },
            |_, told, _| told.0 == 200,
        ),
        row(
            "run:log",
            "upsertBucket, a new run",
            |asker, at| {
                let input = json!({ "entityName": at.entity, "modelName": at.project, "name": at.new });
                asker.mutate("upsertBucket", &input)
            },
            |_, _, after| !after["project"]["new"].is_null(),
        ),
        row(
            "run:log",
            "upsertBucket, a run that goes on",
            |asker, at| {
                let session =
                    json!({ "id": at.run_id(), "config": "{}", "jobProgram": "train.py", "notes": "went on" });
                asker.mutate("upsertBucket", &session)
            },
            |_, _, after| after["project"]["run"]["notes"] == "went on",
        ),
        row(
            "run:log",
            "file_stream",
            |asker, at| {
                let lines = json!({ "offset": 3, "content": ["{\"_step\":3}"] });
                asker.stream(at, &json!({ "files": { "wandb-history.jsonl": lines } }))
            },
            |_, _, after| after["project"]["run"]["historyLineCount"] == 4,
        ),
        row(
            "run:log",
            "createRunFiles and PUT /storage",
            |asker, at| asker.create_file(at, "sent.txt"),
            |_, _, after| has_file(after, "sent.txt"),
        ),
        row(
            "run:log",
            "notifyScriptableRunAlert",
            |asker, at| {
                let mut input = at.path();
                (input["title"], input["text"]) = (json!("title"), json!("text"));
                asker.mutate("notifyScriptableRunAlert", &input)
            },
            |_, told, _| told.0 == 200,
        ),
        row(
            "run:update",
            "upsertBucket",
            |asker, at| asker.mutate("upsertBucket", &json!({ "id": at.run_id(), "notes": "edited" })),
            |_, _, after| after["project"]["run"]["notes"] == "edited",
        ),
        row(
            "run:update",
            "updateRunState",
            |asker, at| asker.mutate("updateRunState", &json!({ "id": at.run_id(), "state": "failed" })),
            |_, _, after| after["project"]["run"]["state"] == "failed",
        ),
        row(
            "run:delete",
            "deleteRun",
            |asker, at| asker.mutate("deleteRun", &json!({ "id": at.run_id() })),
            |_, _, after| after["project"]["run"].is_null(),
        ),
        row(
            "run:delete",
            "deleteRuns",
            |asker, at| asker.mutate("deleteRuns", &json!({ "ids": [at.run_id()] })),
            is_gone,
        ),
        row(
            "run:delete",
            "POST /runs/delete",
            |asker, at| asker.post(at, "/runs/delete", &json!({ "runs": [at.run] })),
            is_gone,
        ),
        Row {
            before: delete_run,
            ..row(
                "run:undelete",
                "undeleteRuns",
                |asker, at| asker.mutate("undeleteRuns", &json!({ "ids": [at.run_id()] })),
                is_back,
            )
        },
        Row {
            before: delete_run,
            ..row(
                "run:undelete",
                "POST /restore",
                |asker, at| asker.post(at, &format!("/runs/{}/restore", at.run), &Value::Null),
                is_back,
            )
        },
        Row {
            before: end_run,
            ..row(
                "run:move",
                "moveRuns",
                |asker, at| {
                    let to = json!({ "ids": [at.run_id()], "destinationEntityName": at.entity,
                        "destinationProjectName": "other" });
                    asker.mutate("moveRuns", &to)
                },
                is_gone,
            )
        },
        Row {
            before: end_run,
            ..row(
                "run:move",
                "POST /runs/move",
                |asker, at| {
                    let to = json!({ "runs": [at.run], "entity": at.entity, "project": "other" });
                    asker.post(at, "/runs/move", &to)
                },
                is_gone,
            )
        },
        row(
            "run:delete",
            "rewindRun",
            |asker, at| {
                let mut input = at.path();
                (input["metricName"], input["metricValue"]) = (json!("_step"), json!(0));
                asker.mutate("rewindRun", &input)
            },
            |_, _, after| after["project"]["run"]["historyLineCount"] == 1,
        ),
        row(
            "run:delete",
            "deleteFiles",
            |asker, at| asker.mutate("deleteFiles", &json!({ "files": [at.file] })),
            |_, _, after| !has_file(after, "arranged.txt"),
        ),
        row(
            "run:stop",
            "stopRun",
            |asker, at| asker.mutate("stopRun", &json!({ "id": at.run_id() })),
            |_, _, after| after["project"]["run"]["stopped"] == true,
        ),
    ]
}

fn sweep_rows() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, before: |_, _| {}, send, is_done };
    vec![
        row("run:read", "sweep", read_sweep, tells_id),
        row("run:read", "sweeps", list_sweeps, tells_id),
        row("sweep:create", "upsertSweep", create_sweep, |at, _, after| {
            after["project"]["sweeps"]["edges"][0]["node"]["description"] == at.new.as_str()
        }),
        row(
            "sweep:agent",
            "createAgent",
            |asker, at| {
                let input =
                    json!({ "entityName": at.entity, "projectName": at.project, "sweep": at.sweep, "host": "h" });
                asker.mutate("createAgent", &input)
            },
            |_, _, after| after["project"]["sweep"]["agents"]["edges"].as_array().map(Vec::len) == Some(2),
        ),
        row(
            "sweep:agent",
            "agentHeartbeat",
            |asker, at| asker.mutate("agentHeartbeat", &json!({ "id": at.agent_id, "runState": "{}" })),
            |_, _, after| after["project"]["sweep"]["state"] == "RUNNING",
        ),
        row(
            "sweep:agent",
            "enqueueSweepRun",
            |asker, at| asker.mutate("enqueueSweepRun", &json!({ "id": at.sweep_id, "config": "{\"a\":1}" })),
            |_, _, after| after["project"]["sweep"]["runCount"] == 1,
        ),
        row(
            "sweep:update",
            "upsertSweep, its state",
            |asker, at| asker.mutate("upsertSweep", &json!({ "id": at.sweep_id, "state": "CANCELED" })),
            |_, _, after| after["project"]["sweep"]["state"] == "CANCELED",
        ),
        row(
            "sweep:update",
            "upsertSweep, its name",
            |asker, at| asker.mutate("upsertSweep", &json!({ "id": at.sweep_id, "displayName": "renamed" })),
            |_, _, after| after["project"]["sweep"]["displayName"] == "renamed",
        ),
    ]
}

fn read_sweep(asker: &Asker<'_>, at: &Target) -> Told {
    let text = "query($e: String, $p: String, $s: String!) { project(name: $p, entityName: $e) { sweep(sweepName: $s) {
        id config runs { edges { node { id } } } agents { edges { node { id host } } } } } }";
    asker.query(text, &json!({ "e": at.entity, "p": at.project, "s": at.sweep }))
}

fn list_sweeps(asker: &Asker<'_>, at: &Target) -> Told {
    let text = "query($e: String, $p: String) { project(name: $p, entityName: $e) {
        totalSweeps sweeps(first: 1) { edges { cursor node { id bestLoss } } } } }";
    asker.query(text, &json!({ "e": at.entity, "p": at.project }))
}

fn create_sweep(asker: &Asker<'_>, at: &Target) -> Told {
    let config = "method: random\nparameters: {a: {values: [1, 2]}}";
    let input = json!({ "entityName": at.entity, "projectName": at.project, "config": config, "description": at.new });
    asker.mutate("upsertSweep", &input)
}

fn delete_run(owner: &Asker<'_>, at: &Target) {
    assert_eq!(owner.mutate("deleteRun", &json!({ "id": at.run_id() })).0, 200);
}

/// It has ended, and there is another project to go to.
fn end_run(owner: &Asker<'_>, at: &Target) {
    assert_eq!(owner.mutate("updateRunState", &json!({ "id": at.run_id(), "state": "finished" })).0, 200);
    assert_eq!(owner.mutate("upsertModel", &json!({ "entityName": at.entity, "name": "other" })).0, 200);
}

fn has_file(after: &Value, name: &str) -> bool {
    let files = after["project"]["run"]["files"]["edges"].as_array();
    files.is_some_and(|files| files.iter().any(|edge| edge["node"]["name"] == name))
}

fn project(asker: &Asker<'_>, field: &str, at: &Target) -> Told {
    let text = format!("query($e: String, $p: String) {{ found: {field}(name: $p, entityName: $e) {{ id name }} }}");
    asker.query(&text, &json!({ "e": at.entity, "p": at.project }))
}

fn list_projects(asker: &Asker<'_>, at: &Target) -> Told {
    let text = "query($e: String) { models(entityName: $e) { edges { cursor node { id } } pageInfo { hasNextPage } } }";
    asker.query(text, &json!({ "e": at.entity }))
}

fn create_project(asker: &Asker<'_>, at: &Target) -> Told {
    asker.mutate("upsertModel", &json!({ "entityName": at.entity, "name": at.new }))
}

fn describe_project(asker: &Asker<'_>, at: &Target) -> Told {
    asker.mutate("upsertModel", &json!({ "entityName": at.entity, "name": at.project, "description": at.new }))
}

fn read_run(asker: &Asker<'_>, field: &str, at: &Target) -> Told {
    let text = format!(
        "query($e: String, $p: String, $r: String!) {{ project(name: $p, entityName: $e) {{ found: {field}(name: $r) {{
         id config historyKeys summaryMetrics files {{ edges {{ node {{ id url }} }} }} }} }} }}"
    );
    asker.query(&text, &json!({ "e": at.entity, "p": at.project, "r": at.run }))
}

fn list_runs(asker: &Asker<'_>, at: &Target) -> Told {
    let text = "query($e: String, $p: String) { project(name: $p, entityName: $e) {
        runCount runs(first: 1) { edges { cursor node { id } } } } }";
    asker.query(text, &json!({ "e": at.entity, "p": at.project }))
}

/// Whose things are asked for, and where they are.
struct Scene<'s> {
    entity: &'static str,
    owner: Asker<'s>,
}

/// Three lines of history and a file, in a run of the owner's.
fn arrange(scene: &Scene<'_>, number: usize) -> Target {
    let mut at = Target {
        entity: scene.entity.into(),
        project: "mnist".into(),
        run: format!("run-{number}"),
        spare: format!("spare-{number}"),
        spare_id: String::new(),
        file: String::new(),
        sweep: String::new(),
        sweep_id: String::new(),
        agent_id: String::new(),
        new: format!("new-{number}"),
    };
    let made = json!({ "entityName": at.entity, "modelName": at.project, "name": at.run });
    let lines = json!({ "offset": 0, "content": ["{\"_step\":0}", "{\"_step\":1}", "{\"_step\":2}"] });
    let steps = [
        scene.owner.mutate("upsertBucket", &made),
        scene.owner.stream(&at, &json!({ "files": { "wandb-history.jsonl": lines } })),
        scene.owner.create_file(&at, "arranged.txt"),
        scene.owner.mutate("upsertModel", &json!({ "entityName": at.entity, "name": at.spare })),
    ];
    for (status, text) in steps {
        assert_eq!(status, 200, "{text}");
    }
    let found = scene.owner.look(&at);
    at.file = found["project"]["run"]["files"]["edges"][0]["node"]["id"].as_str().unwrap().to_owned();
    at.spare_id = found["spare"]["id"].as_str().unwrap().to_owned();
    arrange_sweep(scene, &mut at);
    at
}

/// A sweep of the owner's with an agent.
fn arrange_sweep(scene: &Scene<'_>, at: &mut Target) {
    let answer = |(status, text): Told| {
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["data"].take()
    };
    let config = "method: random\nparameters: {a: {values: [1, 2]}}";
    let sweep = json!({ "entityName": at.entity, "projectName": at.project, "config": config });
    let text = "mutation($i: UpsertSweepInput!) { upsertSweep(input: $i) { sweep { id name } } }";
    let made = answer(scene.owner.query(text, &json!({ "i": sweep })))["upsertSweep"]["sweep"].take();
    let named = |value: &Value| value.as_str().unwrap().to_owned();
    (at.sweep_id, at.sweep) = (named(&made["id"]), named(&made["name"]));
    let agent = json!({ "entityName": at.entity, "projectName": at.project, "sweep": at.sweep, "host": "h" });
    let text = "mutation($i: CreateAgentInput!) { createAgent(input: $i) { agent { id } } }";
    at.agent_id = named(&answer(scene.owner.query(text, &json!({ "i": agent })))["createAgent"]["agent"]["id"]);
}

/// The same request for things that are not there: the run, the project, the entity.
fn missing(at: &Target) -> [Target; 3] {
    let nowhere = Target {
        file: STANDARD.encode("RunFile:999999999"),
        run: "no-such-run".into(),
        sweep: "no-such-sweep".into(),
        sweep_id: STANDARD.encode("Sweep:999999999"),
        agent_id: STANDARD.encode("Agent:999999999"),
        spare: "no-such-spare".into(),
        spare_id: STANDARD.encode("Project:999999999"),
        ..at.clone()
    };
    let elsewhere = Target { project: "no-such-project".into(), ..nowhere.clone() };
    [Target { entity: "no-such-entity".into(), ..elsewhere.clone() }, elsewhere, nowhere]
}

/// The requests, on things that `owner` makes in the entity.
pub fn rows_in<'s>(entity: &'static str, owner: &cast::Asker<'s>) -> Vec<cast::Row<'s>> {
    let scene = || Scene { entity, owner: asker_of(owner) };
    // Nobody but its person works in a personal entity.
    let rows = rows().into_iter().filter(|row| entity == "vision" || row.action != "project:members");
    rows.map(|row| played(scene(), row)).collect()
}

fn asker_of<'s>(asker: &cast::Asker<'s>) -> Asker<'s> {
    Asker { server: asker.server, key: asker.key.clone() }
}

fn played<'s>(scene: Scene<'s>, row: Row) -> cast::Row<'s> {
    let (action, name) = (row.action, row.name);
    // What nobody has changed yet is there for the next who asks.
    let untouched = RefCell::new(None);
    let play = move |asker: &cast::Asker<'s>, number: usize| {
        let at = untouched.take().unwrap_or_else(|| {
            let at = arrange(&scene, number);
            (row.before)(&scene.owner, &at);
            at
        });
        let asker = asker_of(asker);
        let told = (row.send)(&asker, &at);
        let after = scene.owner.look(&at);
        let is_done = (row.is_done)(&at, &told, &after);
        let told_of_missing = missing(&at).into_iter().filter(|_| !is_done).find_map(|missing| {
            let twin = (row.send)(&asker, &missing);
            (at.nameless(&told) != missing.nameless(&twin)).then(|| format!("{} {}", twin.0, twin.1))
        });
        let outcome = Outcome { is_done, told_of_missing, detail: format!("{}, after it {after}", scene.entity), told };
        *untouched.borrow_mut() = (!is_done).then_some(at);
        outcome
    };
    cast::Row { action, name, play: Box::new(play) }
}
