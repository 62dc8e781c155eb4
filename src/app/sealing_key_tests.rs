//! Another sealing key: what was sealed before opens, wherever making it was cut off.

use super::Error;
use super::testing::{World, faults};
use crate::access::{Action, Caller};
use crate::db::repo::{sealing_key, second_factor, user};
use crate::db::schema::{MAILS, SEALING_KEYS, SECOND_FACTORS};
use crate::domain::clock::Timestamp;
use crate::domain::connector::GivenConnector;
use crate::domain::id::{MailId, UserId};
use crate::domain::mail::Mail;
use crate::domain::second_factor::SecondFactor;
use crate::domain::secret::Secret;

const TEXT: &[u8] = b"the secret";
const OF_AMAZON: &str = "s3://bucket/prefix?region=eu-west-1";

/// Something of each kind that is sealed.
async fn sealed_world() -> (World, UserId) {
    let world = World::new().await;
    let user = world.ada.user_id().unwrap();
    let factor = SecondFactor {
        sealed_secret: world.app.account.sealer.seal(&SecondFactor::place(user), TEXT),
        confirmed_at: None,
        last_step: 0,
        recovery: Vec::new(),
    };
    let mail = |text: Vec<u8>| Mail {
        to: "a@example.com".into(),
        subject: "s".into(),
        sealed_text: text,
        created_at: Timestamp(0),
        next_try_at: None,
        tries: 0,
        trouble: None,
    };
    let (waiting, given_up) = (mail(world.app.account.sealer.seal(Mail::PLACE, TEXT)), mail(Vec::new()));
    let put = world.app.db.write(move |tx| {
        SECOND_FACTORS.put(tx, &user, &factor)?;
        MAILS.put(tx, &MailId(1), &waiting)?;
        Ok::<_, Error>(MAILS.put(tx, &MailId(2), &given_up)?)
    });
    put.await.unwrap();
    let given = GivenConnector {
        address: Some(Secret::new(OF_AMAZON)),
        credentials: Some(Secret::new("id:the-secret")),
        ..GivenConnector::default()
    };
    world.app.create_connector(&Caller::OPERATOR, "eu", &given).await.unwrap();
    (world, user)
}

/// That all of it opens, and by how many keys at the most it was sealed.
async fn check(world: &World, user: UserId) {
    let sealer = &world.app.account.sealer;
    let read = world.app.db.read(move |tx| {
        let found = super::connector::tests::stored(tx, "eu")?;
        Ok::<_, Error>((second_factor::get(tx, user)?.unwrap(), MAILS.get(tx, &MailId(1))?.unwrap(), found))
    });
    let (factor, mail, found) = read.await.unwrap();

    assert_eq!(sealer.open(&SecondFactor::place(user), &factor.sealed_secret).unwrap(), TEXT);
    assert_eq!(sealer.open(Mail::PLACE, &mail.sealed_text).unwrap(), TEXT);
    assert!(world.app.store_secret(found.id, &found.connector).unwrap().is_some());
    assert_eq!(faults(&world.app).await, [""; 0]);
}

async fn keys(world: &World) -> Vec<(u32, bool)> {
    let listed = world.app.db.read(|tx| sealing_key::list(tx).map_err(Error::from)).await.unwrap();
    listed.into_iter().map(|(number, key)| (number, key.is_alone)).collect()
}

#[tokio::test]
async fn everything_is_sealed_anew_and_the_key_before_is_forgotten_at_the_next_start() {
    let (world, user) = sealed_world().await;

    let sealed = world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();
    assert_eq!((sealed.records, sealed.broken), (3, 0));
    assert_eq!(keys(&world).await, [(1, false)]);
    check(&world, user).await;
    world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();
    assert_eq!(keys(&world).await, [(1, false), (2, false)]);
    check(&world, user).await;

    let world = world.reopened().await;
    assert_eq!(keys(&world).await, [(2, true)]);
    check(&world, user).await;
    let key = world.key.clone();
    assert!(world.app.caller_of_key(&key).await.is_ok(), "API keys go on working");
}

#[tokio::test]
async fn a_key_that_was_only_written_down_is_the_key_after_a_restart() {
    let (world, user) = sealed_world().await;
    let wrapped = world.app.account.sealer.draw_key(1);
    let licence = world.app.licence();
    let put = world.app.db.write(move |tx| {
        let instance = Caller::SYSTEM.may(Action::SystemSettings, user::instance(), &licence)?;
        Ok::<_, Error>(sealing_key::put(tx, &instance, 1, wrapped.clone())?)
    });
    put.await.unwrap();

    let world = world.reopened().await;

    assert_eq!(keys(&world).await, [(1, true)]);
    check(&world, user).await;
    assert_eq!(world.app.account.sealer.current(), 1);
}

#[tokio::test]
async fn what_a_request_had_sealed_before_and_wrote_after_opens_too() {
    let (world, user) = sealed_world().await;
    let late = world.app.account.sealer.seal(&SecondFactor::place(user), TEXT);
    world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();
    let put = world.app.db.write(move |tx| {
        let factor = SECOND_FACTORS.get(tx, &user)?.unwrap();
        let factor = SecondFactor { sealed_secret: late.clone(), ..factor };
        Ok::<_, Error>(SECOND_FACTORS.put(tx, &user, &factor)?)
    });
    put.await.unwrap();
    check(&world, user).await;

    let world = world.reopened().await;

    check(&world, user).await;
    assert_eq!(keys(&world).await, [(1, true)]);
}

#[tokio::test]
async fn earlier_keys_stay_for_what_does_not_open() {
    let (world, user) = sealed_world().await;
    let put = world.app.db.write(move |tx| {
        let factor = SECOND_FACTORS.get(tx, &user)?.unwrap();
        let mut sealed_secret = factor.sealed_secret.clone();
        *sealed_secret.last_mut().unwrap() ^= 1;
        Ok::<_, Error>(SECOND_FACTORS.put(tx, &user, &SecondFactor { sealed_secret, ..factor })?)
    });
    put.await.unwrap();

    let sealed = world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();
    assert_eq!((sealed.records, sealed.broken), (2, 1));
    world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();

    assert_eq!(keys(&world.reopened().await).await, [(1, false), (2, false)]);
}

#[tokio::test]
async fn with_another_master_key_nothing_is_opened_and_the_reason_is_said() {
    let (world, _) = sealed_world().await;
    world.app.rotate_sealing_key(&Caller::OPERATOR).await.unwrap();
    let wrapped = world.app.db.read(|tx| SEALING_KEYS.get(tx, &1).map_err(Error::from)).await.unwrap().unwrap().wrapped;

    let other = crate::secrets::MasterKey::from_text(&"5".repeat(64)).unwrap();
    let refused = crate::secrets::Sealer::new(&other).take_key(1, &wrapped).unwrap_err().to_string();

    assert!(refused.contains("sealed with the master key") && refused.contains("this server has"), "{refused}");
}

#[tokio::test]
async fn who_may_not_change_settings_makes_no_key() {
    let (world, _) = sealed_world().await;

    assert!(world.app.rotate_sealing_key(&world.ada).await.is_err());
    assert!(keys(&world).await.is_empty());
}
