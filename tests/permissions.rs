//! Who may do what: every row of `permissions.tsv`, the product's truth, for everybody in and around a team, over HTTP to
//! the real binary. Both directions count: what is allowed was done, what is not was not, and what is hidden is answered
//! word for word like what is missing.

#![expect(clippy::unwrap_used, reason = "a failed step must stop its test")]

#[path = "it/artifact.rs"]
mod artifact;
#[path = "permissions/artifacts.rs"]
mod artifacts;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "it/browser.rs"]
mod browser;
#[path = "permissions/cast.rs"]
mod cast;
#[path = "permissions/coverage.rs"]
mod coverage;
#[path = "permissions/governing.rs"]
mod governing;
#[path = "permissions/keys.rs"]
mod keys;
#[path = "harness/licence.rs"]
mod licence;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "it/mail_server.rs"]
mod mail_server;
#[path = "permissions/runs.rs"]
mod runs;
#[expect(dead_code, reason = "each test uses part of what they share")]
#[path = "it/server.rs"]
mod server;
#[path = "permissions/table.rs"]
mod table;

use cast::{Asker, Cast, Outcome, Row, Standing};
use licence::Authority;
use mail_server::MailServer;
use server::Place;
use std::collections::BTreeSet;

/// Rows that nothing serves yet over the network: these are tested at the decision alone. Whoever serves one takes it out of here.
const NOT_SERVED: &[&str] = &[
    "webhook:manage",
    "secret:manage",
    "workspace:update",
    "sweep:delete",
    "report:read",
    "report:follow",
    "report:comment",
    "report:create",
    "report:update",
    "report:delete",
    "report:share",
    "model:read",
    "model:download",
    "model:add",
    "model:unlink",
    "model:alias_add",
    "registry_admin:change",
    "protected_alias:change",
    // On the admin socket alone, which lets nobody in but the operator.
    "system:backup",
];

/// Requests about a draft, which is there for nobody but those who may fill it.
const OF_DRAFTS: [&str; 3] = ["createArtifactFiles", "createArtifactManifest", "commitArtifact"];

/// Every row that is not about keys, which `keys` asks for by themselves.
fn rows<'s>(cast: &Cast<'s>, license: &str) -> Vec<Row<'s>> {
    let owner = cast.asker("owner", Standing::Owns("member"));
    let mut rows = governing::rows(cast.server, license);
    rows.extend(runs::rows_in("vision", &owner));
    rows.extend(artifacts::rows_in("vision", &owner));
    rows
}

fn check<'s>(rows: &[Row<'s>], askers: &[Asker<'s>]) {
    let (mut cells, mut number) = (0, 0);
    for row in rows {
        for asker in askers {
            number += 1;
            check_cell(row, asker, &(row.play)(asker, number));
            cells += 1;
        }
    }
    println!("{cells} cells: {} requests by {} people", rows.len(), askers.len());
}

fn check_cell(row: &Row<'_>, asker: &Asker<'_>, outcome: &Outcome) {
    let (standing, (status, text)) = (asker.standing, &outcome.told);
    let what = format!("{} by {} for {}: {status} {text}; {}", row.action, row.name, asker.who, outcome.detail);
    assert_eq!(outcome.is_done, standing.may(row.action), "{what}");
    if outcome.is_done {
        assert!((200..300).contains(status) && !text.contains("\"errors\""), "{what}");
        return;
    }
    let sees = standing.sees(row.action);
    match *status {
        403 => assert!(sees, "{what}"),
        // A field of a larger answer may be withheld alone.
        200 if sees => assert!(["artifact:download", "storage:usage"].contains(&row.action), "{what}"),
        // Who sees a team is told that they are not in it.
        404 if sees && row.action == "team:leave" => {}
        404 if sees => {
            assert!(OF_DRAFTS.contains(&row.name), "{what}");
            assert_eq!(outcome.told_of_missing, None, "{what}");
        }
        status => {
            assert!(!sees, "{what}");
            let is_empty = status == 200 && !text.contains("\"id\":");
            let is_refused = status == 404 || (status == 401 && knows_no_key(standing));
            assert!(is_empty || is_refused, "{what}");
            assert_eq!(outcome.told_of_missing, None, "{what}");
        }
    }
}

/// The key of a service account opens nothing while its team is in the trash.
fn knows_no_key(standing: Standing) -> bool {
    matches!(standing, Standing::Unknown | Standing::Account)
}

/// Runs the test on a server with a licence for everything and somebody to hand its mails to; the licence's text is for requests that install one.
fn on_licensed_server(test: impl FnOnce(&Cast<'_>, &str)) {
    let place = Place::new();
    let authority = Authority::new(place.directory());
    let license = std::fs::read_to_string(authority.issue(&[])).unwrap();
    let mails = MailServer::new();
    let server = mails.serve_with(&place, place.trusting(&authority));
    server.arrange("PUT", "/api/v1/license", &serde_json::json!({ "license": license }));
    test(&Cast::new(&server), &license);
}

#[test]
fn everybody_governs_over_http_what_the_table_says() {
    on_licensed_server(|cast, license| check(&governing::rows(cast.server, license), &cast.around_team()));
}

#[test]
fn everybody_may_do_with_projects_and_runs_of_a_team_what_the_table_says() {
    on_licensed_server(|cast, _| {
        let owner = cast.asker("owner", Standing::Owns("member"));
        check(&runs::rows_in("vision", &owner), &cast.around_team());
    });
}

#[test]
fn everybody_may_do_with_artifacts_of_a_team_what_the_table_says() {
    on_licensed_server(|cast, _| {
        let owner = cast.asker("owner", Standing::Owns("member"));
        check(&artifacts::rows_in("vision", &owner), &cast.around_team());
    });
}

#[test]
fn a_persons_own_projects_and_runs_are_for_nobody_else() {
    on_licensed_server(|cast, _| {
        let owner = cast.asker("owner", Standing::Owns("team_admin"));
        check(&runs::rows_in("owner", &owner), &cast.around_person());
    });
}

#[test]
fn every_row_of_the_table_has_a_request_or_is_named_as_not_served() {
    on_licensed_server(|cast, license| {
        let mut asked: BTreeSet<&str> = rows(cast, license).iter().map(|row| row.action).collect();
        asked.extend(keys::ACTIONS);
        let not_served: BTreeSet<&str> = NOT_SERVED.iter().copied().collect();
        let all: BTreeSet<&str> = table::rows().iter().map(|row| row.name).collect();

        assert_eq!(asked.intersection(&not_served).collect::<Vec<_>>(), Vec::<&&str>::new(), "these are served now");
        assert_eq!(asked.union(&not_served).copied().collect::<BTreeSet<_>>(), all);
    });
}
