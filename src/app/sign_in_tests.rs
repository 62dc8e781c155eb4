//! Signing in, sessions, second factors and reset links, with time moved by the clock.

use super::account::{Channel, Visitor};
use super::organization::JoinOrganization;
use super::sign_in::{Credentials, SignInError};
use super::testing::World;
use super::user::{CreateUser, FirstKey};
use super::{App, Error};
use crate::access::{Caller, Own};
use crate::db::schema::{AUDIT_PENDING, SESSIONS};
use crate::domain::audit::{AuditAction, AuditRecord};
use crate::domain::id::SessionId;
use crate::domain::session::Session;
use crate::domain::setting::GivenValue;
use crate::secrets::{Secret, Token, TotpSecret};

const PASSWORD: &str = "a-good-password";
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

fn from(channel: Channel) -> Visitor {
    Visitor { address: Some("192.0.2.1".parse().unwrap()), agent: "Mozilla/5.0".into(), channel }
}

fn from_https() -> Visitor {
    from(Channel::Https)
}

async fn world() -> World {
    let world = World::new().await;
    person(&world.app, "grace", Some(PASSWORD)).await;
    world
}

async fn person(app: &App, name: &str, password: Option<&str>) {
    let person = CreateUser {
        username: Some(name.into()),
        email: format!("{name}@example.com"),
        name: None,
        password: password.map(Secret::new),
        api_key: FirstKey::None,
        system_admin: false,
        organization: JoinOrganization::First,
    };
    app.create_user(&Caller::OPERATOR, person).await.unwrap();
}

fn credentials(login: &str, password: &str, code: Option<&str>) -> Credentials {
    Credentials { login: login.into(), password: Secret::new(password), code: code.map(Secret::new), previous: None }
}

async fn sign_in(app: &App, login: &str, password: &str, code: Option<&str>) -> Result<Token, Error> {
    app.sign_in(&Caller::ANONYMOUS, credentials(login, password, code), from_https()).await
}

async fn caller_of(app: &App, token: &Token) -> Result<(Caller, SessionId), Error> {
    app.caller_of_session(token, None)
}

async fn audited(app: &App, action: AuditAction) -> Vec<AuditRecord> {
    let all = app.db.read(|tx| AUDIT_PENDING.list(tx, &(), None, 10_000)).await.unwrap();
    let records = all.iter().map(|(_, written)| serde_json::from_str::<AuditRecord>(&written.text).unwrap());
    records.filter(|record| record.action == action).collect()
}

fn refusal<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(_) => "done".into(),
        Err(error) => error.to_string(),
    }
}

/// The code that an app shows now.
fn code_now(world: &World, secret: &TotpSecret) -> String {
    secret.code_at(world.clock.now().0 / 1_000_000)
}

/// Grace, signed in with a second factor that is on; its secret and her recovery codes.
async fn with_factor(world: &World) -> (Caller, SessionId, TotpSecret, Vec<Secret>) {
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let (caller, session) = caller_of(&world.app, &token).await.unwrap();
    let enrolment = world.app.enrol_second_factor(&caller, Secret::new(PASSWORD), from_https()).await.unwrap();
    let secret = from_base32(enrolment.secret.expose());
    let code = code_now(world, &secret);
    let recovery = world.app.confirm_second_factor(&caller, session, Secret::new(code)).await.unwrap();
    world.clock.advance_secs(30);
    (caller, session, secret, recovery)
}

fn from_base32(text: &str) -> TotpSecret {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        digit => digit - b'2' + 26,
    };
    let bits: String = text.bytes().map(|letter| format!("{:05b}", digit(letter))).collect();
    let bytes: Vec<u8> =
        (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[8 * at..8 * at + 8], 2).unwrap()).collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

#[tokio::test]
async fn whoever_fails_is_told_the_same_after_the_same_work() {
    let world = world().await;
    person(&world.app, "edsger", None).await;
    person(&world.app, "alan", Some(PASSWORD)).await;
    deactivate(&world.app, "alan").await;

    let mut told = Vec::new();
    for (login, password) in [
        ("grace", "another-password"),
        ("grace@example.com", "another-password"),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("edsger", PASSWORD),
        ("alan", PASSWORD),
    ] {
        let (hashed, written) = (world.app.account.passwords.hashed(), world.app.db.sequence());
        told.push(refusal(sign_in(&world.app, login, password, None).await));
        assert_eq!(world.app.account.passwords.hashed(), hashed + 1, "{login}");
        assert_eq!(world.app.db.sequence(), written + 1, "{login}");
    }
    let hashed = world.app.account.passwords.hashed();
    sign_in(&world.app, "GRACE@example.com", PASSWORD, None).await.unwrap();

    assert_eq!(world.app.account.passwords.hashed(), hashed + 1);
    assert!(told.iter().all(|words| words == "the name or the password is wrong"), "{told:?}");
    let logins = audited(&world.app, AuditAction::UserLogin).await;
    let statuses: Vec<u16> = logins.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 200]);
    let named: Vec<bool> = logins.iter().map(|record| record.subject.user.is_some()).collect();
    assert_eq!(named, [true, true, false, false, true, true, true]);
}

async fn deactivate(app: &App, name: &'static str) {
    let changed = app.db.write(move |tx| {
        let id = crate::db::repo::user::id_of(tx, name)?.unwrap();
        let user = crate::db::repo::user::get(tx, id)?.unwrap();
        let user = crate::domain::user::User { deactivated_at: Some(tx.now()), ..user };
        Ok::<_, Error>(crate::db::schema::USERS.put(tx, &id, &user)?)
    });
    changed.await.unwrap();
}

#[tokio::test]
async fn guessing_is_slowed_for_people_that_there_are_and_for_others_alike() {
    let world = world().await;

    for login in ["grace", "nobody"] {
        for _ in 0..10 {
            assert!(matches!(
                sign_in(&world.app, login, "another-password", None).await,
                Err(Error::SignIn(SignInError::Wrong))
            ));
        }
        let (hashed, written) = (world.app.account.passwords.hashed(), world.app.db.sequence());
        assert!(matches!(
            sign_in(&world.app, login, PASSWORD, None).await,
            Err(Error::TooMany { retry_secs: 55..=61 })
        ));
        assert_eq!((world.app.account.passwords.hashed(), world.app.db.sequence()), (hashed, written));
    }
    world.clock.advance_secs(MINUTE);

    sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    for _ in 0..10 {
        let _wrong = sign_in(&world.app, "grace", "another-password", None).await;
    }
    assert!(matches!(sign_in(&world.app, "grace", PASSWORD, None).await, Err(Error::TooMany { .. })));
}

#[tokio::test]
async fn one_address_cannot_try_many_accounts() {
    let world = world().await;
    let address = |text: &str| Visitor { address: Some(text.parse().unwrap()), ..from_https() };

    let mut tried = 0;
    loop {
        let given = credentials(&format!("nobody{tried}"), "short", None);
        match world.app.sign_in(&Caller::ANONYMOUS, given, address("2001:db8::1")).await {
            Err(Error::TooMany { .. }) => break,
            _ => tried += 1,
        }
    }

    assert_eq!(tried, 60);
    let same_network = world.app.sign_in(&Caller::ANONYMOUS, credentials("x", "y", None), address("2001:db8::2")).await;
    assert!(matches!(same_network, Err(Error::TooMany { .. })));
    sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
}

#[tokio::test]
async fn refused_sign_ins_do_not_fill_the_disk() {
    let world = world().await;

    for number in 0..1100 {
        let visitor = Visitor { address: Some(std::net::Ipv4Addr::from_bits(number).into()), ..from_https() };
        let given = credentials(&format!("nobody{number}"), "x", None);
        assert!(world.app.sign_in(&Caller::ANONYMOUS, given, visitor).await.is_err());
    }

    assert_eq!(audited(&world.app, AuditAction::UserLogin).await.len(), 1000);
}

#[tokio::test]
async fn passwords_are_not_taken_in_clear_unless_the_setting_says_so() {
    let world = world().await;
    let attempt = |channel| world.app.sign_in(&Caller::ANONYMOUS, credentials("grace", PASSWORD, None), from(channel));

    let refused = attempt(Channel::Plain).await;
    assert!(matches!(&refused, Err(Error::Insecure)));
    assert!(refusal(refused).contains("allow_insecure_sign_in"));
    attempt(Channel::Local).await.unwrap();
    world.app.put_setting(&Caller::OPERATOR, "allow_insecure_sign_in", &GivenValue::Switch(true)).await.unwrap();
    attempt(Channel::Plain).await.unwrap();
}

#[tokio::test]
async fn a_session_ends_when_it_rests_and_when_it_is_old() {
    let world = world().await;
    let set = |key: &'static str, hours| {
        let app = world.app.clone();
        async move { app.put_setting(&Caller::OPERATOR, key, &GivenValue::Number(hours)).await.unwrap() }
    };
    set("session_idle_hours", 2).await;
    set("session_absolute_hours", 5).await;
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let idle = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();

    for _ in 0..4 {
        world.clock.advance_secs(HOUR + 10);
        caller_of(&world.app, &token).await.unwrap();
        world.app.write_last_uses().await.unwrap();
    }
    assert!(matches!(caller_of(&world.app, &idle).await, Err(Error::NoSession)));
    world.clock.advance_secs(HOUR);
    assert!(matches!(caller_of(&world.app, &token).await, Err(Error::NoSession)));

    assert_eq!(world.app.remove_ended_sessions().await.unwrap(), 2);
    let left = world.app.db.read(|tx| SESSIONS.list(tx, &(), None, 10)).await.unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn the_use_of_a_session_is_written_by_the_job_and_seldom() {
    let world = world().await;
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let address = "192.0.2.7".parse().ok();
    let used = async |times: usize| {
        let before = world.app.db.sequence();
        for _ in 0..times {
            world.app.caller_of_session(&token, address).unwrap();
        }
        assert_eq!(world.app.db.sequence(), before, "a request writes nothing");
        world.app.write_last_uses().await.unwrap();
        world.app.db.sequence() - before
    };
    used(1).await;

    assert_eq!(used(100).await, 0);
    world.clock.advance_secs(5 * MINUTE);
    assert_eq!(used(100).await, 1);

    let (caller, _) = caller_of(&world.app, &token).await.unwrap();
    let sessions = world.app.list_sessions(&caller).await.unwrap();
    let noted = (sessions[0].session.last_used_at, sessions[0].session.address);
    assert_eq!(noted, (world.clock.now(), address));
}

#[tokio::test]
async fn a_person_has_at_most_a_hundred_sessions_and_the_oldest_ends() {
    let world = world().await;
    let first = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();

    let more = world.app.db.write(|tx| {
        let (_, session) = SESSIONS.list(tx, &(), None, 1)?.remove(0);
        let own = Own::proven(session.user);
        for number in 0..100 {
            let another = Session { hash: [number; 32], ..session.clone() };
            crate::db::repo::session::create(tx, &own, another)?;
        }
        Ok::<_, Error>(())
    });
    more.await.unwrap();

    assert!(matches!(caller_of(&world.app, &first).await, Err(Error::NoSession)));
    let left = world.app.db.read(|tx| SESSIONS.list(tx, &(), None, 1000)).await.unwrap();
    assert_eq!(left.len(), 100);
}

#[tokio::test]
async fn who_is_deactivated_or_deleted_has_no_session_any_more() {
    let world = world().await;
    person(&world.app, "alan", Some(PASSWORD)).await;
    let grace = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let alan = sign_in(&world.app, "alan", PASSWORD, None).await.unwrap();

    deactivate(&world.app, "alan").await;
    world.app.delete_user(&Caller::OPERATOR, "grace").await.unwrap();

    assert!(caller_of(&world.app, &alan).await.is_err() && caller_of(&world.app, &grace).await.is_err());
    let left = world.app.db.read(|tx| SESSIONS.list(tx, &(), None, 10)).await.unwrap();
    assert_eq!(left.len(), 1, "that of the deactivated");
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    let world = world().await;
    let other = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let (caller, session) = caller_of(&world.app, &token).await.unwrap();
    let change = |old: &str, new: &str| {
        world.app.change_password(&caller, session, Secret::new(old), Secret::new(new), from_https())
    };

    assert_eq!(refusal(change("another-password", "the-next-password").await), "the password is wrong");
    assert!(refusal(change(PASSWORD, "short").await).contains("at least 10"));
    change(PASSWORD, "the-next-password").await.unwrap();

    caller_of(&world.app, &token).await.unwrap();
    assert!(caller_of(&world.app, &other).await.is_err());
    assert!(sign_in(&world.app, "grace", PASSWORD, None).await.is_err());
    sign_in(&world.app, "grace", "the-next-password", None).await.unwrap();
    assert_eq!(audited(&world.app, AuditAction::UserPassword).await.len(), 1);
}

#[tokio::test]
async fn a_code_is_asked_for_and_none_is_taken_twice() {
    let world = world().await;
    let (_, _, secret, recovery) = with_factor(&world).await;
    let attempt = |code: Option<String>| {
        let app = world.app.clone();
        async move { sign_in(&app, "grace", PASSWORD, code.as_deref()).await }
    };

    assert!(matches!(attempt(None).await, Err(Error::SignIn(SignInError::CodeNeeded))));
    let code = code_now(&world, &secret);
    attempt(Some(code.clone())).await.unwrap();
    assert!(matches!(attempt(Some(code)).await, Err(Error::SignIn(SignInError::WrongCode))), "it was seen on the way");
    let recovery = recovery[3].expose().to_uppercase();
    attempt(Some(recovery.clone())).await.unwrap();
    assert!(matches!(attempt(Some(recovery)).await, Err(Error::SignIn(SignInError::WrongCode))));
    let wrong = sign_in(&world.app, "grace", "another-password", Some(&code_now(&world, &secret))).await;
    assert!(matches!(wrong, Err(Error::SignIn(SignInError::Wrong))));
    world.clock.advance_secs(30);
    attempt(Some(code_now(&world, &secret))).await.unwrap();

    let refused = audited(&world.app, AuditAction::UserLogin).await;
    let wrongs: Vec<&str> =
        refused.iter().filter_map(|record| record.details.get("wrong").map(String::as_str)).collect();
    assert_eq!(wrongs, ["code", "code", "password"]);
}

#[tokio::test]
async fn guessing_codes_is_slowed() {
    let world = world().await;
    let (_, _, secret, _) = with_factor(&world).await;
    let right = code_now(&world, &secret);
    let wrong = if right == "000000" { "000001" } else { "000000" };

    for _ in 0..5 {
        let refused = sign_in(&world.app, "grace", PASSWORD, Some(wrong)).await;
        assert!(matches!(refused, Err(Error::SignIn(SignInError::WrongCode))));
    }

    assert!(matches!(sign_in(&world.app, "grace", PASSWORD, Some(&right)).await, Err(Error::TooMany { .. })));
}

#[tokio::test]
async fn a_second_factor_ends_the_other_sessions_and_is_turned_off_with_the_password() {
    let world = world().await;
    let other = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let (caller, session, secret, first_codes) = with_factor(&world).await;
    let disable =
        |password: &str| world.app.disable_second_factor(&caller, session, Secret::new(password), from_https());

    assert!(caller_of(&world.app, &other).await.is_err());
    let again = world.app.enrol_second_factor(&caller, Secret::new(PASSWORD), from_https()).await;
    assert!(refusal(again.map(|_| ())).contains("turn it off"));
    let codes = world.app.renew_recovery_codes(&caller, Secret::new(PASSWORD), from_https()).await.unwrap();
    assert!(sign_in(&world.app, "grace", PASSWORD, Some(first_codes[0].expose())).await.is_err());
    sign_in(&world.app, "grace", PASSWORD, Some(codes[0].expose())).await.unwrap();
    assert_eq!(world.app.second_factor(&caller).await.unwrap().recovery_codes_left, 9);
    assert_eq!(refusal(disable("another-password").await), "the password is wrong");
    let stolen = sign_in(&world.app, "grace", PASSWORD, Some(&code_now(&world, &secret))).await.unwrap();
    disable(PASSWORD).await.unwrap();

    assert!(caller_of(&world.app, &stolen).await.is_err());
    sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
}

#[tokio::test]
async fn a_factor_that_is_not_confirmed_asks_for_nothing() {
    let world = world().await;
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let (caller, session) = caller_of(&world.app, &token).await.unwrap();
    let enrol = || world.app.enrol_second_factor(&caller, Secret::new(PASSWORD), from_https());
    let confirm = |code: &str| world.app.confirm_second_factor(&caller, session, Secret::new(code));

    assert!(refusal(confirm("000000").await.map(|_| ())).contains("enrol one first"));
    let first = from_base32(enrol().await.unwrap().secret.expose());
    let second = from_base32(enrol().await.unwrap().secret.expose());
    let old = code_now(&world, &first);
    let new = code_now(&world, &second);
    if second.step_of(&old, world.clock.now().0 / 1_000_000).is_none() {
        assert!(confirm(&old).await.is_err());
    }
    sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    confirm(&new).await.unwrap();

    assert!(sign_in(&world.app, "grace", PASSWORD, None).await.is_err());
    assert!(sign_in(&world.app, "grace", PASSWORD, Some(&new)).await.is_err(), "it was used to confirm");
}

#[tokio::test]
async fn a_reset_link_works_once_for_a_day_and_signs_out_everywhere() {
    let world = world().await;
    let token = sign_in(&world.app, "grace", PASSWORD, None).await.unwrap();
    let link = || async { world.app.create_reset_link(&Caller::OPERATOR, "grace").await.unwrap().token };
    let reset = |token: &Token, password: &'static str| {
        let token = token.expose().to_owned();
        let app = world.app.clone();
        async move { app.reset_password(&Caller::ANONYMOUS, &token, Secret::new(password), &from_https()).await }
    };

    let (late, unused, used) = (link().await, link().await, link().await);
    assert!(refusal(reset(&used, "short").await).contains("at least 10"), "and the link is not used up by it");
    reset(&used, "the-next-password").await.unwrap();
    for token in [&used, &unused, &Token::generate()] {
        assert!(refusal(reset(token, "a-third-password").await).contains("used already"));
    }
    assert!(caller_of(&world.app, &token).await.is_err());
    sign_in(&world.app, "grace", "the-next-password", None).await.unwrap();

    let late_too = link().await;
    world.clock.advance_secs(24 * HOUR);
    for token in [&late, &late_too] {
        assert!(refusal(reset(token, "a-third-password").await).contains("used already"));
    }
    assert_eq!(world.app.remove_ended_sessions().await.unwrap(), 1, "the link that was not used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_use_one_reset_link_one_wins() {
    let world = world().await;
    let link = world.app.create_reset_link(&Caller::OPERATOR, "grace").await.unwrap().token;

    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (app, token) = (world.app.clone(), link.expose().to_owned());
        attempts.spawn(async move {
            let new = Secret::new(format!("password-number-{number}"));
            let reset = app.reset_password(&Caller::ANONYMOUS, &token, new, &from_https()).await;
            reset.is_ok().then_some(number)
        });
    }
    let winners: Vec<i32> = attempts.join_all().await.into_iter().flatten().collect();

    assert_eq!(winners.len(), 1);
    sign_in(&world.app, "grace", &format!("password-number-{}", winners[0]), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_use_one_recovery_code_one_wins() {
    let world = world().await;
    let (_, _, _, recovery) = with_factor(&world).await;
    let grace = crate::db::repo::user::id_of;
    let id = world.app.db.read(move |tx| grace(tx, "grace")).await.unwrap().unwrap();

    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (account, code) = (world.app.account.clone(), recovery[0].clone());
        let db = world.app.db.clone();
        attempts.spawn(async move {
            let used = db.write(move |tx| super::sign_in::check_code(tx, &account, &Own::proven(id), Some(&code)));
            used.await.is_ok()
        });
    }

    let winners = attempts.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
}
