//! The audit log as its readers get it: through the router, with keys.

use super::*;
use crate::access::{Action, Feature, OrganizationRole};
use crate::api::http::budget::BodyBudget;
use crate::api::{Door, Options, router};
use crate::app::organization::JoinOrganization;
use crate::app::testing::World;
use crate::app::user::{CreateUser, FirstKey};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tower::ServiceExt;

const PATH: &str = "/admin/audit_logs";
/// Before and after everything that happens in a test, whose clock begins on 2027-01-15.
const ALL: &str = "startDate=2027-01-01&endDate=2028-01-01";

struct Reader {
    world: World,
    router: axum::Router,
    /// Of a system admin.
    root: String,
}

impl Reader {
    /// Ada in one organization, Grace in another one that she administers, Root who administers all.
    async fn new() -> Reader {
        let world = World::new().await;
        let router = router(world.app.clone(), Door::Public, options());
        let root = person(&world, "root", true, "default").await;
        world.license(&[Feature::AuditLog]);
        Reader { world, router, root }
    }

    async fn ask(&self, authorization: &str, query: &str) -> (StatusCode, String) {
        let request = Request::get(format!("{PATH}?{query}")).header("authorization", authorization);
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn page(&self, key: &str, query: &str) -> Value {
        let (status, text) = self.ask(&format!("Bearer {key}"), query).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn options() -> Options {
    Options {
        proxies: Default::default(),
        graphql_body_bytes: 4096,
        graphql_answer_bytes: 4096,
        file_stream_body_bytes: 4096,
        budget: BodyBudget::new(1 << 20, Duration::ZERO),
        body_idle: Duration::from_secs(5),
    }
}

/// Makes a person and returns their key.
async fn person(world: &World, name: &str, system_admin: bool, organization: &str) -> String {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: FirstKey::Made,
        system_admin,
        organization: JoinOrganization::Named(organization.into()),
    };
    let made = world.app.create_user(&Caller::OPERATOR, person).await.unwrap();
    made.api_key.unwrap().expose().to_owned()
}

/// The e-mail addresses in the records.
fn people(page: &Value) -> BTreeSet<&str> {
    let records = page["audit_logs"].as_array().unwrap();
    records.iter().filter_map(|record| record["user_email"].as_str()).collect()
}

#[tokio::test]
async fn a_page_has_the_documented_shape_and_goes_on_where_it_ended() {
    let reader = Reader::new().await;

    let (mut seen, mut query) = (Vec::new(), format!("{ALL}&limit=3"));
    let all = reader.page(&reader.root, &query).await;
    assert_eq!(
        (&all["range_start_time"], &all["range_end_time"]),
        (&"2027-01-01T00:00:00Z".into(), &"2028-01-01T00:00:00Z".into())
    );
    loop {
        let page = reader.page(&reader.root, &query).await;
        let records = page["audit_logs"].as_array().unwrap().clone();
        assert_eq!(page["count"], records.len());
        seen.extend(records.iter().map(|record| record["action"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        assert_eq!(records.len(), 3);
        query = format!("{ALL}&limit=3&cursor={cursor}");
    }

    let created = |action: &str| seen.iter().filter(|seen| *seen == action).count();
    assert_eq!((created("user:create"), created("organization:create")), (2, 1), "{seen:?}");
    assert!(created("audit:read") >= 2, "reading is itself recorded");
}

#[tokio::test]
async fn the_fields_are_called_as_documented() {
    let reader = Reader::new().await;
    reader.world.create_run("r", false).await;
    let logged = crate::app::audit::log_a_version(&reader.world).await;

    let page = reader.page(&reader.root, ALL).await;

    let of = |action: &str| {
        let records = page["audit_logs"].as_array().unwrap();
        records.iter().find(|record| record["action"] == action).unwrap_or_else(|| panic!("{action}: {page}"))
    };
    let version = of("artifact:create");
    let expected = [
        ("timestamp", "2027-01-15T08:00:00.000000Z"),
        ("actor_email", "ada@example.com"),
        ("actor_user_id", "1"),
        ("entity_name", "ada"),
        ("project_name", "p"),
        ("artifact_asset", "1"),
        ("artifact_sequence_asset", "1"),
        ("artifact_digest", &logged),
        ("artifact_qualified_name", "ada/p/c:v0"),
    ];
    for (field, value) in expected {
        assert_eq!(version[field], value, "{field} of {version}");
    }
    assert_eq!(version["response_code"], 200);
    let key = of("user:create_api_key");
    assert_eq!((&key["user_asset"], &key["user_email"]), (&"1".into(), &"ada@example.com".into()));
    assert_eq!((&key["actor"], key.get("actor_user_id")), (&"operator".into(), None));
}

#[tokio::test]
async fn without_a_limit_and_an_end_it_comes_line_by_line() {
    let reader = Reader::new().await;
    reader.world.clock.advance_secs(1);

    let (status, lines) = reader.ask(&format!("Bearer {}", reader.root), "startDate=2027-01-01").await;
    let (_, days) = reader.ask(&format!("Bearer {}", reader.root), "numDays=3").await;
    let (_, today) = reader.ask(&format!("Bearer {}", reader.root), "").await;

    assert_eq!(status, StatusCode::OK);
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.first().map(|record| &record["action"]), Some(&"organization:create".into()));
    assert_eq!(records.iter().filter(|record| record["action"] == "user:create").count(), 2);
    for other in [days, today] {
        assert!(other.starts_with(&lines), "the same range, and more: what was read meanwhile");
    }
}

#[tokio::test]
async fn a_range_ends_before_its_end_and_may_be_longer_than_a_thousand_days() {
    let reader = Reader::new().await;
    reader.world.clock.advance_secs(1_200 * DAY_SECS);
    person(&reader.world, "late", false, "default").await;

    let both = reader.page(&reader.root, "startDate=2027-01-01&numDays=2000&limit=20000").await;
    let early = reader.page(&reader.root, "startDate=2027-01-15T08&endDate=2027-01-15T08:00:01").await;
    let none = reader.page(&reader.root, "startDate=2027-01-01&endDate=2027-01-15T08:00:00").await;

    assert_eq!(people(&both), BTreeSet::from(["ada@example.com", "root@example.com", "late@example.com"]));
    assert_eq!(people(&early), BTreeSet::from(["ada@example.com", "root@example.com"]));
    assert_eq!((&none["count"], &none["next_cursor"]), (&0.into(), &Value::Null), "the end is not in the range");
}

#[tokio::test]
async fn an_admin_of_an_organization_reads_its_records_and_no_others() {
    let reader = Reader::new().await;
    let app = &reader.world.app;
    app.create_organization(&Caller::OPERATOR, "lab").await.unwrap();
    let grace = person(&reader.world, "grace", false, "lab").await;
    reader.world.create_run("r", false).await;
    app.stop_run(&reader.world.ada, reader.world.at("r")).await.unwrap();

    let (as_member, _) = reader.ask(&format!("Bearer {grace}"), ALL).await;
    app.put_organization_member(&Caller::OPERATOR, "lab", "grace", OrganizationRole::Admin.as_str()).await.unwrap();
    let as_admin = reader.page(&grace, ALL).await;
    let as_root = reader.page(&reader.root, ALL).await;

    assert_eq!(as_member, StatusCode::FORBIDDEN);
    assert_eq!(people(&as_admin), BTreeSet::from(["grace@example.com"]));
    let text = as_admin.to_string();
    assert!(text.contains("\"lab\"") && !text.contains("default") && !text.contains("run:stop"), "{text}");
    assert!(as_root.to_string().contains("run:stop"));
}

#[tokio::test]
async fn without_a_licence_it_is_written_and_not_read() {
    let reader = Reader::new().await;
    reader.world.license(&[]);
    let key = format!("Bearer {}", reader.root);

    let (status, text) = reader.ask(&key, ALL).await;
    let (other, _) = reader.ask(&format!("Bearer {}", reader.world.key), ALL).await;

    assert_eq!(status, StatusCode::FORBIDDEN);
    let refusal: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(refusal["error"]["code"], "not_licensed");
    assert!(text.contains(Feature::AuditLog.name()), "{text}");
    assert_eq!(other, StatusCode::FORBIDDEN);
    assert_eq!(Action::AuditRead.rule().needs, Some(Feature::AuditLog));
    reader.world.license(&[Feature::AuditLog]);
    assert!(people(&reader.page(&reader.root, ALL).await).contains("root@example.com"));
}

#[tokio::test]
async fn nobody_is_recognized_when_that_is_asked_for() {
    let reader = Reader::new().await;
    crate::app::audit::log_a_version(&reader.world).await;
    let _read = reader.world.app.find_project(&reader.world.ada, Some("ada"), "p").await.unwrap();
    reader.world.app.write_noted_reads().await.unwrap();

    let page = reader.page(&reader.root, &format!("{ALL}&anonymize=true")).await;
    let named = reader.page(&reader.root, ALL).await.to_string();

    let text = page.to_string();
    assert!(named.contains("ada@example.com") && named.contains("ada/p/c:v0"), "{named}");
    for person in ["ada", "root@", "@example.com"] {
        assert!(!text.contains(person), "{person}: {text}");
    }
    assert!(text.contains("artifact:create") && text.contains("\"actor_user_id\":\"1\""), "{text}");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_meant_is_refused_by_its_name() {
    let reader = Reader::new().await;
    let key = format!("Bearer {}", reader.root);
    for (query, field) in [
        ("startDate=yesterday", "startDate"),
        ("startDate=2027-02-30", "startDate"),
        ("startDate=2027-01-01&endDate=x", "endDate"),
        ("startDate=2027-01-02&endDate=2027-01-02", "endDate"),
        ("endDate=2027-01-02", "endDate"),
        ("startDate=2027-01-01&endDate=2027-01-02&numDays=1", "endDate"),
        ("numDays=-1", "numDays"),
        ("numDays=99999999999999999999", "numDays"),
        ("numDays=1e3", "numDays"),
        ("limit=0", "limit"),
        ("limit=20001", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=1-", "cursor"),
        ("cursor=99999999999999999999-1", "cursor"),
        ("anonymize=yes", "anonymize"),
        ("anonymise=true", "parameters"),
    ] {
        let (status, text) = reader.ask(&key, query).await;

        let refusal: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &refusal["error"]["field"]), (StatusCode::BAD_REQUEST, &field.into()), "{query}: {text}");
    }
}

#[tokio::test]
async fn the_name_before_a_key_is_that_of_its_owner_or_none() {
    let reader = Reader::new().await;
    let basic = |name: &str| format!("Basic {}", STANDARD.encode(format!("{name}:{}", reader.root)));

    for name in ["root", "root@example.com", "ROOT@example.com", "api", ""] {
        assert_eq!(reader.ask(&basic(name), ALL).await.0, StatusCode::OK, "{name:?}");
    }
    for name in ["ada", "nobody", "ada@example.com", "a b"] {
        assert_eq!(reader.ask(&basic(name), ALL).await.0, StatusCode::UNAUTHORIZED, "{name:?}");
    }
    let wrong = format!("Basic {}", STANDARD.encode("root:wrong"));
    assert_eq!(reader.ask(&wrong, ALL).await.0, StatusCode::UNAUTHORIZED);
}
