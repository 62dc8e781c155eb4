//! Deleting, restoring and moving many runs: to all or to none, and with words about what stands in the way.

use crate::server::{Place, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const RUNS: &str = "/api/v1/projects/vision/mnist/runs";
const TRASH: &str = "/api/v1/projects/vision/mnist/trash";

/// A team `vision` with two members and an admin; their keys.
struct Team<'s> {
    server: &'s Server<'s>,
    ada: String,
    bob: String,
    boss: String,
}

impl<'s> Team<'s> {
    fn new(server: &'s Server<'s>) -> Self {
        let [ada, bob, boss] = ["ada", "bob", "boss"].map(|name| server.person(name));
        let team = json!({ "name": "vision", "organization": "default", "admins": ["boss"] });
        server.arrange("POST", "/api/v1/teams", &team);
        for member in ["ada", "bob"] {
            let path = format!("/api/v1/teams/vision/members/{member}");
            server.arrange("PUT", &path, &json!({ "role": "member" }));
        }
        Self { server, ada, bob, boss }
    }

    /// A run that has ended, with a row and a file.
    fn add_run(&self, key: &str, project: &str, run: &str) {
        let made = json!({ "entityName": "vision", "modelName": project, "name": run, "state": "finished" });
        self.mutate(key, "UpsertBucketInput", "upsertBucket(input: $i) { inserted }", &made);
        let lines = json!({ "offset": 0, "content": ["{\"_step\":0,\"loss\":0.5}"] });
        let body = json!({ "files": { "wandb-history.jsonl": lines }, "complete": true, "exitcode": 0 });
        let path = format!("/files/vision/{project}/{run}/file_stream");
        assert_eq!(self.server.ask_as(Some(key), "POST", &path, &body.to_string()).0, 200);
        let files = json!({ "entityName": "vision", "projectName": project, "runName": run, "files": ["a.txt"] });
        let text = "createRunFiles(input: $i) { files { uploadUrl } }";
        let made = self.mutate(key, "CreateRunFilesInput", text, &files);
        let url = made["createRunFiles"]["files"][0]["uploadUrl"].as_str().unwrap();
        let path = url.strip_prefix(&self.server.url).unwrap();
        assert_eq!(self.server.ask_as(None, "PUT", path, "what it says").0, 200);
    }

    fn mutate(&self, key: &str, kind: &str, field: &str, input: &Value) -> Value {
        let text = format!("mutation($i: {kind}!) {{ {field} }}");
        let (status, told) = self.server.graphql(Some(key), &text, &json!({ "i": input }));
        assert_eq!(status, 200, "{told}");
        serde_json::from_str::<Value>(&told).unwrap()["data"].take()
    }

    fn post(&self, key: &str, path: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.server.ask(key, "POST", path, body);
        (status, answer["error"]["message"].as_str().map_or(answer.to_string(), str::to_owned))
    }

    /// The names of a project's runs.
    fn names(&self, project: &str) -> Vec<String> {
        let text =
            "query($p: String!) { project(name: $p, entityName: \"vision\") { runs { edges { node { name } } } } }";
        let (status, told) = self.server.graphql(Some(&self.ada), text, &json!({ "p": project }));
        assert_eq!(status, 200, "{told}");
        let answer: Value = serde_json::from_str(&told).unwrap();
        let edges = answer["data"]["project"]["runs"]["edges"].as_array().unwrap();
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn id(project: &str, run: &str) -> String {
    STANDARD.encode(format!("Run:v1:{run}:{project}:vision"))
}

#[test]
fn runs_are_deleted_together_and_none_is_when_one_is_somebody_elses() {
    let place = Place::new();
    let server = place.serve();
    let team = Team::new(&server);
    for (key, run) in [(&team.ada, "a1"), (&team.ada, "a2"), (&team.bob, "b1")] {
        team.add_run(key, "mnist", run);
    }

    let (status, why) = team.post(&team.ada, &format!("{RUNS}/delete"), &json!({ "runs": ["a1", "b1", "a2"] }));

    assert_eq!(status, 403);
    assert!(why.contains("nothing was changed") && why.contains("`b1`") && !why.contains("`a1`"), "{why}");
    assert_eq!(team.names("mnist"), ["a1", "a2", "b1"]);
    let (status, why) = team.post(&team.ada, &format!("{RUNS}/delete"), &json!({ "runs": ["a1", "none"] }));
    assert!(status == 404 && why.contains("none"), "{why}");

    assert_eq!(team.post(&team.ada, &format!("{RUNS}/delete"), &json!({ "runs": ["a1", "a2", "a1"] })).0, 200);
    assert_eq!(team.names("mnist"), ["b1"]);
    let ids = json!({ "ids": [id("mnist", "b1")] });
    team.mutate(&team.boss, "DeleteRunsInput", "deleteRuns(input: $i) { success }", &ids);
    assert_eq!(team.names("mnist"), [""; 0]);
}

#[test]
fn a_deleted_run_says_when_it_is_removed_and_comes_back_whole() {
    let place = Place::new();
    let server = place.serve();
    let team = Team::new(&server);
    for run in ["a1", "a2"] {
        team.add_run(&team.ada, "mnist", run);
    }
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/delete"), &json!({ "runs": ["a1"] })).0, 200);

    let (status, trash) = server.ask(&team.bob, "GET", TRASH, &Value::Null);

    assert_eq!((status, trash["runs"].as_array().map(Vec::len)), (200, Some(1)), "{trash}");
    let run = &trash["runs"][0];
    assert_eq!((&run["name"], &run["owner"]), (&json!("a1"), &json!("ada")));
    let day = |field: &str| chrono::DateTime::parse_from_rfc3339(run[field].as_str().unwrap()).unwrap();
    assert_eq!((day("removed_at") - day("deleted_at")).num_days(), 30);

    assert_eq!(team.post(&team.bob, &format!("{RUNS}/a1/restore"), &Value::Null).0, 403);
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/a1/restore"), &Value::Null).0, 200);
    assert_eq!(team.names("mnist"), ["a1", "a2"]);
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/a1/restore"), &Value::Null).0, 404);
    let ids = json!({ "ids": [id("mnist", "a2")] });
    team.mutate(&team.ada, "DeleteRunsInput", "deleteRuns(input: $i) { success }", &ids);
    team.mutate(&team.ada, "UndeleteRunsInput", "undeleteRuns(input: $i) { success }", &ids);
    assert_eq!(team.names("mnist"), ["a1", "a2"]);
}

#[test]
fn a_moved_run_keeps_what_it_has_and_whose_it_is() {
    let place = Place::new();
    let server = place.serve();
    let team = Team::new(&server);
    team.add_run(&team.ada, "other", "a0");
    team.add_run(&team.bob, "mnist", "b1");
    let to = json!({ "runs": ["b1"], "entity": "vision", "project": "other" });

    assert_eq!(team.post(&team.ada, &format!("{RUNS}/move"), &to).0, 403);
    assert_eq!(team.post(&team.bob, &format!("{RUNS}/move"), &to).0, 200);

    assert_eq!((team.names("mnist"), team.names("other")), (vec![], vec!["a0".to_owned(), "b1".to_owned()]));
    let text =
        "{ project(name: \"other\", entityName: \"vision\") { runCount(filters: \"{\\\"username\\\":\\\"bob\\\"}\")
        run(name: \"b1\") { historyLineCount user { username } files { totalCount edges { node { directUrl } } } } } }";
    let (_, told) = server.graphql(Some(&team.ada), text, &Value::Null);
    let project = serde_json::from_str::<Value>(&told).unwrap()["data"]["project"].take();
    assert_eq!(project["runCount"], 1);
    let run = &project["run"];
    assert_eq!((&run["historyLineCount"], &run["user"]["username"]), (&json!(1), &json!("bob")));
    assert_eq!(run["files"]["totalCount"], 1);
    let url = run["files"]["edges"][0]["node"]["directUrl"].as_str().unwrap();
    let (status, bytes) = server.ask_as(None, "GET", url.strip_prefix(&server.url).unwrap(), "");
    assert_eq!((status, bytes.as_str()), (200, "what it says"));
    // Ada made the project; the run in it is Bob's all the same.
    let ids = json!({ "runs": ["b1"] });
    assert_eq!(team.post(&team.ada, "/api/v1/projects/vision/other/runs/delete", &ids).0, 403);
    assert_eq!(team.post(&team.bob, "/api/v1/projects/vision/other/runs/delete", &ids).0, 200);
}

#[test]
fn a_project_is_deleted_with_the_callers_runs_and_with_nobody_elses() {
    let place = Place::new();
    let server = place.serve();
    let team = Team::new(&server);
    team.add_run(&team.ada, "mnist", "a1");
    team.add_run(&team.boss, "mnist", "c1");
    let (_, told) =
        server.graphql(Some(&team.boss), "{ project(name: \"mnist\", entityName: \"vision\") { id } }", &json!({}));
    let id = serde_json::from_str::<Value>(&told).unwrap()["data"]["project"]["id"].take();
    let delete = || {
        let text = "mutation($id: String!) { deleteModel(input: { id: $id }) { success } }";
        server.graphql(Some(&team.boss), text, &json!({ "id": id }))
    };

    let (status, why) = delete();
    assert!(status == 403 && why.contains("`a1`") && !why.contains("`c1`"), "{why}");
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/delete"), &json!({ "runs": ["a1"] })).0, 200);
    let (status, why) = delete();
    assert!(status == 403 && why.contains("trash"), "Ada may still restore it: {why}");
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/a1/restore"), &Value::Null).0, 200);
    let to = json!({ "runs": ["a1"], "entity": "vision", "project": "other" });
    team.add_run(&team.ada, "other", "a0");
    assert_eq!(team.post(&team.ada, &format!("{RUNS}/move"), &to).0, 200);

    let (status, why) = delete();

    assert_eq!(status, 200, "{why}");
    let text = "{ project(name: \"mnist\", entityName: \"vision\") { id } }";
    assert!(server.graphql(Some(&team.boss), text, &Value::Null).1.contains("\"project\":null"));
    // The name is free at once, and what begins there is a new project.
    team.add_run(&team.ada, "mnist", "c1");
    assert_eq!((team.names("mnist"), team.names("other")), (vec!["c1".into()], vec!["a1".into(), "a0".into()]));
}

#[test]
fn a_move_names_the_runs_that_cannot_go() {
    let place = Place::new();
    let server = place.serve();
    let team = Team::new(&server);
    for (project, run) in [("mnist", "a1"), ("mnist", "a2"), ("mnist", "a3"), ("other", "a2"), ("other", "a3")] {
        team.add_run(&team.ada, project, run);
    }
    let gone = json!({ "runs": ["a3"] });
    assert_eq!(team.post(&team.ada, "/api/v1/projects/vision/other/runs/delete", &gone).0, 200);
    let going_on = json!({ "entityName": "vision", "modelName": "mnist", "name": "running" });
    team.mutate(&team.ada, "UpsertBucketInput", "upsertBucket(input: $i) { inserted }", &going_on);
    let refused = |runs: &[&str], project: &str| {
        let body = json!({ "runs": runs, "entity": "vision", "project": project });
        let (status, why) = team.post(&team.ada, &format!("{RUNS}/move"), &body);
        assert_eq!(team.names("mnist"), ["a1", "a2", "a3", "running"], "{why}");
        (status, why)
    };

    let (status, why) = refused(&["a1", "a2", "a3"], "other");
    assert!(status == 409 && why.contains("`a2`, `a3`") && !why.contains("`a1`"), "{why}");
    let (status, why) = refused(&["a1", "running"], "other");
    assert!(status == 409 && why.contains("`running` is still running"), "{why}");
    let (status, why) = refused(&["a1"], "none");
    assert!(status == 404 && why.contains("vision/none"), "{why}");

    let input = json!({ "ids": [id("mnist", "a1")], "destinationEntityName": "vision",
        "destinationProjectName": "other" });
    team.mutate(&team.ada, "MoveRunsInput", "moveRuns(input: $i) { success }", &input);
    assert_eq!(team.names("other"), ["a1", "a2"]);
}
