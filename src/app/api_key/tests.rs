//! API keys as their owners and administrators use them.

use super::*;
use crate::access::{Feature, Refusal};
use crate::app::service_account::{CreateServiceAccount, HomeNamed};
use crate::app::team::CreateTeam;
use crate::app::testing::World;
use crate::app::user::{CreateUser, FirstKey};
use crate::domain::audit::AuditRecord;

fn named(name: &str) -> NewKey {
    NewKey { name: Some(name.into()), ..NewKey::default() }
}

fn limited(teams: &[&str], projects: &[&str]) -> NewKey {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NewKey { limit: Some(Limit { teams: texts(teams), projects: texts(projects) }), ..NewKey::default() }
}

/// A new key of the caller's, and who comes with it.
async fn make(world: &World, caller: &Caller, new: NewKey) -> (CreatedKey, Caller) {
    let created = world.app.create_api_key(caller, Whose::Own, new).await.unwrap();
    let came = world.app.caller_of_key(created.key.as_ref().unwrap().expose()).await.unwrap();
    (created, came)
}

async fn person(world: &World, name: &str) -> String {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: FirstKey::Made,
        system_admin: false,
        organization: super::super::organization::JoinOrganization::First,
    };
    world.app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap().expose().to_owned()
}

async fn team(world: &World, name: &str, members: &[(&str, &str)]) {
    let new = CreateTeam { name: name.into(), organization: "default".into(), admins: Vec::new() };
    world.app.create_team(&Caller::OPERATOR, new).await.unwrap();
    for (username, role) in members {
        world.app.put_team_member(&Caller::OPERATOR, name, username, role).await.unwrap();
    }
}

async fn projects_of(world: &World, caller: &Caller, entity: &str) -> usize {
    world.app.list_projects(caller, Some(entity), None, 100).await.unwrap().0.len()
}

async fn make_project(world: &World, caller: &Caller, entity: &str, name: &str) -> Result<(), Error> {
    let new = crate::app::project::UpsertProject {
        entity: Some(entity.into()),
        name: name.into(),
        description: None,
        visibility: None,
    };
    world.app.upsert_project(caller, new).await.map(drop)
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_says_so_and_one_that_was_revoked_is_unknown() {
    let world = World::new().await;
    let soon = world.clock.now().plus_secs(60);
    let new = NewKey { expires_at: Some(soon), ..named("short") };
    let created = world.app.create_api_key(&world.ada, Whose::Own, new).await.unwrap();
    let key = created.key.unwrap();
    assert_eq!(key.expose().len(), 40);
    assert!(world.app.caller_of_key(key.expose()).await.is_ok());

    world.clock.advance_secs(60);
    let ended = world.app.caller_of_key(key.expose()).await.unwrap_err();
    assert!(matches!(&ended, Error::DeadKey(why) if why.contains("expired")), "{ended}");
    world.app.delete_api_key(&world.ada, created.shown.id).await.unwrap();

    assert!(matches!(world.app.caller_of_key(key.expose()).await, Err(Error::Unauthenticated)));
    let past = NewKey { expires_at: Some(soon), ..NewKey::default() };
    let refused = world.app.create_api_key(&world.ada, Whose::Own, past).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::Invalid { field: "expires_at", .. }), "{refused}");
}

#[tokio::test]
async fn a_scope_takes_rights_away_and_only_a_whole_key_makes_keys() {
    let world = World::new().await;
    let (_, read) = make(&world, &world.ada, NewKey { scope: KeyScope::Read, ..NewKey::default() }).await;
    let (_, write) = make(&world, &world.ada, NewKey { scope: KeyScope::Write, ..NewKey::default() }).await;

    assert_eq!(projects_of(&world, &read, "ada").await, 1);
    let refused = make_project(&world, &read, "ada", "new").await.unwrap_err();
    assert!(refused.to_string().contains("scope of this API key"), "{refused}");
    make_project(&world, &write, "ada", "new").await.unwrap();
    for caller in [read, write] {
        let refused = world.app.create_api_key(&caller, Whose::Own, NewKey::default()).await.map(drop).unwrap_err();
        assert!(matches!(refused, Error::Refused(Refusal::Forbidden { .. })), "{refused}");
    }
}

#[tokio::test]
async fn a_limited_key_finds_only_what_it_is_limited_to() {
    let world = World::new().await;
    team(&world, "vision", &[("ada", "admin")]).await;
    team(&world, "speech", &[("ada", "admin")]).await;
    for (entity, project) in [("vision", "cats"), ("vision", "dogs"), ("speech", "words")] {
        make_project(&world, &world.ada, entity, project).await.unwrap();
    }
    let (of_team, in_team) = make(&world, &world.ada, limited(&["vision"], &[])).await;
    let (_, in_project) = make(&world, &world.ada, limited(&[], &["vision/cats"])).await;
    let (_, at_home) = make(&world, &world.ada, limited(&["ada"], &[])).await;

    let seen = async |caller: &Caller| {
        let mut seen = Vec::new();
        for entity in ["ada", "vision", "speech"] {
            seen.push(projects_of(&world, caller, entity).await);
        }
        seen
    };
    assert_eq!(seen(&world.ada).await, [1, 2, 1]);
    assert_eq!(seen(&in_team).await, [0, 2, 0]);
    assert_eq!(seen(&in_project).await, [0, 1, 0]);
    assert_eq!(seen(&at_home).await, [1, 0, 0]);
    assert_eq!(of_team.shown.limit.unwrap().teams, ["vision"]);

    make_project(&world, &in_team, "vision", "birds").await.unwrap();
    for (caller, entity) in [(&in_team, "speech"), (&in_project, "vision"), (&at_home, "vision")] {
        let hidden = make_project(&world, caller, entity, "birds-2").await.unwrap_err();
        assert!(matches!(&hidden, Error::NotFound(_)), "{hidden}");
    }
    let own = world.app.list_api_keys(&in_team, Whose::Own).await.unwrap_err();
    assert!(own.to_string().contains("scope of this API key"), "{own}");
    assert!(world.app.search_person(&in_team, "ada").await.unwrap().is_some(), "oneself is known");
    person(&world, "grace").await;
    assert!(world.app.search_person(&world.ada, "grace").await.unwrap().is_some());
    assert!(world.app.search_person(&in_team, "grace").await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_limit_names_has_to_be_there_for_whoever_makes_the_key() {
    let world = World::new().await;
    team(&world, "hidden", &[]).await;
    let refused = async |new: NewKey| {
        let error = world.app.create_api_key(&world.ada, Whose::Own, new).await.map(drop).unwrap_err();
        let Error::Invalid { field, message } = error else { panic!("{error}") };
        (field, message.replace("hidden", "nothing"))
    };

    let hidden = refused(limited(&["hidden"], &[])).await;
    assert_eq!(hidden, refused(limited(&["nothing"], &[])).await);
    assert_eq!(refused(limited(&[], &["hidden/p"])).await, refused(limited(&[], &["nothing/p"])).await);
    assert_eq!(refused(limited(&[], &["vision"])).await.0, "projects");
    assert_eq!(refused(limited(&[], &[])).await.0, "teams");
    let many: Vec<&str> = vec!["ada"; 101];
    assert_eq!(refused(limited(&many, &[])).await.0, "teams");
    assert_eq!(refused(named(&"x".repeat(1001))).await.0, "name");
    assert_eq!(refused(NewKey { given: Some(Secret::new("short")), ..NewKey::default() }).await.0, "api_key");
}

#[tokio::test]
async fn a_key_makes_no_key_that_lives_longer() {
    let world = World::new().await;
    let (hour, day) = (world.clock.now().plus_secs(3600), world.clock.now().plus_secs(86_400));
    let (_, came) = make(&world, &world.ada, NewKey { expires_at: Some(hour), ..NewKey::default() }).await;

    let longer = NewKey { expires_at: Some(day), ..NewKey::default() };
    let refused = world.app.create_api_key(&came, Whose::Own, longer).await.map(drop).unwrap_err();
    let (inherited, _) = make(&world, &came, NewKey::default()).await;

    assert!(matches!(refused, Error::Invalid { field: "expires_at", .. }), "{refused}");
    assert_eq!(inherited.shown.record.expires_at, Some(hour));
}

#[tokio::test]
async fn nobody_has_more_than_a_hundred_keys() {
    let world = World::new().await;
    for _ in 1..KEYS_MAX {
        world.app.create_api_key(&world.ada, Whose::Own, NewKey::default()).await.unwrap();
    }

    let refused = world.app.create_api_key(&world.ada, Whose::Own, NewKey::default()).await.map(drop).unwrap_err();
    assert!(matches!(&refused, Error::Conflict(why) if why.contains("at most 100")), "{refused}");

    let keys = world.app.list_api_keys(&world.ada, Whose::Own).await.unwrap();
    assert_eq!(keys.len(), 100);
    world.app.delete_api_key(&world.ada, keys[50].id).await.unwrap();
    world.app.create_api_key(&world.ada, Whose::Own, NewKey::default()).await.unwrap();
}

#[tokio::test]
async fn the_last_use_is_written_by_the_job_and_not_by_the_request() {
    let world = World::new().await;
    world.app.write_last_uses().await.unwrap();
    world.clock.advance_secs(300);
    let (before, at) = (world.app.db.sequence(), world.clock.now());
    for _ in 0..10 {
        world.app.caller_of_key(&world.key).await.unwrap();
    }
    assert_eq!(world.app.db.sequence(), before, "a request writes nothing");

    world.app.write_last_uses().await.unwrap();
    assert_eq!(world.app.list_api_keys(&world.ada, Whose::Own).await.unwrap()[0].record.last_used_at, Some(at));
    let written = world.app.db.sequence();
    world.app.write_last_uses().await.unwrap();
    assert_eq!(world.app.db.sequence(), written, "nothing was used since");
}

#[tokio::test]
async fn who_is_view_only_everywhere_has_no_key_until_a_team_gives_more() {
    let world = World::new().await;
    world.license(&[Feature::ViewOnly]);
    let key = person(&world, "grace").await;
    let grace = world.app.caller_of_key(&key).await.unwrap();
    team(&world, "vision", &[("grace", "view_only")]).await;

    let resting = world.app.caller_of_key(&key).await.unwrap_err();
    assert!(matches!(&resting, Error::DeadKey(why) if why.contains("view-only")), "{resting}");
    let none = world.app.create_api_key(&grace, Whose::Own, NewKey::default()).await.map(drop).unwrap_err();
    assert!(matches!(none, Error::Refused(Refusal::Forbidden { .. })), "{none}");

    team(&world, "speech", &[("grace", "member")]).await;
    world.app.caller_of_key(&key).await.unwrap();
    // As a viewer of the organization she has no more than a viewer's rights in any of its teams.
    world.app.put_organization_member(&Caller::OPERATOR, "default", "grace", "viewer").await.unwrap();
    assert!(world.app.caller_of_key(&key).await.is_err());
    world.app.put_organization_member(&Caller::OPERATOR, "default", "ada", "admin").await.unwrap();
    world.app.put_organization_member(&Caller::OPERATOR, "default", "grace", "admin").await.unwrap();
    world.app.caller_of_key(&key).await.unwrap();
    world.app.put_organization_member(&Caller::OPERATOR, "default", "grace", "member").await.unwrap();
    for team in ["vision", "speech"] {
        world.app.remove_team_member(&Caller::OPERATOR, team, "grace").await.unwrap();
    }
    world.app.caller_of_key(&key).await.expect("people in no team keep theirs");
}

#[tokio::test]
async fn new_keys_can_be_turned_off_but_for_accounts_of_organizations() {
    let world = World::new().await;
    world.license(&[Feature::ServiceAccounts]);
    team(&world, "vision", &[("ada", "admin")]).await;
    let account = |name: &str, default_team: Option<&str>| CreateServiceAccount {
        name: Some(name.into()),
        description: None,
        default_team: default_team.map(str::to_owned),
    };
    let in_team = HomeNamed::Team("vision".into());
    world.app.create_service_account(&world.ada, in_team, account("ci", None)).await.unwrap();
    let in_organization = HomeNamed::Organization("default".into());
    let wide = account("ci-wide", Some("vision"));
    world.app.create_service_account(&Caller::OPERATOR, in_organization, wide).await.unwrap();
    let off = crate::domain::setting::GivenValue::Switch(false);
    world.app.put_setting(&Caller::OPERATOR, "api_key_creation", &off).await.unwrap();

    let of_team = Whose::AccountOfTeam { team: "vision".into(), account: "ci".into() };
    for (caller, whose) in [(&world.ada, Whose::Own), (&world.ada, of_team)] {
        let refused = world.app.create_api_key(caller, whose, NewKey::default()).await.map(drop).unwrap_err();
        assert!(matches!(&refused, Error::Forbidden(why) if why.contains("turned off")), "{refused}");
    }
    let whose = Whose::AccountOfOrganization { organization: "default".into(), account: "ci-wide".into() };
    world.app.create_api_key(&Caller::OPERATOR, whose, NewKey::default()).await.unwrap();
    world.app.caller_of_key(&world.key).await.expect("keys that are there go on working");
}

#[tokio::test]
async fn making_and_revoking_a_key_is_in_the_audit_log_without_the_key() {
    let world = World::new().await;
    let new = NewKey { scope: KeyScope::Read, ..named("for the cluster") };
    let created = world.app.create_api_key(&world.ada, Whose::Own, new).await.unwrap();
    world.app.delete_api_key(&world.ada, created.shown.id).await.unwrap();
    let refused = world.app.delete_api_key(&world.ada, created.shown.id).await;
    assert!(refused.is_err());

    let written: Vec<AuditRecord> = world.audited().await;
    let of_key = |action| written.iter().filter(move |record| record.action == action).collect::<Vec<_>>();
    let (made, ended) = (of_key(AuditAction::UserCreateApiKey), of_key(AuditAction::UserDeleteApiKey));
    assert_eq!((made.len(), ended.len()), (2, 1), "the first is that of the new person");
    let key = created.key.unwrap();
    assert_eq!(made[1].details["scope"], "read");
    assert_eq!(made[1].subject.user.as_ref().unwrap().email, "ada@example.com");
    assert!(!format!("{written:?}").contains(&key.begins_with()));
}
