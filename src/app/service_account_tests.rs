//! The behaviour of service accounts, row by row.

use super::api_key::{NewKey, Whose};
use super::organization::JoinOrganization;
use super::project::{ProjectPath, UpsertProject};
use super::run::{Target, UpsertRun};
use super::service_account::{CreateServiceAccount, HomeNamed};
use super::team::CreateTeam;
use super::testing::World;
use super::user::list::Wanted;
use super::user::{CreateUser, FirstKey};
use super::{App, Error};
use crate::access::{Caller, Feature, Refusal, Visibility};
use crate::db::schema::CATALOGUE;
use crate::db::verify;
use crate::domain::audit::AuditAction;
use crate::domain::user::Attribution;

async fn person(app: &App, name: &str) -> Caller {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: FirstKey::Made,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    let key = app.create_user(&Caller::OPERATOR, person).await.unwrap().api_key.unwrap();
    app.caller_of_key(key.expose()).await.unwrap()
}

async fn team(app: &App, name: &str, organization: &str, members: &[(&str, &str)]) {
    let new = CreateTeam { name: name.into(), organization: organization.into(), admins: Vec::new() };
    app.create_team(&Caller::OPERATOR, new).await.unwrap();
    for (username, role) in members {
        app.put_team_member(&Caller::OPERATOR, name, username, role).await.unwrap();
    }
}

fn account(name: &str, default_team: Option<&str>) -> CreateServiceAccount {
    let default_team = default_team.map(str::to_owned);
    CreateServiceAccount { name: Some(name.into()), description: Some("for the cluster".into()), default_team }
}

fn in_team(name: &str) -> HomeNamed {
    HomeNamed::Team(name.into())
}

fn in_organization() -> HomeNamed {
    HomeNamed::Organization("default".into())
}

/// Makes the account and comes with a key of it.
async fn come_as(app: &App, home: HomeNamed, name: &str, default_team: Option<&str>) -> Caller {
    app.create_service_account(&Caller::OPERATOR, home.clone(), account(name, default_team)).await.unwrap();
    let account = name.to_owned();
    let whose = match home {
        HomeNamed::Team(team) => Whose::AccountOfTeam { team, account },
        HomeNamed::Organization(organization) => Whose::AccountOfOrganization { organization, account },
    };
    let created = app.create_api_key(&Caller::OPERATOR, whose, NewKey::default()).await.unwrap();
    app.caller_of_key(created.key.unwrap().expose()).await.unwrap()
}

async fn project(app: &App, maker: &Caller, team: &str, name: &str, visibility: Visibility) {
    let new =
        UpsertProject { entity: Some(team.into()), name: name.into(), description: None, visibility: Some(visibility) };
    app.upsert_project(maker, new).await.unwrap();
}

/// Logs a run, and tells in which entity it is and whose it is.
async fn log(
    app: &App,
    caller: &Caller,
    entity: Option<&str>,
    project: &str,
    attribution: Attribution,
) -> Result<(String, String), Error> {
    let target = Target::Named { entity: entity.map(str::to_owned), project: Some(project.into()), run: None };
    let made = app.upsert_run(caller, UpsertRun { target, attribution, ..UpsertRun::default() }).await?;
    assert!(made.inserted);
    let owner = app.find_person(&Caller::OPERATOR, made.run.run.owner.unwrap()).await.unwrap().unwrap();
    Ok((made.run.at.entity.entity.name.to_string(), owner.username))
}

fn no_one() -> Attribution {
    Attribution::default()
}

fn by_name(username: &str) -> Attribution {
    Attribution { username: Some(username.into()), email: None }
}

fn by_email(email: &str) -> Attribution {
    Attribution { username: None, email: Some(email.into()) }
}

/// Two teams with a project of each visibility, Ada an admin of both.
async fn world() -> World {
    let world = World::new().await;
    world.license(&[Feature::ServiceAccounts, Feature::ViewOnly]);
    for name in ["vision", "speech"] {
        team(&world.app, name, "default", &[("ada", "admin")]).await;
        for (project_name, visibility) in [
            ("open", Visibility::Open),
            ("public", Visibility::Public),
            ("team", Visibility::Team),
            ("restricted", Visibility::Restricted),
        ] {
            project(&world.app, &world.ada, name, project_name, visibility).await;
        }
    }
    world
}

#[tokio::test]
async fn a_team_account_is_a_member_in_its_team_and_needs_to_be_let_into_restricted_projects() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;

    for name in ["open", "public", "team"] {
        let logged = log(&world.app, &ci, Some("vision"), name, no_one()).await.unwrap();
        assert_eq!(logged, ("vision".into(), "ci".into()));
    }
    let closed = log(&world.app, &ci, Some("vision"), "restricted", no_one()).await.unwrap_err();
    assert!(matches!(closed, Error::NotFound(_)), "{closed}");

    let at = ProjectPath::parse("vision", "restricted").unwrap();
    let as_admin = world.app.put_project_member(&world.ada, at.clone(), "ci", Some("admin")).await.unwrap_err();
    assert!(as_admin.to_string().contains("as a member"), "{as_admin}");
    world.app.put_project_member(&world.ada, at, "ci", Some("member")).await.unwrap();
    log(&world.app, &ci, Some("vision"), "restricted", no_one()).await.unwrap();
    let new = log(&world.app, &ci, Some("vision"), "made-by-ci", no_one()).await.unwrap();
    assert_eq!(new.1, "ci");
}

#[tokio::test]
async fn a_run_that_names_no_entity_goes_to_the_accounts_team() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;
    let wide = come_as(&world.app, in_organization(), "wide", Some("speech")).await;

    assert_eq!(log(&world.app, &ci, None, "team", no_one()).await.unwrap().0, "vision");
    assert_eq!(log(&world.app, &wide, None, "team", no_one()).await.unwrap().0, "speech");
    world.app.set_default_team(&Caller::OPERATOR, "default", "wide", "vision").await.unwrap();
    assert_eq!(log(&world.app, &wide, None, "team", no_one()).await.unwrap().0, "vision");
    let viewer = world.app.viewer(&ci).await.unwrap().unwrap();
    assert_eq!((viewer.username.as_str(), viewer.entity.as_str()), ("ci", "vision"));
    assert!(viewer.is_service_account && viewer.private.is_none());
    let teams = async |caller: &Caller| {
        let found = world.app.entities_of(caller, caller.user_id().unwrap()).await.unwrap();
        found.into_iter().map(|entity| entity.name).collect::<Vec<_>>()
    };
    assert_eq!(teams(&ci).await, ["vision"]);
    assert_eq!(teams(&wide).await, ["vision", "speech"]);
}

#[tokio::test]
async fn a_team_account_logs_to_other_teams_only_where_a_project_is_open() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;

    log(&world.app, &ci, Some("speech"), "open", no_one()).await.unwrap();
    for name in ["public", "team", "restricted", "new"] {
        let refused = log(&world.app, &ci, Some("speech"), name, no_one()).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound(_)), "{name}: {refused}");
        let found = world.app.find_project(&ci, Some("speech"), name).await.unwrap();
        assert!(found.is_none(), "{name}");
    }
    let own = log(&world.app, &ci, Some("ci"), "p", no_one()).await.unwrap_err();
    assert!(matches!(own, Error::NotFound(_)), "it has no projects of its own: {own}");
}

#[tokio::test]
async fn an_organizations_account_is_a_member_of_all_its_teams_and_of_no_other() {
    let world = world().await;
    world.app.create_organization(&Caller::OPERATOR, "lab").await.unwrap();
    team(&world.app, "robots", "lab", &[]).await;
    let wide = come_as(&world.app, in_organization(), "wide", Some("vision")).await;

    for team in ["vision", "speech"] {
        for name in ["open", "public", "team"] {
            log(&world.app, &wide, Some(team), name, no_one()).await.unwrap();
        }
        assert!(log(&world.app, &wide, Some(team), "restricted", no_one()).await.is_err());
    }
    let outside = log(&world.app, &wide, Some("robots"), "p", no_one()).await.unwrap_err();
    assert!(matches!(outside, Error::NotFound(_)), "{outside}");
    // A team that comes later is one of them too.
    team(&world.app, "planning", "default", &[]).await;
    log(&world.app, &wide, Some("planning"), "p", no_one()).await.unwrap();
    let at = ProjectPath::parse("speech", "restricted").unwrap();
    world.app.put_project_member(&world.ada, at, "wide", Some("member")).await.unwrap();
    log(&world.app, &wide, Some("speech"), "restricted", no_one()).await.unwrap();
}

#[tokio::test]
async fn a_run_is_the_members_whom_the_account_names_and_else_its_own() {
    let world = world().await;
    let grace = person(&world.app, "grace").await;
    person(&world.app, "alan").await;
    for (team, name) in [("vision", "grace"), ("speech", "alan")] {
        world.app.put_team_member(&Caller::OPERATOR, team, name, "member").await.unwrap();
    }
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;
    let wide = come_as(&world.app, in_organization(), "wide", Some("vision")).await;
    let owner = async |caller: &Caller, entity: &str, named: Attribution| {
        log(&world.app, caller, Some(entity), "open", named).await.unwrap().1
    };

    assert_eq!(owner(&ci, "vision", by_name("grace")).await, "grace");
    assert_eq!(owner(&ci, "vision", by_email("GRACE@example.com")).await, "grace");
    // Its own team counts for a team's account, also where it logs elsewhere.
    assert_eq!(owner(&ci, "speech", by_name("grace")).await, "grace");
    assert_eq!(owner(&ci, "speech", by_name("alan")).await, "ci");
    // For an organization's account it is the team that the run goes to.
    assert_eq!(owner(&wide, "speech", by_name("alan")).await, "alan");
    assert_eq!(owner(&wide, "vision", by_name("alan")).await, "wide");
    for nobody in [by_name("nobody"), by_name("wide"), by_name("vision"), by_email("alan@example.com"), by_email("x")] {
        assert_eq!(owner(&ci, "vision", nobody).await, "ci");
    }
    let both = Attribution { username: Some("root".into()), email: Some("grace@example.com".into()) };
    assert_eq!(owner(&ci, "vision", both).await, "grace", "a name that says nothing does not hide the address");
    assert_eq!(owner(&grace, "vision", by_name("ada")).await, "grace", "people are who they are");
}

#[tokio::test]
async fn attribution_gives_the_account_none_of_the_members_rights() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;
    let target = Target::Named { entity: Some("vision".into()), project: Some("team".into()), run: Some("r".into()) };
    let upsert = UpsertRun { target, attribution: by_name("ada"), ..UpsertRun::default() };
    world.app.upsert_run(&ci, upsert).await.unwrap();
    let at = super::run::RunPath::parse("vision", "team", "r").unwrap();

    let deleted = world.app.delete_run(&ci, at.clone()).await.map(drop).unwrap_err();
    assert!(matches!(deleted, Error::Refused(Refusal::Forbidden { .. })), "{deleted}");
    let closed = log(&world.app, &ci, Some("ada"), "p", by_name("ada")).await.unwrap_err();
    assert!(matches!(closed, Error::NotFound(_)), "{closed}");
    world.app.delete_run(&world.ada, at).await.unwrap();
}

#[tokio::test]
async fn making_one_needs_a_licence_and_everything_else_goes_on_without() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;
    world.license(&[]);

    for (home, default_team) in [(in_team("vision"), None), (in_organization(), Some("vision"))] {
        let caller = if default_team.is_some() { Caller::OPERATOR } else { world.ada };
        let new = account("another", default_team);
        let refused = world.app.create_service_account(&caller, home, new).await.map(drop).unwrap_err();
        assert!(refused.to_string().starts_with("service_accounts needs a licence"), "{refused}");
    }
    log(&world.app, &ci, None, "team", no_one()).await.unwrap();
    let whose = Whose::AccountOfTeam { team: "vision".into(), account: "ci".into() };
    world.app.create_api_key(&world.ada, whose.clone(), NewKey::default()).await.unwrap();
    assert_eq!(world.app.list_api_keys(&world.ada, whose).await.unwrap().len(), 2);
    world.app.delete_service_account(&world.ada, in_team("vision"), "ci").await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_deleted_leaves_its_runs_and_its_name_inherits_nothing() {
    let world = world().await;
    let whose = Whose::AccountOfTeam { team: "vision".into(), account: "ci".into() };
    let first = come_as(&world.app, in_team("vision"), "ci", None).await;
    let made = UpsertRun {
        target: Target::Named { entity: None, project: Some("team".into()), run: Some("r".into()) },
        ..UpsertRun::default()
    };
    world.app.upsert_run(&first, made).await.unwrap();
    let at = ProjectPath::parse("vision", "restricted").unwrap();
    world.app.put_project_member(&world.ada, at, "ci", Some("member")).await.unwrap();
    let key = world.app.create_api_key(&world.ada, whose.clone(), NewKey::default()).await.unwrap().key.unwrap();

    world.app.delete_service_account(&world.ada, in_team("vision"), "ci").await.unwrap();

    assert!(matches!(world.app.caller_of_key(key.expose()).await, Err(Error::Unauthenticated)));
    let again = come_as(&world.app, in_team("vision"), "ci", None).await;
    let run = super::run::RunPath::parse("vision", "team", "r").unwrap();
    let refused = world.app.delete_run(&again, run).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::Refused(Refusal::Forbidden { .. })), "{refused}");
    assert!(log(&world.app, &again, None, "restricted", no_one()).await.is_err());
    assert_eq!(world.app.list_api_keys(&world.ada, whose).await.unwrap().len(), 1);
    let mut faults = Vec::new();
    let checked = world.app.db.read(move |tx| {
        verify::verify(tx, &CATALOGUE, &mut faults)?;
        Ok::<_, Error>(faults)
    });
    assert_eq!(checked.await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_account_is_no_person() {
    let world = world().await;
    let ci = come_as(&world.app, in_team("vision"), "ci", None).await;

    let people = world.app.list_users(&Caller::OPERATOR, Wanted::default(), None).await.unwrap().items;
    assert_eq!(people.iter().map(|person| person.user.name.as_str()).collect::<Vec<_>>(), ["ada"]);
    let members = world.app.list_team_members(&world.ada, "vision", None).await.unwrap().items;
    assert_eq!(members.len(), 1);
    for refused in [
        world.app.put_team_member(&Caller::OPERATOR, "speech", "ci", "admin").await.map(drop),
        world.app.put_organization_member(&Caller::OPERATOR, "default", "ci", "admin").await.map(drop),
        world.app.delete_user(&Caller::OPERATOR, "ci").await,
        world.app.remove_team_member(&world.ada, "vision", "ci").await,
    ] {
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    }
    // Its keys are made by whoever administers it.
    let own = world.app.create_api_key(&ci, Whose::Own, NewKey::default()).await.map(drop).unwrap_err();
    assert!(matches!(own, Error::Refused(Refusal::Forbidden { .. })), "{own}");
    let other = world.app.create_service_account(&ci, in_team("vision"), account("x", None)).await.map(drop);
    assert!(matches!(other, Err(Error::Refused(Refusal::Forbidden { .. }))), "{other:?}");
}

#[tokio::test]
async fn names_and_default_teams_are_checked() {
    let world = world().await;
    world.app.create_organization(&Caller::OPERATOR, "lab").await.unwrap();
    team(&world.app, "robots", "lab", &[]).await;
    let create = async |home: HomeNamed, new: CreateServiceAccount| {
        world.app.create_service_account(&Caller::OPERATOR, home, new).await.map(|made| made.account.name.to_string())
    };
    let field = |made: Result<String, Error>| match made {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };

    assert_eq!(field(create(in_team("vision"), account("a/b", None)).await), "name");
    assert_eq!(field(create(in_team("vision"), account("ci", Some("speech"))).await), "default_team");
    for wrong in [None, Some("robots"), Some("nowhere"), Some("ada")] {
        assert_eq!(field(create(in_organization(), account("ci", wrong)).await), "default_team", "{wrong:?}");
    }
    let long = CreateServiceAccount { description: Some("x".repeat(1001)), ..account("ci", None) };
    assert_eq!(field(create(in_team("vision"), long).await), "description");
    assert!(matches!(create(in_team("vision"), account("Ada", None)).await, Err(Error::Conflict(_))));
    let unnamed = || CreateServiceAccount { name: None, ..account("", None) };
    assert_eq!(create(in_team("vision"), unnamed()).await.unwrap(), "for-the-cluster");
    assert_eq!(create(in_team("speech"), unnamed()).await.unwrap(), "for-the-cluster-2");
    let blank = CreateServiceAccount { description: Some("¿?".into()), ..unnamed() };
    assert_eq!(create(in_team("speech"), blank).await.unwrap(), "service-account");
}

#[tokio::test]
async fn making_and_deleting_one_is_in_the_audit_log() {
    let world = world().await;
    come_as(&world.app, in_team("vision"), "ci", None).await;
    come_as(&world.app, in_organization(), "wide", Some("vision")).await;
    world.app.delete_service_account(&world.ada, in_team("vision"), "ci").await.unwrap();
    world.app.delete_service_account(&Caller::OPERATOR, in_organization(), "wide").await.unwrap();

    let told = world.audited().await;
    for (action, entity, username) in [
        (AuditAction::TeamServiceAccountCreate, "vision", "ci"),
        (AuditAction::OrganizationServiceAccountCreate, "default", "wide"),
        (AuditAction::TeamServiceAccountDelete, "vision", "ci"),
        (AuditAction::OrganizationServiceAccountDelete, "default", "wide"),
    ] {
        let found: Vec<_> = told.iter().filter(|record| record.action == action).collect();
        assert_eq!(found.len(), 1, "{action}");
        assert_eq!(found[0].subject.entity.as_ref().unwrap().name, entity);
        assert_eq!(found[0].details["service_account"], username);
        assert!(found[0].subject.user.as_ref().unwrap().email.is_empty());
    }
}
