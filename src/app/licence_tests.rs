//! Licences over time: when one counts, what a clock that is turned back changes, and what seats it has.

use super::*;
use crate::access::Refusal;
use crate::app::invitation::Invited;
use crate::app::organization::JoinOrganization;
use crate::app::team::CreateTeam;
use crate::app::testing::{World, all_features, authority};
use crate::app::user::list::Wanted;
use crate::app::user::{CreateUser, FirstKey};
use crate::domain::licence::{Day, Feature, SeatLimits};
use crate::secrets::AuthorityKey;

/// Feature by feature whether it may be newly used.
fn allows(world: &World) -> [bool; 7] {
    Feature::ALL.map(|feature| world.app.licence().has(feature))
}

const NOTHING: [bool; 7] = [false; 7];
const ALL: [bool; 7] = [true; 7];

fn until(day: &str) -> LicenceTerms {
    LicenceTerms { expires: Day::parse(day).unwrap(), ..all_features() }
}

async fn install(world: &World, text: &str) -> Result<SeenLicence, Error> {
    world.app.install_licence(&Caller::OPERATOR, text).await
}

async fn state(world: &World) -> LicenceState {
    world.app.see_licence(&Caller::OPERATOR).await.unwrap().state
}

#[tokio::test]
async fn a_licence_counts_from_its_installation_to_the_end_of_its_last_day_without_a_restart() {
    let world = World::new().await; // 2027-01-15T08:00:00Z
    assert_eq!(allows(&world), NOTHING);

    world.license_with(&until("2027-01-16")).await;
    assert_eq!(allows(&world), ALL);
    world.clock.advance_secs(40 * 3600 - 1);
    assert_eq!((allows(&world), state(&world).await), (ALL, LicenceState::Valid));
    world.clock.advance_secs(1);
    assert_eq!((allows(&world), state(&world).await), (NOTHING, LicenceState::Expired));
    world.license_with(&until("2027-01-17")).await;
    assert_eq!(allows(&world), ALL);
}

#[tokio::test]
async fn only_what_the_licence_names_may_be_newly_used() {
    let world = World::new().await;

    world.license_with(&LicenceTerms { features: [Feature::AuditLog].into(), ..all_features() }).await;

    assert_eq!(allows(&world), Feature::ALL.map(|feature| feature == Feature::AuditLog));
}

#[tokio::test]
async fn a_clock_that_is_turned_back_revives_no_licence_also_after_a_restart() {
    let world = World::new().await;
    world.license_with(&until("2027-01-16")).await;
    world.clock.advance_secs(3 * 86_400);
    assert_eq!(allows(&world), NOTHING);

    world.clock.advance_secs(-3 * 86_400);
    assert_eq!((allows(&world), state(&world).await), (NOTHING, LicenceState::Expired));
    let old = authority().issue(&until("2027-01-17")).unwrap();
    assert!(install(&world, &old).await.is_err(), "nor can one be installed that has ended since");

    world.clock.advance_secs(3 * 86_400);
    world.app.note_time().await.unwrap();
    world.clock.advance_secs(-3 * 86_400);
    let world = world.reopened().await;
    assert_eq!((allows(&world), state(&world).await), (NOTHING, LicenceState::Expired));
}

#[tokio::test]
async fn the_time_is_written_down_at_each_start() {
    let world = World::new().await;
    world.license_with(&until("2027-01-16")).await;
    world.clock.advance_secs(3 * 86_400);

    let world = world.reopened().await;
    world.clock.advance_secs(-3 * 86_400);
    let world = world.reopened().await;

    assert_eq!(allows(&world), NOTHING);
}

#[tokio::test]
async fn what_would_not_count_now_is_refused_and_leaves_the_licence_there_is() {
    let world = World::new().await;
    world.license_with(&all_features()).await;
    let good = authority().issue(&all_features()).unwrap();
    let issue = |terms: LicenceTerms| authority().issue(&terms).unwrap();
    let elsewhere = LicenceTerms { deployment: Some("elsewhere".into()), ..all_features() };
    let later = LicenceTerms { not_before: Day::parse("2027-01-16"), ..all_features() };

    for (text, why) in [
        (String::new(), "no licence file"),
        (good.replace("Tests", "Guest"), "altered"),
        (AuthorityKey::generate().issue(&all_features()).unwrap(), "does not trust"),
        (issue(until("2027-01-14")), "expired: its last day was 2027-01-14"),
        (issue(later), "valid from 2027-01-16 on"),
        (issue(elsewhere), "`elsewhere`"),
        (format!("{good}{}", " ".repeat(100_000)), "bytes"),
    ] {
        match install(&world, &text).await {
            Err(Error::Invalid { field: "license", message }) => assert!(message.contains(why), "{message}"),
            other => panic!("{why}: {other:?}"),
        }
        assert_eq!(allows(&world), ALL, "{why}");
    }
}

#[tokio::test]
async fn a_licence_for_this_deployment_alone_counts_here() {
    let world = World::new().await;
    let here = world.app.see_licence(&Caller::OPERATOR).await.unwrap().deployment;

    world.license_with(&LicenceTerms { deployment: Some(here.clone()), ..all_features() }).await;

    let world = world.reopened().await;
    assert_eq!(allows(&world), ALL);
    assert_eq!(world.app.see_licence(&Caller::OPERATOR).await.unwrap().deployment, here);
}

#[tokio::test]
async fn a_licence_whose_key_is_trusted_no_more_counts_no_more_and_says_so() {
    let world = World::new().await;
    world.license_with(&all_features()).await;

    let world = world.reopened_with(|opening| opening.trusted_keys = vec![AuthorityKey::generate().public()]).await;

    assert_eq!(allows(&world), NOTHING);
    let seen = world.app.see_licence(&Caller::OPERATOR).await.unwrap();
    assert!(matches!(seen.state, LicenceState::Unusable(_)));
    assert!(seen.warnings[0].contains("license.trusted_keys"), "{:?}", seen.warnings);
    assert_eq!(allows(&world.reopened().await), ALL);
}

#[tokio::test]
async fn warnings_begin_thirty_days_before_the_end() {
    let world = World::new().await;
    world.license_with(&until("2027-02-14")).await;
    let seen = async || world.app.see_licence(&Caller::OPERATOR).await.unwrap();

    assert_eq!((seen().await.days_left, seen().await.warnings.len()), (Some(30), 0));
    world.clock.advance_secs(86_400);
    assert_eq!(seen().await.days_left, Some(29));
    assert!(seen().await.warnings[0].contains("expires after 2027-02-14"), "{:?}", seen().await.warnings);
    world.clock.advance_secs(30 * 86_400);
    assert!(seen().await.warnings[0].contains("has expired"), "{:?}", seen().await.warnings);
}

#[tokio::test]
async fn only_system_admins_see_and_install_licences() {
    let world = World::new().await;
    let text = authority().issue(&all_features()).unwrap();

    let refused = world.app.install_licence(&world.ada, &text).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Forbidden { .. }))), "{refused:?}");
    let refused = world.app.install_licence(&world.ada, "").await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Forbidden { .. }))), "{refused:?}");
    assert!(world.app.see_licence(&world.ada).await.is_err());
}

fn limited(max_users: Option<u32>, max_view_only_users: Option<u32>, max_teams: Option<u32>) -> LicenceTerms {
    LicenceTerms { limits: SeatLimits { max_users, max_view_only_users, max_teams }, ..all_features() }
}

async fn person(world: &World, name: &str) -> Result<(), Error> {
    let input = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: None,
        api_key: FirstKey::None,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    world.app.create_user(&Caller::OPERATOR, input).await.map(drop)
}

async fn team(world: &World, name: &str) -> Result<(), Error> {
    let input = CreateTeam { name: name.into(), organization: "default".into(), admins: vec!["ada".into()] };
    world.app.create_team(&Caller::OPERATOR, input).await.map(drop)
}

async fn role(world: &World, team: &str, name: &str, role: &str) -> Result<(), Error> {
    world.app.put_team_member(&Caller::OPERATOR, team, name, role).await.map(drop)
}

async fn seats(world: &World) -> (u32, u32) {
    let seats = world.app.see_licence(&Caller::OPERATOR).await.unwrap().seats;
    (seats.full, seats.view_only)
}

#[track_caller]
fn is_full(refused: Result<(), Error>, limit: &str) {
    match refused {
        Err(Error::Conflict(why)) => assert!(why.contains(limit) && why.contains("install a licence"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_a_licence_there_is_no_limit() {
    let world = World::new().await;

    for name in ["b", "c", "d"] {
        person(&world, name).await.unwrap();
        team(&world, &format!("team-{name}")).await.unwrap();
    }

    assert_eq!(seats(&world).await, (4, 0));
}

#[tokio::test]
async fn no_more_people_than_full_seats() {
    let world = World::new().await;
    world.license_with(&limited(Some(2), None, None)).await;

    person(&world, "b").await.unwrap();
    is_full(person(&world, "c").await, "2 full seats (`max_users`)");

    assert_eq!(seats(&world).await, (2, 0));
    let people = world.app.list_users(&Caller::OPERATOR, Wanted::default(), None).await.unwrap().items;
    assert!(people.iter().all(|listed| listed.user.name.as_str() != "c"));
    world.app.delete_user(&Caller::OPERATOR, "b").await.unwrap();
    person(&world, "c").await.unwrap();
    world.license_with(&limited(Some(1), None, None)).await;
    team(&world, "vision").await.unwrap();
    role(&world, "vision", "c", "member").await.unwrap();
    assert_eq!(seats(&world).await, (2, 0), "who has a seat keeps it under a smaller licence");
}

#[tokio::test]
async fn who_is_view_only_everywhere_takes_a_view_only_seat_and_a_full_one_with_the_first_higher_role() {
    let world = World::new().await;
    world.license_with(&limited(Some(3), Some(1), None)).await;
    team(&world, "vision").await.unwrap();
    team(&world, "speech").await.unwrap();
    person(&world, "b").await.unwrap();
    person(&world, "c").await.unwrap();

    role(&world, "vision", "b", "view_only").await.unwrap();
    assert_eq!(seats(&world).await, (2, 1));
    is_full(role(&world, "vision", "c", "view_only").await, "1 view-only seats (`max_view_only_users`)");
    role(&world, "speech", "b", "view_only").await.unwrap();
    person(&world, "d").await.unwrap();
    is_full(role(&world, "speech", "b", "member").await, "3 full seats");
    is_full(world.app.put_organization_member(&Caller::OPERATOR, "default", "b", "admin").await.map(drop), "3 full");
    assert_eq!(seats(&world).await, (3, 1));
    world.app.delete_user(&Caller::OPERATOR, "d").await.unwrap();
    role(&world, "speech", "b", "member").await.unwrap();
    assert_eq!(seats(&world).await, (3, 0));
    world.app.put_organization_member(&Caller::OPERATOR, "default", "b", "viewer").await.unwrap();
    assert_eq!(seats(&world).await, (2, 1), "a viewer of the organization is view-only in its teams");
}

#[tokio::test]
async fn leaving_is_never_refused_for_want_of_seats() {
    let world = World::new().await;
    world.license_with(&limited(Some(2), Some(1), None)).await;
    team(&world, "vision").await.unwrap();
    person(&world, "b").await.unwrap();
    role(&world, "vision", "b", "view_only").await.unwrap();
    person(&world, "c").await.unwrap();

    world.app.remove_team_member(&Caller::OPERATOR, "vision", "b").await.unwrap();

    assert_eq!(seats(&world).await, (3, 0));
}

#[tokio::test]
async fn an_invitation_is_not_accepted_without_a_seat() {
    let world = World::new().await;
    world.license_with(&limited(Some(1), Some(1), None)).await;
    team(&world, "vision").await.unwrap();
    for (name, role) in [("b", "member"), ("c", "view_only")] {
        let invited = world.app.invite(&Caller::OPERATOR, "vision", &format!("{name}@example.com"), role).await;
        assert!(matches!(invited, Ok(Invited::Waiting { .. })));
    }

    is_full(person(&world, "b").await, "1 full seats");
    person(&world, "c").await.unwrap();

    assert_eq!(seats(&world).await, (1, 1));
}

#[tokio::test]
async fn no_more_teams_than_the_licence_has() {
    let world = World::new().await;
    world.license_with(&limited(None, None, Some(1))).await;

    team(&world, "vision").await.unwrap();
    is_full(team(&world, "speech").await, "1 teams (`max_teams`)");

    world.clock.advance_secs(400 * 86_400);
    team(&world, "speech").await.unwrap();
}
