//! The audit log of a running server: what requests leave in it, and the commands that check and read it.

use crate::server::{Place, Server, wait_for};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

/// Every record, linked or waiting, as the operator sees it in a dump: in the order of their writing.
fn records(place: &Place) -> Vec<Value> {
    let dump = place.run(&["db", "dump"], "");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let lines = String::from_utf8(dump.stdout).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts = |table: &'static str, pointer: &'static str| {
        let of_table = rows.iter().filter(move |row| row["table"] == table);
        of_table.map(move |row| row["record"].pointer(pointer).unwrap().as_str().unwrap().to_owned())
    };
    let all = texts("audit_log", "/written/text").chain(texts("audit_pending", "/text"));
    all.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

fn of<'r>(records: &'r [Value], action: &str) -> Vec<&'r Value> {
    records.iter().filter(|record| record["action"] == action).collect()
}

/// What `audit verify` says, and whether all is well.
fn verify(place: &Place, words: &[&str]) -> (bool, String) {
    let output = place.run(&[&["audit", "verify"], words].concat(), "");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// A team `vision` of Ada's, who has logged a run.
fn arrange(server: &Server<'_>) -> String {
    let ada = server.person("ada");
    let team = json!({ "name": "vision", "organization": "default", "admins": ["ada"] });
    server.arrange("POST", "/api/v1/teams", &team);
    let query = r#"mutation { upsertBucket(input: {entityName: "vision", modelName: "p", name: "r"}) { inserted } }"#;
    assert_eq!(server.graphql(Some(&ada), query, &json!({})).0, 200);
    ada
}

#[test]
fn requests_leave_records_that_say_who_did_what_to_whom_from_where() {
    let place = Place::new();
    let server = place.serve();
    let ada = arrange(&server);
    server.person("grace");

    let put = server.ask(&ada, "PUT", "/api/v1/teams/vision/members/grace", &json!({ "role": "member" }));
    assert_eq!(put.0, 200, "{put:?}");
    assert_eq!(server.ask(&ada, "DELETE", "/api/v1/users/grace", &NOTHING).0, 403);
    let runs = json!({ "runs": ["r"] });
    assert_eq!(server.ask(&ada, "POST", "/api/v1/projects/vision/p/runs/delete", &runs).0, 200);

    let records = records(&place);
    let member = of(&records, "team:update_member").pop().unwrap();
    assert_eq!(member.pointer("/actor/User/email"), Some(&"ada@example.com".into()), "{member}");
    assert_eq!(member.pointer("/origin/address"), Some(&"127.0.0.1".into()));
    assert_eq!(member.pointer("/subject/entity/name"), Some(&"vision".into()));
    assert_eq!(member.pointer("/subject/user/email"), Some(&"grace@example.com".into()));
    assert_eq!(member["details"], json!({ "role": "member", "role_before": "none" }));
    let deleted = of(&records, "run:delete_many").pop().unwrap();
    assert_eq!(deleted["details"], json!({ "runs": "r", "count": "1" }));
    assert_eq!(deleted.pointer("/subject/project/1"), Some(&"p".into()));
    assert!(of(&records, "user:permanently_delete").is_empty(), "it was refused");
    assert_eq!(of(&records, "user:create").len(), 2);
    assert!(!server.log().contains("@example.com"), "addresses are in the audit log, and in no other");
}

#[test]
fn the_chain_is_verified_while_the_server_runs_and_after_it_was_killed() {
    let place = Place::new();
    let server = place.serve();
    arrange(&server);
    let is_linked = || verify(&place, &[]).1.contains("and 0 wait to be linked").then_some(());
    wait_for(is_linked);
    let (is_well, said) = verify(&place, &[]);
    assert!(is_well, "{said}");
    let head = said.lines().find_map(|line| line.strip_prefix("head ")).unwrap().to_owned();

    server.person("grace");
    drop(server);

    let (is_well, said) = verify(&place, &["--noted", &head]);
    assert!(is_well, "{said}");
    let longer = format!("1000:{}", head.split_once(':').unwrap().1);
    let (is_well, said) = verify(&place, &["--noted", &longer]);
    assert!(!is_well && said.contains("the log had 1000 records"), "{said}");
    let (is_well, said) = verify(&place, &["--noted", "x"]);
    assert!(!is_well && said.contains("COUNT:HASH"), "{said}");
}

#[test]
fn what_was_recorded_is_counted_by_action() {
    let place = Place::new();
    let server = place.serve();
    arrange(&server);

    let counted = wait_for(|| {
        let (_, metrics) = server.operate_for_text("GET", "/metrics", &NOTHING);
        metrics
            .lines()
            .find(|line| line.contains(r#"weighhouse_audit_records_total{action="team:create"}"#))?
            .rsplit(' ')
            .next()
            .map(str::to_owned)
    });

    assert_eq!(counted, "1");
}

#[test]
fn without_a_licence_nobody_reads_the_log_over_the_network_or_by_command() {
    let place = Place::new();
    let server = place.serve();
    let ada = arrange(&server);
    let root = json!({ "username": "root", "email": "root@example.com", "system_admin": true });
    let root = server.arrange("POST", "/api/v1/users", &root)["api_key"].as_str().unwrap().to_owned();
    let stranger = server.outsider("stranger");
    let read = |key: &str| server.ask(key, "GET", "/admin/audit_logs?numDays=1", &NOTHING);

    let (status, refusal) = read(&root);
    assert_eq!((status, &refusal["error"]["code"]), (403, &"not_licensed".into()), "{refusal}");
    assert!(refusal["error"]["message"].as_str().unwrap().contains("audit_log"));
    assert_eq!((read(&ada).0, read(&stranger).0), (403, 404));
    assert_eq!(server.status("GET", "/admin/audit_logs"), 401);
    let (status, wrong) = server.ask(&root, "GET", "/admin/audit_logs?limit=0", &NOTHING);
    assert_eq!((status, &wrong["error"]["field"]), (400, &"limit".into()));
    let export = place.run(&["audit", "export"], "");
    assert!(!export.status.success() && String::from_utf8_lossy(&export.stderr).contains("audit_log needs a licence"));
    assert_eq!(server.status("GET", "/admin/audit_check"), 404, "only on the machine itself");
}

#[test]
fn with_a_licence_admins_read_the_log_over_the_network_and_the_operator_writes_it_out() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let ada = arrange(&server);
    let grace = server.person("grace");
    server.arrange("PUT", "/api/v1/organizations/default/members/grace", &json!({ "role": "admin" }));
    let root = json!({ "username": "root", "email": "root@example.com", "system_admin": true, "organization": null });
    let root = server.arrange("POST", "/api/v1/users", &root)["api_key"].as_str().unwrap().to_owned();
    let read = |key: &str| server.ask(key, "GET", "/admin/audit_logs?startDate=2020-01-01&limit=20000", &NOTHING);

    assert_eq!(read(&ada).0, 403, "an admin of a team");
    let (of_grace, of_root) = (read(&grace), read(&root));
    assert_eq!((of_grace.0, of_root.0), (200, 200), "{of_grace:?}");
    let has =
        |page: &Value, action: &str| page["audit_logs"].as_array().unwrap().iter().any(|it| it["action"] == action);
    assert!(has(&of_grace.1, "team:create") && has(&of_root.1, "team:create"));
    assert!(has(&of_root.1, "system:install_license") && !has(&of_grace.1, "system:install_license"));

    let export = |words: &[&str]| {
        let output = place.run(&[&["audit", "export"], words].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (named, anonymous) = (export(&[]), export(&["--from", "2020-01-01", "--anonymize"]));
    assert!(named.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["timestamp"].is_string()));
    assert!(named.contains("ada@example.com") && named.contains("audit:read"), "{named}");
    assert!(anonymous.contains("team:create") && !anonymous.contains("@example.com"), "{anonymous}");
    assert_eq!(export(&["--to", "2020-01-01"]), "", "nothing was done before");
}
