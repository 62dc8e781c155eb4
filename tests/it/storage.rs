//! How much is stored, what nothing leads to, and whether what is stored is whole: over HTTP and by commands.

use crate::server::{Place, Server};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Output;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A team with a file in a run; its admin's key.
fn with_file(server: &Server<'_>) -> String {
    let key = server.person("ada");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    let graphql = |query: &str| -> Value {
        let (status, text) = server.graphql(Some(&key), query, &Value::Null);
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    graphql(r#"mutation { upsertBucket(input: {name: "r", modelName: "p", entityName: "vision"}) { inserted } }"#);
    let made = graphql(
        r#"mutation { createRunFiles(input: {entityName: "vision", projectName: "p", runName: "r",
           files: ["media/a.txt"]}) { files { uploadUrl } } }"#,
    );
    let url = made["data"]["createRunFiles"]["files"][0]["uploadUrl"].as_str().unwrap();
    let path = url.strip_prefix(&server.url).unwrap();
    assert_eq!(server.ask_as(None, "PUT", path, "twelve bytes").0, 200);
    key
}

/// The one object of the run.
fn object(place: &Place) -> PathBuf {
    let directory = std::fs::read_dir(place.data().join("objects/files")).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(directory).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn admins_see_how_much_their_team_has_stored() {
    let place = Place::new();
    let server = place.serve();
    let key = with_file(&server);

    let (status, usage) = server.ask(&key, "GET", "/api/v1/teams/vision/storage", &Value::Null);

    assert_eq!(status, 200, "{usage}");
    let media = json!({ "kind": "media", "objects": 1, "physical_bytes": 12, "logical_bytes": 12 });
    assert_eq!(usage["kinds"], json!([media]));
    assert_eq!((&usage["objects"], &usage["physical_bytes"]), (&json!(1), &json!(12)));
    let printed = said(&place.run(&["storage", "usage"], ""));
    assert!(printed.contains("vision  media") && printed.contains("12"), "{printed}");
    let as_json: Value =
        serde_json::from_str(&said(&place.run(&["storage", "usage", "--team", "vision", "--json"], ""))).unwrap();
    assert_eq!(as_json[0]["logical_bytes"], 12);
}

#[test]
fn commands_say_what_nothing_leads_to_and_why_the_rest_stays() {
    let place = Place::new();
    let server = place.serve();
    with_file(&server);
    std::fs::write(place.data().join("objects/files/note.txt"), "somebody's").unwrap();

    let output = place.run(&["storage", "gc", "--dry-run"], "");

    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for line in [
        "default: 0 objects, 0 bytes could be deleted",
        "default: nothing was deleted: it was only asked what would be deleted",
        "default: 1 run files, 12 bytes stay: a run, an artifact or a team has it",
        "default: 1 others, 10 bytes stay: it is no object of this server",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(server.arrange("GET", "/api/v1/storage/orphans", &Value::Null), json!({ "stores": [] }));
    let cleaned = said(&place.run(&["storage", "gc", "--store", "default"], ""));
    assert!(cleaned.contains("default: 0 objects, 0 bytes deleted"), "{cleaned}");
    let reports = server.arrange("GET", "/api/v1/storage/orphans", &Value::Null);
    assert_eq!(reports["stores"][0]["store"], "default", "{reports}");
    let unknown = place.run(&["storage", "gc", "--store", "nowhere"], "");
    assert!(
        !unknown.status.success() && said(&unknown).contains("connector `nowhere` does not exist"),
        "{}",
        said(&unknown)
    );
}

#[test]
fn a_scrub_names_the_run_of_a_damaged_file_until_it_is_whole() {
    let place = Place::new();
    let server = place.serve();
    with_file(&server);
    let whole = said(&place.run(&["storage", "scrub"], ""));
    assert!(whole.contains("1 objects, 12 bytes are as they should be"), "{whole}");
    std::fs::write(object(&place), "twelve bytez").unwrap();

    let output = place.run(&["storage", "scrub", "--team", "vision"], "");

    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("run `vision/p/r`, file `media/a.txt`") && text.contains("has other contents"), "{text}");
    let report = server.arrange("GET", "/api/v1/storage/scrub", &Value::Null);
    assert_eq!(report["findings"][0]["fault"], "damaged", "{report}");
    let printed = said(&place.run(&["storage", "scrub", "--report"], ""));
    assert!(printed.contains("media/a.txt"), "{printed}");
    std::fs::write(object(&place), "twelve bytes").unwrap();
    drop(server);
    // The command does the same without a server.
    assert!(place.run(&["storage", "scrub"], "").status.success());
    assert!(!said(&place.run(&["storage", "scrub", "--report"], "")).contains("media/a.txt"));
}

#[test]
fn a_migration_that_never_was_is_said_to_be_none() {
    let place = Place::new();
    let server = place.serve();
    with_file(&server);

    assert_eq!(server.arrange("GET", "/api/v1/teams/vision/migration", &Value::Null), json!({ "migration": null }));
    let said_so = place.run(&["connector", "migrate", "--team", "vision"], "");
    assert!(said(&said_so).contains("never migrated"), "{}", said(&said_so));
    let (status, refused) = server.operate("POST", "/api/v1/teams/vision/migration", &json!({ "to": "default" }));
    assert_eq!(status, 409, "{refused}");
    let (status, refused) = server.operate("POST", "/api/v1/teams/vision/migration/pause", &Value::Null);
    assert_eq!(status, 404, "{refused}");
}
