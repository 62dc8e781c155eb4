//! What teams set for themselves, and what their organization decides for all of them.

use crate::server::{Answer, Place};
use crate::visibility::{Cast, logged, refused};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const SETTINGS: &str = "/api/v1/teams/vision/settings";
const PRIVACY: &str = "/api/v1/organizations/default/privacy";

fn set(cast: &Cast<'_>, who: &str, change: &Value) -> Answer {
    cast.ask(who, "PATCH", SETTINGS, change)
}

fn enforce(cast: &Cast<'_>, change: &Value) {
    let (status, answer) = cast.ask("org-admin", "PATCH", PRIVACY, change);
    assert_eq!(status, 200, "{answer}");
}

fn project(cast: &Cast<'_>, who: &str, name: &str, visibility: &Value) -> Answer {
    let new = json!({ "entity": "vision", "name": name, "visibility": visibility });
    cast.ask(who, "POST", "/api/v1/projects", &new)
}

#[test]
fn everybody_in_a_team_reads_its_settings_and_its_admins_change_them() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    assert_eq!(project(&cast, "owner", "seen", &json!("team")).0, 201);
    assert_eq!(project(&cast, "owner", "unseen", &json!("restricted")).0, 201);

    let (status, shown) = cast.ask("member", "GET", SETTINGS, &NOTHING);
    assert_eq!((status, &shown["settings"]["hidden"]), (200, &json!({ "value": true })), "{shown}");
    assert_eq!(shown["settings"]["default_visibility"], json!({ "value": "team" }));
    let projects = shown["projects"].as_array().unwrap();
    assert_eq!((projects.len(), &projects[0]["name"], &projects[0]["visibility"]), (1, &json!("seen"), &json!("team")));
    let (_, shown) = cast.ask("org-admin", "GET", SETTINGS, &NOTHING);
    assert_eq!(shown["projects"], json!([]), "who is not in the team sees none of them here");

    for (number, who) in ["team-admin", "org-admin", "system-admin"].into_iter().enumerate() {
        let (status, changed) = set(&cast, who, &json!({ "code_saving": number % 2 == 1 }));
        assert_eq!((status, &changed["code_saving"]["value"]), (200, &json!(number % 2 == 1)), "{who}: {changed}");
    }
    refused(set(&cast, "member", &json!({ "code_saving": false })), 403, "team:settings_update is refused");
    assert_eq!(set(&cast, "colleague", &json!({ "code_saving": false })).0, 404);
    let (status, unknown) = set(&cast, "team-admin", &json!({ "default_visibility": "private" }));
    assert_eq!((status, &unknown["error"]["field"]), (422, &json!("default_visibility")), "{unknown}");
    assert_eq!(set(&cast, "team-admin", &json!({ "colour": "red" })).0, 422);
}

#[test]
fn what_the_organization_decides_is_locked_for_its_teams() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    assert_eq!(set(&cast, "team-admin", &json!({ "code_saving": true })).0, 200);

    enforce(&cast, &json!({ "code_saving": false, "default_visibility": "restricted" }));

    let (_, shown) = cast.ask("member", "GET", SETTINGS, &NOTHING);
    let locked = json!({ "value": false, "enforced_by": "organization" });
    assert_eq!(shown["settings"]["code_saving"], locked);
    assert_eq!(shown["settings"]["default_visibility"]["enforced_by"], "organization");
    for who in ["team-admin", "org-admin", "system-admin"] {
        let told = "`code_saving` is set to false by organization `default`";
        refused(set(&cast, who, &json!({ "code_saving": true })), 403, told);
    }
    assert_eq!(set(&cast, "team-admin", &json!({ "code_saving": false })).0, 200, "it is so already");
    let text = "{ entity(name: \"vision\") { codeSavingEnabled defaultAccess privateOnly } }";
    let (_, answer) = cast.graphql("member", text, &NOTHING);
    let told = json!({ "codeSavingEnabled": false, "defaultAccess": "RESTRICTED", "privateOnly": false });
    assert_eq!(answer["data"]["entity"], told, "{answer}");

    enforce(&cast, &json!({ "code_saving": null }));
    let (_, shown) = cast.ask("member", "GET", SETTINGS, &NOTHING);
    assert_eq!(shown["settings"]["code_saving"], json!({ "value": true }), "what the team had set counts again");
    let (_, privacy) = cast.ask("org-admin", "GET", PRIVACY, &NOTHING);
    assert_eq!((&privacy["code_saving"], &privacy["default_visibility"]), (&NOTHING, &json!("restricted")));
    for who in ["member", "team-admin"] {
        refused(cast.ask(who, "PATCH", PRIVACY, &json!({ "hidden": true })), 403, "org:privacy is refused");
    }
    assert_eq!(cast.ask("outsider", "GET", PRIVACY, &NOTHING).0, 404);
    let (status, both) =
        cast.ask("org-admin", "PATCH", PRIVACY, &json!({ "private_only": true, "default_visibility": "open" }));
    assert_eq!((status, &both["error"]["field"]), (422, &json!("default_visibility")), "{both}");
}

#[test]
fn future_private_projects_leave_the_open_ones_as_they_are() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    for visibility in ["open", "public", "restricted"] {
        assert_eq!(project(&cast, "owner", visibility, &json!(visibility)).0, 201);
    }
    assert_eq!(set(&cast, "team-admin", &json!({ "default_visibility": "open" })).0, 200);
    assert_eq!(project(&cast, "member", "by-default", &NOTHING).1["visibility"], "open");
    let change = |who: &str, name: &str, visibility: &str| {
        cast.ask(who, "PATCH", &format!("/api/v1/projects/vision/{name}"), &json!({ "visibility": visibility }))
    };

    for by in ["team", "organization"] {
        let (on, off) = (json!({ "private_only": true }), json!({ "private_only": false }));
        if by == "team" {
            assert_eq!(set(&cast, "team-admin", &on).0, 200);
        } else {
            assert_eq!(set(&cast, "team-admin", &off).0, 200);
            enforce(&cast, &on);
        }
        assert!(cast.ask("outsider", "GET", "/api/v1/projects/vision/open", &NOTHING).0 == 200, "what is open stays");
        assert_eq!(project(&cast, "member", &format!("default-by-{by}"), &NOTHING).1["visibility"], "team");
        for visibility in ["open", "public"] {
            let made = project(&cast, "member", &format!("{visibility}-by-{by}"), &json!(visibility));
            refused(made, 403, "future projects of `vision` are private");
            refused(change("owner", "restricted", visibility), 403, "future projects of `vision` are private");
        }
        refused(change("team-admin", "open", "public"), 403, "future projects of `vision` are private");
        assert_eq!(change("owner", "open", "open").0, 200, "it is so already");
        assert_eq!(change("owner", "restricted", "team").0, 200);
        assert_eq!(change("owner", "restricted", "restricted").0, 200);
        let default = set(&cast, "team-admin", &json!({ "default_visibility": "public" }));
        refused(default, 403, "future projects of `vision` are private");
    }
    let listed = cast.ask("member", "GET", "/api/v1/projects?entity=vision", &NOTHING).1.to_string();
    assert!(!listed.contains("-by-team\",\"visibility\":\"open") && !listed.contains("open-by-"), "{listed}");
}

#[test]
fn members_invite_where_they_may_and_neither_change_roles_nor_take_back_what_others_sent() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let put = |who: &str, of: &str, role: &str| {
        cast.ask(who, "PUT", &format!("/api/v1/teams/vision/members/{of}"), &json!({ "role": role }))
    };
    let invite = |who: &str, input: Value| {
        let text = "mutation($i: CreateInviteInput!) { createInvite(input: $i) { invite { id } } }";
        let (status, answer) = cast.graphql(who, text, &json!({ "i": input }));
        (status, answer["data"]["createInvite"]["invite"]["id"].clone())
    };
    let take_back = |who: &str, id: &Value| {
        let text = "mutation($i: DeleteInviteInput!) { deleteInvite(input: $i) { success } }";
        cast.graphql(who, text, &json!({ "i": { "id": id, "entityName": "vision" } })).0
    };
    let to = |email: &str, admin: bool| json!({ "entityName": "vision", "email": email, "admin": admin });
    refused(put("member", "colleague", "member"), 403, "team:member_add is refused");

    assert_eq!(set(&cast, "team-admin", &json!({ "members_invite": true })).0, 200);
    assert_eq!(put("member", "colleague", "member").0, 200);
    server.person("newcomer");
    refused(put("member", "newcomer", "admin"), 403, "team:role_change is refused");
    assert_eq!(put("member", "newcomer", "view_only").0, 200);
    refused(put("member", "colleague", "admin"), 403, "team:role_change is refused");
    let removed = cast.ask("member", "DELETE", "/api/v1/teams/vision/members/colleague", &NOTHING);
    refused(removed, 403, "team:member_remove is refused");

    let (status, own) = invite("member", to("own@example.com", false));
    assert_eq!(status, 200);
    assert_eq!(invite("member", to("boss@example.com", true)).0, 403);
    let (_, theirs) = invite("team-admin", to("theirs@example.com", true));
    assert_eq!(invite("member", to("theirs@example.com", false)).0, 403, "that would change a role");
    assert_eq!((take_back("member", &theirs), take_back("member", &own)), (403, 200));
    let (_, own) = invite("member", to("own@example.com", false));
    assert_eq!((take_back("team-admin", &own), take_back("team-admin", &theirs)), (200, 200));

    enforce(&cast, &json!({ "members_invite": false }));
    server.person("latecomer");
    refused(put("member", "latecomer", "member"), 403, "team:member_add is refused");
}

#[test]
fn a_team_that_is_not_hidden_is_known_by_its_name_and_nothing_else() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    assert!(cast.log("owner", "secret", "theirs"));
    let entity = |who: &str| {
        let text =
            "{ entity(name: \"vision\") { name isTeam organization { name } project(name: \"secret\") { id } } }";
        cast.graphql(who, text, &NOTHING).1["data"]["entity"].clone()
    };
    let members = |who: &str| cast.ask(who, "GET", "/api/v1/teams/vision/members", &NOTHING);
    assert_eq!((entity("outsider"), members("outsider").0), (NOTHING, 404));

    assert_eq!(set(&cast, "team-admin", &json!({ "hidden": false })).0, 200);
    let outline = json!({ "name": "vision", "isTeam": true, "organization": null, "project": null });
    assert_eq!(entity("outsider"), outline);
    refused(members("outsider"), 403, "team:read is refused");
    assert_eq!(entity("nobody"), NOTHING);
    assert_eq!(cast.ask("outsider", "GET", "/api/v1/teams", &NOTHING).1, json!({ "teams": [] }));
    assert_eq!(cast.ask("outsider", "GET", "/api/v1/projects/vision/secret", &NOTHING).0, 404);

    enforce(&cast, &json!({ "hidden": true }));
    assert_eq!((entity("outsider"), members("outsider").0), (NOTHING, 404));
    assert_eq!(entity("member")["name"], "vision");
}

#[test]
fn an_instance_that_saves_no_code_locks_the_switch_of_every_team() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);
    let flags = || {
        let (_, answer) =
            cast.graphql("member", "{ viewer { flags } entity(name: \"vision\") { codeSavingEnabled } }", &NOTHING);
        let flags: Value = serde_json::from_str(answer["data"]["viewer"]["flags"].as_str().unwrap()).unwrap();
        (flags["code_saving_enabled"].clone(), answer["data"]["entity"]["codeSavingEnabled"].clone())
    };
    assert_eq!(flags(), (json!(true), json!(true)));

    server.arrange("PUT", "/api/v1/settings/code_saving", &json!({ "value": false }));

    let (_, shown) = cast.ask("member", "GET", SETTINGS, &NOTHING);
    assert_eq!(shown["settings"]["code_saving"], json!({ "value": false, "enforced_by": "instance" }));
    refused(set(&cast, "team-admin", &json!({ "code_saving": true })), 403, "off for the whole instance");
    assert_eq!(flags(), (json!(false), json!(false)));
}

#[test]
fn what_was_set_and_decided_is_in_the_log() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let cast = Cast::new(&server);

    let change =
        json!({ "members_invite": true, "hidden": true, "code_saving": false, "default_visibility": "public" });
    assert_eq!(set(&cast, "team-admin", &change).0, 200);
    assert_eq!(set(&cast, "member", &json!({ "hidden": false })).0, 403);
    enforce(&cast, &json!({ "private_only": true, "hidden": null }));
    enforce(&cast, &json!({ "private_only": null }));

    let (team_admin, org_admin) = (json!("team-admin@example.com"), json!("org-admin@example.com"));
    let privacy = json!({ "members_invite": "true" });
    assert_eq!(
        logged(&place, "team:update_privacy"),
        [(team_admin.clone(), privacy)],
        "what did not change is not told"
    );
    let settings = json!({ "code_saving": "false", "default_visibility": "public" });
    assert_eq!(logged(&place, "team:update_settings"), [(team_admin, settings)]);
    let decided = ["true", "free"].map(|value| (org_admin.clone(), json!({ "private_only": value })));
    assert_eq!(logged(&place, "organization:update_privacy"), decided);
}

#[test]
fn the_command_shows_and_changes_what_teams_set_and_what_is_decided() {
    let place = Place::new();
    let server = place.serve_licensed(&[]);
    let _cast = Cast::new(&server);
    let run = |words: &[&str]| {
        let output = place.run(words, "");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let row = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };

    let (done, shown, said) =
        run(&["team", "set", "vision", "--hidden", "false", "--default-visibility", "restricted"]);
    assert!(done, "{said}");
    assert_eq!(
        (row(&shown, "hidden"), row(&shown, "default_visibility")),
        ("false the team".into(), "restricted the team".into())
    );
    let (done, decided, said) = run(&["organization", "privacy", "default", "--enforce", "hidden=true"]);
    assert!(done, "{said}");
    assert_eq!((row(&decided, "hidden"), row(&decided, "private_only")), ("true".into(), "each team decides".into()));
    let (done, _, said) = run(&["team", "set", "vision", "--hidden", "false"]);
    assert!(!done && said.contains("set to true by organization `default`"), "{said}");
    let (_, shown, _) = run(&["team", "settings", "vision"]);
    assert_eq!(row(&shown, "hidden"), "true organization");
    let (_, decided, _) = run(&["organization", "privacy", "default", "--free", "hidden", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&decided).unwrap()["hidden"], NOTHING);
    for wrong in ["colour=red", "hidden"] {
        assert!(!run(&["organization", "privacy", "default", "--enforce", wrong]).0, "{wrong}");
    }
    let (done, _, said) = run(&["organization", "privacy", "default", "--enforce", "private_only=perhaps"]);
    assert!(!done, "{said}");
}
