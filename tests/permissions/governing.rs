//! Requests about organizations, teams, people and the instance. `NEW` stands for a name that nothing has, `SELF` for
//! whoever asks.

use crate::browser::Browser;
use crate::cast::{Outcome, ROLES, Row};
use crate::server::Server;
use serde_json::{Value, json};

/// A request, and what the operator brings about before it.
struct Request {
    action: &'static str,
    method: &'static str,
    path: &'static str,
    body: Value,
    before: Vec<(&'static str, String, Value)>,
    /// What the operator cannot bring about alone, for what is called `NEW`.
    prepare: fn(&Server<'_>, &str),
}

impl Request {
    /// Brings something about first; that it is so already is fine.
    fn after(mut self, method: &'static str, path: impl Into<String>, body: Value) -> Self {
        self.before.push((method, path.into(), body));
        self
    }
}

fn request(action: &'static str, method: &'static str, path: &'static str, body: Value) -> Request {
    Request { action, method, path, body, before: Vec::new(), prepare: |_, _| {} }
}

const IN_TEAM: &str = "/api/v1/teams/vision/service-accounts";
const IN_ORGANIZATION: &str = "/api/v1/organizations/default/service-accounts";
const GUEST: &str = "/api/v1/teams/vision/members/guest";
const COLLEAGUE: &str = "/api/v1/organizations/default/members/guest";

pub fn rows<'s>(server: &'s Server<'s>, license: &str) -> Vec<Row<'s>> {
    let all = [teams(), organizations(), stores(server), system(license)];
    all.into_iter().flatten().map(|request| row(server, request)).collect()
}

fn teams() -> Vec<Request> {
    let role = |role: &str| json!({ "role": role });
    let labeller = json!({ "name": "labeller", "base": "member", "actions": ["run:delete"] });
    let mut leave = request("team:leave", "DELETE", "/api/v1/teams/vision/members/SELF", Value::Null);
    for (name, given) in ROLES {
        leave = leave.after("PUT", format!("/api/v1/teams/vision/members/{name}"), role(given));
    }
    vec![
        request("team:read", "GET", "/api/v1/teams/vision/members", Value::Null),
        request("team:settings_read", "GET", "/api/v1/teams/vision/settings", Value::Null),
        request("team:settings_update", "PATCH", "/api/v1/teams/vision/settings", json!({ "code_saving": true })),
        request("team:settings_update", "PATCH", "/api/v1/teams/vision", json!({ "name": "vision" })),
        request("team:member_add", "PUT", GUEST, role("member")).after("DELETE", GUEST, Value::Null),
        request("team:member_remove", "DELETE", GUEST, Value::Null).after("PUT", GUEST, role("member")),
        request("team:member_add", "GET", "/api/v1/teams/vision/invitations", Value::Null),
        request(
            "team:member_add",
            "POST",
            "/api/v1/teams/vision/invitations",
            json!({ "email": "NEW@example.com", "role": "member" }),
        ),
        request("team:role_change", "PUT", GUEST, role("admin")).after("PUT", GUEST, role("member")),
        request("role:assign_view_only", "PUT", GUEST, role("view_only")).after("PUT", GUEST, role("member")),
        request("role:assign_custom", "PUT", GUEST, role("labeller"))
            .after("POST", "/api/v1/organizations/default/roles", labeller)
            .after("PUT", GUEST, role("member")),
        leave,
        request("storage:usage", "GET", "/api/v1/teams/vision/storage", Value::Null),
        request("connector:migrate", "GET", "/api/v1/teams/vision/migration", Value::Null),
        request("team:profile_update", "PUT", "/api/v1/teams/vision/profile", json!({ "introduction": "# Us" })),
        request("team:profile_update", "DELETE", "/api/v1/teams/vision/avatar", Value::Null),
        request("service_account:create", "POST", IN_TEAM, json!({ "name": "NEW" })),
        request("service_account:key", "POST", "/api/v1/teams/vision/service-accounts/kept/api-keys", json!({})).after(
            "POST",
            IN_TEAM,
            json!({ "name": "kept" }),
        ),
        request("service_account:key", "GET", "/api/v1/teams/vision/service-accounts/kept/api-keys", Value::Null),
        request(
            "service_account:delete",
            "DELETE",
            "/api/v1/teams/vision/service-accounts/short-lived-bot",
            Value::Null,
        )
        .after("POST", IN_TEAM, json!({ "name": "short-lived-bot" })),
    ]
}

fn organizations() -> Vec<Request> {
    let new_role = |name: &str| json!({ "name": name, "base": "member", "actions": ["project:delete"] });
    let roles = "/api/v1/organizations/default/roles";
    vec![
        request("team:create", "POST", "/api/v1/teams", json!({ "name": "NEW", "organization": "default" })),
        request("org:members", "GET", "/api/v1/organizations/default/members", Value::Null),
        request("org:members", "PUT", COLLEAGUE, json!({ "role": "member" })),
        request("org:members", "DELETE", COLLEAGUE, Value::Null).after("PUT", COLLEAGUE, json!({ "role": "member" })),
        request("org:members", "GET", "/api/v1/organizations/default/invitations", Value::Null),
        request(
            "org:members",
            "POST",
            "/api/v1/organizations/default/invitations",
            json!({ "email": "NEW@example.org", "role": "member" }),
        ),
        request("org:members", "GET", IN_ORGANIZATION, Value::Null),
        request("org:privacy", "GET", "/api/v1/organizations/default/privacy", Value::Null).after(
            "PUT",
            COLLEAGUE,
            json!({ "role": "member" }),
        ),
        request("org:privacy", "PATCH", "/api/v1/organizations/default/privacy", json!({ "code_saving": null })),
        request("custom_role:define", "POST", roles, new_role("NEW")),
        request("custom_role:define", "PATCH", "/api/v1/organizations/default/roles/kept", json!({ "base": "member" }))
            .after("POST", roles, new_role("kept")),
        request("custom_role:delete", "DELETE", "/api/v1/organizations/default/roles/short-lived", Value::Null).after(
            "POST",
            roles,
            new_role("short-lived"),
        ),
        request("audit:read", "GET", "/admin/audit_logs?numDays=1", Value::Null),
        request("org:members", "GET", "/api/v1/organizations/default", Value::Null),
        request("org:members", "GET", "/api/v1/organizations/default/members?format=csv", Value::Null),
        request("org:update", "PATCH", "/api/v1/organizations/default", json!({ "name": "default" })),
        request(
            "org_service_account:create",
            "POST",
            IN_ORGANIZATION,
            json!({ "name": "NEW", "default_team": "vision" }),
        ),
        request(
            "org_service_account:delete",
            "DELETE",
            "/api/v1/organizations/default/service-accounts/short-lived-wide",
            Value::Null,
        )
        .after("POST", IN_ORGANIZATION, json!({ "name": "short-lived-wide", "default_team": "vision" })),
        request(
            "org_service_account:delete",
            "POST",
            "/api/v1/organizations/default/service-accounts/wide/api-keys",
            json!({}),
        )
        .after("POST", IN_ORGANIZATION, json!({ "name": "wide", "default_team": "vision" })),
        request("access:explain", "GET", "/api/v1/access/explain?user=member&action=run:log&on=vision", Value::Null),
    ]
}

fn stores(server: &Server<'_>) -> Vec<Request> {
    let (all, of_team) = ("/api/v1/connectors", "/api/v1/teams/vision/connector");
    let directory = server.directory().join("kept");
    let kept = || json!({ "name": "kept", "store": { "place": { "provider": "local", "directory": directory } } });
    let bucket = |name: &str| {
        let place = json!({ "provider": "s3", "bucket": name, "region": "r", "path_style": false });
        json!({ "name": name, "store": { "place": place, "credentials": "id:secret" } })
    };
    let attached = || json!({ "connector": "kept" });
    vec![
        request("connector:define", "POST", all, bucket("NEW")),
        request("connector:define", "GET", all, Value::Null),
        request("connector:define", "GET", "/api/v1/connectors/kept", Value::Null).after("POST", all, kept()),
        request("connector:define", "PATCH", "/api/v1/connectors/kept", json!({ "data_path": "proxy" })).after(
            "POST",
            all,
            kept(),
        ),
        request("connector:define", "DELETE", "/api/v1/connectors/short-lived", Value::Null).after(
            "POST",
            all,
            bucket("short-lived"),
        ),
        request("connector:attach", "PUT", of_team, attached()).after("POST", all, kept()).after(
            "DELETE",
            of_team,
            Value::Null,
        ),
        request("connector:test", "GET", of_team, Value::Null),
        request("connector:test", "POST", "/api/v1/connectors/kept/test", Value::Null)
            .after("POST", all, kept())
            .after("PUT", of_team, attached()),
        request("connector:migrate", "DELETE", of_team, Value::Null).after("POST", all, kept()).after(
            "PUT",
            of_team,
            attached(),
        ),
        request("system:settings", "POST", "/api/v1/secrets/rotate", Value::Null),
    ]
}

fn system(license: &str) -> Vec<Request> {
    let person = || json!({ "username": "NEW", "email": "NEW@example.com" });
    let mut imported = person();
    imported["api_key"] = json!(format!("NEW{}", "k".repeat(40)));
    let setting = "/api/v1/settings/team_trash_days";
    vec![
        request("storage:gc", "GET", "/api/v1/storage/orphans", Value::Null),
        request("storage:gc", "GET", "/api/v1/storage/scrub", Value::Null),
        request("org:create", "POST", "/api/v1/organizations", json!({ "name": "NEW" })),
        request("org:delete", "DELETE", "/api/v1/organizations/short-lived", Value::Null).after(
            "POST",
            "/api/v1/organizations",
            json!({ "name": "short-lived" }),
        ),
        request("user:manage", "GET", "/api/v1/users", Value::Null),
        request("user:manage", "POST", "/api/v1/users", person()),
        request("user:manage", "DELETE", "/api/v1/users/passer-by", Value::Null).after(
            "POST",
            "/api/v1/users",
            json!({ "username": "passer-by", "email": "passer-by@example.com" }),
        ),
        request("user:manage", "GET", "/api/v1/users/guest", Value::Null),
        request("user:manage", "PATCH", "/api/v1/users/guest", json!({ "name": "Guest" })),
        request("user:manage", "POST", "/api/v1/users/guest/deactivate", Value::Null),
        request("user:manage", "POST", "/api/v1/users/guest/reactivate", Value::Null),
        request("user:manage", "POST", "/api/v1/users/guest/reset-link", Value::Null),
        Request { prepare: enrol, ..request("user:manage", "DELETE", "/api/v1/users/NEW/second-factor", Value::Null) },
        request("api_key:import", "POST", "/api/v1/users", imported),
        request("system:settings", "GET", "/api/v1/settings", Value::Null),
        request("system:settings", "PUT", setting, json!({ "value": 9 })),
        request("system:settings", "DELETE", setting, Value::Null),
        request("system:settings", "GET", "/api/v1/mail", Value::Null),
        request("system:settings", "POST", "/api/v1/mail/test", json!({ "to": "NEW@example.com" })),
        request("system:license", "GET", "/api/v1/license", Value::Null),
        // The teams of these are deleted and restored, and others are about the same team.
        request("team:delete", "DELETE", "/api/v1/teams/vision", Value::Null).after(
            "POST",
            "/api/v1/teams/vision/restore",
            Value::Null,
        ),
        request("system:license", "PUT", "/api/v1/license", json!({ "license": license })),
        // The last row: it leaves the team in the trash, where its service account is nobody.
        request("team:restore", "POST", "/api/v1/teams/vision/restore", Value::Null).after(
            "DELETE",
            "/api/v1/teams/vision",
            Value::Null,
        ),
    ]
}

/// Somebody with a second factor that can be turned off for them.
fn enrol(server: &Server<'_>, name: &str) {
    let person = json!({ "username": name, "email": format!("{name}@example.com"), "password": "a-good-password" });
    server.arrange("POST", "/api/v1/users", &person);
    let mut browser = Browser::new(server);
    assert_eq!(browser.sign_in(name, "a-good-password").status, 201);
    let enrolled = browser.ask("POST", "/api/v1/second-factor", &json!({ "password": "a-good-password" }));
    assert_eq!(enrolled.status, 201, "{}", enrolled.json);
}

fn row<'s>(server: &'s Server<'s>, request: Request) -> Row<'s> {
    let (action, name) = (request.action, request.path);
    let play = move |asker: &crate::cast::Asker<'s>, number: usize| {
        for (method, path, body) in &request.before {
            let (status, answer) = server.operate(method, path, body);
            assert!(status < 300 || [404, 409].contains(&status), "{method} {path}: {answer}");
        }
        (request.prepare)(server, &format!("new-{number}"));
        let filled = |text: &str| text.replace("NEW", &format!("new-{number}")).replace("SELF", asker.who);
        let body = if request.body.is_null() { String::new() } else { filled(&request.body.to_string()) };
        let send = |path: &str| server.ask_as(asker.key.as_deref(), request.method, path, &body);
        let told = send(&filled(request.path));
        let is_done = (200..300).contains(&told.0);
        let elsewhere = filled(request.path)
            .replace("/vision", "/no-such")
            .replace("=vision", "=no-such")
            .replace("/default", "/no-such");
        let is_hidden = told.0 == 404 && elsewhere != filled(request.path);
        let twin = is_hidden.then(|| send(&elsewhere));
        let nameless = |text: &str| {
            ["vision", "default", "no-such"].iter().fold(text.to_owned(), |text, name| text.replace(name, "NAME"))
        };
        let differs = twin.filter(|twin| (twin.0, nameless(&twin.1)) != (told.0, nameless(&told.1)));
        let told_of_missing = differs.map(|twin| format!("{} {}", twin.0, twin.1));
        let detail = format!("{} {}", request.method, request.path);
        Outcome { told_of_missing, is_done, told, detail }
    };
    Row { action, name, play: Box::new(play) }
}
