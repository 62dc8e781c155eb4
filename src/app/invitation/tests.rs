//! Links of invitations: how long they can be used, by whom, and how often.

use super::{InvitationLink, Invited, NewPerson};
use crate::access::{Caller, KeyScope};
use crate::app::account::{Channel, Visitor};
use crate::app::organization::JoinOrganization;
use crate::app::team::CreateTeam;
use crate::app::testing::World;
use crate::app::user::{CreateUser, FirstKey};
use crate::app::{App, Error};
use crate::db::repo::{organization, team, user};
use crate::db::schema::{INVITATIONS, USERS};
use crate::domain::name::EntityName;
use crate::domain::role::TeamRole;
use crate::secrets::Secret;

const DAY: i64 = 86_400;

fn visitor() -> Visitor {
    Visitor { address: None, agent: String::new(), channel: Channel::Https }
}

/// A team `vision` whose admin is ada.
async fn world() -> World {
    let world = World::new().await;
    let team = CreateTeam { name: "vision".into(), organization: "default".into(), admins: vec!["ada".into()] };
    world.app.create_team(&Caller::OPERATOR, team).await.unwrap();
    world
}

async fn invite(world: &World, email: &str, role: &str) -> InvitationLink {
    match world.app.invite(&world.ada, "vision", email, role).await.unwrap() {
        Invited::Waiting { link, .. } => link.unwrap(),
        Invited::Member(_) => panic!("{email} is here already"),
    }
}

fn new(name: &str) -> NewPerson {
    NewPerson { username: name.into(), name: None, password: Secret::new("a-good-password") }
}

async fn accept_as_new(app: &App, link: &InvitationLink, name: &str) -> Result<(), Error> {
    let accepted = app.accept_as_new(&Caller::ANONYMOUS, link.token.expose(), new(name), &visitor()).await;
    accepted.map(|accepted| assert_eq!((accepted.username.as_str(), accepted.into.as_str()), (name, "vision")))
}

/// A person of no organization, signed in.
async fn outsider(app: &App, name: &str) -> Caller {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: FirstKey::None,
        system_admin: false,
        organization: JoinOrganization::None,
    };
    app.create_user(&Caller::OPERATOR, person).await.unwrap();
    let name = name.to_owned();
    let id = app.db.read(move |tx| user::id_of(tx, &name)).await.unwrap().unwrap();
    Caller::user(id, false, KeyScope::Full)
}

/// The person's role in the team, and whether they are in its organization.
async fn place(app: &App, name: &'static str) -> (Option<TeamRole>, bool) {
    let place = app.db.read(move |tx| {
        let Some(id) = user::id_of(tx, name)? else { return Ok((None, false)) };
        let (vision, home) = team::id_named(tx, &EntityName::parse("vision").unwrap())?.unwrap();
        let role = team::member(tx, vision, id)?.map(|member| member.role);
        Ok::<_, Error>((role, organization::member(tx, home, id)?.is_some()))
    });
    place.await.unwrap()
}

fn refusal<T>(outcome: Result<T, Error>) -> String {
    outcome.err().map_or_else(|| "done".into(), |error| error.to_string())
}

#[tokio::test]
async fn somebody_new_is_made_with_the_address_that_was_invited_and_joins_the_organization() {
    let world = world().await;
    let link = invite(&world, "Grace@example.com", "admin").await;

    let shown = world.app.show_invitation(link.token.expose(), &visitor()).await.unwrap();
    assert_eq!((shown.into.as_str(), shown.role.as_str(), shown.has_account), ("vision", "admin", false));
    assert_eq!((shown.email.as_str(), shown.invited_by.as_deref()), ("Grace@example.com", Some("ada")));
    let weak = NewPerson { password: Secret::new("short"), ..new("grace") };
    let weak = world.app.accept_as_new(&Caller::ANONYMOUS, link.token.expose(), weak, &visitor()).await;
    assert!(refusal(weak).contains("at least 10"), "and the link is not used up by it");
    accept_as_new(&world.app, &link, "grace").await.unwrap();

    assert_eq!(place(&world.app, "grace").await, (Some(TeamRole::Admin), true));
    assert!(refusal(accept_as_new(&world.app, &link, "eve").await).contains("was accepted or taken back"));
    assert!(world.app.show_invitation(link.token.expose(), &visitor()).await.is_err());
}

#[tokio::test]
async fn a_link_is_for_its_own_address_only() {
    let world = world().await;
    let (edsger, eve) = (outsider(&world.app, "edsger").await, outsider(&world.app, "eve").await);
    let link = invite(&world, "EDSGER@example.com", "member").await;

    let other = world.app.accept_invitation(&eve, link.token.expose()).await;
    assert!(refusal(other).contains("another address"));
    let again = accept_as_new(&world.app, &link, "edsger2").await;
    assert!(refusal(again).contains("sign in, and then accept"));
    assert!(world.app.accept_invitation(&Caller::ANONYMOUS, link.token.expose()).await.is_err());
    world.app.accept_invitation(&edsger, link.token.expose()).await.unwrap();

    assert_eq!(place(&world.app, "edsger").await, (Some(TeamRole::Member), true));
    assert_eq!(place(&world.app, "eve").await, (None, false));
}

#[tokio::test]
async fn a_link_can_be_used_for_a_week_and_ends_when_another_is_made_or_it_is_taken_back() {
    let world = world().await;
    let first = invite(&world, "grace@example.com", "member").await;
    let Some((id, _)) = world.app.list_invitations(&world.ada, "vision").await.unwrap().pop() else { panic!("none") };

    let second = world.app.renew_invitation(&world.ada, "vision", id).await.unwrap();
    assert!(accept_as_new(&world.app, &first, "grace").await.is_err());
    world.clock.advance_secs(7 * DAY);
    assert!(accept_as_new(&world.app, &second, "grace").await.is_err());
    assert!(!world.app.show_invitations(&world.ada, "vision").await.unwrap()[0].is_open);
    let third = world.app.renew_invitation(&world.ada, "vision", id).await.unwrap();
    world.clock.advance_secs(7 * DAY - 1);
    assert!(world.app.show_invitation(third.token.expose(), &visitor()).await.is_ok());
    world.app.delete_invitation(&world.ada, "vision", id).await.unwrap();

    assert!(accept_as_new(&world.app, &third, "grace").await.is_err());
    assert_eq!(place(&world.app, "grace").await, (None, false));
}

#[tokio::test]
async fn whoever_copies_a_link_gets_no_more_than_it_is_for() {
    let world = world().await;
    world.app.invite_into_organization(&Caller::OPERATOR, "default", "grace@example.com", "admin").await.unwrap();
    let link = invite(&world, "grace@example.com", "member").await;

    accept_as_new(&world.app, &link, "grace").await.unwrap();

    assert_eq!(place(&world.app, "grace").await, (Some(TeamRole::Member), true));
    let left = world.app.db.read(|tx| INVITATIONS.list(tx, &(), None, 10)).await.unwrap();
    assert_eq!(left.len(), 1, "that into the organization waits for its own link");
}

#[tokio::test]
async fn an_expired_invitation_is_not_accepted_by_making_the_person() {
    let world = world().await;
    invite(&world, "grace@example.com", "member").await;
    invite(&world, "edsger@example.com", "member").await;

    outsider(&world.app, "edsger").await;
    world.clock.advance_secs(7 * DAY);
    outsider(&world.app, "grace").await;

    assert_eq!(place(&world.app, "edsger").await, (Some(TeamRole::Member), true));
    assert_eq!(place(&world.app, "grace").await, (None, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_use_one_invitation_one_wins() {
    let world = world().await;
    let link = std::sync::Arc::new(invite(&world, "grace@example.com", "member").await);

    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (app, link) = (world.app.clone(), std::sync::Arc::clone(&link));
        attempts.spawn(async move { accept_as_new(&app, &link, &format!("grace-{number}")).await.is_ok() });
    }
    let winners = attempts.join_all().await.into_iter().filter(|won| *won).count();

    assert_eq!(winners, 1);
    let people = world.app.db.read(|tx| USERS.list(tx, &(), None, 100)).await.unwrap();
    assert_eq!(people.len(), 2, "ada and one more: nothing half-made remains");
}

#[tokio::test]
async fn an_invitation_is_dead_once_its_sender_could_not_send_it_any_more() {
    let world = world().await;
    let link = invite(&world, "back@example.com", "admin").await;
    world.app.put_team_member(&Caller::OPERATOR, "vision", "ada", "admin").await.unwrap();
    outsider(&world.app, "grace").await;
    world.app.put_team_member(&Caller::OPERATOR, "vision", "grace", "admin").await.unwrap();
    world.app.put_team_member(&Caller::OPERATOR, "vision", "ada", "member").await.unwrap();

    let used = accept_as_new(&world.app, &link, "back").await;

    assert!(refusal(used).contains("was accepted or taken back, has expired"));
    assert_eq!(place(&world.app, "back").await, (None, false));
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_changes_no_role() {
    let world = world().await;
    let link = invite(&world, "boss@example.com", "member").await;
    accept_as_new(&world.app, &link, "squat").await.unwrap();

    let as_admin = world.app.invite(&world.ada, "vision", "boss@example.com", "admin").await;
    let of_all = world.app.invite_into_organization(&Caller::OPERATOR, "default", "boss@example.com", "admin").await;

    assert!(refusal(as_admin).contains("`squat` has this address and is here already"));
    assert!(refusal(of_all).contains("`squat` has this address and is here already"));
    assert_eq!(place(&world.app, "squat").await, (Some(TeamRole::Member), true));
}
